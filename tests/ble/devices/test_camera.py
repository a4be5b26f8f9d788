"""What a camera does: truth tables, recordings over time, what it hears in each mode, and every loss of power."""

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ble.devices.camera import CAPACITY_MS, Camera, Missed, Settings
from ble.devices.modes import MODES, Cue, Mode
from ble.devices.recordings import LONGEST_MS, Cause, End, Recording
from ble.devices.taser import Act, Fired, Taser
from ble.protocol.beacon import Kind
from ble.protocol.decision import ACCEPTED, Verdict
from ble.protocol.evidence import read_journal
from ble.protocol.statements import Account, Cancellation
from tests.ble.devices.parts import HOUR, MINUTE, NOW_MS, SECOND, born, camera, data, fitted, taser

OFF, RECOVERING, READY, RECORDING, FAULT = Mode
EXPECTED = {
    OFF: {Cue.SWITCH_ON: READY, Cue.SWITCH_ON_INTERRUPTED: RECOVERING},
    RECOVERING: {Cue.RECOVERED: READY, Cue.SWITCH_OFF: OFF, Cue.POWER_LOST: OFF, Cue.FAIL: FAULT},
    READY: {Cue.START: RECORDING, Cue.SWITCH_OFF: OFF, Cue.POWER_LOST: OFF, Cue.FAIL: FAULT},
    RECORDING: {Cue.STOP: READY, Cue.SWITCH_OFF: OFF, Cue.POWER_LOST: OFF, Cue.FAIL: FAULT},
    FAULT: {Cue.SWITCH_OFF: OFF, Cue.POWER_LOST: OFF},
}


def armed(one: Taser, at_ms: int) -> Fired:
    one.act(Act.MAKE_SAFE, at_ms)
    return one.act(Act.ARM, at_ms)[0]


def test_every_mode_follows_every_cue_as_the_table_says() -> None:
    for mode, cue in itertools.product(Mode, Cue):
        assert MODES.get((mode, cue), mode) == EXPECTED[mode].get(cue, mode), (mode, cue)


def test_a_heard_activation_starts_a_recording_at_once_with_what_the_buffer_holds() -> None:
    c, t = camera(born()), taser(born())
    at = NOW_MS + MINUTE
    decision, outcome = c.hear(data(armed(t, at)), at)
    assert decision.verdict is Verdict.NEW
    running = c.running
    assert outcome is not None
    assert running is not None
    assert outcome.recording == running.number == 1
    assert (running.cause, running.begun_ms, running.starts_ms) == (Cause.ACTIVATION, at, at - 30 * SECOND)
    assert [one.kind for one in running.sightings] == [Kind.ARMED]


@pytest.mark.parametrize(("buffer_s", "on_s", "held_s"), [(0, 60, 0), (30, 10, 10), (30, 60, 30), (120, 600, 120)])
def test_the_buffer_holds_at_most_what_was_seen_since_it_was_ready(buffer_s: int, on_s: int, held_s: int) -> None:
    c = camera(settings=Settings(buffer_ms=buffer_s * SECOND))
    at = NOW_MS + on_s * SECOND
    assert c.press_start(at)
    assert c.recordings.get(1).starts_ms == at - held_s * SECOND


@pytest.mark.parametrize("buffer_ms", [-1, 120_001])
def test_a_buffer_is_0_to_120_seconds(buffer_ms: int) -> None:
    with pytest.raises(ValueError, match="120"):
        Settings(buffer_ms=buffer_ms)


def test_events_of_one_firing_are_in_one_recording_and_copies_add_nothing() -> None:
    c, t = camera(born()), taser(born())
    at = NOW_MS + MINUTE
    fired = [armed(t, at), *t.act(Act.TRIGGER, at)]
    verdicts = [c.hear(data(one, refresh), at + refresh)[0].verdict for one in fired for refresh in (0, 0)]
    assert verdicts == [Verdict.NEW, Verdict.SAME] * 3
    running = c.running
    assert running is not None
    assert [one.kind for one in running.sightings] == [Kind.ARMED, Kind.TRIGGER, Kind.ARC]
    assert len(c.recordings.all()) == 1


