"""The behaviour of an X2: what the wearer does to it, and which events follow.

The transmitter is in the battery (``Sppm``): without one, or with a flat one, an X2 does nothing and knows no time.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from ble.devices.clock import Clock
from ble.devices.flash import WriteLost
from ble.devices.log import EventLog
from ble.devices.sppm import Sppm
from ble.protocol.beacon import Kind
from ble.protocol.counter import Beacons, CounterLost, TaserEvent

CARTRIDGES: Final = 2
# What an arc of five seconds takes from the SPPM, and an hour in the holster.
ARC_PERCENT: Final = 0.2
IDLE_PERCENT_AN_HOUR: Final = -0.02


class Safety(StrEnum):
    SAFE = "safe"
    ARMED = "armed"


class Act(StrEnum):
    """What a wearer does."""

    ARM = "arm"
    TRIGGER = "trigger"
    ARC = "arc"
    TEST = "test"
    MAKE_SAFE = "make safe"


# What follows of an act; one that is not here does nothing: a safe Taser neither fires nor arcs.
ACTS: Final[dict[tuple[Safety, Act], tuple[Safety, tuple[Kind, ...]]]] = {
    (Safety.SAFE, Act.ARM): (Safety.ARMED, (Kind.ARMED,)),
    (Safety.ARMED, Act.TRIGGER): (Safety.ARMED, (Kind.TRIGGER, Kind.ARC)),
    (Safety.ARMED, Act.ARC): (Safety.ARMED, (Kind.ARC,)),
    (Safety.ARMED, Act.TEST): (Safety.ARMED, (Kind.TEST,)),
    (Safety.ARMED, Act.MAKE_SAFE): (Safety.SAFE, (Kind.SAFE,)),
}
_ARCS: Final = frozenset({Kind.ARC, Kind.TEST})
# In the X2's log, of an event that was not sent because the SPPM's memory was lost.
NO_COUNTER: Final = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """One event as the X2 keeps it, under the clock that it has."""

    sppm: str
    counter: int
    kind: Kind
    clock_ms: int
    clock_set: bool


@dataclass(frozen=True, slots=True)
class Fired:
    """An event, stored, and what each pairing is to be sent of it."""

    event: TaserEvent
    beacons: tuple[Beacons, ...]


@dataclass(slots=True)
class Taser:
    """An X2 and whatever battery is fitted to it. All times are true ones, in milliseconds since 1970 UTC."""

    serial: str
    clock: Clock
    sppm: Sppm | None = None
    safety: Safety = Safety.SAFE
    cartridges: int = CARTRIDGES
    log: EventLog[Entry] = field(default_factory=EventLog)

    def has_power(self, now_ms: int) -> bool:
        return self.sppm is not None and self.sppm.battery.level(now_ms) > 0.0

    def fit(self, now_ms: int, sppm: Sppm) -> None:
        """Put a battery in. The clock has no other source: it was lost when the last one came out."""
        self.remove(now_ms)
        sppm.boot()
        sppm.battery.load(now_ms, IDLE_PERCENT_AN_HOUR)
        self.sppm = sppm

    def remove(self, now_ms: int) -> Sppm | None:
        """Take the battery out; returns it."""
        taken, self.sppm = self.sppm, None
        self.safety = Safety.SAFE
        if taken is not None:
            taken.battery.load(now_ms, 0.0)
            self.clock.lose(now_ms)
        return taken

    def power_failed(self, now_ms: int) -> None:
        """The battery gave out under it, or a write was its last: as if it had been taken out and put back."""
        if (sppm := self.sppm) is not None:
            self.fit(now_ms, sppm)

    def act(self, act: Act, now_ms: int) -> list[Fired]:
        """Do something to it; the answer is what happened, each event stored before it is told of.

        Raises:
            PowerCut: power failed on the way; ``power_failed`` is then due, and what was not returned is not sent.
        """
        if not self.has_power(now_ms) or (self.safety, act) not in ACTS:
            return []
        self.safety, kinds = ACTS[self.safety, act]
        if act is Act.TRIGGER:
            self.cartridges = max(0, self.cartridges - 1)
        fired = [one for kind in kinds for one in self._event(kind, now_ms)]
        if not self.has_power(now_ms):
            self.power_failed(now_ms)
            return []
        return fired

    def reload(self) -> None:
        self.cartridges = CARTRIDGES

    def function_test(self, now_ms: int) -> list[Fired]:
        """Armed and arced without firing, and made safe again: what an officer does before a shift."""
        return [one for act in (Act.ARM, Act.TEST, Act.MAKE_SAFE) for one in self.act(act, now_ms)]

    def _event(self, kind: Kind, now_ms: int) -> list[Fired]:
        sppm = self.sppm
        if sppm is None:
            return []
        if kind in _ARCS:
            sppm.battery.use(now_ms, ARC_PERCENT)
        shown = self.clock.counts(now_ms)
        try:
            event = TaserEvent(sppm.number(), kind, shown, sppm.battery.shown(now_ms))
            beacons = sppm.beacons(event)
            sppm.sign(self.serial, event, beacons)
        except (CounterLost, WriteLost):
            # Not sent, for a number or a key might come twice; the armoury finds it in this log.
            self._keep(sppm, NO_COUNTER, kind, now_ms)
            return []
        self._keep(sppm, event.counter, kind, now_ms)
        return [Fired(event, tuple(beacons))]

    def _keep(self, sppm: Sppm, counter: int, kind: Kind, now_ms: int) -> None:
        shown, is_set = self.clock.counts(now_ms), self.clock.read(now_ms) is not None
        self.log.append(Entry(sppm.serial, counter, kind, shown, is_set))
