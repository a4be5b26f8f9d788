"""This machine's Bluetooth adapter through bleak: who is in pairing mode, and a protected connection to one of them.

The backend classes are arguments, so that bleak's own on Linux, macOS and Windows and those of a simulated stack run
the same code.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final, Literal

from bleak import BleakClient, BleakScanner
from bleak.args.bluez import OrPattern
from bleak.assigned_numbers import AdvertisementDataType
from bleak.backends.client import BaseBleakClient
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData, BaseBleakScanner
from bleak.exc import BleakBluetoothNotAvailableError, BleakError

from ble.protocol import profile
from ble.protocol.beacon import COMPANY
from ble.protocol.frames import Assembler, Fragmenter, FrameError
from ble.station.errors import AdapterGone, DeviceLost
from ble.station.security import Protection, require_protected

if sys.platform == "linux":
    from ble.station import bluez

CONNECT_S: Final = 10.0
# Connecting, pairing and looking round together: a stack may wait for ever for a peer that takes it for connected.
SETUP_S: Final = 20.0
ANSWER_S: Final = 10.0
# Of an attribute (Core 5.4, Vol 3, Part F, 3.2.9), whatever the MTU would carry.
LONGEST_VALUE: Final = 512
_ADAPTER: Final = "Plug the adapter in and switch Bluetooth on; this account must be allowed to use it."
_NEAR: Final = "Put the device into pairing mode (60 s), within two metres of the adapter, and try again."


@dataclass(frozen=True)
class Sighted:
    """A device in pairing mode: how it can be reached now, and how strongly it was heard (dBm)."""

    device: BLEDevice
    rssi: int

    @property
    def address(self) -> str:
        """A random one, of no meaning beyond this minute."""
        return self.device.address


class Link:
    """One protected connection: whole messages each way. ``came`` brings what the device notifies, None at its end."""

    def __init__(self, client: BleakClient, protection: Protection, came: "asyncio.Queue[bytes | None]") -> None:
        self.protection = protection
        self._client = client
        self._fragmenter, self._assembler = Fragmenter(), Assembler()
        self._came = came

    async def listen(self) -> None:
        """Take what the device sends."""
        await self._client.start_notify(profile.FROM_DEVICE.uuid, lambda _, frame: self._came.put_nowait(bytes(frame)))

    async def send(self, message: bytes) -> None:
        """Send one message.

        Raises:
            DeviceLost: the connection broke.
        """
        with _broken():
            to = self._client.services.get_characteristic(profile.TO_DEVICE.uuid)
            if to is None:
                raise DeviceLost("What answered is no device of this profile.", _NEAR)
            # The client's own MTU stays at 23 on BlueZ; this is right on every system.
            size = min(LONGEST_VALUE, to.max_write_without_response_size)
            async with asyncio.timeout(ANSWER_S):
                for frame in self._fragmenter.cut(message, size):
                    await self._client.write_gatt_char(to, frame, response=True)

    async def receive(self, within_s: float = ANSWER_S) -> bytes:
        """The device's next message.

        Raises:
            DeviceLost: the connection broke, it says nothing, or what it sends cannot be put together.
        """
        try:
            async with asyncio.timeout(within_s):
                while (frame := await self._came.get()) is not None:
                    if (message := self._assembler.feed(frame)) is not None:
                        return message
        except TimeoutError as error:
            raise DeviceLost("The device does not answer.", _NEAR) from error
        except FrameError as error:
            raise DeviceLost(f"The device's answer arrived in pieces that do not fit: {error}.", _NEAR) from error
        raise DeviceLost("The connection to the device broke.", _NEAR)


@dataclass(frozen=True)
class Radio:
    """An adapter. Without backends it is the machine's own."""

    scanner: type[BaseBleakScanner] | None = None
    client: type[BaseBleakClient] | None = None

    @asynccontextmanager
    async def ready(self) -> AsyncIterator[None]:
        """Whatever the operating system needs beside bleak, while the block runs.

        Raises:
            AdapterGone: there is no Bluetooth.
        """
        async with contextlib.AsyncExitStack() as stack:
            if self.client is None and sys.platform == "linux":
                await stack.enter_async_context(bluez.agent())
            yield

    async def first(self, wanted: Callable[[Sighted], bool], within_s: float, service: str = "") -> Sighted | None:
        """The first device heard that is wanted, in pairing mode unless another service is named; None in that time.

        Raises:
            AdapterGone: there is no Bluetooth.
        """
        heard: asyncio.Queue[Sighted] = asyncio.Queue()

        def detected(device: BLEDevice, data: AdvertisementData) -> None:
            heard.put_nowait(Sighted(device, data.rssi))

        async with self._scanning(detected, service or str(profile.PAIRING.uuid)):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    while True:
                        if wanted(found := await heard.get()):
                            return found
        return None

    @asynccontextmanager
    async def _scanning(
        self, detected: Callable[[BLEDevice, AdvertisementData], None], service: str
    ) -> AsyncIterator[None]:
        with _adapter(), _scanner():
            scanner = BleakScanner(detected, [service], backend=self.scanner)
            await scanner.start()
        try:
            yield
        finally:
            with contextlib.suppress(BleakError, OSError):
                await scanner.stop()

    @asynccontextmanager
    async def listening(self, heard: Callable[[dict[int, bytes]], None]) -> AsyncIterator[None]:
        """Have ``heard`` told of manufacturers' data on the air while the block runs; asks nobody for more.

        Scanning is passive, since an active scan sends one's address; macOS has no other than active scanning.

        Raises:
            AdapterGone: there is no Bluetooth.
        """
        # A pattern is what BlueZ wants for passive scanning; others ignore it.
        pattern = OrPattern(0, AdvertisementDataType.MANUFACTURER_SPECIFIC_DATA, COMPANY.to_bytes(2, "little"))
        mode: Literal["active", "passive"] = "active" if self.client is None and sys.platform == "darwin" else "passive"
        with _adapter(), _scanner():
            scanner = BleakScanner(
                lambda _, data: heard(data.manufacturer_data),
                scanning_mode=mode,
                bluez={"or_patterns": [pattern]},
                backend=self.scanner,
            )
            await scanner.start()
        try:
            yield
        finally:
            with contextlib.suppress(BleakError, OSError):
                await scanner.stop()

    @asynccontextmanager
    async def connected(self, to: Sighted) -> AsyncIterator[Link]:
        """A protected connection to a device in pairing mode, for whole messages.

        Raises:
            DeviceLost, LinkUnprotected, AdapterGone
        """
        came: asyncio.Queue[bytes | None] = asyncio.Queue()
        async with self.secured(to, lambda: came.put_nowait(None)) as (client, protection):
            link = Link(client, protection, came)
            with _broken():
                async with asyncio.timeout(ANSWER_S):
                    await link.listen()
            yield link

    @asynccontextmanager
    async def secured(self, to: Sighted, gone: Callable[[], None]) -> AsyncIterator[tuple[BleakClient, Protection]]:
        """A connection that the operating system was asked to encrypt and bond, and that is. ``gone`` is told its end.

        The bond is forgotten afterwards: the device will have another address, and next time proves itself anew.

        Raises:
            DeviceLost: it is not there, or goes away.
            LinkUnprotected: the link is not encrypted and bonded.
            AdapterGone: there is no Bluetooth.
        """
        client = BleakClient(
            to.device,
            disconnected_callback=lambda _: gone(),
            timeout=CONNECT_S,
            pair=True,
            backend=self.client,
        )
        try:
            with _adapter(), _broken():
                async with asyncio.timeout(SETUP_S):
                    await client.connect()
                    protection = await require_protected(client)
            yield client, protection
        finally:
            await self._forget(client)

    async def _forget(self, client: BleakClient) -> None:
        with contextlib.suppress(BleakError, OSError, TimeoutError):
            await client.disconnect()
        # After the connection, not in it: the two would race. macOS keeps its bonds to itself.
        with contextlib.suppress(BleakError, OSError, TimeoutError, KeyError, NotImplementedError):
            await client.unpair()


