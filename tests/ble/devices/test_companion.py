"""A camera and a monitor: found by it alone, told by it to record, and by nobody else."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from bleak import BleakClient, BleakScanner
from bleak.backends.device import BLEDevice
from bleak.exc import BleakError

from ble.air.backend import backends
from ble.air.link import Kind as Packet
from ble.air.link import Overheard
from ble.air.loop import run
from ble.air.stack import AirDevice, power_on
from ble.devices.modes import Mode
from ble.devices.recordings import Cause
from ble.devices.workshop import key
from ble.devices.world import World
from ble.protocol import companion
from ble.protocol.beacon import Kind
from ble.protocol.companion import Start
from ble.protocol.credentials import Kind as Device
from ble.protocol.levels import Bluetooth
from ble.protocol.memory import Memory
from ble.protocol.messages import Answer, Done
from ble.protocol.pairing import TaserSide
from ble.protocol.permits import Purpose
from ble.protocol.profile import COMMAND, COMPANION, STATUS
from ble.protocol.reports import Vitals
from ble.protocol.steps import Application, Moment, Step

START = Start("SP4000001", 7, Kind.TRIGGER, 1_767_600_005_000)


class PlainMonitor:
    """A monitor as far as pairing needs one, and its adapter."""

    firmware = "monitor 1"

    def __init__(self, world: World, name: str, adapter: AirDevice) -> None:
        self.world = world
        memory = Memory(Device.MONITOR, name, key(world.seed, f"{name} a"), key(world.seed, f"{name} s"))
        self._side = TaserSide(memory)
        self.keys: dict[bytes, bytes] = {}
        self.scanner, self.client = backends(adapter)
        self.answers: list[bytes] = []

    def side(self) -> TaserSide:
        return self._side

    def moment(self, bluetooth: Bluetooth) -> Moment:
        now_ms = self.world.time.now_ms()
        return Moment(now_ms / 1000, Vitals(self.firmware, None, bluetooth, 100, now_ms // 1000))

    def carry_out(self, step: Step) -> None:
        self.keys |= {one.pairing.id: one.companion_key for one in step.born}

    def ask(self, _: Application) -> Answer:
        return Done()

    def pair(self, number: int) -> companion.Monitor:
        """Become the companion of a camera."""
        workshop = self.world.workshop
        pairing = workshop.pair(self, self.world.pairs[number].camera, Purpose.COMPANION)
        return companion.Monitor(companion.Keys(self.keys[pairing]), 0)

    async def find(self, irk: bytes) -> BLEDevice | None:
        return await BleakScanner.find_device_by_filter(
            lambda device, data: (
                str(COMPANION.uuid) in data.service_uuids
                and companion.is_of(irk, bytes.fromhex(device.address.replace(":", "")))
            ),
            timeout=3,
            backend=self.scanner,
            scanning_mode="passive",
        )

    async def connect(self, irk: bytes) -> BleakClient:
        found = await self.find(irk)
        assert found is not None
        client = BleakClient(found, backend=self.client, timeout=5, pair=True)
        await client.connect()
        await client.start_notify(str(STATUS.uuid), lambda _, data: self.answers.append(bytes(data)))
        return client

    async def say(self, client: BleakClient, command: bytes) -> None:
        await client.write_gatt_char(str(COMMAND.uuid), command, response=True)
        await asyncio.sleep(0.1)


def with_monitor(story: Callable[[World, PlainMonitor], Awaitable[None]]) -> None:
    async def main() -> None:
        world = await World.build(seed=9, pairs=2, place=lambda number: (number * 2.0, 0.0))
        monitor = PlainMonitor(world, "VAN1", await power_on(world.link, "van", at=(1.0, 3.0)))
        world.workshop.commission(monitor)
        try:
            await story(world, monitor)
        finally:
            world.close()

    run(main())


def test_a_monitors_command_starts_its_camera_which_answers_and_keeps_what_it_was_told() -> None:
    async def story(world: World, monitor: PlainMonitor) -> None:
        link = monitor.pair(0)
        # Under its second or third address.
        await asyncio.sleep(700)
        client = await monitor.connect(companion.Keys(monitor.keys[_only(monitor)]).irk)
        await monitor.say(client, link.command(START, 1))
        camera = world.pairs[0].camera.camera
        assert camera.mode is Mode.RECORDING
        assert link.answered(monitor.answers[-1]) == (1, True)
        (recording,) = camera.recordings.all()
        assert (recording.cause, recording.commands) == (Cause.COMPANION, (START,))
        assert world.pairs[1].camera.camera.mode is Mode.READY
        await client.disconnect()

    with_monitor(story)


def _only(monitor: PlainMonitor) -> bytes:
    (pairing,) = monitor.keys
    return pairing


def test_a_command_counts_once_also_over_a_loss_of_power_and_only_from_its_monitor() -> None:
    async def story(world: World, monitor: PlainMonitor) -> None:
        link, irk = monitor.pair(0), companion.Keys(monitor.keys[_only(monitor)]).irk
        camera = world.pairs[0].camera
        command = link.command(START, 1)
        client = await monitor.connect(irk)
        await monitor.say(client, command)
        camera.press_stop()
        for repeated in (
            command,
            bytes(len(command)),
            companion.Monitor(companion.Keys(bytes(16)), 0).command(START, 2),
        ):
            await monitor.say(client, repeated)
        assert camera.camera.mode is Mode.READY
        camera.lose_power()
        await camera.switch_on()
        await asyncio.sleep(2)
        client = await monitor.connect(irk)
        await monitor.say(client, command)
        assert camera.camera.mode is Mode.READY
        await monitor.say(client, link.command(START, 2))
        assert camera.camera.mode is Mode.RECORDING
        await client.disconnect()

    with_monitor(story)


def test_its_address_is_renewed_every_five_minutes_and_only_its_monitor_knows_it() -> None:
    async def story(world: World, monitor: PlainMonitor) -> None:
        heard: list[Overheard] = []
        world.link.observe(heard.append)
        await asyncio.sleep(60)
        assert not heard
        monitor.pair(0)
        irk = companion.Keys(monitor.keys[_only(monitor)]).irk
        start = asyncio.get_running_loop().time()
        await asyncio.sleep(3600)
        assert {one.kind for one in heard} == {Packet.CONNECTABLE}
        when: dict[bytes, list[float]] = {}
        for one in heard:
            when.setdefault(bytes(one.sender)[::-1], []).append(one.at - start)
        assert len(when) == 12
        assert all(times[-1] - times[0] <= 300 for times in when.values())
        assert all(companion.is_of(irk, address) for address in when)
        assert not any(companion.is_of(bytes(16), address) for address in when)

    with_monitor(story)


def test_connected_it_advertises_no_more_and_when_the_monitor_is_gone_it_does_again() -> None:
    async def story(world: World, monitor: PlainMonitor) -> None:
        monitor.pair(0)
        irk = companion.Keys(monitor.keys[_only(monitor)]).irk
        client = await monitor.connect(irk)
        assert await monitor.find(irk) is None
        world.walk_out_of_range(0)
        await asyncio.sleep(2)
        assert not client.is_connected
        world.walk_back(0)
        again = await monitor.connect(irk)
        # Pairing mode is open to a station meanwhile.
        heard: list[Overheard] = []
        world.link.observe(heard.append)
        await world.pairs[0].camera.pairing_mode()
        await asyncio.sleep(1)
        assert {one.kind for one in heard} == {Packet.CONNECTABLE}
        await again.disconnect()

    with_monitor(story)


def test_without_encryption_no_command_is_taken() -> None:
    async def story(_: World, monitor: PlainMonitor) -> None:
        link = monitor.pair(0)
        found = await monitor.find(companion.Keys(monitor.keys[_only(monitor)]).irk)
        assert found is not None
        async with BleakClient(found, backend=monitor.client, timeout=5) as client:
            with pytest.raises(BleakError):
                await monitor.say(client, link.command(START, 1))

    with_monitor(story)