def test_an_event_is_dated_back_by_what_the_beacon_says() -> None:
    c, t = camera(born()), taser(born())
    at = NOW_MS + MINUTE
    c.hear(data(armed(t, at), refresh=20), at + 2_000)
    assert c.recordings.get(1).sightings[0].at_ms == at
    assert c.recordings.get(1).covers(at)


@pytest.mark.parametrize("mode", [OFF, RECOVERING, FAULT])
def test_what_is_not_ready_hears_nothing(mode: Mode) -> None:
    c, t = camera(born()), taser(born())
    {OFF: c.switch_off, FAULT: c.fail, RECOVERING: _interrupt(c)}[mode](NOW_MS + SECOND)
    assert c.mode is mode
    decision, outcome = c.hear(data(armed(t, NOW_MS + 2 * SECOND)), NOW_MS + 2 * SECOND)
    assert (decision.verdict, outcome) == (Verdict.FOREIGN, None)


def _interrupt(c: Camera) -> Callable[[int], None]:
    def interrupt(at_ms: int) -> None:
        c.press_start(at_ms)
        c.lose_power(at_ms)
        c.switch_on(at_ms)

    return interrupt


def test_after_a_fault_off_and_on_makes_it_ready() -> None:
    c = camera()
    c.fail(NOW_MS)
    c.switch_on(NOW_MS)
    assert c.mode is FAULT
    c.switch_off(NOW_MS)
    c.switch_on(NOW_MS)
    assert c.mode is READY


def test_a_recording_is_at_most_four_hours_then_the_next_starts_without_a_gap() -> None:
    c = camera()
    c.press_start(NOW_MS + MINUTE)
    c.advance(NOW_MS + 9 * HOUR)
    c.press_stop(NOW_MS + 9 * HOUR)
    found = c.recordings.all()
    assert [one.end for one in found] == [End.SPLIT, End.SPLIT, End.STOPPED]
    assert [one.cause for one in found] == [Cause.BUTTON, Cause.SPLIT, Cause.SPLIT]
    assert all(one.length_ms <= LONGEST_MS for one in found)
    assert [one.starts_ms for one in found[1:]] == [one.ended_ms for one in found[:-1]]
    assert found[-1].ended_ms == NOW_MS + 9 * HOUR


def test_memory_full_ends_the_recording_and_lets_no_other_begin() -> None:
    c, t = camera(born(), settings=Settings(capacity_ms=HOUR)), taser(born())
    c.press_start(NOW_MS + MINUTE)
    c.advance(NOW_MS + 2 * HOUR)
    (full,) = c.recordings.all()
    assert (full.end, full.length_ms, c.mode) == (End.MEMORY_FULL, HOUR, READY)
    assert not c.press_start(NOW_MS + 2 * HOUR)
    decision, outcome = c.hear(data(armed(t, NOW_MS + 2 * HOUR)), NOW_MS + 2 * HOUR)
    assert decision.verdict is Verdict.NEW
    assert outcome is not None
    assert (outcome.recording, outcome.missed) == (None, Missed.MEMORY_FULL)
    # It is kept all the same, signed, and with the beacon's bytes.
    account = _journal(c)[-1]
    assert isinstance(account, Account)
    assert (account.counter, account.recording) == (1, None)
    c.recordings.erase(full.number)
    assert c.press_start(NOW_MS + 2 * HOUR)
    assert c.recordings.all()[0].number == 2


def test_a_wearer_can_cancel_and_that_is_kept() -> None:
    c, t = camera(born()), taser(born())
    at = NOW_MS + MINUTE
    c.hear(data(armed(t, at)), at)
    c.cancel(at + 5 * SECOND)
    (cancelled,) = c.recordings.all()
    assert (cancelled.end, cancelled.cancelled_ms, c.mode) == (End.CANCELLED, at + 5 * SECOND, READY)
    account, cancellation = _journal(c)
    assert isinstance(account, Account)
    assert account.recording == cancelled.statement("C1")
    assert cancellation == Cancellation(born().pairing.id, 1, at + 5 * SECOND)


