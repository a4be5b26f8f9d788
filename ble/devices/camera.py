"""The behaviour of a body-worn camera: what its wearer does, what it hears, and what time does to it.

``advance`` lets everything happen that was due before a moment: the four-hour split, full memory, the end of a
recovery, a window stored, an empty battery. Every other method does so first. Times are true ones, in milliseconds
since 1970 UTC.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ble.devices.battery import Battery
from ble.devices.clock import Clock
from ble.devices.flash import Flash, PowerCut, WriteLost
from ble.devices.memory import CameraMemory
from ble.devices.modes import HEARING, MODES, Cue, Mode
from ble.devices.recordings import LONGEST_MS, Cause, End, Recording, Recordings
from ble.protocol import decision
from ble.protocol.beacon import Kind
from ble.protocol.companion import Start
from ble.protocol.decision import ACCEPTED, Decision, Sighting, Verdict
from ble.protocol.evidence import read_log
from ble.protocol.memory import Memory
from ble.protocol.statements import EvidenceError
from ble.protocol.steps import Born

# About twelve hours on, and up to nine on a dock from empty to full.
ON_PERCENT_AN_HOUR: Final = -100.0 / 12
CHARGE_PERCENT_AN_HOUR: Final = 100.0 / 9
BUFFER_MS: Final = 30_000
LONGEST_BUFFER_MS: Final = 120_000
CAPACITY_MS: Final = 12 * 3_600_000
# An interrupted recording is made whole again before the camera is ready. [ours]
RECOVERY_MS: Final = 5_000


class Missed(StrEnum):
    """Why an activation that was heard is in no recording."""

    MEMORY_FULL = "memory full"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a verified activation: the recording that it began or fell into, or why there is none."""

    sighting: Sighting
    recording: int | None
    missed: Missed | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """A camera's profile, as far as it matters here."""

    buffer_ms: int = BUFFER_MS
    capacity_ms: int = CAPACITY_MS

    def __post_init__(self) -> None:
        if not 0 <= self.buffer_ms <= LONGEST_BUFFER_MS:
            raise ValueError("the pre-event buffer holds 0 to 120 s")


