"""bleak on a bumble stack: ``BleakScanner`` and ``BleakClient`` take backend classes, and these are two.

``backends(device)`` binds them to one stack, which is then this machine's Bluetooth adapter. Errors are bleak's own;
bumble reports a lost link by cancelling what waits, which must not look like the caller's own cancellation.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeVar, cast

from bleak.args import SizedBuffer
from bleak.assigned_numbers import gatt_char_props_to_strs
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient, NotifyCallback
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData, AdvertisementDataCallback, BaseBleakScanner
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakDeviceNotFoundError,
    BleakError,
    BleakGATTProtocolError,
)
from bumble import hci
from bumble.att import ATT_Error
from bumble.core import BaseBumbleError
from bumble.core import TimeoutError as BumbleTimeoutError
from bumble.device import Advertisement, Connection, Peer
from bumble.gatt_client import CharacteristicProxy
from bumble.pairing import PairingConfig, PairingDelegate

from ble.air import advertising
from ble.air.advertising import full_uuid
from ble.air.stack import AirDevice
from ble.protocol.profile import ATT_HEADER, PREFERRED_MTU, VALUE_LIMIT

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LinkSecurity:
    """What protects a connection below the application.

    ``secure_connections`` is whether the key came from an ECDH exchange; ``authenticated`` whether a person compared
    or typed a number, so that nobody sat in the middle. Just Works never is, whatever was asked for.
    """

    encrypted: bool
    bonded: bool
    secure_connections: bool
    authenticated: bool


@dataclass(slots=True)
class Adapter:
    """One stack as this machine's adapter: shared by all scanners and clients made for it."""

    device: AirDevice
    scanners: int = 0
    scan_interval_ms: float = 60.0
    scan_window_ms: float = 60.0
    connecting: asyncio.Lock = field(default_factory=asyncio.Lock)

    def require_power(self) -> None:
        # Unplugged, or switched off: bumble itself would wait for a controller that is not there.
        if not self.device.powered_on or self.device.controller.hci_sink is None:
            raise BleakBluetoothNotAvailableError(
                "the adapter has no power", BleakBluetoothNotAvailableReason.POWERED_OFF
            )


class BumbleScanner(BaseBleakScanner):
    """Scanning on the bound adapter; each change of an advertiser's data is reported, repetitions are not."""

    adapter: ClassVar[Adapter]

    def __init__(
        self,
        detection_callback: AdvertisementDataCallback | None,
        service_uuids: list[str] | None,
        scanning_mode: Literal["active", "passive"],
        **kwargs: Any,  # noqa: ARG002
    ) -> None:
        super().__init__(detection_callback, service_uuids)
        self._active = scanning_mode == "active"

    async def start(self) -> None:
        self.adapter.require_power()
        self.seen_devices = {}
        device = self.adapter.device
        device.on(device.EVENT_ADVERTISEMENT, self._on_advertisement)
        self.adapter.scanners += 1
        # Begun anew for each scanner, or a later one would miss whom the controller has reported already.
        await self._stop_device()
        await device.start_scanning(
            active=self._active,
            filter_duplicates=True,
            scan_interval=self.adapter.scan_interval_ms,
            scan_window=self.adapter.scan_window_ms,
        )

    async def stop(self) -> None:
        device = self.adapter.device
        device.remove_listener(device.EVENT_ADVERTISEMENT, self._on_advertisement)
        self.adapter.scanners -= 1
        if not self.adapter.scanners and device.powered_on:
            await self._stop_device()

    async def _stop_device(self) -> None:
        if self.adapter.device.is_scanning:
            await self.adapter.device.stop_scanning()

    def _on_advertisement(self, heard: Advertisement) -> None:
        address = heard.address.to_string(False)
        # With an active scan these are the advertisement's and the response's together.
        said = advertising.read((int(kind), value) for kind, value in heard.data.ad_structures)
        data = AdvertisementData(
            said.name, said.manufacturer, said.service_data, said.services, said.power, heard.rssi, (heard,)
        )
        if not self.is_allowed_uuid(data.service_uuids):
            return
        device = self.create_or_update_device(address, address, data.local_name, heard.address, data)
        self.call_detection_callbacks(device, data)


