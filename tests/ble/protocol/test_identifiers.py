"""The dictionary of identifiers: what a camera awaits, what it remembers, and which keys it has let go of."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble.protocol.beacon import LAST_COUNTER, Kind
from ble.protocol.identifiers import (
    AHEAD,
    BEHIND,
    EPOCH,
    FARTHEST,
    Dictionary,
    Event,
    KeyErased,
    Keys,
    OutOfReach,
    Window,
    epoch_of,
    first_state,
    identifier,
)
from tests.ble.fired import KEYS, PAIRING


def _on_the_air(start: int, counter: int) -> bytes:
    return identifier(KEYS.at(epoch_of(start, counter)).identifier, counter)


def _accept(window: Window, counter: int) -> None:
    window.accept(Event(counter, Kind.ARC, 0))


@given(st.integers(0, 2**40), st.lists(st.integers(1, AHEAD), max_size=12))
def test_a_window_knows_the_last_64_and_the_next_256_whatever_was_heard(start: int, steps: list[int]) -> None:
    window = Window(first_state(PAIRING, KEYS, start))
    for step in steps:
        _accept(window, window.highest + step)

    first = max(start, window.highest + 1 - BEHIND)
    expected = [_on_the_air(start, counter) for counter in range(first, window.highest + AHEAD + 1)]
    assert list(window.identifiers) == expected
    assert [window.counter_of(one) for one in expected] == list(range(first, window.highest + AHEAD + 1))


@given(st.lists(st.integers(1, AHEAD), max_size=8))
def test_a_stored_state_is_the_same_window(steps: list[int]) -> None:
    window = Window(first_state(PAIRING, KEYS, 5))
    for step in steps:
        _accept(window, window.highest + step)

    again = Window(window.state())

    assert again.state() == window.state()
    assert list(again.identifiers) == list(window.identifiers)


def test_a_camera_that_was_seized_holds_no_key_of_an_earlier_epoch() -> None:
    window = Window(first_state(PAIRING, KEYS, 0))
    _accept(window, EPOCH - 1)

    state = window.state()

    assert state.keys == KEYS.next()
    with pytest.raises(KeyErased):
        state.keys.at(0)
    assert state.before == KEYS.beacon, "copies of the last 64 are still to be verified"
    _accept(window, EPOCH - 1 + BEHIND)
    assert window.state().before is None


def test_the_beacon_key_of_the_last_64_is_there_until_they_are_past() -> None:
    window = Window(first_state(PAIRING, KEYS, 0))
    _accept(window, EPOCH + 10)

    assert window.beacon_key(EPOCH + 10 - BEHIND + 1) == KEYS.beacon
    assert window.beacon_key(EPOCH) == KEYS.next().beacon
    assert window.beacon_key(2 * EPOCH) == KEYS.at(2).beacon


def test_the_beacon_key_of_the_last_64_is_that_of_their_epoch_after_a_leap_over_several() -> None:
    window = Window(first_state(PAIRING, KEYS, 0))
    window.level(3 * EPOCH + 10)

    assert window.beacon_key(3 * EPOCH - 1) == KEYS.at(2).beacon
    assert window.beacon_key(3 * EPOCH) == KEYS.at(3).beacon


def test_what_was_had_stays_had_as_the_window_slides() -> None:
    window = Window(first_state(PAIRING, KEYS, 0))
    for counter in range(0, 200, 3):
        _accept(window, counter)

    had = [counter for counter in range(window.highest - BEHIND + 1, window.highest + 1) if window.had(counter)]

    assert had == [counter for counter in range(0, 200, 3) if counter > window.highest - BEHIND]


def test_a_window_that_was_levelled_takes_nothing_from_before() -> None:
    window = Window(first_state(PAIRING, KEYS, 0))
    _accept(window, 3)
    window.level(5_000)

    assert window.highest == 5_000
    assert all(window.had(counter) for counter in range(5_001))
    assert not window.had(5_001)
    assert list(window.identifiers)[BEHIND] == _on_the_air(0, 5_001)


def test_a_window_is_never_levelled_back_nor_beyond_what_a_log_can_tell() -> None:
    window = Window(first_state(PAIRING, KEYS, 0))
    window.level(100)
    before = window.state()

    window.level(50)

    assert window.state() == before
    with pytest.raises(OutOfReach):
        window.level(100 + FARTHEST + 1)


def test_a_counter_at_its_very_end_is_no_error() -> None:
    window = Window(first_state(PAIRING, KEYS, LAST_COUNTER - 2))
    _accept(window, LAST_COUNTER)

    assert len(list(window.identifiers)) == 3
    assert window.had(LAST_COUNTER)


@given(st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.integers(1, 300)), max_size=15))
def test_pairings_that_share_identifiers_are_all_found_and_all_forgotten(steps: list[tuple[bytes, int]]) -> None:
    """Of the same keys on purpose: what chance does once in a thousand cameras is done here to every identifier."""
    dictionary = Dictionary()
    for name in (b"a", b"b", b"c"):
        dictionary.add(Window(first_state(name, KEYS, 0)))
    for name, step in steps:
        window = dictionary.windows[name]
        dictionary.change(window, window.accept(Event(window.highest + step, Kind.ARC, 0)))

    for window in dictionary.windows.values():
        for one in window.identifiers:
            assert window in dictionary.owners(one)
    total = {one for window in dictionary.windows.values() for one in window.identifiers}
    assert len(dictionary) == len(total)
    for name in (b"b", b"a", b"c"):
        dictionary.remove(name)
    assert len(dictionary) == 0
    assert not any(dictionary.knows(one) for one in total)


def test_a_thousand_pairings_take_less_than_64_mb() -> None:
    tracemalloc.start()
    dictionary = Dictionary()
    for number in range(100):
        keys = Keys(0, number.to_bytes(16, "big"), number.to_bytes(16, "little"))
        window = Window(first_state(number.to_bytes(16, "big"), keys, 0))
        dictionary.add(window)
        dictionary.change(window, window.level(1_000))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(dictionary) == 100 * (AHEAD + BEHIND)
    # A tenth of them, in a tenth of the memory: a dictionary of ten times the size has no other cost an entry.
    assert held < 6_400_000
