"""The radio's physics by themselves."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble.air.radio import (
    ADVERTISING_DELAY_S,
    CHANNELS,
    LONGEST_DATA,
    LONGEST_PDU_S,
    Radio,
    Scan,
    advertising_delay,
    milliwatts,
    packet_number,
    pdu_seconds,
    scan,
    stream,
    uniform,
)  # fmt: skip


def test_the_numbers_of_a_source_are_even_and_those_of_two_sources_have_nothing_in_common() -> None:
    one, other = stream(1, "loss", "taser", 0), stream(1, "loss", "taser", 1)
    numbers = [uniform(one, n) for n in range(20_000)]
    tenths = [sum(tenth / 10 <= number < (tenth + 1) / 10 for number in numbers) for tenth in range(10)]
    # Chi squared of nine degrees of freedom: above 27.9 once in a thousand.
    assert sum((count - 2_000) ** 2 / 2_000 for count in tenths) < 27.9
    products = [(a - 0.5) * (uniform(other, n) - 0.5) for n, a in enumerate(numbers)]
    assert abs(sum(products) / len(products)) < 4 / 12 / math.sqrt(len(products))


def test_a_number_depends_on_its_name_and_place_alone() -> None:
    source = stream(7, "delay", "taser-3/0", 5)
    # Worked out once, and the same on every machine and version.
    assert source == stream(7, "delay", "taser-3/0", 5)
    assert [uniform(source, n) for n in (2, 0, 1)] == [uniform(source, 2), uniform(source, 0), uniform(source, 1)]
    assert len({stream(*names) for names in [(1, "a", "b"), (1, "ab"), (1, "a", "b", 0), (2, "a", "b")]}) == 4


def test_splitmix64_is_the_published_one() -> None:
    """The first outputs from state 1234567, as its authors give them."""
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    assert [uniform(1234567, n) for n in range(4)] == [(number >> 11) * 2.0**-53 for number in published]


def test_a_packet_of_31_bytes_takes_376_microseconds() -> None:
    assert pdu_seconds(LONGEST_DATA) == LONGEST_PDU_S == pytest.approx(376e-6)


@given(st.integers(0, 2**64 - 1), st.integers(0, 10_000))
def test_a_delay_is_0_to_10_milliseconds(source: int, n: int) -> None:
    assert 0.0 <= advertising_delay(source, n) < ADVERTISING_DELAY_S


def test_packets_have_numbers_of_their_own() -> None:
    numbers = {packet_number(event, channel) for event in range(100) for channel in range(CHANNELS)}
    assert len(numbers) == 300


def test_the_default_range_is_ten_metres_and_power_falls_thirty_decibels_a_decade() -> None:
    radio = Radio()
    assert radio.audible(radio.rssi(10.0))
    assert not radio.audible(radio.rssi(10.01))
    assert radio.rssi(1.0) - radio.rssi(10.0) == pytest.approx(30.0)
    assert radio.rssi(0.0) == radio.rssi(0.1)


@pytest.mark.parametrize(
    ("capture_db", "above_db", "survives"),
    [(9.0, 9.01, True), (9.0, 8.99, False), (21.0, 20.0, False), (None, 60.0, False)],
)
def test_a_packet_survives_by_as_much_as_it_exceeds_the_others_sum(
    capture_db: float | None, above_db: float, survives: bool
) -> None:
    others = [milliwatts(-80.0)] * 4
    signal = milliwatts(-80.0 + 10 * math.log10(4) + above_db)
    assert Radio(capture_db=capture_db).survives(signal, others) is survives
    assert Radio(capture_db=capture_db).survives(signal, [])


@given(
    start=st.floats(0, 1_000), length=st.floats(1e-4, 4e-4), interval=st.floats(0.01, 1), share=st.floats(0.1, 1),
    phase=st.floats(0, 3),
)  # fmt: skip
def test_a_scanner_is_on_one_channel_for_a_whole_packet_or_hears_nothing(
    start: float, length: float, interval: float, share: float, phase: float
) -> None:
    listening = Scan(interval, interval * share, phase)
    channel = listening.channel(start, start + length)
    turn = (start + phase) // interval
    if channel is None:
        assert (start + phase) % interval + length > interval * share
    else:
        assert channel == turn % CHANNELS
        # And for no more than its window.
        assert (start + phase) % interval <= interval * share


def test_each_receiver_has_a_phase_of_its_own_over_all_three_channels() -> None:
    phases = [scan(1, f"camera-{number}", 0.06, 0.03).phase_s for number in range(300)]
    assert 0 <= min(phases) < 0.01
    assert 0.17 < max(phases) < 0.18
