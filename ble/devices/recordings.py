"""A camera's recordings: how they begin, are split, are marked and end, and what the camera signs of them."""

import hashlib
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from ble.devices.flash import Flash
from ble.protocol import statements
from ble.protocol.companion import Start
from ble.protocol.decision import Sighting

# One recording is at most four hours, then the next starts.
LONGEST_MS: Final = 4 * 3_600_000


class Cause(StrEnum):
    """Why a recording began."""

    BUTTON = "button"
    ACTIVATION = "activation"
    COMPANION = "companion"
    SPLIT = "split"


class End(StrEnum):
    """Why a recording ended."""

    STOPPED = "stopped"
    SPLIT = "split"
    CANCELLED = "cancelled"
    MEMORY_FULL = "memory full"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording. Times are the camera's own, in milliseconds since 1970 (or since its clock was lost).

    ``starts_ms`` lies before ``begun_ms`` by what the pre-event buffer held. ``sightings`` are the activations that
    began it or fell into it, each with the beacon's bytes; ``commands`` are those of companions. ``cancelled_ms`` is
    when the wearer cancelled it.
    ``accounted`` is whether the camera has signed its account of them.
    """

    number: int
    cause: Cause
    begun_ms: int
    starts_ms: int
    clock_set: bool
    sightings: tuple[Sighting, ...] = ()
    commands: tuple[Start, ...] = ()
    markers_ms: tuple[int, ...] = ()
    cancelled_ms: int | None = None
    ended_ms: int | None = None
    end: End | None = None
    accounted: bool = False

    @property
    def length_ms(self) -> int:
        """0 while it runs."""
        return 0 if self.ended_ms is None else self.ended_ms - self.starts_ms

    def covers(self, at_ms: int) -> bool:
        """Whether the moment, by the camera's clock, is in it."""
        return self.starts_ms <= at_ms and (self.ended_ms is None or at_ms <= self.ended_ms)

    def content(self) -> bytes:
        """The simulated footage: bytes that only this recording has."""
        head = f"recording {self.number} from {self.starts_ms} to {self.ended_ms}\n".encode()
        return head + b"".join(sighting.payload for sighting in self.sightings)

    def statement(self, serial: str) -> statements.Recording:
        """How an account names it. Only of one that has ended."""
        digest = hashlib.sha256(self.content()).digest()
        return statements.Recording(f"{serial}-{self.number:06}", digest, self.starts_ms, self.ended_ms or 0)


class Recordings:
    """All recordings on a camera, each in a cell of its memory, and how much more fits."""

    def __init__(self, flash: Flash, capacity_ms: int) -> None:
        self._flash = flash
        self.capacity_ms = capacity_ms

    def all(self) -> list[Recording]:
        return [self._flash.read(name) for name in sorted(self._flash.names("recording/"))]

    def get(self, number: int) -> Recording:
        """Raises: KeyError when there is none."""
        found = self._flash.read(_cell(number))
        if not isinstance(found, Recording):
            raise KeyError(number)
        return found

    def free_ms(self) -> int:
        return max(0, self.capacity_ms - sum(one.length_ms for one in self.all()))

    def begin(self, recording: Recording) -> None:
        """Raises: WriteLost, PowerCut: it did not begin."""
        self._flash.write({_cell(recording.number): recording, "next recording": recording.number + 1})

    def next_number(self) -> int:
        """Numbers go on even when everything was offloaded."""
        return self._flash.read("next recording") or 1

    def change(self, number: int, **fields: Any) -> Recording:
        """Raises: WriteLost, PowerCut: it is as it was."""
        changed = replace(self.get(number), **fields)
        self._flash.write({_cell(number): changed})
        return changed

    def erase(self, number: int) -> None:
        """After its verified offload."""
        self._flash.write({_cell(number): None})

    def unfinished(self) -> Recording | None:
        return next((one for one in self.all() if one.ended_ms is None), None)

    def unaccounted(self) -> list[Recording]:
        """Ended, but the camera lost its power before it had signed what it knows of them."""
        return [one for one in self.all() if one.ended_ms is not None and not one.accounted]


def _cell(number: int) -> str:
    return f"recording/{number:06}"