def test_made_safe_starts_nothing_but_is_noted() -> None:
    c, t = camera(born()), taser(born())
    t.act(Act.ARM, NOW_MS)
    (safe,) = t.act(Act.MAKE_SAFE, NOW_MS)
    decision, outcome = c.hear(data(safe), NOW_MS + SECOND)
    assert decision.verdict is Verdict.NEW
    assert outcome is not None
    assert outcome.recording is None
    assert c.mode is READY
    assert [one.kind for one in c.memory.notes()] == [Kind.SAFE]


def test_a_replay_is_noted_once_a_minute_and_starts_nothing() -> None:
    c, t = camera(born()), taser(born())
    heard = data(armed(t, NOW_MS))
    c.hear(heard, NOW_MS)
    c.press_stop(NOW_MS + SECOND)
    verdicts = [c.hear(heard, NOW_MS + MINUTE + second * SECOND)[0].verdict for second in range(30)]
    assert set(verdicts) == {Verdict.REPLAY}
    assert c.mode is READY
    assert len(c.recordings.all()) == len(c.memory.notes()) == 1


def test_the_clocks_jump_makes_an_activation_suspect_and_it_is_recorded() -> None:
    c, t = camera(born()), taser(born())
    t.clock.jump(NOW_MS, -HOUR)
    decision, outcome = c.hear(data(armed(t, NOW_MS)), NOW_MS)
    assert decision.verdict is Verdict.SUSPECTED
    assert outcome is not None
    assert outcome.recording == 1


def test_setting_the_cameras_clock_moves_what_it_knows_of_the_tasers() -> None:
    c, t = camera(born()), taser(born())
    c.clock.jump(NOW_MS, -HOUR)
    t.clock.jump(NOW_MS, -HOUR)
    assert c.hear(data(armed(t, NOW_MS)), NOW_MS)[0].verdict is Verdict.NEW
    c.set_clock(NOW_MS + SECOND, NOW_MS + SECOND)
    assert c.hear(data(armed(t, NOW_MS + SECOND)), NOW_MS + SECOND)[0].verdict is Verdict.NEW
    assert c.memory.windows()[0].offset_s == -3600


def test_a_battery_lasts_about_twelve_hours_and_takes_up_to_nine_on_a_dock() -> None:
    c = camera()
    c.advance(NOW_MS + 12 * HOUR - MINUTE)
    assert c.mode is READY
    c.advance(NOW_MS + 12 * HOUR + MINUTE)
    assert c.mode is OFF
    c.switch_on(NOW_MS + 12 * HOUR + MINUTE)
    c.advance(NOW_MS + 12 * HOUR + 2 * MINUTE)
    assert c.mode is OFF
    c.dock(NOW_MS + 13 * HOUR)
    assert c.battery.shown(NOW_MS + 21 * HOUR) < 100
    assert c.battery.shown(NOW_MS + 22 * HOUR) == 100
    c.switch_on(NOW_MS + 22 * HOUR)
    assert c.mode is OFF
    c.undock(NOW_MS + 22 * HOUR)
    c.switch_on(NOW_MS + 22 * HOUR)
    assert c.mode is READY


def test_an_interrupted_recording_is_recovered_before_it_is_ready() -> None:
    c, t = camera(born()), taser(born())
    c.hear(data(armed(t, NOW_MS)), NOW_MS)
    c.lose_power(NOW_MS + MINUTE)
    c.switch_on(NOW_MS + 2 * MINUTE)
    assert c.mode is RECOVERING
    c.advance(NOW_MS + 2 * MINUTE + 5 * SECOND)
    assert c.mode is READY
    (one,) = c.recordings.all()
    assert (one.end, one.length_ms) == (End.INTERRUPTED, MINUTE)
    assert len(_journal(c)) == 1


def test_a_power_cut_right_after_the_start_forgets_no_event_that_was_recorded() -> None:
    c, t = camera(born()), taser(born())
    heard = data(armed(t, NOW_MS))
    c.hear(heard, NOW_MS)
    assert c.memory.windows()[0].highest == 0
    c.lose_power(NOW_MS + 10)
    c.switch_on(NOW_MS + 20)
    c.advance(NOW_MS + 10 * SECOND)
    assert c.hear(heard, NOW_MS + 10 * SECOND)[0].verdict is Verdict.REPLAY


