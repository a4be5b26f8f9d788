"""What a Taser does: truth tables, its counter through every power cut, and its logs."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ble.devices.flash import PowerCut
from ble.devices.journal import NAME
from ble.devices.log import CAPACITY, OVERWRITTEN
from ble.devices.taser import ACTS, NO_COUNTER, Act, Entry, Fired, Safety, Taser
from ble.protocol.beacon import Kind
from ble.protocol.evidence import read_log
from ble.protocol.statements import BEGINNING
from tests.ble.devices.parts import HOUR, MINUTE, NOW_MS, SECOND, born, fitted, hold, sppm, taser

EXPECTED = {
    (Safety.SAFE, Act.ARM): (Safety.ARMED, [Kind.ARMED]),
    (Safety.SAFE, Act.TRIGGER): (Safety.SAFE, []),
    (Safety.SAFE, Act.ARC): (Safety.SAFE, []),
    (Safety.SAFE, Act.TEST): (Safety.SAFE, []),
    (Safety.SAFE, Act.MAKE_SAFE): (Safety.SAFE, []),
    (Safety.ARMED, Act.ARM): (Safety.ARMED, []),
    (Safety.ARMED, Act.TRIGGER): (Safety.ARMED, [Kind.TRIGGER, Kind.ARC]),
    (Safety.ARMED, Act.ARC): (Safety.ARMED, [Kind.ARC]),
    (Safety.ARMED, Act.TEST): (Safety.ARMED, [Kind.TEST]),
    (Safety.ARMED, Act.MAKE_SAFE): (Safety.SAFE, [Kind.SAFE]),
}


def kinds(fired: list[Fired]) -> list[Kind]:
    return [one.event.kind for one in fired]


@pytest.mark.parametrize(("safety", "act"), list(itertools.product(Safety, Act)))
def test_what_follows_of_each_act_in_each_state(safety: Safety, act: Act) -> None:
    one = taser(born())
    one.safety = safety
    fired = one.act(act, NOW_MS)
    assert (one.safety, kinds(fired)) == EXPECTED[safety, act]
    assert set(ACTS) <= set(EXPECTED)


def test_each_of_armed_trigger_and_arc_has_a_counter_of_its_own() -> None:
    one = taser(born())
    fired = [*one.act(Act.ARM, NOW_MS), *one.act(Act.TRIGGER, NOW_MS + 400)]
    assert kinds(fired) == [Kind.ARMED, Kind.TRIGGER, Kind.ARC]
    assert [each.event.counter for each in fired] == [1, 2, 3]


def test_the_function_test_arms_arcs_and_makes_safe() -> None:
    one = taser(born())
    assert kinds(one.function_test(NOW_MS)) == [Kind.ARMED, Kind.TEST, Kind.SAFE]
    assert one.safety is Safety.SAFE
    assert one.cartridges == 2


def test_a_trigger_takes_a_cartridge_and_arcs_without_one() -> None:
    one = taser(born())
    one.act(Act.ARM, NOW_MS)
    left = []
    for second in range(3):
        assert kinds(one.act(Act.TRIGGER, NOW_MS + second * SECOND)) == [Kind.TRIGGER, Kind.ARC]
        left.append(one.cartridges)
    assert left == [1, 0, 0]
    one.reload()
    assert one.cartridges == 2


def test_without_a_battery_or_with_a_flat_one_it_does_nothing() -> None:
    bare = taser(born())
    bare.remove(NOW_MS)
    flat = taser(born(), percent=0.0)
    for one in (bare, flat):
        assert one.act(Act.ARM, NOW_MS) == []
        assert not one.has_power(NOW_MS)
        assert len(one.log) == 0


def test_a_battery_that_an_arc_empties_sends_nothing_of_it_and_loses_the_time() -> None:
    one = taser(born(), percent=0.15)
    one.act(Act.ARM, NOW_MS)
    assert one.act(Act.ARC, NOW_MS) == []
    assert one.clock.read(NOW_MS) is None
    assert one.safety is Safety.SAFE


def test_it_sends_to_every_pairing_with_keys_of_its_own() -> None:
    one = taser(*(born(number) for number in range(1, 5)))
    (armed,) = one.act(Act.ARM, NOW_MS)
    assert len({each.identifier for each in armed.beacons}) == len({each.key for each in armed.beacons}) == 4
    assert len({each.payload(0) for each in armed.beacons}) == 4


def test_another_battery_holds_no_pairing_and_the_old_one_still_does_when_it_is_back() -> None:
    one = taser(born())
    old = one.remove(NOW_MS)
    assert old is not None
    one.fit(NOW_MS, sppm("SP2"))
    (armed,) = one.act(Act.ARM, NOW_MS)
    assert armed.beacons == ()
    one.fit(NOW_MS, old)
    (armed,) = one.act(Act.ARM, NOW_MS)
    assert len(armed.beacons) == 1


def test_a_battery_swap_loses_the_clock_until_it_is_set() -> None:
    one = taser(born())
    one.fit(NOW_MS, sppm("SP2"))
    assert one.clock.read(NOW_MS + MINUTE) is None
    (armed,) = one.act(Act.ARM, NOW_MS + MINUTE)
    assert armed.event.clock_ms == MINUTE
    one.clock.set(NOW_MS + MINUTE, NOW_MS + MINUTE)
    assert one.clock.read(NOW_MS + HOUR) == NOW_MS + HOUR


def test_the_counter_goes_on_over_all_pairings_and_batteries_taken_out() -> None:
    one = taser(born(1))
    one.act(Act.ARM, NOW_MS)
    one.fit(NOW_MS, fitted(one))
    hold(fitted(one), born(2, start=fitted(one).counter.next))
    (armed,) = one.act(Act.ARM, NOW_MS)
    # The rest of the reserved block is skipped.
    assert armed.event.counter == 17


@given(
    cuts=st.lists(st.integers(0, 12), min_size=1, max_size=12),
    acts=st.lists(st.sampled_from(Act), min_size=1, max_size=12),
    lost=st.integers(0, 2),
)
@settings(max_examples=150, deadline=None)
def test_no_number_is_ever_sent_twice_whatever_fails(cuts: list[int], acts: list[Act], lost: int) -> None:
    one = taser(born(1), born(2))
    sent: list[int] = []
    moment = NOW_MS
    for cut in cuts:
        fitted(one).flash.lose_writes(lost)
        fitted(one).flash.cut_before(cut)
        try:
            for act in acts:
                moment += SECOND
                sent += [each.event.counter for each in one.act(act, moment)]
        except PowerCut:
            one.power_failed(moment)
        fitted(one).flash.cut_before(None)
    assert len(set(sent)) == len(sent)
    assert sent == sorted(sent)
    # And everything that was sent is in the signed log, whose chain holds.
    key = fitted(one).memory.signing.public
    entries, head = read_log(list(fitted(one).journal), key)
    assert set(sent) <= {entry.counter for entry in entries}
    assert head == fitted(one).journal.head


def test_a_lost_write_is_tried_again_and_a_memory_that_takes_none_sends_nothing() -> None:
    one = taser(born())
    fitted(one).flash.lose_writes(2)
    (armed,) = one.act(Act.ARM, NOW_MS)
    assert armed.event.counter == 1
    one.fit(NOW_MS, fitted(one))
    fitted(one).flash.lose_writes(3)
    assert one.act(Act.ARM, NOW_MS) == []
    assert [entry.counter for entry in one.log] == [1, NO_COUNTER]


def test_a_lost_counter_drops_every_key_and_goes_on_behind_the_log() -> None:
    one = taser(born(1), born(2))
    one.function_test(NOW_MS)
    fitted(one).flash.write({"counter": None})
    one.fit(NOW_MS, fitted(one))
    assert fitted(one).memory.pairings == ()
    (armed,) = one.act(Act.ARM, NOW_MS)
    assert (armed.event.counter, armed.beacons) == (4, ())
    # Paired anew it is heard again; the chain of its log holds.
    hold(fitted(one), born(3, start=fitted(one).counter.next))
    assert len(one.act(Act.MAKE_SAFE, NOW_MS)[0].beacons) == 1
    read_log(list(fitted(one).journal), fitted(one).memory.signing.public)


def test_a_lost_counter_in_a_memory_that_takes_nothing_sends_nothing() -> None:
    one = taser(born())
    fitted(one).flash.write({"counter": None})
    fitted(one).flash.lose_writes(1_000)
    one.fit(NOW_MS, fitted(one))
    assert one.act(Act.ARM, NOW_MS) == []
    assert [entry.counter for entry in one.log] == [NO_COUNTER]


def test_a_memory_put_back_to_an_old_copy_shows_in_the_chain() -> None:
    one = taser(born())
    one.function_test(NOW_MS)
    old = fitted(one).flash.copy()
    kept = fitted(one).journal.head
    one.function_test(NOW_MS + MINUTE)
    later = fitted(one).journal.head
    fitted(one).flash.restore(old)
    one.fit(NOW_MS, fitted(one))
    assert fitted(one).journal.head == kept != later


def test_the_log_keeps_about_16_000_entries_and_drops_the_oldest_4_000() -> None:
    one = taser()
    log = one.log
    one.act(Act.ARM, NOW_MS)
    entry = next(iter(log))
    while len(log) < CAPACITY:
        log.append(entry)
    assert log.first_number == 0
    one.act(Act.ARC, NOW_MS + SECOND)
    assert (len(log), log.first_number, log.next_number) == (CAPACITY - OVERWRITTEN + 1, OVERWRITTEN, CAPACITY + 1)
    assert log.last() != entry


@given(length=st.integers(0, 80), start=st.integers(0, 90), most=st.integers(1, 40))
def test_pages_of_the_log_give_every_entry_once(length: int, start: int, most: int) -> None:
    log = taser().log
    entry = _entry()
    for _ in range(length):
        log.append(entry)
    found, following, asked = 0, start, 0
    while True:
        page, following = log.page(following, most)
        found += len(page)
        asked += 1
        if not following:
            break
    assert found == max(0, length - start)
    assert asked <= length // most + 1


def _entry() -> Entry:
    one = taser()
    one.act(Act.ARM, NOW_MS)
    return next(iter(one.log))


def test_the_signed_log_reads_in_pages_that_follow_one_another() -> None:
    one = taser(born())
    for minute in range(10):
        one.function_test(NOW_MS + minute * MINUTE)
    log, key = fitted(one).flash.log(NAME), fitted(one).memory.signing.public
    head, following, counters = BEGINNING, 0, []
    while True:
        page, following = log.page(following, 7)
        entries, head = read_log(page, key, head)
        counters += [entry.counter for entry in entries]
        if not following:
            break
    assert counters == list(range(1, 31))
    assert {entry.taser for entry in entries} == {"X2"}


def test_keys_move_on_with_the_counter_and_are_stored() -> None:
    one = taser(born())
    one.act(Act.ARM, NOW_MS)
    for arc in range(300):
        fitted(one).battery.load(NOW_MS, 0.0)
        fitted(one).battery.percent = 100.0
        one.act(Act.ARC, NOW_MS + arc * SECOND)
    assert [pairing.keys.epoch for pairing in fitted(one).pairings] == [1]
    again = Taser("X2", one.clock)
    again.fit(NOW_MS, fitted(one))
    assert [pairing.keys.epoch for pairing in fitted(again).pairings] == [1]
