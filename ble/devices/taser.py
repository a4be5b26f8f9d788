"""The behaviour of an X2 with its SPPM: what the wearer does to it, and which events follow.

The transmitter, the keys and the counter are in the SPPM, which is the battery: without it, or with it flat, an X2 does
nothing and knows no time. The event log is the X2's own.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from ble.devices.battery import Battery
from ble.devices.clock import Clock
from ble.devices.flash import Flash, WriteLost
from ble.devices.log import Entry, EventLog
from ble.protocol.beacon import Kind
from ble.protocol.counter import MOST_PAIRINGS, Beacons, Counter, CounterLost, TaserEvent, TaserPairing

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


class TooManyPairings(Exception):
    """An SPPM holds four."""


Sign = Callable[[int, TaserEvent, bool], bytes]
"""Signs a log entry: its number, the event, whether the clock was set."""

# In the log of an event that had no counter, because memory would not say which were used: it was not sent either.
NO_COUNTER: Final = 0


class Sppm:
    """A Signal Performance Power Magazine: battery, radio, counter and pairings.

    ``boot`` reads its memory anew, as after every loss of power; what it was sending then is never resumed.
    """

    def __init__(self, serial: str, battery: Battery, flash: Flash | None = None) -> None:
        self.serial = serial
        self.battery = battery
        self.flash = flash or Flash()
        if self.flash.read("counter") is None and not self.flash.writes:
            self.flash.write("counter", 1)
        self.boot()

    def boot(self) -> None:
        self.counter = Counter(self.flash.read("counter"))
        self.pairings = [
            TaserPairing(*self.flash.read(name)) for name in sorted(self.flash.names("pairing/"), key=self._slot)
        ]

    def _slot(self, name: str) -> int:
        return int(name.removeprefix("pairing/"))

    def add(self, pairing: TaserPairing) -> None:
        """Hold one more pairing, in a slot of its own; the same one again takes its own slot.

        Raises:
            TooManyPairings: four are held already.
        """
        slots = {self._slot(name): self.flash.read(name)[0] for name in self.flash.names("pairing/")}
        own = [slot for slot, name in slots.items() if name == pairing.name]
        free = [slot for slot in range(MOST_PAIRINGS) if slot not in slots]
        if not own and not free:
            raise TooManyPairings(self.serial)
        self._store((own or free)[0], pairing)
        self.boot_pairings()

    def remove(self, name: bytes) -> None:
        """Forget a pairing and its keys; one that it does not hold is no error."""
        for cell in self.flash.names("pairing/"):
            if self.flash.read(cell)[0] == name:
                self.flash.write(cell, None)
        self.boot_pairings()

    def boot_pairings(self) -> None:
        counter = self.counter
        self.boot()
        self.counter = counter

    def reserve(self) -> None:
        """Have memory say that the next number is gone, before it is.

        Raises:
            CounterLost: memory does not know where it was.
            WriteLost: it would not take it.
            PowerCut: power failed first.
        """
        if (stored := self.counter.due()) is not None:
            self.flash.write_surely("counter", stored)
            self.counter.confirm(stored)

    def beacons(self, event: TaserEvent) -> list[Beacons]:
        """What each pairing is sent of an event; keys that moved on with it are stored first."""
        made = []
        for slot, pairing in enumerate(self.pairings):
            epoch = pairing.keys.epoch
            made.append(pairing.beacons(event))
            if pairing.keys.epoch != epoch:
                self._store(self._slot_of(pairing.name, slot), pairing)
        return made

    def _slot_of(self, name: bytes, otherwise: int) -> int:
        cells = [cell for cell in self.flash.names("pairing/") if self.flash.read(cell)[0] == name]
        return self._slot(cells[0]) if cells else otherwise

    def _store(self, slot: int, pairing: TaserPairing) -> None:
        self.flash.write(f"pairing/{slot}", (pairing.name, pairing.keys, pairing.start))


@dataclass(slots=True)
class Taser:
    """An X2 and whatever battery is fitted to it. All times are true ones, in milliseconds since 1970 UTC."""

    serial: str
    clock: Clock
    sign: Sign
    sppm: Sppm | None = None
    safety: Safety = Safety.SAFE
    cartridges: int = CARTRIDGES
    log: EventLog = field(default_factory=EventLog)

    def has_power(self, now_ms: int) -> bool:
        return self.sppm is not None and self.sppm.battery.level(now_ms) > 0.0

    def fit(self, now_ms: int, sppm: Sppm) -> None:
        """Put a battery in. The clock has no other source: it was lost when the old one came out."""
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

    def act(self, act: Act, now_ms: int) -> list[TaserEvent]:
        """Do something to it; the answer is what happened, each event stored before it is told of.

        Raises:
            PowerCut: power failed on the way; ``power_failed`` is then due, and what was not returned is not sent.
        """
        if not self.has_power(now_ms) or (self.safety, act) not in ACTS:
            return []
        self.safety, kinds = ACTS[self.safety, act]
        if act is Act.TRIGGER:
            self.cartridges = max(0, self.cartridges - 1)
        events = [event for kind in kinds if (event := self._event(kind, now_ms)) is not None]
        if not self.has_power(now_ms):
            self.power_failed(now_ms)
            return []
        return events

    def reload(self) -> None:
        self.cartridges = CARTRIDGES

    def function_test(self, now_ms: int) -> list[TaserEvent]:
        """Armed and arced without firing, and made safe again: what an officer does before a shift."""
        return [event for act in (Act.ARM, Act.TEST, Act.MAKE_SAFE) for event in self.act(act, now_ms)]

    def _event(self, kind: Kind, now_ms: int) -> TaserEvent | None:
        sppm = self.sppm
        if sppm is None:
            return None
        if kind in _ARCS:
            sppm.battery.use(now_ms, ARC_PERCENT)
        try:
            sppm.reserve()
            counter = sppm.counter.take()
        except (CounterLost, WriteLost):
            counter = NO_COUNTER
        event = TaserEvent(counter, kind, self.clock.counts(now_ms), sppm.battery.shown(now_ms))
        self._keep(event, now_ms)
        return event if counter != NO_COUNTER else None

    def _keep(self, event: TaserEvent, now_ms: int) -> None:
        if self.sppm is not None:
            number, is_set = self.log.next_number, self.clock.read(now_ms) is not None
            self.log.append(
                Entry(
                    number,
                    self.sppm.serial,
                    event.counter,
                    event.kind,
                    event.clock_ms,
                    is_set,
                    event.battery_percent,
                    self.sign(number, event, is_set),
                )
            )
