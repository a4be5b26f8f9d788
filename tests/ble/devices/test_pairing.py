"""Commissioning, pairing and the function test over the air: real stacks, real handshakes, every way to break off."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable

import pytest
from bleak import BleakClient
from bleak.exc import BleakError

from ble.air.link import Kind, Overheard
from ble.air.loop import run
from ble.devices.service import service_advertisement
from ble.devices.sppm import Sppm
from ble.devices.taser import Act
from ble.devices.world import World
from ble.protocol import beacon, messages, statements
from ble.protocol.cose import PublicKey
from ble.protocol.evidence import read_log
from ble.protocol.levels import Bluetooth
from ble.protocol.messages import Done, Entries, LogRequest, Refused, SetClock, Unpair
from ble.protocol.permits import UnpairOrder
from ble.protocol.profile import PAIRING, PAIRING_MODE_S, TO_DEVICE
from ble.protocol.relay import RelayError
from ble.protocol.reports import Standing
from ble.protocol.session import SessionError
from ble.protocol.statements import BEGINNING, EvidenceError, LogEntry
from tests.ble.devices.cordless import Cordless, SmallStation


class Armoury:
    """A world with a station in it."""

    def __init__(self, world: World, station: SmallStation) -> None:
        self.world, self.station = world, station
        self.taser, self.camera = world.pairs[0].taser, world.pairs[0].camera

    async def meet_taser(self) -> Cordless:
        await self.taser.pairing_mode()
        return await self.station.meet(await self.station.find())

    async def meet_camera(self, taser: Cordless) -> Cordless:
        await self.camera.pairing_mode()
        found = await self.station.find(not_these=frozenset({taser.client.address}))
        return await self.station.meet(found)

    async def meet(self) -> tuple[Cordless, Cordless]:
        taser = await self.meet_taser()
        return taser, await self.meet_camera(taser)

    async def part(self, *sessions: Cordless) -> None:
        for one in sessions:
            await one.client.disconnect()
        await self.taser.hide()
        await self.camera.hide()
        await asyncio.sleep(0.5)

    def held(self) -> tuple[list[tuple[bytes, Standing]], list[tuple[bytes, Standing]]]:
        """The pairings that Taser and camera hold, by id."""
        taser = [(one.id, one.standing) for one in self.taser.sppm.memory.pairings]
        return taser, [(one.id, one.standing) for one in self.camera.camera.memory.identity.pairings]


def in_armoury(story: Callable[[Armoury], Awaitable[None]], *, commissioned: bool = True) -> None:
    async def main() -> None:
        world = await World.build(seed=2, pairs=1, commissioned=commissioned, paired=False)
        try:
            await story(Armoury(world, await SmallStation.of(world)))
        finally:
            world.close()

    run(main())


def test_from_new_devices_to_a_passed_function_test_takes_under_five_seconds() -> None:
    async def story(armoury: Armoury) -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()
        taser, camera = await armoury.meet()
        await armoury.station.commission(taser)
        await armoury.station.commission(camera)
        await armoury.station.pair(taser, camera)
        armoury.taser.test()
        await asyncio.sleep(0.2)
        (pairing, standing), *_ = armoury.held()[0]
        assert standing is Standing.AGREED
        tests = [await one.ask(messages.TestRequest(pairing)) for one in (taser, camera)]
        took = loop.time() - start
        assert took < 5
        entries = [_statement(one, key) for one, key in zip(tests, armoury_keys(armoury), strict=True)]
        assert [one.kind for one in entries] == [beacon.Kind.TEST] * 2
        assert entries[0].counter == entries[1].counter
        assert isinstance(entries[1], statements.Account)
        assert entries[1].recording is not None
        await armoury.part(taser, camera)

    in_armoury(story, commissioned=False)


def armoury_keys(armoury: Armoury) -> list[PublicKey]:
    return [armoury.taser.sppm.memory.signing.public, armoury.camera.camera.memory.identity.signing.public]


def _statement(answer: object, key: PublicKey) -> statements.LogEntry | statements.Account:
    assert isinstance(answer, Entries)
    (signed,) = answer.entries
    found = statements.read(signed, [key]).statement
    assert not isinstance(found, statements.Cancellation)
    return found


def test_pairing_mode_shows_a_service_and_a_new_address_for_sixty_seconds_and_nothing_else() -> None:
    async def story(armoury: Armoury) -> None:
        heard: list[Overheard] = []
        armoury.world.link.observe(heard.append)
        addresses = set()
        for _ in range(3):
            heard.clear()
            start = asyncio.get_running_loop().time()
            await armoury.taser.pairing_mode()
            await asyncio.sleep(120)
            assert {one.kind for one in heard} == {Kind.CONNECTABLE}
            assert {one.data for one in heard} == {service_advertisement(PAIRING.uuid)}
            assert len({str(one.sender) for one in heard}) == 1
            addresses.add(str(heard[0].sender))
            assert PAIRING_MODE_S - 0.2 < heard[-1].at - start <= PAIRING_MODE_S
        assert len(addresses) == 3

    in_armoury(story)


def test_an_open_session_outlives_pairing_mode() -> None:
    async def story(armoury: Armoury) -> None:
        taser = await armoury.meet_taser()
        await asyncio.sleep(PAIRING_MODE_S + 10)
        report = (await armoury.station.reported(taser)).report
        assert report.vitals.bluetooth is Bluetooth.SECURE_CONNECTIONS
        await armoury.part(taser)

    in_armoury(story)


def test_the_log_is_read_in_signed_pages_and_the_clock_is_set() -> None:
    async def story(armoury: Armoury) -> None:
        armoury.world.pair(0, 0)
        for _ in range(20):
            armoury.world.test(0)
            await asyncio.sleep(1)
            armoury.taser.silence()
        armoury.taser.taser.clock.jump(armoury.world.time.now_ms(), 90_000)
        taser = await armoury.meet_taser()
        signed: list[bytes] = []
        following = 0
        while True:
            page = await taser.ask(LogRequest(following, 256))
            assert isinstance(page, Entries)
            signed += page.entries
            if not (following := page.next):
                break
        entries, head = read_log(signed, armoury.taser.sppm.memory.signing.public)
        assert [one.counter for one in entries] == list(range(1, 61))
        assert head == armoury.taser.sppm.journal.head
        now_ms = armoury.world.time.now_ms()
        assert await taser.ask(SetClock(now_ms)) == Done()
        assert abs(armoury.taser.taser.clock.offset_ms(armoury.world.time.now_ms()) or 0) < 200
        await armoury.part(taser)

    in_armoury(story)


def test_an_order_to_unpair_is_obeyed_by_both_and_the_camera_hears_no_more() -> None:
    async def story(armoury: Armoury) -> None:
        pairing = armoury.world.pair(0, 0)
        workshop = armoury.world.workshop
        order = UnpairOrder(pairing, workshop.now_s(), "reassigned").issue(workshop.permit_signer)
        taser, camera = await armoury.meet()
        assert [await one.ask(Unpair(order)) for one in (taser, camera)] == [Done(), Done()]
        await armoury.part(taser, camera)
        assert armoury.held() == ([], [])
        (armed, *_) = armoury.world.fire(0)
        await asyncio.sleep(2)
        assert armed.beacons == ()
        assert not armoury.camera.heard

    in_armoury(story)


def test_levelling_a_camera_that_was_out_of_reach_for_more_than_its_window() -> None:
    async def story(armoury: Armoury) -> None:
        pairing = armoury.world.pair(0, 0)
        armoury.world.walk_out_of_range(0)
        for _ in range(110):
            armoury.world.test(0)
            await asyncio.sleep(1)
        armoury.taser.silence()
        armoury.world.walk_back(0)
        armoury.world.fire(0)
        await asyncio.sleep(3)
        assert not armoury.camera.heard
        armoury.taser.silence()
        # The Taser's signed log brings it level, at the armoury or a dock; another's does not.
        log = list(armoury.taser.sppm.journal)
        strange = Sppm("SP9", armoury.taser.sppm.battery)
        entry = LogEntry("X2", 900, beacon.Kind.ARC, 0, 50)
        with pytest.raises(EvidenceError):
            armoury.camera.level(pairing, [entry.sign(strange.memory.signing, BEGINNING)])
        armoury.camera.level(pairing, log)
        armoury.taser.act(Act.MAKE_SAFE)
        armoury.world.test(0)
        await asyncio.sleep(3)
        assert len(armoury.camera.heard) == 4

    in_armoury(story)


BREAKS = ["cut the Taser's link", "cut the camera's link", "Taser loses power", "camera loses power"]


@pytest.mark.parametrize("how", BREAKS)
def test_broken_off_at_any_moment_one_more_contact_makes_all_agree(how: str) -> None:
    broken = 0

    async def story(armoury: Armoury, after_s: float) -> None:
        nonlocal broken
        taser, camera = await armoury.meet()
        loop = asyncio.get_running_loop()
        breaks: dict[str, Callable[[], object]] = {
            BREAKS[0]: lambda: armoury.world.link.wires.cut("taser-0"),
            BREAKS[1]: lambda: armoury.world.link.wires.cut("camera-0"),
            BREAKS[2]: armoury.taser.power_down,
            BREAKS[3]: armoury.camera.lose_power,
        }
        loop.call_later(after_s, breaks[how])
        try:
            await armoury.station.pair(taser, camera)
        except (BleakError, TimeoutError, SessionError, RelayError):
            broken += 1
        await asyncio.sleep(2)
        await armoury.part(taser, camera)
        await armoury.taser.power_up()
        await armoury.camera.switch_on()
        await asyncio.sleep(6)
        again = await armoury.meet()
        agreed = await armoury.station.pair(*again)
        assert agreed.taser != agreed.camera
        ours, theirs = armoury.held()
        assert ours == theirs
        assert [standing for _, standing in ours] == [Standing.AGREED]
        await armoury.part(*again)
        armoury.world.test(0)
        await asyncio.sleep(1)
        assert len(armoury.camera.heard) == 3

    for step in range(12):

        async def one(armoury: Armoury, after_s: float = 0.003 + 0.027 * step) -> None:
            await story(armoury, after_s)

        in_armoury(one)
    assert broken >= 8


@pytest.mark.parametrize("device", ["taser", "camera"])
@pytest.mark.parametrize("fault", ["power cut", "write lost"])
def test_a_memory_that_fails_at_the_pairings_write_leaves_a_pairing_that_the_next_contact_mends(
    device: str, fault: str
) -> None:
    async def story(armoury: Armoury) -> None:
        flash = armoury.taser.sppm.flash if device == "taser" else armoury.camera.camera.memory.flash
        taser, camera = await armoury.meet()
        if fault == "power cut":
            flash.cut_before(0)
        else:
            flash.lose_writes(3)
        with pytest.raises((BleakError, TimeoutError, SessionError, RelayError)):
            await armoury.station.pair(taser, camera)
        await asyncio.sleep(2)
        await armoury.part(taser, camera)
        await armoury.taser.power_up()
        await armoury.camera.switch_on()
        again = await armoury.meet()
        await armoury.station.pair(*again)
        ours, theirs = armoury.held()
        assert ours == theirs
        assert len(ours) == 1
        await armoury.part(*again)

    in_armoury(story)


def test_a_second_station_is_told_that_the_device_is_busy_or_finds_nothing() -> None:
    async def story(armoury: Armoury) -> None:
        taser = await armoury.meet_taser()
        heard: list[Overheard] = []
        armoury.world.link.observe(heard.append)
        await asyncio.sleep(5)
        assert not heard
        assert isinstance(await taser.ask(messages.TestRequest(bytes(16))), Refused)
        await armoury.part(taser)

    in_armoury(story)


def test_garbage_on_the_air_ends_its_connection_and_the_device_goes_on() -> None:
    chance = random.Random(4)

    async def story(armoury: Armoury) -> None:
        for _ in range(25):
            await armoury.taser.pairing_mode()
            device = await armoury.station.find()
            client = BleakClient(device, backend=armoury.station.client, timeout=5, pair=True)
            await client.connect()
            with contextlib.suppress(BleakError):
                for number in range(chance.randrange(1, 6)):
                    # Well formed frames of garbage now and then, so that it comes as far as the messages.
                    head = bytes([0xC0 | number]) if chance.random() < 0.5 else chance.randbytes(1)
                    body = chance.randbytes(chance.randrange(0, 300))
                    frame = head + len(body).to_bytes(2) + body if head[0] & 0xC0 == 0xC0 else head + body
                    await client.write_gatt_char(str(TO_DEVICE.uuid), frame, response=True)
            await asyncio.sleep(0.5)
            assert not client.is_connected
            await client.disconnect()
        taser = await armoury.meet_taser()
        assert (await armoury.station.reported(taser)).report.serial == armoury.taser.sppm.serial
        await armoury.part(taser)

    in_armoury(story)
