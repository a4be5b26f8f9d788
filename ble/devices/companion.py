"""A camera's end of its connection with a monitor: found by it alone, and told by it to record.

While the camera hears, and is not connected with a monitor that it is paired with, it advertises for it: connectable,
from a resolvable private address that only that monitor can resolve, renewed every five minutes.
"""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from bumble import hci
from bumble.core import BaseBumbleError
from bumble.device import AdvertisingEventProperties, AdvertisingParameters, AdvertisingSet, Connection
from bumble.gatt import Characteristic, CharacteristicValue, Service

from ble.air.stack import AirDevice
from ble.devices.service import ENCRYPTED_WRITE, bumble_uuid, service_advertisement
from ble.devices.waiting import Waiting
from ble.protocol import companion
from ble.protocol.companion import CompanionError, Keys, Start
from ble.protocol.profile import COMMAND, COMPANION, STATUS

ADVERTISING_MS: Final = 500.0
RENEWED_S: Final = 300.0
_PRAND_BYTES: Final = 3
_PARAMETERS: Final = AdvertisingParameters(
    advertising_event_properties=AdvertisingEventProperties(is_connectable=True, is_scannable=True, is_legacy=True),
    primary_advertising_interval_min=ADVERTISING_MS,
    primary_advertising_interval_max=ADVERTISING_MS,
)


@dataclass(slots=True)
class Monitor:
    """A monitor that the camera is paired with: its keys, and the number of its last command that was acted on."""

    pairing: bytes
    camera: companion.Camera
    irk: bytes
    waiting: Waiting = field(default_factory=Waiting)
    address: hci.Address | None = None
    connection: Connection | None = None

    @classmethod
    def of(cls, pairing: bytes, key: bytes, last: int) -> "Monitor":
        keys = Keys(key)
        return cls(pairing, companion.Camera(keys, last), keys.irk)

    def new_address(self) -> hci.Address:
        self.address = hci.Address(companion.address(self.irk, secrets.token_bytes(_PRAND_BYTES))[::-1])
        return self.address


Obey = Callable[[bytes, int, Start], bool]
"""Acts on a command: the pairing, the command's number, what it says; answers whether the camera records now."""


class CompanionService:
    """The companion service on a camera's stack."""

    def __init__(self, stack: AirDevice, obey: Obey) -> None:
        self._stack = stack
        self._obey = obey
        self._monitors: dict[bytes, Monitor] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._status: Characteristic[bytes] = Characteristic(
            bumble_uuid(STATUS.uuid), Characteristic.Properties.NOTIFY, Characteristic.Permissions(0), b""
        )
        command: Characteristic[bytes] = Characteristic(
            bumble_uuid(COMMAND.uuid),
            Characteristic.Properties.WRITE,
            ENCRYPTED_WRITE,
            CharacteristicValue(write=self._on_command),
        )
        stack.add_service(Service(bumble_uuid(COMPANION.uuid), [command, self._status]))
        stack.on(stack.EVENT_CONNECTION, self._on_connection)

    def follow(self, monitors: dict[bytes, tuple[bytes, int]]) -> None:
        """Look for these monitors from now: companion key and last number by pairing."""
        for gone in self._monitors.keys() - monitors.keys():
            self._monitors.pop(gone).waiting.end()
        for pairing, (key, last) in monitors.items():
            if pairing not in self._monitors:
                self._monitors[pairing] = Monitor.of(pairing, key, last)
                self._look_for(self._monitors[pairing])

    def _look_for(self, monitor: Monitor) -> None:
        monitor.waiting = Waiting()
        task = asyncio.get_running_loop().create_task(self._advertise(monitor))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _advertise(self, monitor: Monitor) -> None:
        try:
            made = await self._stack.create_advertising_set(
                _PARAMETERS,
                random_address=monitor.new_address(),
                advertising_data=service_advertisement(COMPANION.uuid),
            )
            await self._renew(made, monitor)
            if made.enabled:
                await made.stop()
            await made.remove()
        except BaseBumbleError:
            # Its power went away.
            return

    async def _renew(self, made: AdvertisingSet, monitor: Monitor) -> None:
        loop = asyncio.get_running_loop()
        while not monitor.waiting.over:
            await monitor.waiting.until(loop.time() + RENEWED_S)
            if not monitor.waiting.over:
                await made.stop()
                address = monitor.new_address()
                await made.set_random_address(address)
                # bumble leaves this as it was, and takes a connection's own address from it.
                made.random_address = address
                await made.start()

    def _on_connection(self, connection: Connection) -> None:
        for monitor in self._monitors.values():
            if monitor.address == connection.self_address:
                monitor.connection = connection
                monitor.waiting.end()
                connection.on(connection.EVENT_DISCONNECTION, lambda _, found=monitor: self._on_disconnection(found))

    def _on_disconnection(self, monitor: Monitor) -> None:
        monitor.connection = None
        if self._stack.powered_on and self._monitors.get(monitor.pairing) is monitor:
            self._look_for(monitor)

    async def _on_command(self, connection: Connection, data: bytes) -> None:
        # By its keys, not by its address: whoever connects may say what it likes.
        for monitor in self._monitors.values():
            try:
                start = monitor.camera.read(bytes(data))
            except CompanionError:
                continue
            recording = self._obey(monitor.pairing, monitor.camera.last, start)
            if self._stack.powered_on:
                await self._stack.notify_subscriber(connection, self._status, monitor.camera.answer(recording))
            return
