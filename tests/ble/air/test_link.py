"""The link against what can be worked out on paper, and against the pure model of the same seed."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import pairwise

import pytest
from bumble import hci
from bumble.device import Advertisement, AdvertisingType, DeviceConfiguration

from ble.air import radio as physics
from ble.air.controller import AirController
from ble.air.link import AirLink, Burst, Kind, Overheard
from ble.air.loop import run
from ble.air.model import Air, Emitter, Listener
from ble.air.radio import Radio
from ble.air.stack import AirDevice, power_on

FRAME = bytes(31)
MEAN_DELAY_S = physics.ADVERTISING_DELAY_S / 2
CLEAR = Radio(capture_db=None)


@dataclass(frozen=True)
class Report:
    at: float
    sender: str
    rssi: int
    connectable: bool


class Listening:
    """A device that scans passively, and its reports."""

    def __init__(self, device: AirDevice) -> None:
        self.device = device
        self.reports: list[Report] = []
        device.on(device.EVENT_ADVERTISEMENT, self._on_report)

    def _on_report(self, heard: Advertisement) -> None:
        now = asyncio.get_running_loop().time()
        self.reports.append(Report(now, str(heard.address), heard.rssi, heard.is_connectable))

    @classmethod
    async def at(
        cls,
        link: AirLink,
        name: str,
        place: tuple[float, float] = (0.0, 0.0),
        *,
        interval_ms: float = 60,
        window_ms: float = 60,
        filtered: bool = False,
    ) -> "Listening":
        made = cls(await power_on(link, name, at=place))
        await made.device.start_scanning(
            active=False, filter_duplicates=filtered, scan_interval=interval_ms, scan_window=window_ms
        )
        return made


async def sender(
    link: AirLink,
    name: str,
    place: tuple[float, float] = (1.0, 0.0),
    *,
    interval_ms: float = 20,
    kind: AdvertisingType = AdvertisingType.UNDIRECTED,
) -> AirDevice:
    device = await power_on(link, name, at=place)
    await device.start_advertising(
        advertising_type=kind,
        advertising_data=FRAME,
        advertising_interval_min=interval_ms,
        advertising_interval_max=interval_ms,
    )
    return device


def on_air(story: Callable[[AirLink], Awaitable[None]], *, seed: int = 1, radio: Radio | None = None) -> None:
    async def main() -> None:
        await story(AirLink(seed=seed, radio=radio))

    run(main())


def within(share: float, expected: float, samples: int, sigmas: float = 4.0) -> bool:
    return abs(share - expected) <= sigmas * math.sqrt(expected * (1 - expected) / samples) + 1e-9


def test_an_advertising_event_comes_each_interval_and_random_delay_on_three_channels() -> None:
    async def story(link: AirLink) -> None:
        heard: list[Overheard] = []
        link.observe(heard.append)
        await sender(link, "taser", interval_ms=100)
        await asyncio.sleep(100)
        events = [one.at for one in heard[::3]]
        gaps = [after - before for before, after in pairwise(events)]
        assert len(heard) == pytest.approx(3 * 100 / (0.1 + MEAN_DELAY_S), rel=0.01)
        assert all(0.1 <= gap < 0.1 + physics.ADVERTISING_DELAY_S + 1e-9 for gap in gaps)
        assert sum(gaps) / len(gaps) == pytest.approx(0.1 + MEAN_DELAY_S, rel=0.01)
        assert heard[1].at - heard[0].at == pytest.approx(physics.CHANNEL_STEP_S)

    on_air(story)


async def old(link: AirLink, name: str) -> AirDevice:
    """A device whose controller knows the legacy commands alone."""
    controller = AirController(name, link)
    controller.le_features &= ~hci.LeFeatureMask.LE_EXTENDED_ADVERTISING
    device = AirDevice(controller, DeviceConfiguration(address=hci.Address.generate_private_address()))
    await device.power_on()
    return device


def test_the_legacy_commands_count_in_the_standards_units_and_are_heard_the_same() -> None:
    async def story(link: AirLink) -> None:
        heard: list[Overheard] = []
        link.observe(heard.append)
        ears = Listening(await old(link, "camera"))
        await ears.device.start_scanning(active=False, scan_interval=60, scan_window=30)
        taser = await old(link, "taser")
        await taser.start_advertising(
            advertising_type=AdvertisingType.UNDIRECTED,
            advertising_data=FRAME,
            advertising_interval_min=100,
            advertising_interval_max=100,
        )
        await asyncio.sleep(100)
        assert {one.kind for one in heard} == {Kind.NOT_CONNECTABLE}
        assert len(heard) == pytest.approx(3 * 100 / (0.1 + MEAN_DELAY_S), rel=0.01)
        assert within(len(ears.reports) / len(heard), (0.030 - physics.LONGEST_PDU_S) / 0.060 / 3, len(heard))
        assert {report.connectable for report in ears.reports} == {False}
        await taser.stop_advertising()
        await taser.start_advertising(
            advertising_type=AdvertisingType.UNDIRECTED_CONNECTABLE_SCANNABLE,
            advertising_interval_min=100,
            advertising_interval_max=100,
        )
        assert await ears.device.connect_le(taser.random_address, timeout=2)

    on_air(story)


def test_a_window_of_half_the_time_hears_half_less_what_does_not_fit_into_it() -> None:
    async def story(link: AirLink) -> None:
        ears = await Listening.at(link, "camera", interval_ms=60, window_ms=30)
        await sender(link, "taser")
        await asyncio.sleep(200)
        packets = link.packets
        expected = (0.030 - physics.LONGEST_PDU_S) / 0.060 / 3
        assert within(len(ears.reports) / packets, expected, packets)

    on_air(story)


@pytest.mark.parametrize("loss", [0.1, 0.5, 0.9])
def test_the_share_of_packets_lost_is_the_radios(loss: float) -> None:
    async def story(link: AirLink) -> None:
        ears = await Listening.at(link, "camera")
        await sender(link, "taser")
        await asyncio.sleep(100)
        events = link.packets / 3
        heard = (1 - physics.LONGEST_PDU_S / 0.060) * (1 - loss)
        assert within(len(ears.reports) / events, heard, round(events))

    on_air(story, radio=Radio(loss=loss))


def test_without_capture_what_meets_is_lost_as_in_aloha() -> None:
    async def story(link: AirLink) -> None:
        ears = await Listening.at(link, "camera")
        for number in range(20):
            await sender(link, f"taser-{number}")
        # Once the random delays have driven apart what began together.
        await asyncio.sleep(30)
        before, packets = len(ears.reports), link.packets
        await asyncio.sleep(60)
        heard = (len(ears.reports) - before) / ((link.packets - packets) / 3)
        alone = (1 - 2 * physics.LONGEST_PDU_S / (0.020 + MEAN_DELAY_S)) ** 19
        assert heard == pytest.approx(alone * (1 - physics.LONGEST_PDU_S / 0.060), rel=0.03)

    on_air(story, radio=CLEAR)


def test_the_stronger_of_two_is_read_when_it_exceeds_the_other_by_the_threshold() -> None:
    radio = Radio(capture_db=9.0)
    # 30 dB for ten times the distance.
    enough, too_little = 10 ** (9.5 / 30), 10 ** (8.5 / 30)

    async def heard(link: AirLink, distance: float) -> set[str]:
        ears = await Listening.at(link, "camera")
        near = await sender(link, "near", (1.0, 0.0))
        far = await sender(link, "far", (0.0, distance))
        await asyncio.sleep(0.004)
        names = {str(near.random_address): "near", str(far.random_address): "far"}
        return {names[report.sender] for report in ears.reports}

    # Seed 1: the camera's channel is listened to in the first event, in which both begin at once.
    async def captured(link: AirLink) -> None:
        assert await heard(link, enough) == {"near"}

    async def lost(link: AirLink) -> None:
        assert await heard(link, too_little) == set()

    on_air(captured, radio=radio)
    on_air(lost, radio=radio)


def test_a_packet_is_heard_to_the_range_and_no_farther_with_the_strength_of_its_distance() -> None:
    async def story(link: AirLink) -> None:
        ears = await Listening.at(link, "camera")
        taser = await sender(link, "taser", (6.0, 8.0))
        await asyncio.sleep(1)
        assert ears.reports
        assert {report.rssi for report in ears.reports} == {-90}
        ears.reports.clear()
        link.move("taser", 6.0, 8.01)
        await asyncio.sleep(1)
        assert not ears.reports
        link.move("taser", 1.0, 0.0)
        await asyncio.sleep(1)
        assert {report.rssi for report in ears.reports} == {-60}
        await taser.stop_advertising()

    on_air(story)


def test_each_packet_is_reported_once_and_a_filter_reports_each_advertiser_once() -> None:
    async def story(link: AirLink) -> None:
        every = await Listening.at(link, "every")
        once = await Listening.at(link, "once", filtered=True)
        await sender(link, "taser")
        await asyncio.sleep(10)
        assert len(every.reports) <= link.packets / 3
        assert len({report.at for report in every.reports}) == len(every.reports)
        assert len(once.reports) == 1

    on_air(story)


def test_what_is_not_connectable_says_so_and_cannot_be_connected_to() -> None:
    async def story(link: AirLink) -> None:
        ears = await Listening.at(link, "camera")
        taser = await sender(link, "taser")
        open_ = await sender(link, "open", kind=AdvertisingType.UNDIRECTED_CONNECTABLE_SCANNABLE)
        await asyncio.sleep(1)
        kinds = {report.sender: report.connectable for report in ears.reports}
        assert kinds == {str(taser.random_address): False, str(open_.random_address): True}
        with pytest.raises(Exception):  # noqa: B017, PT011 - bumble's timeout has no name of its own
            await ears.device.connect_le(taser.random_address, timeout=1)
        assert await ears.device.connect_le(open_.random_address, timeout=1)

    on_air(story)


def test_a_device_hears_nothing_while_it_sends() -> None:
    async def story(link: AirLink) -> None:
        both = await Listening.at(link, "both")
        await both.device.start_advertising(
            advertising_type=AdvertisingType.UNDIRECTED,
            advertising_data=FRAME,
            advertising_interval_min=20,
            advertising_interval_max=20,
        )
        other = await sender(link, "other")
        await asyncio.sleep(0.004)
        # Both began in the same moment, so neither hears the other's first event.
        assert not both.reports
        await asyncio.sleep(2)
        assert {report.sender for report in both.reports} == {str(other.random_address)}

    on_air(story, radio=Radio(capture_db=-100.0))


def test_a_name_is_on_the_air_once() -> None:
    async def story(link: AirLink) -> None:
        await power_on(link, "camera")
        with pytest.raises(ValueError, match="already"):
            await power_on(link, "camera")

    on_air(story)


def test_an_active_scan_shows_the_scanners_address_to_everybody() -> None:
    async def story(link: AirLink) -> None:
        heard: list[Overheard] = []
        link.observe(heard.append)
        await sender(link, "open", kind=AdvertisingType.UNDIRECTED_CONNECTABLE_SCANNABLE)
        phone = await power_on(link, "phone")
        await phone.start_scanning(active=True)
        await asyncio.sleep(1)
        assert phone.random_address in {one.sender for one in heard if one.kind is Kind.SCAN_REQUEST}

    on_air(story)


def reports_of(seed: int) -> list[tuple[float, int]]:
    found: list[tuple[float, int]] = []

    async def story(link: AirLink) -> None:
        ears = await Listening.at(link, "camera")
        for number in range(5):
            await sender(link, f"taser-{number}", (1.0 + number, 0.0))
        await asyncio.sleep(3)
        found.extend((report.at, report.rssi) for report in ears.reports)

    on_air(story, seed=seed, radio=Radio(loss=0.3))
    return found


def test_a_seed_gives_the_same_reports_every_time_and_another_seed_others() -> None:
    assert reports_of(7) == reports_of(7) != reports_of(8)


@pytest.mark.parametrize("capture_db", [None, 9.0])
@pytest.mark.parametrize("seed", range(4))
def test_the_pure_model_hears_the_same_packets(seed: int, capture_db: float | None) -> None:
    """All within the first three seconds, in which both send every 20 ms."""
    radio = Radio(loss=0.5, capture_db=capture_db)
    places = [(2.0, 0.0), (3.0, 4.0), (0.0, 7.0), (9.0, 0.0), (1.0, 1.0), (12.0, 0.0)]

    async def story(link: AirLink) -> None:
        bursts: list[Burst] = []
        link.watch(bursts.append)
        ears = await Listening.at(link, "camera-0", interval_ms=60, window_ms=30)
        for number, place in enumerate(places):
            await sender(link, f"taser-{number}", place)
            await asyncio.sleep(0.0031)
        await asyncio.sleep(2.5 - asyncio.get_running_loop().time())
        emitters = [Emitter(one.source, one.ordinal, 0.0031 * n, places[n]) for n, one in enumerate(bursts)]
        air = Air(link.seed, radio, emitters)
        listener = Listener("camera-0", (0.0, 0.0), physics.scan(link.seed, "camera-0", 0.060, 0.030))
        expected = [packet.end_s for packet in air.at(listener).until(2.5) if packet.end_s < 2.5]
        assert [report.at for report in ears.reports] == pytest.approx(sorted(expected), abs=1e-6)
        assert len(expected) > 40

    on_air(story, seed=seed, radio=radio)
