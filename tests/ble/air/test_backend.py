"""bleak on the bumble backend: what a station does with real adapters, and every way in which it goes wrong."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from bleak import BleakClient, BleakScanner
from bleak.backends.device import BLEDevice
from bleak.exc import BleakBluetoothNotAvailableError, BleakDeviceNotFoundError, BleakError, BleakGATTProtocolError
from bumble.pairing import PairingConfig, PairingDelegate

from ble.air.backend import BumbleClient, BumbleScanner, LinkSecurity, backends
from ble.air.link import AirLink, Kind, Overheard
from ble.air.loop import run
from ble.air.stack import AirDevice, power_on
from tests.ble.air.stacks import NEWS, OPEN, SECRET, SERVICE, advertise, characteristic_of, peripheral


class Bench:
    """A station's adapter and one peripheral, a metre apart."""

    def __init__(self, link: AirLink, adapter: AirDevice, device: AirDevice, written: list[bytes]) -> None:
        self.link, self.adapter, self.device, self.written = link, adapter, device, written
        self.scanner, self.client = backends(adapter)

    async def find(self) -> BLEDevice:
        found = await BleakScanner.find_device_by_filter(
            lambda _, data: SERVICE in data.service_uuids, timeout=5, backend=self.scanner
        )
        assert found is not None
        return found

    async def connected(self, **options: bool) -> BleakClient:
        client = BleakClient(await self.find(), backend=self.client, timeout=5, **options)
        await client.connect()
        return client


def on_bench(story: Callable[[Bench], Awaitable[None]]) -> None:
    async def main() -> None:
        link = AirLink(seed=4)
        adapter = await power_on(link, "station")
        await story(Bench(link, adapter, *await peripheral(link)))

    run(main())


def backend_of(client: BleakClient) -> BumbleClient:
    made = client._backend
    assert isinstance(made, BumbleClient)
    return made


def test_a_scan_reports_what_is_advertised_and_how_strong_it_is() -> None:
    async def story(bench: Bench) -> None:
        found = await BleakScanner.discover(1.0, return_adv=True, backend=bench.scanner)
        (device, data) = found[bench.device.random_address.to_string(False)]
        assert (device.name, data.service_uuids, data.rssi) == (None, [SERVICE], -60)

    on_bench(story)


def test_a_passive_scan_sends_nothing_and_an_active_one_shows_an_address() -> None:
    async def story(bench: Bench) -> None:
        heard: list[Overheard] = []
        bench.link.observe(heard.append)
        async with BleakScanner(backend=bench.scanner, scanning_mode="passive"):
            await asyncio.sleep(1)
        assert {one.kind for one in heard} == {Kind.CONNECTABLE}
        async with BleakScanner(backend=bench.scanner):
            await asyncio.sleep(1)
        assert Kind.SCAN_REQUEST in {one.kind for one in heard}

    on_bench(story)


def test_a_second_scanner_hears_a_device_that_the_first_has_reported() -> None:
    async def story(bench: Bench) -> None:
        async with BleakScanner(backend=bench.scanner) as first:
            await asyncio.sleep(1)
            assert len(first.discovered_devices) == 1
            await bench.find()
            assert bench.adapter.is_scanning
        assert not bench.adapter.is_scanning

    on_bench(story)


def test_a_filter_by_service_lets_nobody_else_through() -> None:
    async def story(bench: Bench) -> None:
        assert not await BleakScanner.discover(1.0, service_uuids=[OPEN], backend=bench.scanner)
        assert await BleakScanner.discover(1.0, service_uuids=[SERVICE], backend=bench.scanner)

    on_bench(story)


