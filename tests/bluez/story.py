"""What is checked in the guest, in order.

The station of ``python -m ble`` runs in a process of its own, on bleak's own backend, BlueZ and the kernel; behind the
kernel's virtual controller are the simulated Taser and camera on their air.
"""

import asyncio
import tempfile
import time
from pathlib import Path

from bleak import BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from ble.air.link import Kind, Overheard
from ble.air.loop import run
from ble.devices.modes import Mode
from ble.devices.world import World
from ble.protocol.beacon import Kind as Event
from ble.protocol.beacon import frame
from ble.protocol.levels import Bluetooth
from ble.protocol.profile import PAIRING
from ble.station.radio import Radio
from ble.station.security import Protection
from ble.station.service import JobKind
from tests.ble.station.force import Force
from tests.bluez import bonds, station
from tests.bluez.adapter import plug_in, switched_on
from tests.bluez.guest import say
from tests.bluez.scene import Say, Scene, until
from tests.bluez.service import served

DEVICES = 2
QUIET_S = 2.0
# The same event, as it ages on the air.
REFRESHES = 5


async def scan(scene: Scene) -> None:
    """A device that is not in pairing mode is not heard of; one that is, is found."""
    found: set[str] = set()

    def note(device: BLEDevice, _: AdvertisementData) -> None:
        found.add(device.address)

    async with BleakScanner(note, [str(PAIRING.uuid)]):
        await asyncio.sleep(QUIET_S)
        assert not found, found
        await scene.show()
        await until(lambda: len(found) == DEVICES)
    scene.say("scan: both devices found in pairing mode, neither before")


async def pairing(scene: Scene) -> None:
    """The whole pairing with its function test; BlueZ and both devices say of their links that they are protected.

    Where the kernel lacks the cryptography ``pair()`` succeeds and the link is open, so nobody's word is taken for it:
    BlueZ must have kept a bond, and each device reports what its own controller and key store see.
    """
    await scene.show()
    async with bonds.watched() as bonded:
        await scene.job(JobKind.PAIR)
    force = scene.force
    said = [(met["link"], met["bluetooth"]) for met in scene.facts("identify")]
    assert said == [(Protection.BONDED, Bluetooth.SECURE_CONNECTIONS)] * DEVICES, said
    assert len(bonded) == DEVICES, bonded
    assert not await bonds.kept(), "the station left a bond behind"
    assert force.agreed == force.tested == {permit.id for permit in force.permits}
    assert len(force.tested) == 1, force.tested
    scene.say("pairing: agreed and tested, over links that BlueZ and both devices call encrypted and bonded")


async def beacon(scene: Scene) -> None:
    """A shot starts the camera by its beacon alone; a monitor's ears hear the same beacon as it ages, passively."""
    sent: set[bytes] = set()
    heard: set[bytes] = set()

    def observe(packet: Overheard) -> None:
        if packet.kind is Kind.NOT_CONNECTABLE:
            sent.add(packet.data)

    def note(found: dict[int, bytes]) -> None:
        heard.update(frame(payload, company) for company, payload in found.items())

    def kinds() -> list[Event]:
        decisions = [one.decision for one in scene.pair.camera.heard[before:]]
        return [decision.sighting.kind for decision in decisions if decision.sighting]

    scene.world.link.observe(observe)
    before = len(scene.pair.camera.heard)
    async with Radio().listening(note):
        scene.world.fire(scene.pair.number)
        await until(lambda: len(heard) >= REFRESHES and Event.TRIGGER in kinds())
    assert heard <= sent
    assert scene.pair.camera.camera.mode is Mode.RECORDING
    scene.say("beacon: the camera records, and a monitor on BlueZ hears what was sent")


async def log(scene: Scene) -> None:
    """The Taser is met and bonded anew, under another identity, and its log holds every event that was on the air."""
    await scene.pair.camera.hide()
    await scene.pair.taser.pairing_mode()
    await scene.job(JobKind.READ_LOG)
    told = {counter for _, counter, _ in scene.force.activations}
    fired = {one.event.counter for one in scene.pair.taser.fired}
    assert told == fired, (told, fired)
    scene.say(f"log: {len(told)} events read, as they were sent")


async def tell(say: Say) -> None:
    """Every check, in the time of the wall.

    Raises:
        AssertionError, TimeoutError: what does not hold, or did not happen.
    """
    world = await World.build(seed=1, pairs=1, paired=False, epoch_ms=round(time.time() * 1000))
    scene = Scene(world, Force(world.workshop, lambda: world.time.now_ms() / 1000), say)
    with served(scene.force) as url, tempfile.TemporaryDirectory() as folder:
        await station.enrol(scene.force, Path(folder), url)
        async with station.at_work(Path(folder)):
            await plug_in(world.link, at=(0.0, 0.5))
            await switched_on()
            say("BlueZ has switched on the adapter")
            for check in (scan, pairing, beacon, log):
                await check(scene)


if __name__ == "__main__":
    run(tell(say), pace=1)
