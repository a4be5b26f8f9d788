"""What a camera makes of a packet that it heard: nothing, a recording, the same event again, or a replay.

The camera's clock comes in as milliseconds since 1970 and may jump. What must survive a power cut comes out: a
recording begins with its ``Sighting``, and ``Camera.state`` is stored within a second. After a power cut ``Camera`` is
made anew from the stored states and from the sightings that its recordings begin with.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from ble.protocol.beacon import COMPANY, Content, Forged, Kind, frame_start, identifier_of, payload_of, unseal
from ble.protocol.identifiers import Dictionary, Event, Window, WindowState

# How far a Taser's clock, less its known offset, may be off before its beacon may be a late replay (rule 13). [ours]
TOLERANCE_S: Final = 300
# Copies of one live identifier that are looked at in each slot. A receiver hears at most 2,660 packets of 376 µs a
# second, and one Taser sends 4 in 100 ms: the limit bounds the cost and still gives the true one its turn.
SLOT_MS: Final = 100
COPIES_A_SLOT: Final = 50
# Two estimates of one event's time differ by up to one refresh (100 ms) and the camera's own drift; anything more is
# another sending of the same bytes.
SAME_EVENT_MS: Final = 1_000
STORE_WITHIN_MS: Final = 1_000
# One note of a replay a minute and event is evidence; ten thousand of them are an attack on the memory.
NOTE_EVERY_MS: Final = 60_000


class Verdict(Enum):
    """What a packet is to the camera."""

    FOREIGN = "foreign"
    LIMITED = "limited"
    FORGED = "forged"
    NEW = "new"
    SUSPECTED = "suspected replay"
    SAME = "same event"
    REPLAY = "replay"


ACCEPTED: Final = frozenset({Verdict.NEW, Verdict.SUSPECTED})


@dataclass(frozen=True, slots=True)
class Sighting:
    """A verified beacon: what a recording begins with, and what the camera's account of an activation is made of.

    ``at_ms`` is when it happened by the camera's clock, ``heard_ms`` when this packet was heard; ``age_ms``,
    ``clock_minutes`` and ``battery_percent`` are the beacon's own words, ``payload`` its 24 bytes.
    """

    pairing: bytes
    counter: int
    kind: Kind
    at_ms: int
    heard_ms: int
    age_ms: int
    clock_minutes: int
    battery_percent: int
    suspected: bool
    payload: bytes


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict and what to do.

    ``record``: start recording now, back to ``sighting.at_ms``, or mark the recording that runs; the sighting is the
    first thing that goes into it. ``store_by_ms``: ``Camera.state(sighting.pairing)`` must be in memory by then.
    ``note``: keep the sighting as evidence although nothing is recorded.
    """

    verdict: Verdict
    sighting: Sighting | None = None
    record: bool = False
    store_by_ms: int | None = None
    note: bool = False


_FOREIGN: Final = Decision(Verdict.FOREIGN)
_LIMITED: Final = Decision(Verdict.LIMITED)
_FORGED: Final = Decision(Verdict.FORGED)


