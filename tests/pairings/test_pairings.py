"""A pairing from its request to its end: what makes it, what stops it, and what a station cannot do."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from ble.protocol.permits import Permit, UnpairOrder
from ble.protocol.reports import Held
from ble.protocol.reports import Standing as HeldStanding
from fleet.audit import Event
from fleet.clock import local_day
from fleet.custody.models import IssueKind
from fleet.lifecycle import departures, losses
from fleet.lifecycle.departures import Leaving
from fleet.lifecycle.models import DepartureKind, LossState
from fleet.pairings.models import StationJob
from fleet.tasers import identities
from fleet.tasers.models import DeviceIdentity, Pairing
from tests.conftest import api_of
from tests.factories import now, unique
from tests.pairings.conftest import Armoury, Pair
from tests.pairings.paper import KNOWN_PERMIT_KEYS, b64, fired, heard, unb64

DAY = timedelta(days=1)


def test_the_whole_story_is_in_the_log_and_in_the_answer(armoury: Armoury) -> None:
    pair = armoury.active()

    told = armoury.armourer("GET", f"/pairings/{pair.pairing}").json

    assert told is not None
    assert (told["state"], told["because"]) == ("active", None)
    assert told["tested_at"] >= told["agreed_at"] >= told["created_at"]
    assert armoury.events(pair) == [
        Event.PAIRING_AUTHORISED,
        Event.PAIRING_PERMITTED,
        Event.PAIRING_AGREED,
        Event.PAIRING_TESTED,
        Event.PAIRING_ACTIVE,
    ]
    assert (armoury.it("GET", f"/cameras/{pair.camera.serial}").json or {})["pairings"] == [
        {
            "id": pair.pairing, "taser": pair.taser.taser, "sppm": pair.taser.serial, "state": "active",
            "because": None,
        }
    ]  # fmt: skip


def test_the_permit_is_for_exactly_these_two_this_station_this_job_and_ten_minutes(armoury: Armoury) -> None:
    pair = armoury.permitted(armoury.commissioned())

    made = Permit.read(pair.permit, KNOWN_PERMIT_KEYS)

    assert (made.taser.serial, made.taser_serial) == (pair.taser.serial, pair.taser.taser)
    assert (made.taser.key, made.taser.nonce) == (pair.taser.agreement.public.id, pair.taser.nonce)
    assert (made.camera.serial, made.camera.nonce) == (pair.camera.serial, pair.camera.nonce)
    assert (made.station, made.job) == (armoury.station.key_id, str(pair.job))
    assert made.lifetime_s == 600
    assert (str(made.encryption), str(made.bluetooth)) == ("aes256", "secure-connections")


def test_steps_are_told_in_any_order_again_and_late(armoury: Armoury, pair: Pair) -> None:
    armoury.authorised(pair)
    path = f"/stations/jobs/{pair.job}/steps"
    step = {"number": 2, "step": "connect-camera", "state": "begun", "at": "2026-11-25T08:00:02Z"}
    for said in (step, {**step, "number": 1, "step": "connect-taser"}, {**step, "state": "failed", "detail": "gone"}):
        assert armoury.station("POST", path, said).status_code == 200
    armoury.station.end(pair.job, "failed")
    assert armoury.station("POST", path, {**step, "number": 3, "step": "late"}).status_code == 200

    told = armoury.armourer("GET", f"/pairings/{pair.pairing}").json

    steps = (told or {})["steps"]
    assert [(one["number"], one["step"], one["state"]) for one in steps] == [
        (1, "connect-taser", "begun"),
        (2, "connect-camera", "failed"),
        (3, "late", "begun"),
    ]
    assert steps[1]["detail"] == "gone"


def test_the_same_two_are_not_paired_twice(armoury: Armoury) -> None:
    pair = armoury.active()
    answer = armoury.ask(pair)
    assert answer.status_code == 409
    assert "paired already" in (answer.json or {})["detail"]


def test_one_try_at_a_time_for_each_device(armoury: Armoury, pair: Pair) -> None:
    other = armoury.commissioned()
    armoury.authorised(pair)

    for tried in (pair, Pair(pair.taser, other.camera), Pair(other.taser, pair.camera)):
        answer = armoury.ask(tried)
        assert answer.status_code == 409
        assert "being paired already" in (answer.json or {})["detail"]


def test_a_magazine_has_room_for_four(armoury: Armoury) -> None:
    first = armoury.active()
    for _ in range(3):
        armoury.active(Pair(first.taser, armoury.commissioned().camera))
    fifth = Pair(first.taser, armoury.commissioned().camera)

    answer = armoury.ask(fifth)

    assert answer.status_code == 409
    assert len((answer.json or {})["found"]["pairings"]) == 4


def test_another_magazine_suspends_and_its_return_with_a_test_takes_it_up_again(armoury: Armoury) -> None:
    pair = armoury.active()
    path = f"/tasers/{pair.taser.taser}"
    assert armoury.armourer("PATCH", path, {"sppm": unique("SP")}, If_Match="*").status_code == 200
    assert armoury.state(pair) == ("suspended", "battery-swap")
    assert armoury.armourer("POST", f"/pairings/{pair.pairing}/test", {}).json["rule"] == 2

    armoury.armourer("PATCH", path, {"sppm": pair.taser.serial}, If_Match="*")
    assert armoury.state(pair) == ("suspended", "battery-swap")
    asked = armoury.armourer("POST", f"/pairings/{pair.pairing}/test", {"station": armoury.station.name})
    assert asked.status_code == 202
    job = armoury.leased()
    assert armoury.tested(pair, job, 2000).status_code == 200

    assert armoury.state(pair) == ("active", None)


def test_a_camera_given_to_another_officer_suspends_and_back_to_the_same_does_not(armoury: Armoury) -> None:
    camera, mine = armoury.make.issued()
    pair = armoury.active(armoury.commissioned(camera=camera))
    give_back = f"/cameras/{camera}/return"
    store, admin = armoury.make, api_of(armoury.app)
    assert admin("POST", give_back, {"condition": "good"}).status_code == 200
    assert armoury.state(pair) == ("active", None)
    store.report(camera, battery_percent=100)
    store.issued(camera, mine)
    assert armoury.state(pair) == ("active", None)
    admin("POST", give_back, {"condition": "good"})
    store.report(camera, battery_percent=100)

    store.issued(camera)

    assert armoury.state(pair) == ("suspended", "reassigned")


def test_a_taser_given_to_another_officer_suspends(armoury: Armoury) -> None:
    jo, sam = armoury.make.officer(), armoury.make.officer()
    taser = armoury.make.taser(sppm=unique("SP"), holder=jo)
    pair = armoury.active(armoury.commissioned(taser=taser))

    armoury.armourer("PATCH", f"/tasers/{taser}", {"holder": None}, If_Match="*")
    assert armoury.state(pair) == ("active", None)
    armoury.armourer("PATCH", f"/tasers/{taser}", {"holder": sam}, If_Match="*")

    assert armoury.state(pair) == ("suspended", "reassigned")


def test_a_dock_that_finds_a_bad_clock_suspends(armoury: Armoury) -> None:
    pair = armoury.active()
    armoury.make.report(pair.camera.serial, clock_offset_s=5.0)
    assert armoury.state(pair) == ("active", None)
    armoury.make.report(pair.camera.serial, clock_offset_s=500.0)
    assert armoury.state(pair) == ("suspended", "clock-error")


@pytest.mark.parametrize("outcome", [LossState.LOST, LossState.STOLEN])
def test_a_lost_or_stolen_camera_is_revoked_with_its_credential(armoury: Armoury, outcome: LossState) -> None:
    pair = armoury.active()
    epoch = armoury.epoch()
    said = losses.Report(now(), "the yard", "Jo", "not seen since")
    with armoury.app.database.transaction() as session:
        loss = losses.report(
            session, armoury.make.actor, pair.camera.serial, said, policy=armoury.make.policy, now=now()
        )
        losses.decide(session, armoury.make.actor, loss, outcome, crime_number="C1", now=now())

    told = armoury.told()

    assert armoury.state(pair) == ("revoked", "device-lost-or-stolen")
    assert told["epoch"] > epoch
    assert {pair.camera.agreement.public.id, pair.camera.signing.public.id} <= set(map(unb64, told["revoked"]))
    orders = armoury.told(pair.camera.serial)["orders"]
    assert [UnpairOrder.read(unb64(order), KNOWN_PERMIT_KEYS).pairing for order in orders] == [pair.radio_id]


@pytest.mark.parametrize("custody", ["lost", "stolen"])
def test_a_lost_or_stolen_taser_is_revoked_with_its_magazine(armoury: Armoury, custody: str) -> None:
    pair = armoury.active()
    for step in ("missing", custody):
        armoury.armourer("POST", f"/tasers/{pair.taser.taser}/custody", {"custody": step})

    assert armoury.state(pair) == ("revoked", "device-lost-or-stolen")
    assert pair.taser.agreement.public.id in set(map(unb64, armoury.told()["revoked"]))
    assert armoury.ask(pair).status_code == 409


@pytest.mark.parametrize("kind", [DepartureKind.LEAVER, DepartureKind.MOVER])
def test_a_leavers_or_movers_pairings_are_suspended(armoury: Armoury, kind: DepartureKind) -> None:
    camera, collar = armoury.make.issued(kind=IssueKind.POOL)
    pair = armoury.active(armoury.commissioned(camera=camera))
    leaving = Leaving(kind, local_day(now()) - DAY, team="Elsewhere" if kind is DepartureKind.MOVER else None)
    with armoury.app.database.transaction() as session:
        number = departures.note(session, armoury.make.actor, collar, leaving, now=now())
    with armoury.app.database.transaction() as session:
        departures.carry_out(session, armoury.make.actor, number, now=now())

    assert armoury.state(pair) == ("suspended", str(kind))


def test_a_failed_job_leaves_no_pairing_and_another_try_is_a_new_one(armoury: Armoury, pair: Pair) -> None:
    armoury.permitted(pair)
    first = pair.pairing
    assert armoury.station.end(pair.job, "failed").status_code == 200
    assert armoury.state(pair) == ("revoked", "not-agreed")

    armoury.active(pair)

    assert pair.pairing != first
    assert armoury.state(pair) == ("active", None)


def test_a_new_pairing_of_the_same_two_replaces_the_suspended_one(armoury: Armoury) -> None:
    pair = armoury.active()
    first = pair.pairing
    armoury.make.report(pair.camera.serial, clock_offset_s=500.0)
    armoury.make.report(pair.camera.serial, clock_offset_s=0.0)

    armoury.active(pair)

    assert armoury.state(pair) == ("active", None)
    old = Pair(pair.taser, pair.camera, first)
    assert armoury.state(old) == ("revoked", "replaced")


def test_receipts_that_come_late_count_and_those_of_a_revoked_pairing_part_the_devices(armoury: Armoury) -> None:
    late = armoury.permitted(armoury.commissioned())
    armoury.age(late.job)
    assert armoury.state(late) == ("authorised", None)
    answer = armoury.station.receipts(late.job, late.permit, late.taser, late.camera)
    assert (answer.json or {})["state"] == "agreed"

    gone = armoury.permitted(armoury.commissioned())
    armoury.armourer("DELETE", f"/pairings/{gone.pairing}")
    parting = armoury.station.next()
    assert parting is not None
    assert parting["kind"] == "unpair"
    armoury.station.end(parting["id"])
    answer = armoury.station.receipts(gone.job, gone.permit, gone.taser, gone.camera)
    assert answer.status_code == 409
    again = armoury.station.next()
    assert again is not None
    named = [UnpairOrder.read(unb64(order), KNOWN_PERMIT_KEYS).pairing for order in again["orders"]]
    assert (again["kind"], named) == ("unpair", [gone.radio_id])


def test_what_was_never_permitted_comes_to_nothing_in_time_and_what_was_after_a_day(armoury: Armoury) -> None:
    never = armoury.authorised(armoury.commissioned())
    armoury.age(never.job)
    assert armoury.state(never) == ("revoked", "out-of-time")

    permitted = armoury.permitted(armoury.commissioned())
    armoury.age(permitted.job)
    with armoury.app.database.transaction() as session:
        old = sa.update(Pairing).where(Pairing.id == permitted.pairing)
        session.execute(old.values(permit_until=now() - timedelta(days=2)))
    armoury.age(permitted.job)
    assert armoury.state(permitted) == ("revoked", "out-of-time")


def test_a_device_that_holds_what_does_not_stand_is_ordered_to_forget_it(armoury: Armoury, pair: Pair) -> None:
    stands = armoury.active(Pair(pair.taser, armoury.commissioned().camera))
    stale = Held(b"\x07" * 16, pair.camera.agreement.public.id, HeldStanding.AGREED)
    kept = Held(stands.radio_id, stands.camera.agreement.public.id, HeldStanding.AGREED)
    pair.taser.held = (kept, stale)
    armoury.authorised(pair)

    answer = armoury.station.permit(pair.job, pair.taser, pair.camera).json

    orders = [UnpairOrder.read(unb64(one), KNOWN_PERMIT_KEYS) for one in (answer or {})["orders"]["taser"]]
    assert [order.pairing for order in orders] == [stale.pairing]
    assert (answer or {})["orders"]["camera"] == []


def test_new_keys_take_the_place_of_the_old_ones(armoury: Armoury) -> None:
    pair = armoury.active()
    old = pair.radio_id
    assert armoury.armourer("POST", f"/pairings/{pair.pairing}/rekey", {}).status_code == 202
    job = armoury.leased()
    pair.permit = unb64((armoury.station.permit(job, pair.taser, pair.camera).json or {})["permit"])

    answer = armoury.station.receipts(job, pair.permit, pair.taser, pair.camera)

    assert (answer.json or {})["state"] == "active"
    with armoury.app.database.transaction() as session:
        row = session.get_one(Pairing, pair.pairing)
        assert row.radio_id == pair.radio_id != old


# What a station, or somebody who has one, may try.


def test_a_credential_of_nobody_of_another_or_revoked_wins_no_permit(armoury: Armoury, pair: Pair) -> None:
    other = armoury.commissioned()
    armoury.authorised(pair)
    stranger = armoury.forged(pair.camera)
    for camera in (stranger, other.camera):
        answer = armoury.station.permit(pair.job, pair.taser, camera)
        assert answer.status_code == 409
        assert armoury.logged(Event.DEVICE_REFUSED, pair.camera.serial)
    with armoury.app.database.transaction() as session:
        gone = sa.update(DeviceIdentity).where(DeviceIdentity.serial == pair.camera.serial)
        session.execute(gone.values(revoked_at=now()))
        identities.changed(session, "a test", now=now())
    answer = armoury.station.permit(pair.job, pair.taser, pair.camera)
    assert answer.status_code == 409
    assert "revoked" in (answer.json or {})["detail"]


def test_a_report_made_for_another_station_is_of_no_use(armoury: Armoury, pair: Pair) -> None:
    armoury.authorised(pair)
    reports = {"taser": pair.taser.report(b"\x01" * 8), "camera": pair.camera.report(armoury.station.key_id)}
    answer = armoury.station("POST", f"/stations/jobs/{pair.job}/permit", reports)
    assert answer.status_code == 409
    assert "another station" in (answer.json or {})["detail"]


def test_receipts_that_do_not_match_make_nothing(armoury: Armoury, pair: Pair) -> None:
    other = armoury.commissioned()
    armoury.permitted(pair)
    good = pair.taser.receipt(pair.permit, pair.camera, bytes(16))
    for camera in (
        pair.camera.receipt(pair.permit, pair.taser, b"\x01" * 16),
        other.camera.receipt(pair.permit, pair.taser, bytes(16)),
        pair.camera.receipt(pair.permit, other.taser, bytes(16)),
        good,
    ):
        body = {"taser": b64(good), "camera": b64(camera)}
        answer = armoury.station("POST", f"/stations/jobs/{pair.job}/receipts", body)
        assert answer.status_code == 409, answer.json
    assert armoury.state(pair) == ("authorised", None)


@pytest.mark.parametrize(
    "changed",
    [
        {"counter": 4},
        {"pairing": b"\x09" * 16},
        {"recording": None},
        {"suspected": True},
        {"heard_ms": 1_000_000_000_000},
    ],
)
def test_a_test_that_was_not_passed_makes_nothing_active(armoury: Armoury, changed: dict[str, Any]) -> None:
    pair = armoury.agreed(armoury.commissioned())
    counter = changed.pop("counter", 1002)
    radio_id = changed.pop("pairing", pair.radio_id)

    entry = fired(pair.taser, pair.camera, pair.radio_id, 1002)
    answer = armoury.station.test(pair.job, entry, heard(pair.camera, radio_id, counter, **changed))

    assert answer.status_code == 409
    assert "not passed" in (answer.json or {})["detail"]
    assert armoury.state(pair) == ("agreed", None)
    assert armoury.events(pair)[-1] is Event.PAIRING_TEST_FAILED


def test_a_test_entry_that_another_signed_makes_nothing_active(armoury: Armoury) -> None:
    other, pair = armoury.commissioned(), armoury.agreed(armoury.commissioned())
    entry = fired(other.taser, pair.camera, pair.radio_id, 1002)
    assert armoury.station.test(pair.job, entry, heard(pair.camera, pair.radio_id, 1002)).status_code == 409
    assert armoury.state(pair) == ("agreed", None)


def test_a_suspended_pairing_is_not_active_before_what_suspended_it_is_mended(armoury: Armoury) -> None:
    pair = armoury.active()
    armoury.make.report(pair.camera.serial, clock_offset_s=500.0)
    armoury.armourer("POST", f"/pairings/{pair.pairing}/test", {"station": armoury.station.name})
    job = armoury.leased()

    assert armoury.tested(pair, job, 2000).json["rule"] == 13
    armoury.make.report(pair.camera.serial, clock_offset_s=1.0)
    assert armoury.tested(pair, job, 2001).status_code == 200

    assert armoury.state(pair) == ("active", None)


def test_every_post_of_a_station_may_be_sent_again(armoury: Armoury) -> None:
    pair = armoury.agreed(armoury.commissioned())
    assert armoury.station.receipts(pair.job, pair.permit, pair.taser, pair.camera).status_code in {200, 409}
    for _ in range(2):
        assert armoury.tested(pair, pair.job, 1002).status_code == 200
        assert armoury.station.end(pair.job).status_code == 200
    assert armoury.station.end(pair.job, "failed").status_code == 409
    assert armoury.state(pair) == ("active", None)
    with armoury.app.database.transaction() as session:
        assert session.get_one(StationJob, pair.job).ended_at is not None


def test_lists_filter_by_state_taser_camera_and_search(armoury: Armoury) -> None:
    pair = armoury.active()
    for query in (
        f"taser={pair.taser.taser}",
        f"camera={pair.camera.serial}",
        f"q={pair.taser.serial}",
        f"q={pair.camera.serial}&state=active",
    ):
        found = armoury.armourer("GET", f"/pairings?{query}").json
        assert [one["id"] for one in (found or {})["items"]] == [pair.pairing], query
    assert (armoury.armourer("GET", f"/pairings?taser={pair.taser.taser}&state=revoked").json or {})["items"] == []