def test_a_client_discovers_reads_and_writes() -> None:
    async def story(bench: Bench) -> None:
        client = await bench.connected()
        characteristic = client.services.get_characteristic(OPEN)
        assert characteristic is not None
        assert set(characteristic.properties) == {"read", "write", "write-without-response"}
        assert characteristic.max_write_without_response_size == 512 == client.mtu_size - 5
        assert await client.read_gatt_char(OPEN) == b"open"
        long = bytes(range(256)) * 2
        await client.write_gatt_char(OPEN, long, response=True)
        await client.write_gatt_char(OPEN, b"short", response=False)
        await client.read_gatt_char(OPEN)
        assert bench.written == [long, b"short"]
        await client.disconnect()
        assert not client.is_connected

    on_bench(story)


def test_notifications_arrive_in_order_and_stop_when_told() -> None:
    async def story(bench: Bench) -> None:
        client = await bench.connected()
        heard: list[bytes] = []
        await client.start_notify(NEWS, lambda _, value: heard.append(bytes(value)))
        news = characteristic_of(bench.device, NEWS)
        for number in range(50):
            await bench.device.notify_subscribers(news, bytes([number]))
        await asyncio.sleep(1)
        await client.stop_notify(NEWS)
        await bench.device.notify_subscribers(news, b"late")
        await asyncio.sleep(1)
        assert heard == [bytes([number]) for number in range(50)]

    on_bench(story)


def test_a_protected_characteristic_is_read_only_over_an_encrypted_link() -> None:
    async def story(bench: Bench) -> None:
        client = await bench.connected()
        with pytest.raises(BleakGATTProtocolError):
            await client.read_gatt_char(SECRET)
        await client.pair()
        assert await client.read_gatt_char(SECRET) == b"secret"

    on_bench(story)


def test_just_works_is_encrypted_and_bonded_but_never_authenticated() -> None:
    async def story(bench: Bench) -> None:
        client = await bench.connected()
        assert await backend_of(client).security() == LinkSecurity(
            encrypted=False, bonded=False, secure_connections=False, authenticated=False
        )
        await client.pair()
        assert await backend_of(client).security() == LinkSecurity(
            encrypted=True, bonded=True, secure_connections=True, authenticated=False
        )

    on_bench(story)


def test_a_compared_number_makes_the_key_authenticated() -> None:
    async def story(bench: Bench) -> None:
        display = PairingDelegate.DISPLAY_OUTPUT_AND_YES_NO_INPUT
        bench.device.pairing_config_factory = lambda _: PairingConfig(delegate=PairingDelegate(display))
        bench.scanner, bench.client = backends(bench.adapter, delegate=PairingDelegate(display))
        client = await bench.connected(pair=True)
        assert (await backend_of(client).security()).authenticated

    on_bench(story)


def test_a_bond_encrypts_the_next_connection_without_pairing_again() -> None:
    async def story(bench: Bench) -> None:
        client = await bench.connected(pair=True)
        await client.disconnect()
        bench.device.pairing_config_factory = lambda _: None  # It would refuse a new one.
        await advertise(bench.device)
        again = await bench.connected(pair=True)
        assert (await backend_of(again).security()).encrypted

    on_bench(story)


def test_a_peer_without_secure_connections_is_refused() -> None:
    async def story(bench: Bench) -> None:
        bench.device.pairing_config_factory = lambda _: PairingConfig(sc=False, mitm=False)
        with pytest.raises(BleakError):
            await bench.connected(pair=True)
        assert not bench.adapter.connections

    on_bench(story)


def test_a_peer_that_refuses_to_pair_is_an_error_of_bleak() -> None:
    class Refuses(PairingDelegate):
        async def accept(self) -> bool:
            return False

    async def story(bench: Bench) -> None:
        bench.device.pairing_config_factory = lambda _: PairingConfig(delegate=Refuses())
        client = await bench.connected()
        with pytest.raises(BleakError):
            await client.pair()
        assert not (await backend_of(client).security()).encrypted

    on_bench(story)


def test_unpairing_forgets_the_key_and_disconnects() -> None:
    async def story(bench: Bench) -> None:
        client = await bench.connected(pair=True)
        await client.unpair()
        assert not client.is_connected
        assert bench.adapter.keystore is not None
        assert await bench.adapter.keystore.get_all() == []

    on_bench(story)


