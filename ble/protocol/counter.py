"""The SPPM's one counter over all its pairings, and the events that it numbers.

A number is used once, ever: the nonces of every pairing hang on it. So memory says first that a block of numbers is
gone, and only then is one of them sent. Whatever happens in between, a power cut skips numbers and never repeats one.
"""

from dataclasses import dataclass
from typing import Final

from ble.protocol.beacon import LAST_COUNTER, LAST_MINUTE, LAST_REFRESH, LONGEST_AGE_MS, Content, Kind, seal
from ble.protocol.identifiers import Keys, epoch_of, identifier

BLOCK: Final = 16
REFRESH_MS: Final = 100
MOST_PAIRINGS: Final = 4


class NotReserved(Exception):
    """The next number is not in memory as gone: it may not be used yet."""


class CounterLost(Exception):
    """Memory does not say which numbers were used: no event is sent until the armoury has mended it."""


class Counter:
    """Which numbers may be used. ``stored`` is what memory holds: the first number that no event was promised.

    The order is: ``due()``, store what it says, ``confirm()`` it, ``take()``. Power may fail between any two.
    """

    def __init__(self, stored: int | None) -> None:
        self._next = stored
        self._limit = stored

    @property
    def next(self) -> int:
        """The next number that ``take`` will give; what a pairing begins with.

        Raises:
            CounterLost: memory was lost.
        """
        if self._next is None:
            raise CounterLost
        return self._next

    def due(self) -> int | None:
        """What must be stored before the next event; None while the reserved block lasts.

        Raises:
            CounterLost: memory was lost.
        """
        return self.next + BLOCK if self._next == self._limit else None

    def confirm(self, stored: int) -> None:
        """Memory now says ``stored``. A lower number than before changes nothing."""
        if self._limit is None or stored > self._limit:
            self._limit = stored

    def take(self) -> int:
        """A number for one event, never to be given again.

        Raises:
            CounterLost: memory was lost.
            NotReserved: what ``due`` says is not stored.
        """
        number = self.next
        if number == self._limit or number > LAST_COUNTER:
            raise NotReserved
        self._next = number + 1
        return number

    def release(self) -> int | None:
        """At an orderly switch-off: the unused rest of the block goes back; store the answer as the last act.

        The next number needs a new reservation, so it is safe to go on instead of switching off.
        """
        self._limit = self._next
        return self._next

    def mend(self, known: int) -> None:
        """The armoury's answer to lost memory: goes on behind the highest number known to anybody.

        The pairings' keys must have been dropped with the memory; new keys make numbers that nobody knew of harmless.
        It never goes back.
        """
        if self._next is None or known + 1 > self._next:
            self._next = self._limit = known + 1


@dataclass(frozen=True, slots=True)
class TaserEvent:
    """One event as it is sent: everything in it is frozen when it happens.

    A refresh is made from these fields and its index alone, so that no (counter, refresh) ever has other content.
    ``clock_ms`` is the Taser's clock in milliseconds since 1970 when it happened; ``delay_ms`` is how long after it the
    burst began (storing a reservation takes its time). It lives in memory that does not survive a power cut, so an
    interrupted event is never resumed.
    """

    counter: int
    kind: Kind
    clock_ms: int
    battery_percent: int
    delay_ms: int = 0

    def content(self, refresh: int) -> Content:
        """What the beacon says at a refresh 0–255."""
        age_ms = self.delay_ms + refresh * REFRESH_MS
        minutes = (self.clock_ms + age_ms) // 60_000
        return Content(self.kind, min(age_ms, LONGEST_AGE_MS), min(minutes, LAST_MINUTE), self.battery_percent)


def refresh_at(since_start_ms: float) -> int | None:
    """The refresh index at a time since the burst's start; None when all 256 are used up."""
    index = int(since_start_ms // REFRESH_MS)
    return index if index <= LAST_REFRESH else None


class TaserPairing:
    """A pairing as the SPPM holds it: its keys, moved forward as the counter goes, the old ones erased."""

    __slots__ = ("keys", "name", "start")

    def __init__(self, name: bytes, keys: Keys, start: int) -> None:
        self.name = name
        self.keys = keys
        self.start = start

    def beacons(self, event: TaserEvent) -> "Beacons":
        """What this pairing's camera is sent of an event. Store ``keys`` afterwards if their epoch changed.

        Raises:
            KeyErased: the event is of an earlier epoch; the counter never goes back, so it cannot be.
        """
        self.keys = self.keys.at(epoch_of(self.start, event.counter))
        return Beacons(event, self.keys.beacon, identifier(self.keys.identifier, event.counter))


@dataclass(frozen=True, slots=True)
class Beacons:
    """One event to one camera, refresh by refresh. It holds the event's key for as long as the burst lasts."""

    event: TaserEvent
    key: bytes
    identifier: bytes

    def payload(self, refresh: int) -> bytes:
        """The 24 bytes of a refresh 0–255: the same whenever it is asked for."""
        return seal(self.key, self.identifier, self.event.counter, refresh, self.event.content(refresh))
