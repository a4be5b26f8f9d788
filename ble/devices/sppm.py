"""The Signal Performance Power Magazine: an X2's battery, and with it radio, keys, counter, pairings and signed log.

The keys are in the SPPM, so what they sign is too: its chain stays whole when it is fitted to another X2, whose serial
each entry names.
"""

from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from ble.devices.battery import Battery
from ble.devices.flash import Flash, PowerCut, WriteLost
from ble.devices.journal import Journal
from ble.protocol.counter import Beacons, Counter, CounterLost, TaserEvent, TaserPairing
from ble.protocol.credentials import Kind
from ble.protocol.identifiers import Keys
from ble.protocol.memory import Memory
from ble.protocol.statements import LogEntry, Sent
from ble.protocol.steps import Born

# Where memory keeps the numbers that were used; a new part begins at 1.
FIRST_COUNTER: Final = 1
FIRST_EPOCH: Final = 0


class Sppm:
    """One SPPM. ``boot`` reads its memory anew, as after every loss of power; a burst is never resumed."""

    def __init__(self, serial: str, battery: Battery, flash: Flash | None = None) -> None:
        self.serial = serial
        self.battery = battery
        self.flash = flash or Flash()
        self.journal = Journal(self.flash, lambda: self.memory.signing)
        if self.flash.read("memory") is None:
            self.flash.write({"memory": Memory.new(Kind.TASER, serial), "counter": FIRST_COUNTER})
        self.boot()

    def boot(self) -> None:
        if self.flash.read("counter") is None:
            self._start_over()
        self.counter = Counter(self.flash.read("counter"))
        self.listen_up()

    def _start_over(self) -> None:
        """Nobody knows which numbers were used, so no key that met them may be used again: it must be paired anew.

        It goes on behind the last number in its own log. If memory takes not even that it sends nothing.
        """
        last = self.journal.last()
        counter = last.counter + 1 if isinstance(last, LogEntry) else FIRST_COUNTER
        held = [one.id for one in self.memory.pairings]
        gone = {_cell(pairing): None for pairing in held}
        with suppress(WriteLost, PowerCut):
            self.flash.write({"memory": self.memory.without(held), "counter": counter, **gone})

    def listen_up(self) -> None:
        """Take the pairings from memory, as they are since the last write."""
        self.pairings = [
            TaserPairing(one.id, keys, one.start)
            for one in self.memory.pairings
            if (keys := self.flash.read(_cell(one.id))) is not None
        ]

    @property
    def memory(self) -> Memory:
        found = self.flash.read("memory")
        assert isinstance(found, Memory)  # noqa: S101 - written by the constructor
        return found

    def remember(self, memory: Memory, born: Iterable[Born]) -> None:
        """Store what a pairing's steps changed, with the keys that were born of it, in one write.

        Raises:
            WriteLost, PowerCut: nothing was stored.
        """
        held = {one.id for one in memory.pairings}
        gone = {_cell(one.id): None for one in self.memory.pairings if one.id not in held}
        new = {_cell(one.pairing.id): Keys(FIRST_EPOCH, one.beacon_key, one.identifier_key) for one in born}
        self.flash.write({"memory": memory, **gone, **new})
        self.listen_up()

    def number(self) -> int:
        """A counter for one event; memory says first that it is gone.

        Raises:
            CounterLost: memory does not know which were used, or would not take it.
            PowerCut: power failed first.
        """
        try:
            if (stored := self.counter.due()) is not None:
                self.flash.write({"counter": stored})
                self.counter.confirm(stored)
        except WriteLost as error:
            raise CounterLost from error
        return self.counter.take()

    def beacons(self, event: TaserEvent) -> list[Beacons]:
        """What each pairing is sent of an event; keys that moved on with it are stored."""
        made = []
        for pairing in self.pairings:
            epoch = pairing.keys.epoch
            made.append(pairing.beacons(event))
            if pairing.keys.epoch != epoch:
                self.flash.write({_cell(pairing.name): pairing.keys})
        return made

    def sign(self, taser: str, event: TaserEvent, beacons: list[Beacons]) -> None:
        """Add the event to the signed log, before anybody is told of it. Raises: WriteLost, PowerCut."""
        peers = {one.id: one.peer_signing.id for one in self.memory.pairings}
        sent = tuple(
            Sent(pairing.name, peers[pairing.name], one.identifier)
            for pairing, one in zip(self.pairings, beacons, strict=True)
        )
        entry = LogEntry(taser, event.counter, event.kind, event.clock_ms // 1000, event.battery_percent, sent)
        self.journal.keep(entry)


def _cell(pairing: bytes) -> str:
    return f"keys/{pairing.hex()}"
