"""A Taser and a camera that are paired, for tests: fire one, and let the other hear."""

from ble.protocol.beacon import Kind, frame
from ble.protocol.counter import Beacons, Counter, TaserEvent, TaserPairing
from ble.protocol.decision import Camera, Decision
from ble.protocol.identifiers import Keys, first_state

# 1 June 2018, noon, in milliseconds since 1970.
NOON = 1_527_854_400_000
PAIRING = bytes(range(16))
KEYS = Keys(0, bytes(range(16)), bytes(range(16, 32)))


class Pair:
    """Both sides at one clock, ``now``, in milliseconds; the Taser's is ``taser_off_s`` ahead of it."""

    def __init__(self, start: int = 0, *, name: bytes = PAIRING, keys: Keys = KEYS, taser_off_s: int = 0) -> None:
        self.now = NOON
        self.name = name
        self.taser_off_s = taser_off_s
        self.memory = start
        self.counter = Counter(start)
        self.taser = TaserPairing(name, keys, start)
        self.camera = Camera([first_state(name, keys, start)])

    def take(self) -> int:
        """The Taser's next number, reserved first if need be."""
        due = self.counter.due()
        if due is not None:
            self.memory = due
            self.counter.confirm(due)
        return self.counter.take()

    def cut_the_tasers_power(self) -> None:
        self.counter = Counter(self.memory)

    def fire(self, kind: Kind = Kind.TRIGGER) -> Beacons:
        """An event now; a minute passes first, so that no two are alike in time."""
        self.now += 60_000
        clock_ms = self.now + self.taser_off_s * 1000
        return self.taser.beacons(TaserEvent(self.take(), kind, clock_ms, 80))

    def skip(self, events: int) -> Beacons:
        """So many events that no camera hears; the last of them."""
        for _ in range(events - 1):
            self.fire()
        return self.fire()

    def hear(self, beacons: Beacons, refresh: int = 0, *, late_ms: int = 0) -> Decision:
        """The camera hears a refresh at the time at which it is sent, or later."""
        at_ms = beacons.event.clock_ms - self.taser_off_s * 1000 + refresh * 100 + late_ms
        return self.camera.hear(frame(beacons.payload(refresh)), at_ms)
