"""A small station for tests: real sessions and the real relay over bleak, without jobs, service or progress."""

import asyncio
from typing import Any

from bleak import BleakClient, BleakScanner
from bleak.backends.device import BLEDevice

from ble.air.backend import backends
from ble.air.stack import AirDevice, power_on
from ble.devices.workshop import Workshop
from ble.devices.world import World
from ble.protocol.frames import Assembler, Fragmenter
from ble.protocol.messages import (
    Answer,
    Commission,
    Done,
    Enrol,
    EnrolRequest,
    Refused,
    Reported,
    ReportRequest,
    Request,
)  # fmt: skip
from ble.protocol.profile import ATT_HEADER, FROM_DEVICE, PAIRING, TO_DEVICE, VALUE_LIMIT
from ble.protocol.relay import Agreed, Ask, NeedPermit, PairRelay, Side
from ble.protocol.session import Identified, SessionState, StationSession

SERVICE = str(PAIRING.uuid)


class Cordless:
    """One session with one device over an encrypted link."""

    def __init__(self, client: BleakClient, session: StationSession) -> None:
        self.client, self.session = client, session
        self._assembler, self._fragmenter = Assembler(), Fragmenter()
        self._messages: asyncio.Queue[bytes] = asyncio.Queue()

    async def open(self) -> None:
        await self.client.connect()
        await self.client.start_notify(str(FROM_DEVICE.uuid), self._on_frame)
        await self._give(self.session.begin())
        assert self.session.state is SessionState.OPEN

    def _on_frame(self, _: Any, frame: bytearray) -> None:
        if (message := self._assembler.feed(bytes(frame))) is not None:
            self._messages.put_nowait(message)

    async def ask(self, request: Request) -> Answer:
        answer = await self._give(self.session.ask(request))
        assert answer is not None
        return answer

    async def _give(self, message: bytes) -> Answer | None:
        while True:
            for frame in self._fragmenter.cut(message, min(VALUE_LIMIT, self.client.mtu_size - ATT_HEADER)):
                await self.client.write_gatt_char(str(TO_DEVICE.uuid), frame, response=True)
            async with asyncio.timeout(5):
                received = self.session.receive(await self._messages.get())
            if not isinstance(received, bytes):
                return received
            message = received


class SmallStation:
    """The workshop's station with an adapter on the air."""

    def __init__(self, world: World, adapter: AirDevice) -> None:
        self.world, self.adapter = world, adapter
        self.scanner, self.client = backends(adapter)

    @classmethod
    async def of(cls, world: World, at: tuple[float, float] = (0.0, 0.5)) -> "SmallStation":
        return cls(world, await power_on(world.link, "station", at=at))

    @property
    def workshop(self) -> Workshop:
        return self.world.workshop

    async def find(self, *, not_these: frozenset[str] = frozenset()) -> BLEDevice:
        found = await BleakScanner.find_device_by_filter(
            lambda device, data: SERVICE in data.service_uuids and device.address not in not_these,
            timeout=5,
            backend=self.scanner,
            scanning_mode="passive",
        )
        assert found is not None
        return found

    async def meet(self, device: BLEDevice) -> Cordless:
        client = BleakClient(device, backend=self.client, timeout=5, pair=True)
        met = Cordless(client, self.workshop.station_session())
        await met.open()
        return met

    async def reported(self, cordless: Cordless) -> Identified:
        answer = await cordless.ask(ReportRequest(b""))
        assert isinstance(answer, Reported)
        return cordless.session.identify(answer, self.workshop.trust, now=self.workshop.now_s())

    async def commission(self, cordless: Cordless) -> None:
        enrol = await cordless.ask(EnrolRequest())
        assert isinstance(enrol, Enrol)
        credential = self.workshop.credential_of(*cordless.session.enrolled(enrol))
        assert await cordless.ask(Commission(credential, self.workshop.chain)) == Done()

    async def pair(self, taser: Cordless, camera: Cordless) -> Agreed:
        """The whole pairing between two open sessions; AssertionError when a device refuses."""
        sessions = {Side.TASER: taser, Side.CAMERA: camera}
        identified: dict[Side, Identified] = {}

        def identify(side: Side, answer: Reported) -> Identified:
            found = sessions[side].session.identify(answer, self.workshop.trust, now=self.workshop.now_s())
            identified[side] = found
            return found

        relay = PairRelay(identify)
        action = relay.begin()
        while not isinstance(action, Agreed):
            if isinstance(action, NeedPermit):
                permit = self.workshop.permit(identified[Side.TASER], identified[Side.CAMERA])
                action = relay.permitted(permit.issue(self.workshop.permit_signer))
            elif isinstance(action, Ask):
                answer = await sessions[action.side].ask(action.request)
                assert not isinstance(answer, Refused), answer
                action = relay.receive(action.side, answer)
        return action
