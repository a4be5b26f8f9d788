"""What a camera keeps over a loss of power: its keys and pairings, their windows, notes, and its signed journal."""

from collections.abc import Iterable
from typing import Final

from ble.devices.flash import Flash
from ble.devices.journal import Journal
from ble.protocol.credentials import Kind
from ble.protocol.decision import Sighting
from ble.protocol.identifiers import Keys, WindowState, first_state
from ble.protocol.memory import Memory
from ble.protocol.statements import Account, Cancellation, Recording
from ble.protocol.steps import Born

NOTES_KEPT: Final = 1_000
FIRST_EPOCH: Final = 0


class CameraMemory:
    """The cells of a camera's flash by their meaning."""

    def __init__(self, serial: str, flash: Flash) -> None:
        self.flash = flash
        self.journal = Journal(flash, lambda: self.identity.signing)
        if flash.read("memory") is None:
            flash.write({"memory": Memory.new(Kind.CAMERA, serial)})

    @property
    def identity(self) -> Memory:
        found = self.flash.read("memory")
        assert isinstance(found, Memory)  # noqa: S101 - written by the constructor
        return found

    def remember(self, memory: Memory, born: Iterable[Born]) -> None:
        """Store what a pairing's steps changed, with new keys, in one write.

        Both clocks are within the tolerance when a pairing is made (rule 13), so their offset begins at 0.

        Raises:
            WriteLost, PowerCut: nothing was stored.
        """
        held = {one.id for one in memory.pairings}
        gone = [one.id for one in self.identity.pairings if one.id not in held]
        cells: dict[str, object] = {"memory": memory}
        cells |= {cell(one): None for one in gone for cell in (_cell, _companion, _last_command)}
        for one in born:
            keys = Keys(FIRST_EPOCH, one.beacon_key, one.identifier_key)
            cells[_cell(one.pairing.id)] = first_state(one.pairing.id, keys, one.pairing.start)
            cells[_companion(one.pairing.id)] = one.companion_key
        self.flash.write(cells)

    def monitors(self) -> dict[bytes, tuple[bytes, int]]:
        """Companion key and the last command's number of each monitor that it is paired with, by pairing."""
        return {
            one.id: (key, self.flash.read(_last_command(one.id)) or 0)
            for one in self.identity.pairings
            if one.peer_kind is Kind.MONITOR and (key := self.flash.read(_companion(one.id))) is not None
        }

    def commanded(self, pairing: bytes, number: int) -> None:
        """A monitor's command of this number is acted on, never again. Raises: WriteLost, PowerCut."""
        self.flash.write({_last_command(pairing): number})

    def windows(self) -> list[WindowState]:
        return [self.flash.read(name) for name in self.flash.names("window/")]

    def store(self, states: Iterable[WindowState]) -> None:
        self.flash.write({_cell(state.pairing): state for state in states})

    def note(self, sighting: Sighting) -> None:
        self.flash.write({"notes": (*self.notes(), sighting)[-NOTES_KEPT:]})

    def notes(self) -> tuple[Sighting, ...]:
        """Sightings that are in no recording, oldest first."""
        return self.flash.read("notes") or ()

    # The journal

    def account(self, sighting: Sighting, offset_s: int, recording: Recording | None) -> None:
        account = Account(
            sighting.pairing,
            sighting.counter,
            sighting.kind,
            sighting.at_ms,
            sighting.heard_ms,
            offset_s,
            sighting.suspected,
            sighting.payload,
            recording,
        )
        self.journal.keep(account)

    def cancel(self, sighting: Sighting, at_ms: int) -> None:
        self.journal.keep(Cancellation(sighting.pairing, sighting.counter, at_ms))


def _companion(pairing: bytes) -> str:
    return f"companion/{pairing.hex()}"


def _last_command(pairing: bytes) -> str:
    return f"command/{pairing.hex()}"


def _cell(pairing: bytes) -> str:
    return f"window/{pairing.hex()}"
