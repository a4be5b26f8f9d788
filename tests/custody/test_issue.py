"""Putting a ready camera into a trained officer's hands (rules 3, 4, 7, 8, 10, 13)."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from fleet.actors import Role
from fleet.audit import Event
from fleet.cameras.states import Custody, Fault, Use
from fleet.custody.models import IssueKind
from fleet.custody.service import AlreadyHolds, CameraNotReady, TrainingLapsed
from fleet.errors import Conflict, Invalid, NotFound
from fleet.sites.stages import Stage
from fleet.web import Service
from tests.conftest import Api, api_of
from tests.custody.conftest import Desk
from tests.factories import Factory, unique

YESTERDAY = date.today() - timedelta(days=1)  # noqa: DTZ011


def test_an_issue_makes_one_open_allocation_and_one_entry(desk: Desk, make: Factory) -> None:
    serial, collar = make.camera(), make.officer()

    number = desk.issue(serial, collar)

    assert desk.custody(serial) is Custody.ISSUED
    assert desk.holders(serial) == [collar]
    assert desk.kit(collar) == {serial: True}
    (entry,) = desk.log(serial)
    assert (entry.event, entry.officer, entry.actor) == (Event.CAMERA_ISSUED, collar, "command:clerk")
    assert entry.facts["allocation"] == number


def test_a_loan_is_due_back_when_the_policy_says_unless_somebody_says_otherwise(desk: Desk, make: Factory) -> None:
    desk.allow(pool_loan=timedelta(hours=9))
    tomorrow = desk.now + timedelta(days=1)

    by_policy = desk.issue(make.camera(), make.officer())
    by_word = desk.issue(make.camera(), make.officer(), due_back=tomorrow)

    assert desk.allocation(by_policy).due_back == desk.now + timedelta(hours=9)
    assert desk.allocation(by_word).due_back == tomorrow


def test_a_personal_issue_has_no_end_unless_somebody_gives_it_one(desk: Desk, make: Factory) -> None:
    in_a_year = desk.now + timedelta(days=365)

    without = desk.issue(make.camera(), make.officer(), IssueKind.PERSONAL)
    with_end = desk.issue(make.camera(), make.officer(), IssueKind.PERSONAL, due_back=in_a_year)

    assert desk.allocation(without).due_back is None
    assert desk.allocation(with_end).due_back == in_a_year


@pytest.mark.parametrize("before", [timedelta(0), timedelta(seconds=1)])
def test_nothing_is_due_back_before_it_is_issued(desk: Desk, make: Factory, before: timedelta) -> None:
    serial = make.camera()

    with pytest.raises(Invalid) as refusal:
        desk.issue(serial, make.officer(), due_back=desk.now - before)

    assert refusal.value.fields == {"due_back": ["is in the past"]}
    assert desk.custody(serial) is Custody.IN_STOCK


def test_there_is_no_issue_of_or_to_what_is_not_in_the_register(desk: Desk, make: Factory) -> None:
    serial, nobody, nothing = make.camera(), unique("C"), unique("X")

    with pytest.raises(NotFound, match=nothing):
        desk.issue(nothing, make.officer())
    with pytest.raises(NotFound, match=nobody):
        desk.issue(serial, nobody)

    assert desk.custody(serial) is Custody.IN_STOCK
    assert desk.events(serial) == []


@pytest.mark.parametrize("until", [None, YESTERDAY])
def test_rule_4_an_untrained_officer_gets_no_camera(desk: Desk, make: Factory, until: date | None) -> None:
    serial, collar = make.camera(), make.officer(trained_until=until)

    with pytest.raises(TrainingLapsed) as refusal:
        desk.issue(serial, collar)

    assert (refusal.value.rule, refusal.value.mend) == (4, "supervisor")
    assert refusal.value.found == {"trained_until": until.isoformat() if until else None}
    assert desk.holders(serial) == []


def test_rule_4_training_covers_its_last_day(desk: Desk, make: Factory) -> None:
    collar = make.officer(trained_until=desk.now.date())

    desk.issue(make.camera(), collar)

    desk.later(days=1)
    with pytest.raises(TrainingLapsed):
        desk.issue(make.camera(), collar, IssueKind.PERSONAL)


def test_rule_7_a_camera_that_is_out_is_not_issued_again(desk: Desk, make: Factory) -> None:
    serial, holder = make.issued()

    with pytest.raises(CameraNotReady) as refusal:
        desk.issue(serial, make.officer())

    assert refusal.value.rule == 7
    assert refusal.value.found["holder"] == holder
    assert desk.holders(serial) == [holder]


@pytest.mark.parametrize(
    ("has", "wants", "allowed"),
    [
        (IssueKind.PERSONAL, IssueKind.PERSONAL, False),
        (IssueKind.PERSONAL, IssueKind.POOL, True),
        (IssueKind.POOL, IssueKind.POOL, False),
        (IssueKind.POOL, IssueKind.PERSONAL, False),
    ],
)
def test_rule_7_an_officer_has_one_camera_and_a_loan_beside_it_at_most(
    desk: Desk, make: Factory, has: IssueKind, wants: IssueKind, allowed: bool
) -> None:
    first, collar = make.issued(kind=has)
    second = make.camera()

    if allowed:
        desk.issue(second, collar, wants)
        assert desk.kit(collar) == {first: False, second: True}
    else:
        with pytest.raises(AlreadyHolds) as refusal:
            desk.issue(second, collar, wants)
        assert refusal.value.rule == 7
        assert refusal.value.found == {"camera": first, "kind": str(has)}
        assert desk.kit(collar) == {first: True}


def test_rule_7_with_a_camera_and_a_loan_there_is_no_third(desk: Desk, make: Factory) -> None:
    personal, collar = make.issued(kind=IssueKind.PERSONAL)
    loan, _ = make.issued(collar=collar)

    for kind in IssueKind:
        with pytest.raises(AlreadyHolds):
            desk.issue(make.camera(), collar, kind)

    assert desk.kit(collar) == {personal: False, loan: True}


@pytest.mark.parametrize("custody", [Custody.QUARANTINED])
def test_a_camera_that_is_not_in_stock_is_not_issued(desk: Desk, make: Factory, custody: Custody) -> None:
    serial = make.camera()
    desk.move(serial, custody)

    with pytest.raises(CameraNotReady) as refusal:
        desk.issue(serial, make.officer())

    assert refusal.value.rule == 8
    assert refusal.value.found["custody"] == custody


@pytest.mark.parametrize(
    ("said", "kind", "rule", "found"),
    [
        ({"battery_percent": 79}, IssueKind.POOL, 8, {"battery_percent": 79, "minimum": 80}),
        ({"unoffloaded": 2}, IssueKind.POOL, 8, {"unoffloaded": 2}),
        ({"unoffloaded": 2}, IssueKind.PERSONAL, 10, {"unoffloaded": 2}),
        ({"fault": Fault.ERROR}, IssueKind.POOL, 8, {"fault": "error"}),
        ({"fault": Fault.CLOCK_NOT_SET}, IssueKind.POOL, 13, {"fault": "clock-not-set"}),
        ({"clock_offset_s": -61.5}, IssueKind.PERSONAL, 13, {"clock_offset_s": -61.5, "tolerance_s": 60.0}),
    ],
)
def test_what_a_camera_reports_refuses_by_its_rule(
    desk: Desk, make: Factory, said: dict[str, Any], kind: IssueKind, rule: int, found: dict[str, Any]
) -> None:
    serial = make.camera()
    desk.report(serial, **said)

    with pytest.raises(CameraNotReady) as refusal:
        desk.issue(serial, make.officer(), kind)

    assert (refusal.value.rule, refusal.value.found) == (rule, found)


def test_what_a_later_report_does_not_mention_stays_as_it_was(desk: Desk, make: Factory) -> None:
    serial = make.camera()
    desk.report(serial, battery_percent=40, unoffloaded=1)
    desk.later(minutes=5)
    desk.report(serial, battery_percent=100)

    with pytest.raises(CameraNotReady) as refusal:
        desk.issue(serial, make.officer())

    assert refusal.value.found == {"unoffloaded": 1}


def test_rule_13_a_wrong_clock_is_not_forgotten_in_quarantine(desk: Desk, make: Factory) -> None:
    serial = make.camera()
    desk.report(serial, clock_offset_s=3_600.0)
    desk.later(minutes=1)
    desk.move(serial, Custody.QUARANTINED)
    desk.move(serial, Custody.IN_STOCK)

    with pytest.raises(CameraNotReady) as refusal:
        desk.issue(serial, make.officer())

    assert refusal.value.rule == 13


def test_rule_10_footage_is_not_forgotten_when_a_personal_camera_comes_back(desk: Desk, make: Factory) -> None:
    serial, _ = make.issued(kind=IssueKind.PERSONAL)
    desk.later(hours=8)
    desk.report(serial, unoffloaded=3)
    desk.later(minutes=1)
    desk.take_back(serial)

    with pytest.raises(CameraNotReady) as refusal:
        desk.issue(serial, make.officer(), IssueKind.PERSONAL)

    assert (refusal.value.rule, refusal.value.found) == (10, {"unoffloaded": 3})


@pytest.mark.parametrize("stage", [Stage.CANDIDATE, Stage.SURVEYED])
def test_rule_3_no_camera_is_deployed_at_a_site_without_docks(desk: Desk, make: Factory, stage: Stage) -> None:
    code = make.site(stage=stage)
    serial = make.camera(home_dock=make.dock(site=code))

    with pytest.raises(CameraNotReady) as refusal:
        desk.issue(serial, make.officer())

    assert (refusal.value.rule, refusal.value.mend) == (3, "estates")
    assert refusal.value.found == {"site": code, "stage": str(stage)}


# The same over HTTP.


@pytest.fixture
def store(app: Service) -> Api:
    return api_of(app, Role.STORE)


def test_an_issue_answers_with_the_allocation(store: Api, make: Factory) -> None:
    serial, collar = make.camera(use=Use.POOL), make.officer()

    answer = store("POST", f"/cameras/{serial.lower()}/issue", {"collar": f" {collar.lower()} ", "kind": "pool"})

    assert answer.status_code == 201
    assert answer.json is not None
    assert answer.json | {"id": 0, "issued_at": "", "due_back": ""} == {
        "id": 0,
        "serial": serial,
        "collar": collar,
        "kind": "pool",
        "issued_at": "",
        "due_back": "",
        "active": True,
        "returned_at": None,
        "condition": None,
        "note": None,
        "operation": None,
        "custody": "issued",
    }
    assert answer.json["issued_at"].endswith("Z")
    loan = datetime.fromisoformat(answer.json["due_back"]) - datetime.fromisoformat(answer.json["issued_at"])
    assert loan == timedelta(hours=12)


def test_the_camera_then_names_its_holder(store: Api, make: Factory) -> None:
    serial, collar = make.camera(), make.officer()
    store("POST", f"/cameras/{serial}/issue", {"collar": collar, "kind": "personal"})

    camera = store("GET", f"/cameras/{serial}").json

    assert camera is not None
    assert (camera["custody"], camera["holder"], camera["kind"]) == ("issued", collar, "personal")


def test_a_refusal_is_problem_details_with_the_rule_and_what_was_found(store: Api, make: Factory) -> None:
    serial, holder = make.issued()

    answer = store("POST", f"/cameras/{serial}/issue", {"collar": make.officer(), "kind": "pool"})

    assert (answer.status_code, answer.content_type) == (409, "application/problem+json")
    assert answer.json is not None
    assert (answer.json["status"], answer.json["rule"], answer.json["found"]["holder"]) == (409, 7, holder)
    assert answer.json["type"]
    assert answer.json["title"]
    assert holder in answer.json["detail"]
    assert answer.json["mend"] == "store"


def test_a_refusal_for_lack_of_training_is_logged_and_a_lost_race_is_not(store: Api, make: Factory, desk: Desk) -> None:
    serial, untrained = make.camera(), make.officer(trained_until=YESTERDAY)
    out, _ = make.issued()

    refused = store("POST", f"/cameras/{serial}/issue", {"collar": untrained, "kind": "pool"})
    lost = store("POST", f"/cameras/{out}/issue", {"collar": make.officer(), "kind": "pool"})

    assert [answer.json["rule"] for answer in (refused, lost) if answer.json] == [4, 7]
    (entry,) = desk.log(serial)
    assert (entry.event, entry.officer, entry.facts["rule"]) == (Event.ISSUE_REFUSED, untrained, 4)
    assert desk.events(out) == [Event.CAMERA_ISSUED]


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"kind": "pool"}, "collar"),
        ({"collar": "C1"}, "kind"),
        ({"collar": "C1", "kind": "lease"}, "kind"),
        ({"collar": "C1", "kind": None}, "kind"),
        ({"collar": 1, "kind": "pool"}, "collar"),
        ({"collar": "", "kind": "pool"}, "collar"),
        ({"collar": "C1", "kind": "pool", "due_back": "tomorrow"}, "due_back"),
        ({"collar": "C1", "kind": "pool", "due_back": "2999-01-01T00:00:00"}, "due_back"),
        ({"collar": "C1", "kind": "pool", "due_back": "9999-12-31T23:59:59-14:00"}, "due_back"),
        ({"collar": "C1", "kind": "pool", "until": "2999-01-01T00:00:00Z"}, "until"),
    ],
)
def test_an_unusable_issue_names_the_field(store: Api, make: Factory, body: dict[str, Any], wrong: str) -> None:
    answer = store("POST", f"/cameras/{make.camera()}/issue", body)

    assert answer.status_code == 422
    assert answer.json is not None
    assert list(answer.json["errors"]) == [wrong]


def test_the_last_instant_there_is_can_be_a_due_date(store: Api, make: Factory) -> None:
    serial, body = make.camera(), {"collar": make.officer(), "kind": "pool", "due_back": "9999-12-31T23:59:59Z"}

    answer = store("POST", f"/cameras/{serial}/issue", body)

    assert answer.status_code == 201
    assert (store("GET", f"/cameras/{serial}").json or {})["due_back"] == "9999-12-31T23:59:59Z"


@pytest.mark.parametrize("role", [Role.IT, Role.ARMOURER, Role.AUDITOR, Role.OFFICER, Role.DOCK])
def test_only_those_who_may_issue_do(app: Service, make: Factory, desk: Desk, role: Role) -> None:
    serial = make.camera()

    answer = api_of(app, role)("POST", f"/cameras/{serial}/issue", {"collar": make.officer(), "kind": "pool"})

    assert answer.status_code == 403
    assert desk.custody(serial) is Custody.IN_STOCK


def test_every_refusal_of_an_issue_is_a_conflict() -> None:
    assert all(issubclass(kind, Conflict) for kind in (CameraNotReady, TrainingLapsed, AlreadyHolds))
