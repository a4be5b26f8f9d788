"""The radio model: what is heard, what collides, and that a seed says it all."""

import math

import pytest

from ble.air.model import Air, Emitter, Fate, Listener, aloha_bound, wait_bound_s
from ble.air.radio import CHANNEL_STEP_S, LONGEST_PDU_S, Radio, Scan, scan

ALWAYS = Scan(1e9, 1e9, 0.0)
HERE = (0.0, 0.0)


def _burst(name: str, at_s: float, metres: float, *times_s: float) -> Emitter:
    return Emitter(name, 0, at_s, (metres, 0.0), times_s or None)


def _heard(radio: Radio, *emitters: Emitter, scanner: Scan = ALWAYS, until_s: float = 30.0) -> list[str]:
    packets = Air(1, radio, emitters).at(Listener("camera", HERE, scanner)).until(until_s)
    return [emitters[packet.emitter].advertiser for packet in packets]


def test_every_packet_in_reach_is_heard_when_nothing_is_in_the_way() -> None:
    air = Air(1, Radio(), [_burst("taser", 0.0, 2.0)])

    heard = [packet.number for packet in air.at(Listener("camera", HERE, ALWAYS)).until(30.0)]

    assert heard == [number for _, _, number in air.sent] == list(range(len(heard)))
    assert len(heard) > 320


@pytest.mark.parametrize(("metres", "heard"), [(9.9, True), (10.1, False)])
def test_a_taser_is_heard_to_ten_metres(metres: float, heard: bool) -> None:
    assert bool(_heard(Radio(), _burst("taser", 0.0, metres))) is heard


@pytest.mark.parametrize("apart_s", [-LONGEST_PDU_S * 0.99, 0.0, LONGEST_PDU_S * 0.99])
def test_without_capture_packets_that_overlap_destroy_each_other(apart_s: float) -> None:
    assert _heard(Radio(capture_db=None), _burst("a", 1.0, 1.0, 0.0), _burst("b", 1.0 + apart_s, 9.0, 0.0)) == []


def test_packets_that_follow_one_another_do_not_meet() -> None:
    near, far = _burst("a", 1.0, 1.0, 0.0), _burst("b", 1.0 + LONGEST_PDU_S * 1.01, 9.0, 0.0)

    assert _heard(Radio(capture_db=None), near, far) == ["a", "b"]


@pytest.mark.parametrize(("metres", "survivors"), [(3.9, []), (4.1, ["a"])])
def test_the_nearer_one_survives_by_the_capture_threshold(metres: float, survivors: list[str]) -> None:
    """Twice as far is 9.03 dB less at an exponent of 3."""
    assert _heard(Radio(capture_db=9.0), _burst("a", 1.0, 2.0, 0.0), _burst("b", 1.0, metres, 0.0)) == survivors


def test_interferers_add_up() -> None:
    others = [_burst(f"b{number}", 1.0, 4.1, 0.0) for number in range(2)]

    assert _heard(Radio(capture_db=9.0), _burst("a", 1.0, 2.0, 0.0), *others) == []


def test_a_scanner_hears_one_channel_at_a_time_and_only_in_its_window() -> None:
    scanner = Scan(interval_s=1.0, window_s=0.5, phase_s=0.0)
    emitters = [_burst("taser", 0.0, 2.0, *(0.1 * number for number in range(30)))]
    packets = list(Air(1, Radio(), emitters).at(Listener("camera", HERE, scanner)).until(3.0))

    assert all(packet.start_s % 1.0 + LONGEST_PDU_S <= 0.5 for packet in packets)
    assert {int(packet.start_s): packet.channel for packet in packets} == {0: 0, 1: 1, 2: 2}
    assert all(packet.start_s % 0.1 == pytest.approx(packet.channel * CHANNEL_STEP_S, abs=1e-9) for packet in packets)


def test_what_was_not_heard_is_counted_by_its_reason() -> None:
    emitters = [_burst("taser", 0.0, 2.0, *(0.1 * number for number in range(100)))]
    reception = Air(1, Radio(loss=0.5), emitters).at(Listener("camera", HERE, Scan(1.0, 0.5, 0.0)))
    heard = len(list(reception.until(20.0)))

    assert reception.unheard[Fate.NOT_LISTENING] == 50
    assert heard + reception.unheard[Fate.LOST] == 50


def test_the_share_of_packets_lost_is_the_one_asked_for() -> None:
    air = Air(1, Radio(loss=0.3), [Emitter("taser", burst, 30.0 * burst, (2.0, 0.0)) for burst in range(20)])

    heard = len(list(air.at(Listener("camera", HERE, ALWAYS)).until(600.0)))

    assert heard / len(air.sent) == pytest.approx(0.7, abs=0.02)


def test_the_same_seed_is_the_same_air_whoever_asks_and_in_whatever_steps() -> None:
    emitters = [Emitter(f"taser-{number}/0", 0, 0.01 * number, (float(number), 1.0)) for number in range(20)]
    radio, listener = Radio(capture_db=9.0, loss=0.2), Listener("camera", HERE, scan(7, "camera", 0.06, 0.03))
    whole = list(Air(7, radio, emitters).at(listener).until(5.0))
    stepped = Air(7, radio, emitters)
    Air(7, radio, emitters).at(Listener("other", HERE, ALWAYS))
    reception = stepped.at(listener)

    assert [packet for step in range(1, 501) for packet in reception.until(step / 100)] == whole
    assert list(Air(8, radio, emitters).at(listener).until(5.0)) != whole


def test_packets_survive_among_many_as_pure_aloha_says() -> None:
    """Forty Tasers at random phases: the share of their packets that meet no other is exp(-2G)."""
    radio = Radio(capture_db=None)
    emitters = [Emitter(f"taser-{number}/0", 0, 0.617 * number % 1.0, (1.0, 0.0)) for number in range(40)]
    air = Air(3, radio, emitters)
    packets = [packet for packet in air.at(Listener("camera", HERE, ALWAYS)).until(2.9) if packet.start_s > 1.0]
    sent = sum(1.0 < start < 2.9 for start, _, _ in air.sent)

    bound = aloha_bound(radio, at_once=40, period_s=0.025, chances=1)
    assert bound == pytest.approx(math.exp(-2 * 39 * 0.376 / 25))
    assert len(packets) / sent == pytest.approx(bound, abs=0.03)


@pytest.mark.parametrize(("share", "least_ms"), [(0.5, 0.376), (0.75, 15.376), (1.0, 30.376)])
def test_half_of_the_time_closed_the_wait_is_at_best_for_the_window(share: float, least_ms: float) -> None:
    assert wait_bound_s(Scan(0.06, 0.03, 0.0), share) * 1_000 == pytest.approx(least_ms)
