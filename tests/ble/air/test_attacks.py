"""Attacks on the modelled air, named after the property in docs/protocol.md that holds against them."""

import random

import pytest

from ble.air.linking import Day, best_linking
from ble.protocol import decision as decisions
from ble.protocol.beacon import frame
from ble.protocol.counter import TaserEvent, TaserPairing
from ble.protocol.decision import ACCEPTED, COPIES_A_SLOT, SLOT_MS, Camera, Verdict
from ble.protocol.identifiers import Keys
from tests.ble.air.attackers import BURST_S, STREET, Eavesdropper, Flooder, Forger, Jammer, Replayer, Stage, verdicts
from tests.ble.fired import PAIRING, Pair


def _recorded(decided: list) -> list[tuple[int, bool]]:
    return [(one.sighting.counter, one.sighting.suspected) for _, one in decided if one.record]


def test_a5_a_taser_that_does_nothing_sends_nothing() -> None:
    stage = Stage()

    assert Eavesdropper(stage, 3_600.0).packets == []


def test_a5_between_bursts_a_taser_is_silent() -> None:
    stage = Stage()
    stage.fire(10.0)
    stage.fire(1_000.0)

    times = [packet.at_s for packet in Eavesdropper(stage, 2_000.0).packets]

    assert all(10 <= at <= 10.01 + BURST_S or 1_000 <= at <= 1_000.01 + BURST_S for at in times)


def test_a5_an_observer_with_all_packets_of_a_day_links_events_no_better_than_by_chance() -> None:
    found = best_linking(Day(seed=3, tasers=40, events=8))

    assert found.pairs > 10_000
    assert abs(found.auc - 0.5) < 4.5 * found.deviation, found


def test_a5_the_same_observer_would_follow_a_taser_with_a_fixed_identifier() -> None:
    def fixed_identifier(taser: TaserPairing, event: TaserEvent) -> bytes:
        payload = taser.beacons(event).payload(0)
        return payload[:2] + taser.keys.identifier[:6] + payload[8:]

    assert best_linking(Day(seed=3, tasers=40, events=8, sends=fixed_identifier)).auc > 0.99


def test_a6_an_activation_replayed_is_recognised_and_kept_and_starts_nothing() -> None:
    stage = Stage()
    stage.fire(1.0)
    overheard = Eavesdropper(stage, 3.0).packets
    Replayer(overheard[:200]).attack(stage, 600.0)

    decided = stage.camera_hears(700.0)

    assert _recorded(decided) == [(0, False)]
    assert set(verdicts(decided, "attacker")) <= {Verdict.REPLAY, Verdict.LIMITED}
    assert sum(one.note for packet, one in decided if packet.sender == "attacker") == 1


def test_a6_a_replay_after_a_hundred_later_events_is_foreign() -> None:
    stage = Stage()
    stage.fire(1.0)
    overheard = Eavesdropper(stage, 3.0).packets
    for event in range(100):
        stage.fire(60.0 + 30.0 * event)
    Replayer(overheard[:50]).attack(stage, 4_000.0)

    decided = stage.camera_hears(4_100.0)

    assert sorted(counter for counter, _ in _recorded(decided)) == list(range(101))
    assert set(verdicts(decided, "attacker")) == {Verdict.FOREIGN}


def test_a6_nothing_forged_or_altered_under_a_live_identifier_is_accepted() -> None:
    stage = Stage()
    stage.fire(1.0)
    forger = Forger(Eavesdropper(stage, 1.2).packets, seed=5)
    forger.attack(stage, 0.9, 20_000)

    decided = stage.camera_hears(60.0)

    assert _recorded(decided) == [(0, False)]
    assert not ACCEPTED & set(verdicts(decided, "attacker"))
    assert verdicts(decided, "attacker")[Verdict.FORGED] > 1_000


@pytest.mark.parametrize(("release_s", "suspected"), [(60.0, False), (3_600.0, True)])
def test_a6_a_first_copy_jammed_and_released_is_recorded_late_and_beyond_the_tolerance_suspected(
    release_s: float, suspected: bool
) -> None:
    stage = Stage()
    stage.fire(1.0)
    stolen = Eavesdropper(stage, 3.0, place=(2.0, 0.1)).packets
    Jammer().attack(stage, 0.9, 28.0)
    assert verdicts(stage.camera_hears(30.0), "taser") == {}, "the jammer covers the burst"
    Replayer(stolen[:20]).attack(stage, release_s)

    decided = stage.camera_hears(release_s + 10.0)

    assert _recorded(decided) == [(0, suspected)]


def test_a6_another_pairs_taser_starts_nothing() -> None:
    stage, other = Stage(), Pair(keys=Keys(0, bytes(16), bytes(range(1, 17))), name=b"other")
    for event in range(5):
        stage.fire(1.0 + event, pair=other)

    assert set(verdicts(stage.camera_hears(40.0))) == {Verdict.FOREIGN}


