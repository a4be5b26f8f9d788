"""The behaviour of a body-worn camera: its modes, what its wearer does, what it hears, and what time does to it.

``advance`` lets everything happen that was due before a moment: the four-hour split, full memory, the end of a recovery,
a window stored, an empty battery. Every other method does so first. Times are true ones, in milliseconds since 1970 UTC.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ble.devices.battery import Battery
from ble.devices.clock import Clock
from ble.devices.flash import Flash, PowerCut
from ble.devices.recordings import LONGEST_MS, Cause, End, Recording, Recordings
from ble.protocol import decision
from ble.protocol.decision import ACCEPTED, Decision, Sighting
from ble.protocol.identifiers import WindowState

# About twelve hours on, and up to nine on a dock from empty to full.
ON_PERCENT_AN_HOUR: Final = -100.0 / 12
CHARGE_PERCENT_AN_HOUR: Final = 100.0 / 9
BUFFER_MS: Final = 30_000
LONGEST_BUFFER_MS: Final = 120_000
CAPACITY_MS: Final = 12 * 3_600_000
# An interrupted recording is made whole again before the camera is ready. [ours]
RECOVERY_MS: Final = 5_000


class Mode(StrEnum):
    OFF = "off"
    RECOVERING = "recovering"
    READY = "ready"
    RECORDING = "recording"
    FAULT = "fault"


class Cue(StrEnum):
    SWITCH_ON = "switch on"
    SWITCH_ON_INTERRUPTED = "switch on after an interrupted recording"
    SWITCH_OFF = "switch off"
    POWER_LOST = "power lost"
    RECOVERED = "recovered"
    START = "start"
    STOP = "stop"
    FAIL = "fail"


# What is not here changes nothing.
MODES: Final[dict[tuple[Mode, Cue], Mode]] = {
    (Mode.OFF, Cue.SWITCH_ON): Mode.READY,
    (Mode.OFF, Cue.SWITCH_ON_INTERRUPTED): Mode.RECOVERING,
    (Mode.RECOVERING, Cue.RECOVERED): Mode.READY,
    (Mode.RECOVERING, Cue.SWITCH_OFF): Mode.OFF,
    (Mode.RECOVERING, Cue.POWER_LOST): Mode.OFF,
    (Mode.RECOVERING, Cue.FAIL): Mode.FAULT,
    (Mode.READY, Cue.START): Mode.RECORDING,
    (Mode.READY, Cue.SWITCH_OFF): Mode.OFF,
    (Mode.READY, Cue.POWER_LOST): Mode.OFF,
    (Mode.READY, Cue.FAIL): Mode.FAULT,
    (Mode.RECORDING, Cue.STOP): Mode.READY,
    (Mode.RECORDING, Cue.SWITCH_OFF): Mode.OFF,
    (Mode.RECORDING, Cue.POWER_LOST): Mode.OFF,
    (Mode.RECORDING, Cue.FAIL): Mode.FAULT,
    (Mode.FAULT, Cue.SWITCH_OFF): Mode.OFF,
    (Mode.FAULT, Cue.POWER_LOST): Mode.OFF,
}
HEARING: Final = frozenset({Mode.READY, Mode.RECORDING})


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
    """One camera. What it must not lose is in ``flash``; everything else is built anew when it is switched on."""

    def __init__(
        self, serial: str, clock: Clock, battery: Battery, flash: Flash | None = None, settings: Settings | None = None
    ) -> None:
        self.serial = serial
        self.clock = clock
        self.battery = battery
        self.flash = flash or Flash()
        self.settings = settings or Settings()
        self.recordings = Recordings(self.flash, self.settings.capacity_ms)
        self.mode = Mode.OFF
        self.docked = False
        self.ears = decision.Camera()
        self._ready_since = 0
        self._recovered_at: int | None = None
        self._running: int | None = None
        self._running_since = 0
        self._to_store: dict[bytes, int] = {}

    # Time

    def advance(self, now_ms: int) -> None:
        """Let happen what was due until now, in its order."""
        while (due := self.next_due()) is not None and due <= now_ms:
            self._happen(due)

    def next_due(self) -> int | None:
        """When something happens by itself next; None when nothing will."""
        dates = [self.battery.empty_at() if self.mode is not Mode.OFF else None, self._recovered_at]
        if self._running is not None:
            dates += [self._running_since + LONGEST_MS, self._full_at()]
        dates += self._to_store.values()
        return min((date for date in dates if date is not None), default=None)

    def _happen(self, at_ms: int) -> None:
        if self.mode is not Mode.OFF and at_ms == self.battery.empty_at():
            self.lose_power(at_ms)
        elif at_ms == self._recovered_at:
            self._recover(at_ms)
        elif at_ms in self._to_store.values():
            self._guard(at_ms, self._store_windows, at_ms)
        elif at_ms == self._full_at():
            self._guard(at_ms, self._end, at_ms, End.MEMORY_FULL)
        else:
            self._guard(at_ms, self._split, at_ms)

    def _full_at(self) -> int | None:
        if self._running is None:
            return None
        begun = self.recordings.get(self._running)
        return self._running_since + max(0, self.recordings.free_ms() - (begun.begun_ms - begun.starts_ms))

    def _guard(self, now_ms: int, action: Callable[..., None], *args: object) -> None:
        try:
            action(*args)
        except PowerCut:
            self.lose_power(now_ms)

    # Power

    def switch_on(self, now_ms: int) -> None:
        self.advance(now_ms)
        if self.mode is not Mode.OFF or self.battery.level(now_ms) <= 0.0 or self.docked:
            return
        self.battery.load(now_ms, ON_PERCENT_AN_HOUR)
        interrupted = self.recordings.unfinished() is not None
        self._cue(Cue.SWITCH_ON_INTERRUPTED if interrupted else Cue.SWITCH_ON)
        self._recovered_at = now_ms + RECOVERY_MS if interrupted else None
        self._listen()
        self._ready_since = now_ms

    def _listen(self) -> None:
        """What it listens for, from memory alone: stored windows, and the sightings that recordings begin with."""
        states = [self.flash.read(name) for name in self.flash.names("window/")]
        sightings = [sighting for one in self.recordings.all() for sighting in one.sightings]
        self.ears = decision.Camera(states, sightings)
        self._to_store.clear()

    def switch_off(self, now_ms: int) -> None:
        """As its wearer does: a running recording is ended and kept, and the windows are stored."""
        self.advance(now_ms)
        if self.mode is Mode.RECORDING:
            self._guard(now_ms, self._end, now_ms, End.STOPPED)
        if self.mode is not Mode.OFF:
            self._guard(now_ms, self._store_windows, None)
            self._cue(Cue.SWITCH_OFF)
            self._stop(now_ms)

    def lose_power(self, now_ms: int) -> None:
        """At once, whatever it was doing: what is not in memory is gone. The clock has a cell of its own and runs on."""
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
            self._guard(now_ms, self._end, now_ms, End.INTERRUPTED)
        self._cue(Cue.FAIL)

    def _recover(self, now_ms: int) -> None:
        self._recovered_at = None
        self._guard(now_ms, self._finish_interrupted)
        self._cue(Cue.RECOVERED)
        self._ready_since = now_ms

    def _finish_interrupted(self) -> None:
        if (interrupted := self.recordings.unfinished()) is not None:
            # How far it got is not known exactly; its last marker or sighting is in it for sure.
            last = max(
                [interrupted.begun_ms, *interrupted.markers_ms, *(one.heard_ms for one in interrupted.sightings)]
            )
            self.recordings.change(interrupted.number, ended_ms=last, end=End.INTERRUPTED)

    def _cue(self, cue: Cue) -> None:
        self.mode = MODES.get((self.mode, cue), self.mode)

    # The wearer

    def press_start(self, now_ms: int) -> bool:
        """The record button; says whether it now records."""
        return self._start_for(now_ms, Cause.BUTTON)

    def press_stop(self, now_ms: int) -> None:
        self.advance(now_ms)
        if self.mode is Mode.RECORDING:
            self._guard(now_ms, self._end, now_ms, End.STOPPED)

    def cancel(self, now_ms: int) -> None:
        """A false start: the recording ends, and that and when it was cancelled is kept with it."""
        self.advance(now_ms)
        if self._running is not None:
            number, shown = self._running, self.clock.counts(now_ms)
            self._guard(now_ms, lambda: self._cancel(number, shown, now_ms))

    def _cancel(self, number: int, shown: int, now_ms: int) -> None:
        self.recordings.change(number, cancelled_ms=shown)
        self._end(now_ms, End.CANCELLED)

    def mark(self, now_ms: int) -> None:
        """Flag this point of the running recording."""
        self.advance(now_ms)
        if self._running is not None:
            running = self.recordings.get(self._running)
            markers = (*running.markers_ms, self.clock.counts(now_ms))
            self._guard(now_ms, lambda: self.recordings.change(running.number, markers_ms=markers))

    def companion_start(self, now_ms: int) -> bool:
        """A companion that it trusts says that an activation is going on; says whether it now records."""
        return self._start_for(now_ms, Cause.COMPANION)

    def _start_for(self, now_ms: int, cause: Cause) -> bool:
        self.advance(now_ms)
        if self.mode is Mode.READY and self.recordings.free_ms() > 0:
            self._guard(now_ms, self._begin, now_ms, cause, ())
        return self.mode is Mode.RECORDING

    # The air

    def pair(self, state: WindowState) -> None:
        """Listen for one more Taser, from now and after every loss of power."""
        self.flash.write(f"window/{state.pairing.hex()}", state)
        self.ears.pair(state)

    def unpair(self, pairing: bytes) -> None:
        self.flash.write(f"window/{pairing.hex()}", None)
        self.ears.unpair(pairing)
        self._to_store.pop(pairing, None)

    def hear(self, data: bytes, now_ms: int) -> tuple[Decision, Outcome | None]:
        """A packet's advertising data arrived; an outcome only for an activation that counts as new."""
        self.advance(now_ms)
        found = self.ears.hear(data, self.clock.counts(now_ms))
        if found.verdict not in ACCEPTED or found.sighting is None:
            if found.note and found.sighting is not None:
                self._guard(now_ms, self._note, found.sighting)
            return found, None
        # The camera's clock may run otherwise than time does, but a second is a second.
        self._to_store.setdefault(found.sighting.pairing, now_ms + decision.STORE_WITHIN_MS)
        outcome = self._answer(found.sighting, now_ms) if found.record else None
        return found, outcome

    def _answer(self, sighting: Sighting, now_ms: int) -> Outcome | None:
        try:
            return self._record(sighting, now_ms)
        except PowerCut:
            self.lose_power(now_ms)
            return None

    def _record(self, sighting: Sighting, now_ms: int) -> Outcome:
        if self._running is not None:
            running = self.recordings.get(self._running)
            self.recordings.change(running.number, sightings=(*running.sightings, sighting))
            return Outcome(sighting, running.number)
        if self.recordings.free_ms() == 0:
            self._note(sighting)
            return Outcome(sighting, None, Missed.MEMORY_FULL)
        return Outcome(sighting, self._begin(now_ms, Cause.ACTIVATION, (sighting,)).number)

    def _note(self, sighting: Sighting) -> None:
        """Keep a sighting that is in no recording: a replay, or an activation that found the memory full."""
        self.flash.write("notes", (*self.notes(), sighting))

    def notes(self) -> tuple[Sighting, ...]:
        return self.flash.read("notes") or ()

    def _store_windows(self, due_ms: int | None) -> None:
        """Store the windows that are due by then, all of them when None."""
        for pairing, due in list(self._to_store.items()):
            if due_ms is None or due <= due_ms:
                self.flash.write(f"window/{pairing.hex()}", self.ears.state(pairing))
                del self._to_store[pairing]

    # Recordings

    def _begin(self, now_ms: int, cause: Cause, sightings: tuple[Sighting, ...]) -> Recording:
        buffered = min(self.settings.buffer_ms, now_ms - self._ready_since, self.recordings.free_ms())
        shown = self.clock.counts(now_ms)
        recording = Recording(
            self.recordings.next_number(), cause, shown, shown - buffered, self.clock.is_set, sightings
        )
        self.recordings.begin(recording)
        self._running, self._running_since = recording.number, now_ms
        self._cue(Cue.START)
        return recording

    def _end(self, now_ms: int, end: End) -> None:
        if self._running is not None:
            number, self._running = self._running, None
            self._ready_since = now_ms
            ended = max(self.recordings.get(number).begun_ms, self.clock.counts(now_ms))
            self.recordings.change(number, ended_ms=ended, end=end)
            self._cue(Cue.STOP)

    def _split(self, now_ms: int) -> None:
        self._end(now_ms, End.SPLIT)
        if self.recordings.free_ms() > 0:
            self._begin(now_ms, Cause.SPLIT, ())