@contextmanager
def _adapter() -> Iterator[None]:
    try:
        yield
    except BleakBluetoothNotAvailableError as error:
        raise AdapterGone(f"There is no Bluetooth here: {error.args[0]}.", _ADAPTER) from error
    except OSError as error:
        raise AdapterGone(f"There is no Bluetooth here: {error}.", _ADAPTER) from error


@contextmanager
def _scanner() -> Iterator[None]:
    try:
        yield
    except BleakBluetoothNotAvailableError:
        raise
    except BleakError as error:
        raise AdapterGone(f"The adapter does not scan: {error}.", _ADAPTER) from error
    except asyncio.CancelledError as error:
        _require_foreign(error)
        raise AdapterGone("The adapter went away.", _ADAPTER) from error


@contextmanager
def _broken() -> Iterator[None]:
    try:
        yield
    except BleakBluetoothNotAvailableError:
        raise
    except (BleakError, TimeoutError) as error:
        why = str(error) or "it does not answer"
        raise DeviceLost(f"The connection to the device broke: {why}.", _NEAR) from error
    except asyncio.CancelledError as error:
        _require_foreign(error)
        raise DeviceLost("The connection to the device broke, or the adapter went away.", _NEAR) from error


def _require_foreign(error: asyncio.CancelledError) -> None:
    """Go on only if a Bluetooth stack cancelled what it waited for itself; whoever cancels this task is obeyed."""
    task = asyncio.current_task()
    if task is None or task.cancelling():
        raise error
