"""The cameras that a monitor is the companion of: each connected while in reach, and started over that connection."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from bleak import BleakClient
from bleak.exc import BleakError

from ble.monitor.keeping import Companion, Keeping
from ble.protocol import companion, profile
from ble.protocol.companion import CompanionError, Keys, Start
from ble.station.errors import AdapterGone, DeviceLost, LinkUnprotected
from ble.station.radio import Radio, Sighted

# How long a search takes before it begins anew with who is missing then.
SEARCH_S: Final = 30.0
PAUSE_S: Final = 1.0
ANSWER_S: Final = 2.0
Told = Callable[[str, bool], None]
"""Is told of a camera's answer: its serial, and whether it records now."""


@dataclass
class Held:
    """A companion that is in reach, and the connection to it."""

    camera: Companion
    end: companion.Monitor
    client: BleakClient
    gone: asyncio.Event


class Companions:
    """Keeps connections to all companions, one search for all that are missing."""

    def __init__(self, radio: Radio, keeping: Keeping, told: Told) -> None:
        self._radio = radio
        self._keeping = keeping
        self._told = told
        self._wanted: dict[bytes, Companion] = {}
        self._held: dict[bytes, Held] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def in_reach(self) -> list[str]:
        """The serials of the cameras that are connected."""
        return [held.camera.serial for held in self._held.values()]

    def follow(self, companions: list[Companion]) -> None:
        """Be the companion of these, and of no others."""
        self._wanted = {one.pairing: one for one in companions}
        for pairing in self._held.keys() - self._wanted.keys():
            self._held[pairing].gone.set()

    async def run(self) -> None:
        """Look for those that are missing, for ever.

        Raises:
            AdapterGone: there is no Bluetooth.
        """
        try:
            while True:
                if not await self._search():
                    await asyncio.sleep(PAUSE_S)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _search(self) -> bool:
        missing = {pairing: Keys(one.key) for pairing, one in self._wanted.items() if pairing not in self._held}
        if not missing:
            return False
        sighted = await self._radio.first(
            lambda one: whose(missing, one) is not None, SEARCH_S, str(profile.COMPANION.uuid)
        )
        if sighted is None:
            return True
        pairing = whose(missing, sighted)
        return pairing is not None and await self._take(self._wanted[pairing], missing[pairing], sighted)

    async def _take(self, one: Companion, keys: Keys, sighted: Sighted) -> bool:
        ready = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._hold(one, keys, sighted, ready))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return bool(await ready)

    async def _hold(self, one: Companion, keys: Keys, sighted: Sighted, ready: "asyncio.Future[bool]") -> None:
        """Hold a connection until it breaks; ``ready`` is told whether there was one."""
        try:
            async with self._connected(one, keys, sighted) as held:
                ready.set_result(True)
                await held.gone.wait()
        except (DeviceLost, LinkUnprotected, AdapterGone):
            # It is searched for again; an adapter that is gone shows in the search itself.
            pass
        finally:
            if not ready.done():
                ready.set_result(False)

    @asynccontextmanager
    async def _connected(self, one: Companion, keys: Keys, sighted: Sighted) -> AsyncIterator[Held]:
        gone = asyncio.Event()
        async with self._radio.secured(sighted, gone.set) as (client, _):
            held = Held(one, companion.Monitor(keys, self._keeping.last(one.pairing)), client, gone)
            with contextlib.suppress(BleakError):
                await client.start_notify(profile.STATUS.uuid, lambda _, data: self._answered(held, bytes(data)))
            self._held[one.pairing] = held
            try:
                yield held
            finally:
                self._held.pop(one.pairing, None)

    async def start(self, start: Start, now_ms: int) -> None:
        """Tell every camera in reach to record. The clock keeps numbers rising over a store that was lost."""
        await asyncio.gather(*(self._command(held, start, now_ms) for held in list(self._held.values())))

    async def _command(self, held: Held, start: Start, now_ms: int) -> None:
        number = max(held.end.last + 1, now_ms)
        self._keeping.reserve(held.camera.pairing, number)
        message = held.end.command(start, number)
        try:
            async with asyncio.timeout(ANSWER_S):
                await held.client.write_gatt_char(profile.COMMAND.uuid, message, response=True)
        except (BleakError, TimeoutError):
            # It walked off in this moment; its own ears are as good as ever.
            held.gone.set()

    def _answered(self, held: Held, data: bytes) -> None:
        with contextlib.suppress(CompanionError):
            self._told(held.camera.serial, held.end.answered(data)[1])


def whose(missing: dict[bytes, Keys], sighted: Sighted) -> bytes | None:
    """Which of these companions advertises under this address; None when it is nobody's."""
    try:
        address = bytes.fromhex(sighted.address.replace(":", ""))
    except ValueError:
        # macOS names devices by numbers of its own and shows no address: there a companion cannot be told.
        return None
    return next((pairing for pairing, keys in missing.items() if companion.is_of(keys.irk, address)), None)
