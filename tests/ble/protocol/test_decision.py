"""The camera's decision on each packet."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ble.protocol import decision as decisions
from ble.protocol import identifiers
from ble.protocol.beacon import Kind, frame
from ble.protocol.decision import COPIES_A_SLOT, Camera, Decision, Verdict
from ble.protocol.identifiers import AHEAD, Keys, OutOfReach, first_state
from tests.ble.fired import KEYS, NOON, PAIRING, Pair


def test_an_activation_is_recorded_back_to_when_it_happened_and_stored_within_a_second() -> None:
    pair = Pair()
    beacons = pair.fire(Kind.ARC)

    decided = pair.hear(beacons, 3, late_ms=40)

    assert decided.verdict is Verdict.NEW
    assert decided.record
    assert decided.store_by_ms == pair.now + 340 + 1_000
    sighting = decided.sighting
    assert sighting is not None
    assert (sighting.pairing, sighting.counter, sighting.kind) == (PAIRING, 0, Kind.ARC)
    assert (sighting.at_ms, sighting.heard_ms, sighting.age_ms) == (pair.now + 40, pair.now + 340, 300)
    assert (sighting.battery_percent, sighting.suspected) == (80, False)
    assert sighting.payload == beacons.payload(3)


@pytest.mark.parametrize(("kind", "records"), [(kind, kind is not Kind.SAFE) for kind in Kind])
def test_every_kind_but_safe_starts_a_recording(kind: Kind, records: bool) -> None:
    pair = Pair()

    decided = pair.hear(pair.fire(kind))

    assert (decided.verdict, decided.record) == (Verdict.NEW, records)


def test_a_later_refresh_is_the_same_event() -> None:
    pair = Pair()
    beacons = pair.fire()
    pair.hear(beacons)

    for refresh in range(1, 256):
        assert pair.hear(beacons, refresh, late_ms=refresh % 100).verdict is Verdict.SAME


def test_the_same_bytes_later_are_a_replay_that_is_noted_once_a_minute() -> None:
    pair = Pair()
    beacons = pair.fire()
    pair.hear(beacons)

    replays = [pair.hear(beacons, late_ms=late) for late in (5_000, 6_000, 64_000, 65_000, 70_000)]

    assert {replay.verdict for replay in replays} == {Verdict.REPLAY}
    assert not any(replay.record for replay in replays)
    assert [replay.note for replay in replays] == [True, False, False, True, False]


@pytest.mark.parametrize("late_s", [361, 3_600, 400_000])
def test_a_first_copy_outside_the_clock_tolerance_is_recorded_as_a_suspected_replay(late_s: int) -> None:
    pair = Pair()

    decided = pair.hear(pair.fire(), late_ms=late_s * 1_000)

    assert decided.verdict is Verdict.SUSPECTED
    assert decided.record
    assert decided.sighting is not None
    assert decided.sighting.suspected


@pytest.mark.parametrize("off_s", [-299, -1, 0, 1, 299])
def test_a_taser_clock_within_the_tolerance_suspects_nothing(off_s: int) -> None:
    pair = Pair(taser_off_s=off_s)

    assert pair.hear(pair.fire()).verdict is Verdict.NEW


def test_a_known_offset_of_the_tasers_clock_is_allowed_for() -> None:
    pair = Pair(taser_off_s=-86_400)
    assert pair.hear(pair.fire()).verdict is Verdict.SUSPECTED

    pair.camera.set_offset(PAIRING, -86_400)

    assert pair.hear(pair.fire()).verdict is Verdict.NEW


def test_events_heard_out_of_order_count_once_each() -> None:
    pair = Pair()
    bursts = [pair.fire() for _ in range(64)]

    verdicts = [pair.hear(beacons).verdict for beacons in reversed(bursts)]
    again = [pair.hear(beacons, late_ms=50).verdict for beacons in bursts]

    assert set(verdicts) == {Verdict.NEW}
    assert set(again) == {Verdict.SAME}


def test_what_lies_more_than_64_behind_is_foreign() -> None:
    pair = Pair()
    old = pair.fire()
    pair.hear(pair.skip(64))

    assert pair.hear(old).verdict is Verdict.FOREIGN


@pytest.mark.parametrize(("ahead", "verdict"), [(AHEAD, Verdict.NEW), (AHEAD + 1, Verdict.FOREIGN)])
def test_the_next_256_counters_are_awaited(ahead: int, verdict: Verdict) -> None:
    pair = Pair()

    assert pair.hear(pair.skip(ahead)).verdict is verdict


def test_a_camera_that_missed_more_than_256_is_brought_level_by_the_tasers_log() -> None:
    pair = Pair()
    last = pair.skip(1_000)
    assert pair.hear(last).verdict is Verdict.FOREIGN

    pair.camera.level(PAIRING, last.event.counter)

    assert pair.hear(last).verdict is Verdict.REPLAY, "the log tells this one already"
    assert pair.hear(pair.fire()).verdict is Verdict.NEW


def test_a_log_that_claims_too_much_moves_nothing() -> None:
    pair = Pair()

    with pytest.raises(OutOfReach):
        pair.camera.level(PAIRING, identifiers.FARTHEST + 1)

    assert pair.hear(pair.fire()).verdict is Verdict.NEW


def test_the_window_does_not_move_for_what_is_not_verified() -> None:
    pair = Pair()
    before = pair.camera.state(PAIRING)
    far = bytearray(frame(pair.skip(200).payload(0)))
    far[-1] ^= 1

    assert pair.camera.hear(bytes(far), NOON).verdict is Verdict.FORGED
    assert pair.camera.state(PAIRING) == before


def test_copies_of_a_live_identifier_are_limited_and_the_true_one_has_its_turn() -> None:
    pair = Pair()
    beacons = pair.fire()
    forged = frame(beacons.payload(0)[:-1] + b"x")

    verdicts = [pair.camera.hear(forged, pair.now) for _ in range(1_000)]

    assert [verdict.verdict for verdict in verdicts].count(Verdict.FORGED) == COPIES_A_SLOT
    assert {verdict.verdict for verdict in verdicts[COPIES_A_SLOT:]} == {Verdict.LIMITED}
    assert pair.hear(beacons, 1).verdict is Verdict.NEW, "a tenth of a second later"


def test_a_foreign_packet_costs_one_look_up_and_no_cryptography(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = Pair()
    foreign = frame(Pair(keys=Keys(0, bytes(16), bytes(16))).fire().payload(0))
    monkeypatch.setattr(decisions, "unseal", lambda *_: pytest.fail("a foreign packet was looked into"))
    monkeypatch.setattr(identifiers, "identifier", lambda *_: pytest.fail("an identifier was worked out"))
    looked_up: list[bytes] = []
    knows = identifiers.Dictionary.knows
    monkeypatch.setattr(
        identifiers.Dictionary, "knows", lambda self, wanted: looked_up.append(wanted) or knows(self, wanted)
    )

    assert pair.camera.hear(foreign, NOON).verdict is Verdict.FOREIGN
    assert len(looked_up) == 1


def test_another_pairs_beacon_under_an_identifier_of_ours_is_forged() -> None:
    pair, other = Pair(), Pair(keys=Keys(0, bytes(16), KEYS.identifier))
    pair.fire()

    assert pair.camera.hear(frame(other.fire().payload(0)), NOON).verdict is Verdict.FORGED


def test_of_two_pairings_with_one_identifier_the_one_that_can_open_it_has_it() -> None:
    pair = Pair()
    pair.camera.pair(first_state(b"twin", Keys(0, bytes(16), KEYS.identifier), 0))
    twin = Pair(keys=Keys(0, bytes(16), KEYS.identifier))

    ours, theirs = pair.hear(pair.fire()), pair.camera.hear(frame(twin.fire().payload(0)), NOON + 60_000)

    assert ours.sighting is not None
    assert theirs.sighting is not None
    assert (ours.sighting.pairing, theirs.sighting.pairing) == (PAIRING, b"twin")


def test_a_pairing_that_was_revoked_is_not_heard() -> None:
    pair = Pair()
    pair.camera.unpair(PAIRING)
    pair.camera.unpair(PAIRING)

    assert pair.hear(pair.fire()).verdict is Verdict.FOREIGN
    assert pair.camera.pairings() == frozenset()


@settings(max_examples=300)
@given(st.data(), st.integers(-(2**40), 2**50))
def test_garbage_never_raises_and_is_never_accepted(data: st.DataObject, now_ms: int) -> None:
    pair = Pair()
    true = frame(pair.fire().payload(0))
    garbage = data.draw(
        st.binary(max_size=64) | st.binary(min_size=16, max_size=16).map(lambda tail: true[:15] + tail), label="garbage"
    )
    if garbage == true:
        return

    decided = pair.camera.hear(garbage, now_ms)

    assert decided.verdict in {Verdict.FOREIGN, Verdict.FORGED}
    assert decided == Decision(decided.verdict)


@given(st.lists(st.integers(-(2**40), 2**45), min_size=1, max_size=20))
def test_a_camera_clock_that_jumps_accepts_nothing_twice(jumps: list[int]) -> None:
    pair = Pair()
    beacons = pair.fire()
    pair.hear(beacons)

    assert {pair.camera.hear(frame(beacons.payload(1)), now).verdict for now in jumps} <= {
        Verdict.SAME,
        Verdict.REPLAY,
        Verdict.LIMITED,
    }


def test_a_camera_without_its_clock_still_records_and_says_why() -> None:
    pair = Pair()

    decided = pair.camera.hear(frame(pair.fire().payload(0)), 0)

    assert decided.verdict is Verdict.SUSPECTED
    assert decided.record


def test_power_lost_before_the_state_is_stored_is_made_good_by_the_recording() -> None:
    pair = Pair()
    stored = pair.camera.state(PAIRING)
    beacons = pair.fire()
    sighting = pair.hear(beacons).sighting
    assert sighting is not None

    pair.camera = Camera([stored], [sighting])

    assert pair.hear(beacons, 5).verdict is Verdict.SAME


def test_power_lost_before_the_recording_began_lets_the_event_start_it_anew() -> None:
    pair = Pair()
    stored = pair.camera.state(PAIRING)
    beacons = pair.fire()
    pair.hear(beacons)

    pair.camera = Camera([stored])

    assert pair.hear(beacons, 5).verdict is Verdict.NEW


def test_a_camera_whose_memory_was_set_back_accepts_nothing_that_its_recordings_begin_with() -> None:
    pair = Pair()
    old = pair.camera.state(PAIRING)
    bursts = [pair.fire() for _ in range(300)]
    sightings = [sighting for beacons in bursts if (sighting := pair.hear(beacons).sighting)]

    pair.camera = Camera([old], sightings)

    assert {pair.hear(beacons, late_ms=86_400_000).verdict for beacons in bursts} == {Verdict.FOREIGN, Verdict.REPLAY}


def test_a_camera_whose_memory_and_recordings_were_set_back_marks_old_beacons_as_suspected() -> None:
    pair = Pair()
    old = pair.camera.state(PAIRING)
    bursts = [pair.fire() for _ in range(20)]
    for beacons in bursts:
        pair.hear(beacons)

    pair.camera = Camera([old])
    verdicts = {pair.hear(beacons, late_ms=86_400_000).verdict for beacons in bursts}

    assert verdicts == {Verdict.SUSPECTED}
    pair.camera = Camera([old])
    pair.camera.level(PAIRING, bursts[-1].event.counter)
    assert {pair.hear(beacons, late_ms=90_000_000).verdict for beacons in bursts} == {Verdict.REPLAY}, "after a dock"


def test_a_sighting_of_a_pairing_that_is_gone_changes_nothing() -> None:
    pair = Pair()
    sighting = pair.hear(pair.fire()).sighting
    assert sighting is not None

    assert Camera([], [sighting]).pairings() == frozenset()