class Camera:
    """The pairings that a camera listens for, and its decision on each packet."""

    def __init__(
        self,
        states: Iterable[WindowState] = (),
        sightings: Iterable[Sighting] = (),
        *,
        company: int = COMPANY,
        tolerance_s: int = TOLERANCE_S,
    ) -> None:
        """A camera as its memory and the sightings at the head of its recordings say, in any order.

        A sighting of a pairing that memory does not know, or of a counter that it knows as had, changes nothing.
        """
        self._start = frame_start(company)
        self._tolerance_ms = tolerance_s * 1000
        self._known = Dictionary()
        self._slot = 0
        self._copies: dict[bytes, int] = {}
        self._noted: dict[tuple[bytes, int], int] = {}
        for state in states:
            self.pair(state)
        for sighting in sightings:
            self._recover(sighting)

    def pair(self, state: WindowState) -> None:
        """Listens for a pairing, in place of an older state of it if there is one."""
        self._known.add(Window(state))

    def unpair(self, pairing: bytes) -> None:
        """Forgets a pairing and its keys; one that it does not have is no error."""
        self._known.remove(pairing)

    def pairings(self) -> frozenset[bytes]:
        return frozenset(self._known.windows)

    def state(self, pairing: bytes) -> WindowState:
        """What to store of a pairing; KeyError when there is none of that name."""
        return self._known.windows[pairing].state()

    def set_offset(self, pairing: bytes, offset_s: int) -> None:
        """Takes over a newly measured offset, Taser's clock minus camera's; KeyError when there is no such pairing."""
        self._known.windows[pairing].offset_s = offset_s

    def level(self, pairing: bytes, counter: int) -> None:
        """Goes on behind the last counter of the Taser's signed log, at a dock or the armoury; never back.

        Raises:
            KeyError: there is no such pairing.
            OutOfReach: the counter is more than a million ahead.
        """
        window = self._known.windows[pairing]
        self._known.change(window, window.level(counter))

    def hear(self, data: bytes, now_ms: int) -> Decision:
        """Decides on the advertising data of a packet. Nothing that the air can carry raises.

        A foreign packet costs a comparison and one look-up; only a live identifier is looked at further.
        """
        payload = payload_of(data, self._start)
        if payload is None or not self._known.knows(identifier_of(payload)):
            return _FOREIGN
        if self._too_many(identifier_of(payload), now_ms):
            return _LIMITED
        for window in self._known.owners(identifier_of(payload)):
            counter = window.counter_of(identifier_of(payload))
            try:
                content = unseal(window.beacon_key(counter), counter, payload)
            except Forged:
                continue
            return self._judge(window, self._sighting(window, counter, content, payload, now_ms))
        return _FORGED

    def _too_many(self, identifier: bytes, now_ms: int) -> bool:
        slot = now_ms // SLOT_MS
        if slot != self._slot:
            self._slot = slot
            self._copies.clear()
        copies = self._copies.get(identifier, 0)
        self._copies[identifier] = copies + 1
        return copies >= COPIES_A_SLOT

    def _sighting(self, window: Window, counter: int, content: Content, payload: bytes, now_ms: int) -> Sighting:
        # The minutes are whole ones, so the clock read anything from ``said`` to a minute more.
        late_ms = now_ms + window.offset_s * 1000 - content.clock_minutes * 60_000
        return Sighting(
            pairing=window.pairing,
            counter=counter,
            kind=content.kind,
            at_ms=now_ms - content.age_ms,
            heard_ms=now_ms,
            age_ms=content.age_ms,
            clock_minutes=content.clock_minutes,
            battery_percent=content.battery_percent,
            suspected=not -self._tolerance_ms <= late_ms < self._tolerance_ms + 60_000,
            payload=payload,
        )

    def _judge(self, window: Window, sighting: Sighting) -> Decision:
        if window.had(sighting.counter):
            return self._heard_again(window, sighting)
        self._accept(window, sighting)
        return Decision(
            Verdict.SUSPECTED if sighting.suspected else Verdict.NEW,
            sighting,
            # Made safe is an event like the others, but nothing that needs a picture of its own.
            record=sighting.kind is not Kind.SAFE,
            store_by_ms=sighting.heard_ms + STORE_WITHIN_MS,
        )

    def _heard_again(self, window: Window, sighting: Sighting) -> Decision:
        known = window.events.get(sighting.counter)
        if known and known.kind is sighting.kind and abs(known.at_ms - sighting.at_ms) <= SAME_EVENT_MS:
            return Decision(Verdict.SAME, sighting)
        return Decision(Verdict.REPLAY, sighting, note=self._worth_a_note(sighting))

    def _worth_a_note(self, sighting: Sighting) -> bool:
        key, now_ms = (sighting.pairing, sighting.counter), sighting.heard_ms
        if abs(now_ms - self._noted.get(key, now_ms - NOTE_EVERY_MS)) < NOTE_EVERY_MS:
            return False
        self._noted = {one: at for one, at in self._noted.items() if abs(now_ms - at) < NOTE_EVERY_MS}
        self._noted[key] = now_ms
        return True

    def _accept(self, window: Window, sighting: Sighting) -> None:
        event = Event(sighting.counter, sighting.kind, sighting.at_ms)
        self._known.change(window, window.accept(event))

    def _recover(self, sighting: Sighting) -> None:
        window = self._known.windows.get(sighting.pairing)
        if window is not None and not window.had(sighting.counter):
            self._accept(window, sighting)
