"""When a Taser's radio speaks: every 20 ms for 3 s, then every 100 ms until the refresh index is used up.

Each time comes with the standard's random delay of 0–10 ms, so that Tasers that fired together drift apart. Up to
four pairings take turns, and so do events that follow one another: one radio sends one packet at a time.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Final

from ble.protocol.counter import refresh_at

FAST_MS: Final = 20.0
FAST_FOR_MS: Final = 3_000.0
SLOW_MS: Final = 100.0
# From one packet to the next of another pairing or event: three channels of 376 µs, 150 µs apart, take 1.43 ms.
TURN_MS: Final = 1.6
# An older event than the last four has had its 3 s, or the wearer fires faster than any radio could tell.
MOST_EVENTS: Final = 4

Delay = Callable[[int], float]
"""The random delay before packet n + 1 of a burst in milliseconds, even in 0–10, for n = 0, 1, 2, …"""


def packets(delay: Delay, first_ms: float = 0.0) -> Iterator[float]:
    """The times of one burst's packets, in milliseconds since its event began to be sent."""
    at_ms, number = first_ms, 0
    while refresh_at(at_ms) is not None:
        yield at_ms
        at_ms += (FAST_MS if at_ms < FAST_FOR_MS else SLOW_MS) + delay(number)
        number += 1


@dataclass(frozen=True, slots=True, order=True)
class Turn:
    """One packet, on all three channels: when it starts, of which event, to which pairing, at which refresh."""

    at_ms: float
    event: int
    slot: int
    refresh: int


class Schedule:
    """The turns of one radio. Events are named by their counter, pairings by their slot."""

    def __init__(self) -> None:
        self._bursts: dict[int, float] = {}
        self._waiting: list[tuple[float, int, int, Iterator[float]]] = []
        self._free_ms = 0.0

    def begin(self, event: int, now_ms: float, delays: Sequence[Delay]) -> None:
        """Starts an event's bursts, one a pairing, at ``now_ms``; the oldest event ends if five would be on the air."""
        self._bursts[event] = now_ms
        for slot, delay in enumerate(delays):
            self._push(event, slot, packets(delay, slot * TURN_MS))
        if len(self._bursts) > MOST_EVENTS:
            self._end(min(self._bursts))

    def next(self) -> Turn | None:
        """The next packet; None when every refresh of every event is used up."""
        while self._waiting:
            due_ms, event, slot, times = heappop(self._waiting)
            at_ms = max(due_ms, self._free_ms)
            self._push(event, slot, times)
            refresh = refresh_at(at_ms - self._bursts[event])
            if refresh is not None:
                self._free_ms = at_ms + TURN_MS
                return Turn(at_ms, event, slot, refresh)
        return None

    def _push(self, event: int, slot: int, times: Iterator[float]) -> None:
        since_ms = next(times, None)
        if since_ms is not None:
            heappush(self._waiting, (self._bursts[event] + since_ms, event, slot, times))

    def _end(self, event: int) -> None:
        del self._bursts[event]
        self._waiting = [waiting for waiting in self._waiting if waiting[1] != event]
        heapify(self._waiting)
