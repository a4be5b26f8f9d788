"""Waiting that can be ended, without cancelling the task that waits.

A cancellation that falls together with a controller's answer is lost in ``asyncio.wait_for`` (Python 3.11), and then a
radio goes on that was told to stop.
"""

import asyncio


class Waiting:
    """What one task waits with; whoever owns the task ends it."""

    def __init__(self) -> None:
        self.over = False
        self._waiter: asyncio.Future[None] | None = None

    def end(self) -> None:
        """No wait lasts any longer, now or later."""
        self.over = True
        self._wake()

    async def until(self, at: float) -> None:
        """Until that time of the running loop, or the end."""
        loop = asyncio.get_running_loop()
        if self.over:
            return
        self._waiter = loop.create_future()
        timer = loop.call_at(at, self._wake)
        try:
            await self._waiter
        finally:
            timer.cancel()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