def test_a_lost_link_is_an_error_of_bleak_and_calls_back_once() -> None:
    async def story(bench: Bench) -> None:
        gone: list[BleakClient] = []
        client = BleakClient(await bench.find(), gone.append, backend=bench.client)
        await client.connect()
        reading = asyncio.create_task(client.read_gatt_char(OPEN))
        await asyncio.sleep(0)
        bench.link.move("peripheral", 100.0, 0.0)
        with pytest.raises(BleakError, match="Not connected"):
            await reading
        assert gone == [client]
        assert not client.is_connected
        with pytest.raises(BleakError):
            await client.read_gatt_char(OPEN)
        await client.disconnect()

    on_bench(story)


@pytest.mark.parametrize("how", ["power", "cut"])
@pytest.mark.parametrize("step", ["discovery", "pairing"])
def test_losing_the_peer_at_any_moment_is_an_error_of_bleak(how: str, step: str) -> None:
    async def lose(bench: Bench, after_s: float) -> int:
        device = await bench.find()
        asyncio.get_running_loop().call_later(
            after_s, bench.device.lose_power if how == "power" else lambda: bench.link.wires.cut("peripheral")
        )
        client = BleakClient(device, backend=bench.client, timeout=2, pair=step == "pairing")
        try:
            await client.connect()
        except BleakError:
            assert not client.is_connected
            return 1
        return 0

    lost = 0
    for tenth in range(8):

        async def story(bench: Bench, after_s: float = 0.06 * tenth) -> None:
            nonlocal lost
            lost += await lose(bench, after_s)

        on_bench(story)
    assert lost >= 4


def test_the_callers_own_cancellation_stays_a_cancellation() -> None:
    async def story(bench: Bench) -> None:
        client = await bench.connected()
        bench.link.move("peripheral", 100.0, 0.0)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await client.read_gatt_char(OPEN)

    on_bench(story)


def test_nobody_there_is_not_found_in_the_given_time() -> None:
    async def story(bench: Bench) -> None:
        device = await bench.find()
        bench.device.lose_power()
        loop = asyncio.get_running_loop()
        start = loop.time()
        with pytest.raises(BleakDeviceNotFoundError):
            await BleakClient(device, backend=bench.client, timeout=3).connect()
        assert loop.time() - start == pytest.approx(3.0)
        # The adapter is free for the next.
        with pytest.raises(BleakDeviceNotFoundError):
            await BleakClient(device, backend=bench.client, timeout=3).connect()

    on_bench(story)


def test_two_clients_connect_one_after_the_other() -> None:
    async def story(bench: Bench) -> None:
        other, _ = await peripheral(bench.link, "other", (0.0, 1.0))
        addresses = [device.random_address.to_string(False) for device in (bench.device, other)]
        clients = [BleakClient(address, backend=bench.client, timeout=5) for address in addresses]
        await asyncio.gather(*(client.connect() for client in clients))
        assert all(client.is_connected for client in clients)

    on_bench(story)


def test_an_adapter_without_power_says_so() -> None:
    async def story(bench: Bench) -> None:
        device = await bench.find()
        await bench.adapter.power_off()
        with pytest.raises(BleakBluetoothNotAvailableError):
            await BleakScanner(backend=bench.scanner).start()
        with pytest.raises(BleakBluetoothNotAvailableError):
            await BleakClient(device, backend=bench.client).connect()

    on_bench(story)


def test_the_classes_of_two_adapters_do_not_mix() -> None:
    async def story(bench: Bench) -> None:
        other: tuple[type[BumbleScanner], type[BumbleClient]] = backends(await power_on(bench.link, "far", at=(90, 0)))
        assert not await BleakScanner.discover(1.0, backend=other[0])
        assert len(await BleakScanner.discover(1.0, backend=bench.scanner)) == 1

    on_bench(story)