class Camera:
    """One camera. What it must not lose is in its flash; everything else is built anew when it is switched on."""

    def __init__(
        self, serial: str, clock: Clock, battery: Battery, flash: Flash | None = None, settings: Settings | None = None
    ) -> None:
        self.serial = serial
        self.clock = clock
        self.battery = battery
        self.settings = settings or Settings()
        self.memory = CameraMemory(serial, flash or Flash())
        self.recordings = Recordings(self.memory.flash, self.settings.capacity_ms)
        self.mode = Mode.OFF
        self.docked = False
        self.ears = decision.Camera()
        self._ready_since = 0
        self._recovered_at: int | None = None
        self._running: int | None = None
        self._running_since = self._buffered_ms = 0
        # What of an interrupted recording is on the medium; found again by recovering it.
        self._footage_ms = 0
        self._to_store: dict[bytes, int] = {}

    @property
    def running(self) -> Recording | None:
        """The recording that is being made."""
        return None if self._running is None else self.recordings.get(self._running)

    # Time

    def advance(self, now_ms: int) -> None:
        """Let happen what was due until now, in its order."""
        while (due := self.next_due()) is not None and due <= now_ms:
            self._happen(due)

    def next_due(self) -> int | None:
        """When something happens by itself next; None when nothing will."""
        dates = [self.battery.empty_at() if self.mode is not Mode.OFF else None, self._recovered_at]
        if self._running is not None:
            dates += [self._split_at(), self._full_at()]
        dates += self._to_store.values()
        return min((date for date in dates if date is not None), default=None)

    def _happen(self, at_ms: int) -> None:
        if self.mode is not Mode.OFF and at_ms == self.battery.empty_at():
            self.lose_power(at_ms)
        elif at_ms == self._recovered_at:
            self._recover(at_ms)
        elif at_ms in self._to_store.values():
            self._guard(at_ms, lambda: self._store_windows(at_ms))
        elif at_ms == self._full_at():
            self._guard(at_ms, lambda: self._end(at_ms, End.MEMORY_FULL))
        else:
            self._guard(at_ms, lambda: self._split(at_ms))

    def _split_at(self) -> int:
        return self._running_since + LONGEST_MS - self._buffered_ms

    def _full_at(self) -> int | None:
        if self._running is None:
            return None
        return self._running_since + max(0, self.recordings.free_ms() - self._buffered_ms)

    def _guard(self, now_ms: int, action: Callable[[], object]) -> None:
        """Do what writes; without power it is off, and with a memory that takes nothing it is faulty."""
        try:
            action()
        except PowerCut:
            self.lose_power(now_ms)
        except WriteLost:
            self._running = None
            self._to_store.clear()
            self._cue(Cue.FAIL)

    # Power

    def switch_on(self, now_ms: int) -> None:
        self.advance(now_ms)
        if self.mode is not Mode.OFF or self.battery.level(now_ms) <= 0.0 or self.docked:
            return
        self.battery.load(now_ms, ON_PERCENT_AN_HOUR)
        interrupted = self.recordings.unfinished() is not None
        self._cue(Cue.SWITCH_ON_INTERRUPTED if interrupted else Cue.SWITCH_ON)
        self._recovered_at = now_ms + RECOVERY_MS if interrupted else None
        self.listen_up()
        self._ready_since = now_ms
        self._guard(now_ms, self._account)

    def listen_up(self) -> None:
        """What it listens for, from memory alone: stored windows, and the sightings that recordings begin with."""
        sightings = [sighting for one in self.recordings.all() for sighting in one.sightings]
        self.ears = decision.Camera(self.memory.windows(), (*sightings, *self.memory.notes()))
        self._to_store.clear()

    def switch_off(self, now_ms: int) -> None:
        """As its wearer does: a running recording is ended and kept, and the windows are stored."""
        self.advance(now_ms)
        if self.mode is Mode.RECORDING:
            self._guard(now_ms, lambda: self._end(now_ms, End.STOPPED))
        if self.mode is not Mode.OFF:
            self._guard(now_ms, lambda: self._store_windows(None))
            self._cue(Cue.SWITCH_OFF)
            self._stop(now_ms)

    def lose_power(self, now_ms: int) -> None:
        """At once, whatever it was doing: what is not in memory is gone. The clock has a cell of its own."""
        self._footage_ms = now_ms - self._running_since
        self._cue(Cue.POWER_LOST)
        self._stop(now_ms)

    def _stop(self, now_ms: int) -> None:
        self._running = self._recovered_at = None
        self._to_store.clear()
        self.battery.load(now_ms, CHARGE_PERCENT_AN_HOUR if self.docked else 0.0)

    def dock(self, now_ms: int) -> None:
        """On a dock it is off and charges."""
        self.docked = True
        self.switch_off(now_ms)
        self.battery.load(now_ms, CHARGE_PERCENT_AN_HOUR)

    def undock(self, now_ms: int) -> None:
        self.docked = False
        self.battery.load(now_ms, 0.0)

    def fail(self, now_ms: int) -> None:
        """A fault of its own: it hears and records nothing until it is switched off and on."""
        self.advance(now_ms)
        if self._running is not None:
            self._guard(now_ms, lambda: self._end(now_ms, End.INTERRUPTED))
        self._cue(Cue.FAIL)

    def _recover(self, now_ms: int) -> None:
        self._recovered_at = None
        self._guard(now_ms, self._finish_interrupted)
        self._cue(Cue.RECOVERED)
        self._ready_since = now_ms

    def _finish_interrupted(self) -> None:
        if (interrupted := self.recordings.unfinished()) is not None:
            ended = interrupted.begun_ms + self._footage_ms
            self.recordings.change(interrupted.number, ended_ms=ended, end=End.INTERRUPTED)
            self._account()

    def set_clock(self, now_ms: int, to_ms: int) -> None:
        """Set the clock; what is known of the Tasers' clocks against it moves along."""
        self.advance(now_ms)
        moved_s = round((to_ms - self.clock.counts(now_ms)) / 1000)
        self.clock.set(now_ms, to_ms)
        for pairing in self.ears.pairings():
            self.ears.set_offset(pairing, self.ears.state(pairing).offset_s - moved_s)
            self._to_store[pairing] = now_ms
        self.advance(now_ms)

    def _cue(self, cue: Cue) -> None:
        self.mode = MODES.get((self.mode, cue), self.mode)

    # The wearer

    def press_start(self, now_ms: int) -> bool:
        """The record button; says whether it now records."""
        self.advance(now_ms)
        if self.mode is Mode.READY and self.recordings.free_ms() > 0:
            self._guard(now_ms, lambda: self._begin(now_ms, Cause.BUTTON, ()))
        return self.mode is Mode.RECORDING

    def press_stop(self, now_ms: int) -> None:
        self.advance(now_ms)
        if self.mode is Mode.RECORDING:
            self._guard(now_ms, lambda: self._end(now_ms, End.STOPPED))

    def cancel(self, now_ms: int) -> None:
        """A false start: the recording ends, and that and when it was cancelled is kept with it."""
        self.advance(now_ms)
        if (running := self.running) is not None:
            shown = self.clock.counts(now_ms)
            self._guard(now_ms, lambda: self.recordings.change(running.number, cancelled_ms=shown))
            self._guard(now_ms, lambda: self._end(now_ms, End.CANCELLED))

    def mark(self, now_ms: int) -> None:
        """Flag this point of the running recording."""
        self.advance(now_ms)
        if (running := self.running) is not None:
            markers = (*running.markers_ms, self.clock.counts(now_ms))
            self._guard(now_ms, lambda: self.recordings.change(running.number, markers_ms=markers))

    def companion_start(self, now_ms: int, pairing: bytes, number: int, start: Start) -> bool:
        """A monitor that it is paired with says that an activation is going on; says whether it now records.

        ``number`` is its command's, and counts once also over a loss of power.
        """
        self.advance(now_ms)
        if self.mode in HEARING:
            self._guard(now_ms, lambda: self._obey(now_ms, pairing, number, start))
        return self.mode is Mode.RECORDING

    def _obey(self, now_ms: int, pairing: bytes, number: int, start: Start) -> None:
        self.memory.commanded(pairing, number)
        if self._running is None and self.recordings.free_ms() > 0:
            self._begin(now_ms, Cause.COMPANION, ())
        if (running := self.running) is not None:
            self.recordings.change(running.number, commands=(*running.commands, start))

    def end_test(self, now_ms: int, pairing: bytes) -> None:
        """The armourer asks for the account of a function test: the recording that it began is over."""
        self.advance(now_ms)
        if (running := self.running) is not None and any(
            (one.pairing, one.kind) == (pairing, Kind.TEST) for one in running.sightings
        ):
            self._guard(now_ms, lambda: self._end(now_ms, End.STOPPED))

    # The air

    def remember(self, memory: Memory, born: tuple[Born, ...]) -> None:
        """Store what a pairing's steps changed, and listen for what is new. Raises: WriteLost, PowerCut."""
        self.memory.remember(memory, born)
        windows = {state.pairing: state for state in self.memory.windows()}
        for one in born:
            self.ears.pair(windows[one.pairing.id])
        for gone in self.ears.pairings() - windows.keys():
            self.ears.unpair(gone)
            self._to_store.pop(gone, None)

    def level(self, now_ms: int, pairing: bytes, log: Sequence[bytes]) -> None:
        """Go on behind the last counter of the Taser's signed log, which a dock or the armoury brought; never back.

        Raises:
            KeyError: there is no such pairing.
            EvidenceError: the log is not this Taser's, or is empty.
            OutOfReach: the counter is more than a million ahead.
        """
        self.advance(now_ms)
        if (held := self.memory.identity.pairing(pairing)) is None:
            raise KeyError(pairing)
        entries, _ = read_log(log, held.peer_signing, None)
        if not entries:
            raise EvidenceError("an empty log says nothing")
        self.ears.level(pairing, entries[-1].counter)
        self._guard(now_ms, lambda: self.memory.store([self.ears.state(pairing)]))

    def hear(self, data: bytes, now_ms: int) -> tuple[Decision, Outcome | None]:
        """A packet's advertising data arrived; an outcome only for an activation that counts as new."""
        self.advance(now_ms)
        if self.mode not in HEARING:
            return Decision(Verdict.FOREIGN), None
        found = self.ears.hear(data, self.clock.counts(now_ms))
        if (sighting := found.sighting) is None:
            return found, None
        if found.verdict not in ACCEPTED:
            if found.note:
                self._guard(now_ms, lambda: self._note(sighting))
            return found, None
        # The camera's clock may run otherwise than time does, but a second is a second.
        self._to_store.setdefault(sighting.pairing, now_ms + decision.STORE_WITHIN_MS)
        outcomes: list[Outcome] = []
        self._guard(now_ms, lambda: outcomes.append(self._answer(found.record, sighting, now_ms)))
        return found, outcomes[0] if outcomes else None

    def _answer(self, record: bool, sighting: Sighting, now_ms: int) -> Outcome:
        if record and (running := self.running) is not None:
            self.recordings.change(running.number, sightings=(*running.sightings, sighting))
            return Outcome(sighting, running.number)
        if not record or self.recordings.free_ms() == 0:
            self._note(sighting)
            return Outcome(sighting, None, Missed.MEMORY_FULL if record else None)
        return Outcome(sighting, self._begin(now_ms, Cause.ACTIVATION, (sighting,)).number)

    def _note(self, sighting: Sighting) -> None:
        """Keep and sign a sighting that is in no recording: made safe, a replay, or no room for one."""
        self.memory.note(sighting)
        self.memory.account(sighting, self._offset_s(sighting), None)

    def _offset_s(self, sighting: Sighting) -> int:
        known = sighting.pairing in self.ears.pairings()
        return self.ears.state(sighting.pairing).offset_s if known else 0

    def _store_windows(self, due_ms: int | None) -> None:
        """Store the windows that are due by then, all of them when None."""
        due = [pairing for pairing, at_ms in self._to_store.items() if due_ms is None or at_ms <= due_ms]
        if due:
            self.memory.store(self.ears.state(pairing) for pairing in due)
        for pairing in due:
            del self._to_store[pairing]

    # Recordings

    def _begin(self, now_ms: int, cause: Cause, sightings: tuple[Sighting, ...]) -> Recording:
        in_buffer = 0 if cause is Cause.SPLIT else now_ms - self._ready_since
        buffered = min(self.settings.buffer_ms, in_buffer, self.recordings.free_ms())
        shown = self.clock.counts(now_ms)
        recording = Recording(
            self.recordings.next_number(), cause, shown, shown - buffered, self.clock.is_set, sightings
        )
        self.recordings.begin(recording)
        self._running, self._running_since, self._buffered_ms = recording.number, now_ms, buffered
        self._cue(Cue.START)
        return recording

    def _end(self, now_ms: int, end: End) -> None:
        if (running := self.running) is not None:
            # A recording's own timeline is steady, whatever the clock does meanwhile.
            ended = running.begun_ms + now_ms - self._running_since
            self.recordings.change(running.number, ended_ms=ended, end=end)
            self._running, self._ready_since = None, now_ms
            self._cue(Cue.STOP)
            self._account()

    def _account(self) -> None:
        """Sign what it knows of the activations in recordings that have ended."""
        for one in self.recordings.unaccounted():
            for sighting in one.sightings:
                self.memory.account(sighting, self._offset_s(sighting), one.statement(self.serial))
                if one.cancelled_ms is not None:
                    self.memory.cancel(sighting, one.cancelled_ms)
            self.recordings.change(one.number, accounted=True)

    def _split(self, now_ms: int) -> None:
        self._end(now_ms, End.SPLIT)
        if self.recordings.free_ms() > 0:
            self._begin(now_ms, Cause.SPLIT, ())
