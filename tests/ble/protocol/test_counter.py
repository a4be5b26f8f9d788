"""The SPPM's counter: power may fail at any step, and no number is ever used twice."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble.protocol.beacon import Kind
from ble.protocol.counter import BLOCK, Counter, CounterLost, NotReserved, TaserEvent, TaserPairing, refresh_at
from ble.protocol.identifiers import EPOCH, KeyErased
from tests.ble.fired import KEYS

_STEPS = st.lists(st.sampled_from(["take", "cut before storing", "cut after storing", "cut", "release", "mend"]))


def _take(counter: Counter, memory: list[int]) -> int:
    due = counter.due()
    if due is not None:
        memory[0] = due
        counter.confirm(due)
    return counter.take()


@given(_STEPS)
def test_no_number_is_used_twice_whenever_power_fails(steps: list[str]) -> None:
    memory, counter, used = [100], Counter(100), []
    for step in steps:
        match step:
            case "take":
                used.append(_take(counter, memory))
            case "cut before storing":
                counter.due()
                counter = Counter(memory[0])
            case "cut after storing":
                memory[0] = counter.due() or memory[0]
                counter = Counter(memory[0])
            case "cut":
                counter = Counter(memory[0])
            case "release":
                memory[0] = counter.release() or 0
            case "mend":
                counter.mend(50)
    assert used == sorted(set(used))


def test_a_number_is_not_to_be_had_before_its_block_is_stored() -> None:
    counter = Counter(0)

    with pytest.raises(NotReserved):
        counter.take()
    assert counter.due() == BLOCK
    counter.confirm(BLOCK)
    assert [counter.take() for _ in range(BLOCK)] == list(range(BLOCK))
    with pytest.raises(NotReserved):
        counter.take()


def test_a_power_cut_skips_at_most_a_block_and_an_orderly_end_skips_nothing() -> None:
    memory, counter = [0], Counter(0)
    _take(counter, memory)
    assert _take(Counter(memory[0]), memory) == BLOCK
    counter = Counter(memory[0])
    _take(counter, memory)
    memory[0] = counter.release() or 0

    assert _take(Counter(memory[0]), memory) == 2 * BLOCK + 1


def test_what_was_given_back_is_reserved_anew_before_it_is_used() -> None:
    memory, counter = [0], Counter(0)
    _take(counter, memory)
    memory[0] = counter.release() or 0

    assert counter.due() == 1 + BLOCK
    with pytest.raises(NotReserved):
        counter.take()


def test_a_taser_that_lost_its_counter_sends_nothing_until_it_is_mended_beyond_all_that_is_known() -> None:
    counter, memory = Counter(None), [0]

    for act in (counter.take, counter.due, lambda: counter.next):
        with pytest.raises(CounterLost):
            act()
    counter.mend(700)

    assert _take(counter, memory) == 701


def test_an_old_confirmation_does_not_set_the_counter_back() -> None:
    counter = Counter(0)
    counter.confirm(32)
    counter.confirm(16)

    assert [counter.take() for _ in range(32)][-1] == 31


@given(st.integers(0, 2**31), st.integers(0, 255), st.sampled_from(Kind), st.integers(0, 5_000))
def test_a_counter_and_refresh_never_have_other_content(clock: int, refresh: int, kind: Kind, delay: int) -> None:
    taser = TaserPairing(b"", KEYS, 0)
    beacons = taser.beacons(TaserEvent(9, kind, clock * 1_000, 50, delay))
    first = beacons.payload(refresh)
    taser.beacons(TaserEvent(EPOCH, kind, clock * 1_000 + 1, 51, delay))

    assert beacons.payload(refresh) == first


def test_each_refresh_of_an_event_is_another_packet() -> None:
    beacons = TaserPairing(b"", KEYS, 0).beacons(TaserEvent(9, Kind.ARC, 0, 50))

    assert len({beacons.payload(refresh) for refresh in range(256)}) == 256


def test_the_age_and_the_clock_are_those_at_the_start_of_the_refresh() -> None:
    event = TaserEvent(1, Kind.ARMED, clock_ms=59_950, battery_percent=80, delay_ms=7)

    assert [(event.content(s).age_ms, event.content(s).clock_minutes) for s in (0, 1, 255)] == [
        (7, 0),
        (107, 1),
        (25_507, 1),
    ]


def test_a_taser_that_was_seized_holds_no_key_of_an_earlier_epoch() -> None:
    taser = TaserPairing(b"", KEYS, 0)
    taser.beacons(TaserEvent(EPOCH, Kind.ARC, 0, 50))

    assert taser.keys == KEYS.next()
    with pytest.raises(KeyErased):
        taser.beacons(TaserEvent(EPOCH - 1, Kind.ARC, 0, 50))


def test_refreshes_follow_one_another_every_100_ms_to_the_last() -> None:
    indices = [refresh_at(ms / 10) for ms in range(0, 256_000, 7)]

    assert [index for index, _ in itertools.groupby(indices)] == list(range(256))
    assert refresh_at(25_600) is None