class BumbleClient(BaseBleakClient):
    """A connection from the bound adapter."""

    adapter: ClassVar[Adapter]

    def __init__(self, address_or_ble_device: BLEDevice | str, services: set[str] | None = None, **kwargs: Any) -> None:
        super().__init__(address_or_ble_device, **kwargs)
        known = address_or_ble_device if isinstance(address_or_ble_device, BLEDevice) else None
        self._name = known.name if known else None
        self._peer_address = known.details if known else hci.Address(self.address)
        self._wanted = services
        self._connection: Connection | None = None
        # Under which address the bond is kept: the peer's identity, once it has given one.
        self._bonded_as = str(self._peer_address)
        self._peer: Peer | None = None

    @property
    def name(self) -> str:
        return self._name or self.address.replace(":", "-")

    @property
    def mtu_size(self) -> int:
        return self._connected().att_mtu

    @property
    def is_connected(self) -> bool:
        return self._connection is not None

    def _connected(self) -> Connection:
        if self._connection is None:
            raise BleakError("Not connected")
        return self._connection

    async def _do(self, operation: Awaitable[T]) -> T:
        """Run one operation, with bumble's errors as bleak's."""
        task = asyncio.current_task()
        try:
            return await operation
        except asyncio.CancelledError:
            if task is None or task.cancelling() or self._connection is not None:
                raise
            raise BleakError("Not connected") from None
        except ATT_Error as error:
            raise BleakGATTProtocolError(error.error_code) from error
        except BumbleTimeoutError as error:
            raise BleakError("no answer in time") from error
        except BaseBumbleError as error:
            raise BleakError(str(error)) from error

    # Connection

    async def connect(self, pair: bool, **kwargs: Any) -> None:  # noqa: ARG002
        self.adapter.require_power()
        if self._connection is not None:
            raise BleakError("Client is already connected")
        # A controller looks for one peer at a time.
        async with self.adapter.connecting:
            connection = await self._reach()
        self._connection = connection
        connection.on(connection.EVENT_DISCONNECTION, self._on_disconnection)
        self._peer = Peer(connection)
        try:
            if pair:
                await self.pair()
            await self._do(self._peer.request_mtu(PREFERRED_MTU))
            await self._do(self._discover(self._peer))
        except BaseException:
            await self.disconnect()
            raise

    async def _reach(self) -> Connection:
        try:
            return await self.adapter.device.connect_le(self._peer_address, timeout=self._timeout)
        except BumbleTimeoutError:
            raise BleakDeviceNotFoundError(self.address, f"Device with address {self.address} was not found.") from None
        except BaseBumbleError as error:
            raise BleakError(str(error)) from error

    def _on_disconnection(self, _reason: int) -> None:
        self._connection = None
        self._peer = None
        self.services = None
        if self._disconnected_callback is not None:
            self._disconnected_callback()

    async def disconnect(self) -> None:
        if (connection := self._connection) is None:
            return
        try:
            await self._do(connection.disconnect())
        except BleakError:
            # It went by itself meanwhile: what was wanted.
            if self._connection is not None:
                raise

    # Security

    async def pair(self, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002
        """LE Secure Connections with bonding, or the encryption of an old bond.

        Raises:
            BleakError: refused, failed, the old way only, or the link is not encrypted although it said so.
        """
        connection = self._connected()
        if not connection.is_encrypted:
            bonded = await self._bond(connection) is not None
            await self._do(connection.encrypt() if bonded else connection.pair())
        self._bonded_as = str(connection.peer_address)
        security = await self.security()
        if not (security.encrypted and security.bonded and security.secure_connections):
            await self.disconnect()
            raise BleakError(f"the link is not protected: {security}")

    async def security(self) -> LinkSecurity:
        """What protects the connection now; asked of the link and the key store, not of what was requested."""
        connection = self._connected()
        keys = await self._bond(connection)
        key = keys.ltk if keys else None
        encrypted = bool(connection.is_encrypted)
        return LinkSecurity(
            encrypted=encrypted,
            bonded=keys is not None,
            secure_connections=encrypted and key is not None,
            authenticated=encrypted and key is not None and key.authenticated,
        )

    async def _bond(self, connection: Connection) -> Any:
        keystore = self.adapter.device.keystore
        return await keystore.get(str(connection.peer_address)) if keystore else None

    async def unpair(self) -> None:
        if keystore := self.adapter.device.keystore:
            await keystore.delete(self._bonded_as)
        await self.disconnect()

    # Services

    async def _discover(self, peer: Peer) -> None:
        services = BleakGATTServiceCollection()
        for found in await peer.discover_services():
            service = BleakGATTService(found, found.handle, full_uuid(found.uuid.to_bytes()))
            if self._wanted and service.uuid not in self._wanted:
                continue
            services.add_service(service)
            for characteristic in await found.discover_characteristics():
                await self._add(services, service, characteristic)
        self.services = services

    async def _add(
        self,
        services: BleakGATTServiceCollection,
        service: BleakGATTService,
        found: "CharacteristicProxy[bytes]",
    ) -> None:
        characteristic = BleakGATTCharacteristic(
            found,
            found.handle,
            full_uuid(found.uuid.to_bytes()),
            list(gatt_char_props_to_strs(int(found.properties))),
            lambda: min(VALUE_LIMIT, self._connected().att_mtu - ATT_HEADER),
            service,
        )
        services.add_characteristic(characteristic)
        for descriptor in await found.discover_descriptors():
            made = BleakGATTDescriptor(
                descriptor, descriptor.handle, full_uuid(descriptor.type.to_bytes()), characteristic
            )
            services.add_descriptor(made)

    # Attributes

    async def read_gatt_char(
        self,
        characteristic: BleakGATTCharacteristic,
        *,
        use_cached: bool = False,  # noqa: ARG002
        **kwargs: Any,  # noqa: ARG002
    ) -> bytearray:
        return await self._read(characteristic.handle)

    async def read_gatt_descriptor(
        self,
        descriptor: BleakGATTDescriptor,
        *,
        use_cached: bool = False,  # noqa: ARG002
        **kwargs: Any,  # noqa: ARG002
    ) -> bytearray:
        return await self._read(descriptor.handle)

    async def _read(self, handle: int) -> bytearray:
        return bytearray(await self._do(self._attributes().read_value(handle)))

    async def write_gatt_char(self, characteristic: BleakGATTCharacteristic, data: SizedBuffer, response: bool) -> None:
        value = bytes(cast(bytes, data))
        if not response and len(value) > self.mtu_size - ATT_HEADER:
            raise BleakError("longer than one write without response")
        await self._do(self._attributes().write_value(characteristic.handle, value, with_response=response))

    async def write_gatt_descriptor(self, descriptor: BleakGATTDescriptor, data: SizedBuffer) -> None:
        value = bytes(cast(bytes, data))
        await self._do(self._attributes().write_value(descriptor.handle, value, with_response=True))

    def _attributes(self) -> Any:
        self._connected()
        return cast(Peer, self._peer).gatt_client

    async def start_notify(
        self,
        characteristic: BleakGATTCharacteristic,
        callback: NotifyCallback,
        **kwargs: Any,  # noqa: ARG002
    ) -> None:
        self._connected()
        subscriber: Callable[[bytes], None] = lambda value: callback(bytearray(value))  # noqa: E731
        await self._do(characteristic.obj.subscribe(subscriber))

    async def stop_notify(self, characteristic: BleakGATTCharacteristic) -> None:
        self._connected()
        await self._do(characteristic.obj.unsubscribe())


def backends(
    device: AirDevice, *, delegate: PairingDelegate | None = None
) -> tuple[type[BumbleScanner], type[BumbleClient]]:
    """The two classes for ``backend=``, bound to this stack.

    ``delegate`` is the person at the machine, who compares or types the pairing's number; nobody by default, so that
    only Just Works is possible and no key counts as authenticated.
    """
    adapter = Adapter(device)
    device.pairing_config_factory = lambda _connection: PairingConfig(
        sc=True, mitm=delegate is not None, bonding=True, delegate=delegate
    )
    scanner = type("BumbleScanner", (BumbleScanner,), {"adapter": adapter})
    client = type("BumbleClient", (BumbleClient,), {"adapter": adapter})
    return cast(type[BumbleScanner], scanner), cast(type[BumbleClient], client)