def test_a6_a_stolen_camera_of_the_same_taser_forges_nothing_for_another() -> None:
    """A Taser's four pairings have keys of their own, so what the thief can make is foreign to the rest."""
    stage, thief = Stage(), Pair(keys=Keys(0, b"k" * 16, b"i" * 16))
    stage.fire(1.0)
    made = [frame(thief.fire().payload(0)) for _ in range(256)]
    stage.send("attacker", 2.0, lambda number, _: made[number], (0.0, 0.3), [number * 0.01 for number in range(256)])

    decided = stage.camera_hears(40.0)

    assert set(verdicts(decided, "attacker")) == {Verdict.FOREIGN}
    assert _recorded(decided) == [(0, False)]


def test_a7_a_flood_changes_nothing_in_what_is_captured_and_meets_no_cryptography(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[bytes] = []
    unseal = decisions.unseal
    monkeypatch.setattr(decisions, "unseal", lambda key, n, payload: opened.append(payload) or unseal(key, n, payload))
    stage = Stage()
    for event in range(10):
        stage.fire(1.0 + 3.0 * event)
    Flooder(7).attack(stage, 0.0, 30_000, every_s=0.001)

    decided = stage.camera_hears(60.0)

    assert sorted(counter for counter, _ in _recorded(decided)) == list(range(10))
    assert verdicts(decided, "flood").keys() == {Verdict.FOREIGN}
    assert verdicts(decided, "flood")[Verdict.FOREIGN] > 20_000
    assert len(opened) == sum(verdicts(decided, "taser").values())


def test_a7_copies_of_a_live_identifier_are_limited_and_do_not_keep_the_true_one_out() -> None:
    stage = Stage()
    stage.fire(2.0)
    forger = Forger(Eavesdropper(stage, 2.1).packets, seed=6)
    forger.attack(stage, 1.0, 8_000, every_s=0.0005, place=STREET)

    decided = stage.camera_hears(6.0)

    slots: dict[int, int] = {}
    for packet, one in decided:
        if one.verdict is Verdict.FORGED:
            slot = int(packet.at_s * 1_000) // SLOT_MS
            slots[slot] = slots.get(slot, 0) + 1
    assert max(slots.values()) <= COPIES_A_SLOT
    assert verdicts(decided, "attacker")[Verdict.LIMITED] > 1_000
    assert _recorded(decided) == [(0, False)]


def test_a7_the_window_does_not_slide_for_a_forged_beacon() -> None:
    stage = Stage()
    stage.fire(2.0)
    before = stage.pair.camera.state(PAIRING)
    heard = Eavesdropper(stage, 2.5).packets
    stage.emitters.clear()
    stage.says.clear()
    Forger(heard, seed=8).attack(stage, 1.0, 3_000)

    decided = stage.camera_hears(10.0)

    assert verdicts(decided)[Verdict.FORGED] > 500
    assert stage.pair.camera.state(PAIRING) == before


@pytest.mark.parametrize("seed", range(5))
def test_a8_power_cuts_on_both_sides_accept_nothing_twice_and_miss_nothing_in_reach(seed: int) -> None:
    """At half the packets lost, the camera loses power after any packet, with or without its state stored."""
    chance = random.Random(seed)
    stage, fired = Stage(seed=seed, loss=0.5), []
    stored, recordings = stage.pair.camera.state(PAIRING), []
    for event in range(30):
        if chance.random() < 0.3:
            stage.pair.cut_the_tasers_power()
        fired.append(stage.fire(5.0 * event).event.counter)
    for packet in stage.at_camera(200.0):
        decided = stage.decide(packet)
        if decided.verdict in ACCEPTED:
            recordings.append(decided.sighting)
        if chance.random() < 0.05:
            stored = chance.choice([stored, stage.pair.camera.state(PAIRING)])
            stage.pair.camera = Camera([stored], recordings)

    assert sorted(sighting.counter for sighting in recordings) == fired


def test_a8_an_eavesdropper_gains_nothing_from_a_camera_set_back_and_docked() -> None:
    stage = Stage()
    old = stage.pair.camera.state(PAIRING)
    for event in range(5):
        stage.fire(1.0 + 30.0 * event)
    heard = Eavesdropper(stage, 200.0).packets
    stage.camera_hears(200.0)

    stage.pair.camera = Camera([old])
    stage.pair.camera.level(PAIRING, 4)
    stage.emitters.clear()
    stage.says.clear()
    Replayer(heard[::20]).attack(stage, 86_400.0, every_s=0.1)

    assert set(verdicts(stage.camera_hears(87_000.0))) <= {Verdict.REPLAY, Verdict.LIMITED}
