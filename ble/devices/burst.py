"""An event on the air: each pairing's beacon from an advertising set of its own, refreshed every 100 ms.

Every 20 ms for 3 s, then every 100 ms until the refresh index is used up; the standard's random delay comes on top in
the controller. A new random address for each event and pairing. At most four events at once: the oldest ends.
"""

import asyncio
from collections import deque
from typing import Final

from bumble import hci
from bumble.core import BaseBumbleError
from bumble.device import AdvertisingEventProperties, AdvertisingParameters, AdvertisingSet

from ble.air.stack import AirDevice
from ble.devices.taser import Fired
from ble.devices.waiting import Waiting
from ble.protocol.beacon import COMPANY, LAST_REFRESH, frame
from ble.protocol.burst import FAST_FOR_MS, FAST_MS, MOST_EVENTS, SLOW_MS, TURN_MS
from ble.protocol.counter import REFRESH_MS, Beacons

_LEGACY: Final = AdvertisingEventProperties(is_connectable=False, is_legacy=True)
_FAST_REFRESHES: Final = round(FAST_FOR_MS / REFRESH_MS)


def _parameters(interval_ms: float) -> AdvertisingParameters:
    return AdvertisingParameters(
        advertising_event_properties=_LEGACY,
        primary_advertising_interval_min=interval_ms,
        primary_advertising_interval_max=interval_ms,
    )


class _Burst:
    """One event to one pairing."""

    def __init__(self, stack: AirDevice, company: int, beacons: Beacons) -> None:
        self._stack, self._company, self._beacons = stack, company, beacons
        self.waiting = Waiting()

    async def send(self, slot: int) -> None:
        start = asyncio.get_running_loop().time()
        if slot:
            await self.waiting.until(start + slot * TURN_MS / 1000)
        try:
            made = await self._stack.create_advertising_set(
                _parameters(FAST_MS),
                random_address=hci.Address.generate_private_address(),
                advertising_data=self._frame(0),
            )
            await self._refresh(made, start)
            if made.enabled:
                await made.stop()
            await made.remove()
        except BaseBumbleError:
            # Its power went away.
            return

    async def _refresh(self, made: AdvertisingSet, start: float) -> None:
        for refresh in range(1, LAST_REFRESH + 1):
            await self.waiting.until(start + refresh * REFRESH_MS / 1000)
            if self.waiting.over:
                return
            if refresh == _FAST_REFRESHES:
                await made.stop()
                await made.set_advertising_parameters(_parameters(SLOW_MS))
            await made.set_advertising_data(self._frame(refresh))
            if refresh == _FAST_REFRESHES:
                await made.start()
        await self.waiting.until(start + (LAST_REFRESH + 1) * REFRESH_MS / 1000)

    def _frame(self, refresh: int) -> bytes:
        return frame(self._beacons.payload(refresh), self._company)


class Bursts:
    """The bursts of one SPPM's radio."""

    def __init__(self, stack: AirDevice, company: int = COMPANY) -> None:
        self._stack = stack
        self._company = company
        self._events: deque[list[_Burst]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, fired: Fired) -> None:
        """Send an event to every pairing, from now."""
        while len(self._events) >= MOST_EVENTS:
            self._end(self._events.popleft())
        bursts = [_Burst(self._stack, self._company, one) for one in fired.beacons]
        self._events.append(bursts)
        for slot, burst in enumerate(bursts):
            task = asyncio.get_running_loop().create_task(burst.send(slot))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def silence(self) -> None:
        """End every burst this moment."""
        while self._events:
            self._end(self._events.popleft())

    def _end(self, bursts: list[_Burst]) -> None:
        for burst in bursts:
            burst.waiting.end()
