"""An asyncio event loop whose clock is modelled time.

Timers, timeouts and sleeps run on modelled seconds. With no pace set the loop goes from one timer straight to the next,
so a shift passes in the time that its events take to compute; with a pace of 1 it keeps step with the wall clock.
"""

import asyncio
import selectors
import time
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

T = TypeVar("T")

# A wait without end in a world where nothing else can happen is a mistake of the programme, and is said so rather
# than sat out; real I/O and other threads have this long to wake the loop.
STALLED_AFTER_S = 30.0


class Stalled(RuntimeError):
    """Nothing is due in modelled time, and nothing came from outside."""


class _Leap(selectors.BaseSelector):
    """A selector that moves the modelled clock on instead of waiting."""

    def __init__(self, pace: float | None) -> None:
        self.now = 0.0
        self._pace = pace
        self._real = selectors.DefaultSelector()
        self._wall = time.monotonic()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self._pace is not None:
            return self._wait(timeout, self._pace)
        if timeout is None:
            ready = self._real.select(STALLED_AFTER_S)
            if not ready:
                raise Stalled("nothing is due, and nothing came from outside")
            return ready
        ready = self._real.select(0)
        if not ready:
            # What came from outside is handled before the clock moves on, or its answer would come late.
            self.now += max(timeout, 0.0)
        return ready

    def _wait(self, timeout: float | None, pace: float) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._real.select(None if timeout is None else timeout / pace)
        wall = time.monotonic()
        self.now += (wall - self._wall) * pace
        self._wall = wall
        return ready

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def close(self) -> None:
        self._real.close()

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()


class ModelledLoop(asyncio.SelectorEventLoop):
    """A loop that starts at modelled second 0.

    ``pace`` is modelled seconds for each second of the wall; None is as fast as it goes. While the loop is busy
    modelled time stands still without a pace, and moves with the wall with one.
    """

    def __init__(self, pace: float | None = None) -> None:
        self._leap = _Leap(pace)
        super().__init__(self._leap)

    def time(self) -> float:
        return self._leap.now


def run(main: Coroutine[Any, Any, T], *, pace: float | None = None) -> T:
    """``asyncio.run`` in modelled time.

    Raises:
        Stalled: ``main`` waits for what can never come.
        ValueError: the pace is not above 0.
    """
    if pace is not None and pace <= 0:
        main.close()
        raise ValueError("a pace is above 0, or None")
    with asyncio.Runner(loop_factory=lambda: ModelledLoop(pace)) as runner:
        return runner.run(main)