def test_the_window_is_stored_within_a_second() -> None:
    c, t = camera(born()), taser(born())
    c.hear(data(armed(t, NOW_MS)), NOW_MS)
    c.advance(NOW_MS + 1_000)
    assert c.memory.windows()[0].highest == 1


def test_a_recording_that_memory_does_not_take_is_a_fault_and_not_a_crash() -> None:
    c, t = camera(born()), taser(born())
    c.memory.flash.lose_writes(3)
    decision, outcome = c.hear(data(armed(t, NOW_MS)), NOW_MS)
    assert (decision.verdict, outcome, c.mode) == (Verdict.NEW, None, FAULT)
    c.switch_off(NOW_MS)
    c.switch_on(NOW_MS)
    # What was not stored was not heard: the Taser goes on sending, and this time it is recorded.
    _, outcome = c.hear(data(armed(t, NOW_MS)), NOW_MS + SECOND)
    assert outcome is not None
    assert outcome.recording == 1


def test_a_memory_restored_from_an_old_copy_shows_in_the_journals_chain() -> None:
    c, t = camera(born()), taser(born())
    old, beginning = c.memory.flash.copy(), c.memory.journal.head
    for minute in range(3):
        c.hear(data(armed(t, NOW_MS + minute * MINUTE)), NOW_MS + minute * MINUTE)
        c.press_stop(NOW_MS + minute * MINUTE + SECOND)
    later = c.memory.journal.head
    c.memory.flash.restore(old)
    c.switch_off(NOW_MS + HOUR)
    c.switch_on(NOW_MS + HOUR)
    assert c.memory.journal.head == beginning
    assert later.sequence == beginning.sequence + 3


def _journal(c: Camera) -> list[Account | Cancellation]:
    found, head = read_journal(list(c.memory.journal), c.memory.identity.signing.public)
    assert head == c.memory.journal.head
    return found


def _sound(c: Camera, found: list[Recording]) -> None:
    """What holds of a camera's recordings whatever happened to it."""
    ended = [one for one in found if one.ended_ms is not None]
    assert len(found) - len(ended) <= 1
    assert sum(one.length_ms for one in ended) <= CAPACITY_MS
    assert all(0 <= one.length_ms <= LONGEST_MS for one in ended)
    assert all(one.ended_ms <= two.begun_ms for one, two in itertools.pairwise(found) if one.ended_ms is not None)
    assert [one.number for one in found] == sorted({one.number for one in found})
    assert (c.running is not None) == (c.mode is RECORDING)


STEPS = st.sampled_from(
    ["fire", "start", "stop", "cancel", "off", "on", "cut", "power", "dock", "undock", "mark", "wait"]
)


@given(steps=st.lists(st.tuples(STEPS, st.integers(1, 3 * 3600)), max_size=25), cut=st.integers(0, 8))
@settings(max_examples=150, deadline=None)
def test_no_activation_counts_twice_and_recordings_stay_sound_whatever_happens(
    steps: list[tuple[str, int]], cut: int
) -> None:
    c, t = camera(born()), taser(born())
    fitted(t).battery.per_hour = 0.0
    at, accepted, sent = NOW_MS, [], []
    for step, seconds in steps:
        at += seconds * SECOND
        match step:
            case "fire":
                sent.append(data(armed(t, at)))
                for beacon in sent:
                    decision, _ = c.hear(beacon, at)
                    if decision.verdict in ACCEPTED and decision.sighting:
                        accepted.append(decision.sighting.counter)
            case "cut":
                c.memory.flash.cut_before(cut)
            case "wait":
                c.advance(at)
            case _:
                _ACTIONS[step](c, at)
        _sound(c, c.recordings.all())
    c.memory.flash.cut_before(None)
    recorded = [one.counter for each in c.recordings.all() for one in each.sightings]
    assert len(set(recorded)) == len(recorded)
    assert set(recorded) <= set(accepted)


_ACTIONS = {
    "start": Camera.press_start,
    "stop": Camera.press_stop,
    "cancel": Camera.cancel,
    "off": Camera.switch_off,
    "on": Camera.switch_on,
    "power": Camera.lose_power,
    "dock": Camera.dock,
    "undock": Camera.undock,
    "mark": Camera.mark,
}
