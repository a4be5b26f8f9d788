"""The pairing service of a simulated device: GATT characteristics in front of a protocol side.

In pairing mode, sixty seconds from a press of a button, the device advertises the service's UUID from a fresh random
address and nothing else. Each message is put together from frames, given to the side, and its step carried out: first
the write, then the answer.
"""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from bumble import core, hci
from bumble.device import AdvertisingType, Connection
from bumble.gatt import Characteristic, CharacteristicValue, Service
from bumble.pairing import PairingConfig, PairingDelegate

from ble.air.stack import AirDevice
from ble.devices.flash import PowerCut, WriteLost
from ble.protocol.device import Device
from ble.protocol.frames import Assembler, Fragmenter, FrameError
from ble.protocol.levels import Bluetooth
from ble.protocol.messages import Answer
from ble.protocol.profile import ATT_HEADER, FROM_DEVICE, PAIRING, PAIRING_MODE_S, TO_DEVICE, VALUE_LIMIT
from ble.protocol.steps import Application, Moment, Step

ADVERTISING_MS: Final = 100.0
IRK_BYTES: Final = 16
# Flags: limited discoverable, as pairing mode is, and no BR/EDR (Core Specification Supplement, part A, 1.3).
_FLAGS: Final = bytes((2, 0x01, 0x05))
_UUID_128: Final = 0x07
ENCRYPTED_WRITE: Final = Characteristic.Permissions.WRITEABLE | Characteristic.Permissions.WRITE_REQUIRES_ENCRYPTION


def service_advertisement(uuid: UUID) -> bytes:
    """Advertising data with flags and one service UUID."""
    return _FLAGS + bytes((17, _UUID_128)) + uuid.bytes[::-1]


def bumble_uuid(uuid: UUID) -> core.UUID:
    return core.UUID(str(uuid))


@dataclass(slots=True)
class _Conversation:
    """One connection's frames, in and out."""

    assembler: Assembler = field(default_factory=Assembler)
    fragmenter: Fragmenter = field(default_factory=Fragmenter)


