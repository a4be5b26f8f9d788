"""When the radio speaks, and that it says one thing at a time."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble.protocol.burst import FAST_FOR_MS, MOST_EVENTS, TURN_MS, Delay, Schedule, Turn, packets


def _delays(seed: int) -> Delay:
    return lambda number: (seed * 31 + number * 7) % 101 / 10


def _turns(schedule: Schedule) -> list[Turn]:
    return list(iter(schedule.next, None))


@given(st.integers(0, 1_000))
def test_a_burst_is_every_20_to_30_ms_for_3_s_and_then_every_100_to_110_until_25_6_s(seed: int) -> None:
    times = list(packets(_delays(seed)))

    assert times[0] == 0
    for before, after in pairwise(times):
        least = 20 if before < FAST_FOR_MS else 100
        assert least - 1e-6 <= after - before <= least + 10.1
    assert 25_490 <= times[-1] < 25_600
    assert sum(time < FAST_FOR_MS for time in times) >= 100


@given(st.integers(1, 4), st.lists(st.floats(0, 3_000), max_size=6), st.integers(0, 1_000))
def test_no_two_packets_of_one_radio_overlap_and_refreshes_go_on(slots: int, gaps: list[float], seed: int) -> None:
    schedule, now, turns = Schedule(), 0.0, []
    for event, gap in enumerate([0.0, *gaps]):
        now += gap
        while turns and turns[-1].at_ms < now and (turn := schedule.next()):
            turns.append(turn)
        schedule.begin(event, now, [_delays(seed + slot) for slot in range(slots)])
        turns.append(schedule.next())
    turns = [turn for turn in [*turns, *_turns(schedule)] if turn]

    assert all(after.at_ms - before.at_ms >= TURN_MS - 1e-6 for before, after in pairwise(turns))
    for slot in range(slots):
        for event in range(len(gaps) + 1):
            refreshes = [turn.refresh for turn in turns if (turn.slot, turn.event) == (slot, event)]
            assert refreshes == sorted(refreshes)


def test_four_pairings_all_hear_the_first_packet_within_five_milliseconds() -> None:
    schedule = Schedule()
    schedule.begin(0, 0.0, [_delays(slot) for slot in range(4)])

    first = [schedule.next() for _ in range(4)]

    assert [turn.slot for turn in first if turn] == [0, 1, 2, 3]
    assert max(turn.at_ms for turn in first if turn) < 5


def test_of_four_pairings_each_has_a_packet_every_100_ms_while_the_burst_is_fast() -> None:
    schedule = Schedule()
    schedule.begin(0, 0.0, [_delays(slot) for slot in range(4)])

    seen = {(turn.slot, turn.refresh) for turn in _turns(schedule)}

    assert {(slot, refresh) for slot in range(4) for refresh in range(30)} <= seen


@pytest.mark.parametrize("events", [MOST_EVENTS + 1, MOST_EVENTS + 3])
def test_the_oldest_event_ends_when_five_would_be_on_the_air(events: int) -> None:
    schedule = Schedule()
    for event in range(events):
        schedule.begin(event, float(event), [_delays(event)])

    assert {turn.event for turn in _turns(schedule)} == set(range(events - MOST_EVENTS, events))


def test_a_schedule_ends_when_every_refresh_is_used_up() -> None:
    schedule = Schedule()
    schedule.begin(0, 0.0, [_delays(1)])

    assert _turns(schedule)[-1].refresh >= 254
    assert schedule.next() is None
