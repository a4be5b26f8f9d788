"""Carries what waits in the store to the service: in order, each once, for as long as it takes."""

import asyncio
import contextlib
from typing import Final

from ble.station.errors import NotEnrolled, ServiceAway, ServiceRefused
from ble.station.service import Service
from ble.station.store import Queued, Store

FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 60.0


class Courier:
    """Sends in the background while ``run`` runs; ``rest`` waits until nothing is left.

    ``away`` is why the last attempt failed, None after one that did not.
    """

    def __init__(self, store: Store, service: Service) -> None:
        self._store = store
        self._service = service
        self._wake = asyncio.Event()
        self._changed = asyncio.Condition()
        self._sending = asyncio.Lock()
        self.away: ServiceAway | NotEnrolled | None = None

    def wake(self) -> None:
        """Something was put; send it now."""
        self._wake.set()

    async def run(self) -> None:
        """Deliver for ever. A service that is away is asked again, at most a minute later."""
        pause = FIRST_PAUSE_S
        while True:
            self._wake.clear()
            if await self._attempt():
                pause = FIRST_PAUSE_S
                await self._wake.wait()
                continue
            asked = self.away.after_s if isinstance(self.away, ServiceAway) else None
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), max(pause, asked or 0.0))
            pause = min(2 * pause, LONGEST_PAUSE_S)

    async def deliver(self) -> None:
        """Send everything that waits, now.

        Raises:
            ServiceAway: it did not take all of it; the rest waits.
            NotEnrolled: it no longer knows this station; everything waits.
        """
        async with self._sending:
            while (queued := self._store.next()) is not None:
                await self._send(queued)

    async def rest(self, within_s: float) -> bool:
        """Wait until nothing is left to send, or for that long; says whether nothing is left."""
        self.wake()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s), self._changed:
                await self._changed.wait_for(lambda: not self._store.waiting())
        return not self._store.waiting()

    async def _attempt(self) -> bool:
        try:
            await self.deliver()
        except (ServiceAway, NotEnrolled) as error:
            self.away = error
        else:
            self.away = None
        async with self._changed:
            self._changed.notify_all()
        return self.away is None

    async def _send(self, queued: Queued) -> None:
        report = queued.report
        try:
            await self._service.deliver(report.path, report.body, report.name)
        except ServiceRefused as refusal:
            self._store.refused(queued, refusal.what)
        else:
            self._store.delivered(queued)