class PairingService:
    """The service on one stack, for one device.

    ``begin`` makes the protocol's end from memory; ``moment`` is what the device measures now; ``carry_out`` stores a
    step; ``ask`` answers what only the device itself can; ``power_cut`` is what to do when power fails at a write.
    """

    def __init__(
        self,
        stack: AirDevice,
        begin: Callable[[], Device[Any]],
        *,
        moment: Callable[[Bluetooth], Moment],
        carry_out: Callable[[Step], None],
        ask: Callable[[Application], Answer],
        power_cut: Callable[[], None],
    ) -> None:
        self.stack = stack
        self.side = begin()
        self._begin = begin
        self._moment, self._carry_out, self._ask, self._power_cut = moment, carry_out, ask, power_cut
        self._conversations: dict[int, _Conversation] = {}
        self._until = 0.0
        self._off: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        # The button, the end of its minute and a lost link may all want the advertiser at once.
        self._advertising = asyncio.Lock()
        self._from_device: Characteristic[bytes] = Characteristic(
            bumble_uuid(FROM_DEVICE.uuid), Characteristic.Properties.NOTIFY, Characteristic.Permissions(0), b""
        )
        stack.add_service(Service(bumble_uuid(PAIRING.uuid), [self._to_device(), self._from_device]))
        stack.pairing_config_factory = pairing_config
        stack.on(stack.EVENT_CONNECTION, self._on_connection)

    def _to_device(self) -> Characteristic[bytes]:
        return Characteristic(
            bumble_uuid(TO_DEVICE.uuid),
            Characteristic.Properties.WRITE,
            ENCRYPTED_WRITE,
            CharacteristicValue(write=self._on_frame),
        )

    # Pairing mode

    async def pairing_mode(self) -> None:
        """The button: visible for sixty seconds from now."""
        loop = asyncio.get_running_loop()
        self._until = loop.time() + PAIRING_MODE_S
        if self._off is not None:
            self._off.cancel()
        self._off = loop.call_at(self._until, lambda: self._run(self.hide()))
        await self._advertise()

    async def hide(self) -> None:
        """Visible to nobody new; a connection that stands goes on."""
        self._until = 0.0
        if self._off is not None:
            self._off.cancel()
            self._off = None
        async with self._advertising:
            if self.stack.powered_on:
                await self.stack.stop_advertising()

    async def _advertise(self) -> None:
        async with self._advertising:
            if self._until and not self._conversations and self.stack.powered_on:
                await self._show()

    async def _show(self) -> None:
        self._be_somebody_new()
        await self.stack.use_address(hci.Address.generate_private_address(self.stack.irk))
        await self.stack.start_advertising(
            advertising_type=AdvertisingType.UNDIRECTED_CONNECTABLE_SCANNABLE,
            advertising_data=service_advertisement(PAIRING.uuid),
            advertising_interval_min=ADVERTISING_MS,
            advertising_interval_max=ADVERTISING_MS,
        )

    def _be_somebody_new(self) -> None:
        """Another identity for each time that it is visible, so that nobody who once paired can follow the device.

        It is given to whoever pairs. Without one that can be kept BlueZ keeps no bond: an address that cannot be
        resolved to a static one is another device's tomorrow.
        """
        self.stack.irk = secrets.token_bytes(IRK_BYTES)
        self.stack.static_address = hci.Address.generate_static_address()

    # Connections

    def _on_connection(self, connection: Connection) -> None:
        if connection.self_address != self.stack.random_address:
            # It came by another advertisement: a companion's.
            return
        self._conversations[connection.handle] = _Conversation()
        connection.on(connection.EVENT_DISCONNECTION, lambda _: self._on_disconnection(connection.handle))

    def _on_disconnection(self, handle: int) -> None:
        self._conversations.pop(handle, None)
        self.side.disconnected(handle)
        if asyncio.get_running_loop().time() < self._until:
            self._run(self._advertise())

    async def _on_frame(self, connection: Connection, frame: bytes) -> None:
        if (conversation := self._conversations.get(connection.handle)) is None:
            return
        try:
            message = conversation.assembler.feed(bytes(frame))
        except FrameError:
            self._run(self._hang_up(connection))
            return
        if message is not None:
            moment = self._moment(await self.level(connection))
            self._take(connection, self.side.receive(connection.handle, message, moment))

    def _take(self, connection: Connection, step: Step) -> None:
        try:
            self._carry_out(step)
        except PowerCut:
            self._power_cut()
            return
        except WriteLost:
            # What was promised cannot be kept: no answer, and the next connection begins from what memory holds.
            self.side = self._begin()
            self._run(self._hang_up(connection))
            return
        if step.send is not None:
            self._run(self._send(connection, step.send))
        if step.ask is not None:
            self._take(connection, self.side.answer(self._ask(step.ask)))
        if step.close:
            self._run(self._hang_up(connection))

    async def _send(self, connection: Connection, message: bytes) -> None:
        if (conversation := self._conversations.get(connection.handle)) is None:
            return
        for frame in conversation.fragmenter.cut(message, min(VALUE_LIMIT, connection.att_mtu - ATT_HEADER)):
            await self.stack.notify_subscriber(connection, self._from_device, frame)

    async def _hang_up(self, connection: Connection) -> None:
        if connection.handle in self._conversations:
            await connection.disconnect()

    async def level(self, connection: Connection) -> Bluetooth:
        """The link's hardening as this end's own controller and key store see it."""
        keys = await self.stack.keystore.get(str(connection.peer_address)) if self.stack.keystore else None
        if not connection.is_encrypted or keys is None or keys.ltk is None:
            return Bluetooth.LEGACY
        return Bluetooth.AUTHENTICATED if keys.ltk.authenticated else Bluetooth.SECURE_CONNECTIONS

    def _run(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        # The other side or this one's power went away meanwhile: nothing is left to be told.
        if not task.cancelled():
            task.exception()


def pairing_config(_connection: Connection) -> PairingConfig:
    """LE Secure Connections with bonding, by a device without display or keys.

    The device gives its identity of this minute (``_be_somebody_new``) and takes nobody's.
    """
    keys = PairingDelegate.KeyDistribution
    encryption, identity = keys.DISTRIBUTE_ENCRYPTION_KEY, keys.DISTRIBUTE_IDENTITY_KEY
    delegate = PairingDelegate(PairingDelegate.NO_OUTPUT_NO_INPUT, encryption, encryption | identity)
    return PairingConfig(
        sc=True, mitm=False, bonding=True, delegate=delegate, identity_address_type=PairingConfig.AddressType.RANDOM
    )
