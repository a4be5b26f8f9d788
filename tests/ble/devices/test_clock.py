"""A device's clock, battery and memory by themselves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble.devices.battery import Battery
from ble.devices.clock import Clock
from ble.devices.flash import Flash, PowerCut, WriteLost
from tests.ble.devices.parts import HOUR, NOW_MS

MONTH = 30 * 24 * HOUR


def test_a_drift_of_46_in_a_million_is_two_minutes_a_month() -> None:
    clock = Clock(NOW_MS, NOW_MS, drift_ppm=46.0)
    assert clock.offset_ms(NOW_MS + MONTH) == pytest.approx(120_000, rel=0.01)


@given(st.integers(0, MONTH), st.integers(-HOUR, HOUR), st.floats(-100, 100))
def test_a_clock_that_jumps_is_off_by_that_and_set_again_it_is_right(at: int, jump: int, drift: float) -> None:
    clock = Clock(NOW_MS, NOW_MS, drift_ppm=drift)
    before = clock.counts(NOW_MS + at)
    clock.jump(NOW_MS + at, jump)
    assert clock.counts(NOW_MS + at) == before + jump
    clock.set(NOW_MS + at, NOW_MS + at)
    assert clock.offset_ms(NOW_MS + at) == 0


def test_without_power_it_knows_that_it_knows_nothing() -> None:
    clock = Clock(NOW_MS, NOW_MS)
    clock.lose(NOW_MS)
    assert clock.read(NOW_MS + HOUR) is clock.offset_ms(NOW_MS + HOUR) is None
    assert clock.counts(NOW_MS + HOUR) == HOUR


@given(st.lists(st.tuples(st.integers(0, 5 * HOUR), st.floats(-200, 200)), max_size=10))
def test_a_charge_stays_between_empty_and_full_and_is_empty_when_it_says(loads: list[tuple[int, float]]) -> None:
    battery, at = Battery(NOW_MS), NOW_MS
    for lasting, per_hour in loads:
        battery.load(at, per_hour)
        at += lasting
        assert 0.0 <= battery.level(at) <= 100.0
        if (empty := battery.empty_at()) is not None:
            assert battery.level(empty + 1_000) == pytest.approx(0.0, abs=0.06)
            assert battery.level(empty - 1_000) >= battery.level(empty)


@given(st.integers(0, 5), st.integers(0, 5))
def test_a_write_happens_whole_or_not_at_all(cut: int, writes: int) -> None:
    flash = Flash()
    flash.cut_before(cut)
    done = 0
    try:
        for number in range(writes):
            flash.write({"a": number, "b": number})
            done += 1
    except PowerCut:
        assert done == cut
    assert flash.read("a") == flash.read("b") == (done - 1 if done else None)


@pytest.mark.parametrize(("lost", "held"), [(0, True), (2, True), (3, False)])
def test_a_lost_write_is_tried_three_times(lost: int, held: bool) -> None:
    flash = Flash()
    flash.lose_writes(lost)
    if held:
        flash.write({"cell": 1})
        flash.append("log", b"entry")
        assert (flash.read("cell"), list(flash.log("log"))) == (1, [b"entry"])
    else:
        with pytest.raises(WriteLost):
            flash.write({"cell": 1})
        assert flash.read("cell") is None


def test_a_copy_is_the_whole_memory_and_does_not_change_with_it() -> None:
    flash = Flash()
    flash.write({"cell": 1})
    flash.append("log", b"one")
    old = flash.copy()
    flash.write({"cell": 2, "other": 3})
    flash.append("log", b"two")
    flash.restore(old)
    assert (flash.read("cell"), flash.read("other"), list(flash.log("log"))) == (1, None, [b"one"])
