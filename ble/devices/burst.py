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


class Bursts:
    """The bursts of one SPPM's radio."""

    def __init__(self, stack: AirDevice, company: int = COMPANY) -> None:
        self._stack = stack
        self._company = company
        self._events: deque[list[asyncio.Task[None]]] = deque()

    def begin(self, fired: Fired) -> None:
        """Send an event to every pairing, from now."""
        while len(self._events) >= MOST_EVENTS:
            self._end(self._events.popleft())
        loop = asyncio.get_running_loop()
        start = loop.time()
        self._events.append([loop.create_task(self._send(slot, start, one)) for slot, one in enumerate(fired.beacons)])

    def silence(self) -> None:
        """End every burst this moment."""
        while self._events:
            self._end(self._events.popleft())

    def _end(self, tasks: list[asyncio.Task[None]]) -> None:
        for task in tasks:
            task.cancel()

    async def _send(self, slot: int, start: float, beacons: Beacons) -> None:
        if slot:
            await _until(start + slot * TURN_MS / 1000)
        try:
            made = await self._stack.create_advertising_set(
                _parameters(FAST_MS),
                random_address=hci.Address.generate_private_address(),
                advertising_data=frame(beacons.payload(0), self._company),
            )
        except BaseBumbleError:
            # Its power went away in this very moment.
            return
        try:
            await self._refresh(made, start, beacons)
        finally:
            await self._remove(made)

    async def _refresh(self, made: AdvertisingSet, start: float, beacons: Beacons) -> None:
        for refresh in range(1, LAST_REFRESH + 1):
            await _until(start + refresh * REFRESH_MS / 1000)
            if refresh == _FAST_REFRESHES:
                await made.stop()
                await made.set_advertising_parameters(_parameters(SLOW_MS))
            await made.set_advertising_data(frame(beacons.payload(refresh), self._company))
            if refresh == _FAST_REFRESHES:
                await made.start()
        await _until(start + (LAST_REFRESH + 1) * REFRESH_MS / 1000)

    async def _remove(self, made: AdvertisingSet) -> None:
        # Also while this task is being cancelled: a controller goes on by itself until it is told.
        if self._stack.powered_on and self._stack.controller.hci_sink is not None:
            if made.enabled:
                await made.stop()
            await made.remove()


async def _until(at: float) -> None:
    await asyncio.sleep(at - asyncio.get_running_loop().time())
