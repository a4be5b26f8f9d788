"""An override is a permission, needs a reason, and is logged. Some rules have none."""

from datetime import timedelta
from typing import Any

import pytest

from fleet.actors import Actor, Role
from fleet.audit import Event
from fleet.cameras.states import Custody
from fleet.custody.models import IssueKind
from fleet.custody.service import AlreadyHolds, CameraNotReady
from fleet.errors import Forbidden, Invalid
from fleet.sites.stages import Stage
from fleet.web import Service
from tests.conftest import api_of
from tests.custody.conftest import Desk
from tests.factories import Factory

REASON = "the only one left for a firearms call"


@pytest.fixture(autouse=True)
def supervisor(desk: Desk) -> Actor:
    desk.actor = Actor("account:sgt", Role.SUPERVISOR)
    return desk.actor


def test_training_is_overridden_with_a_reason_that_the_log_keeps(desk: Desk, make: Factory) -> None:
    serial, collar = make.camera(), make.officer(trained_until=None)

    desk.issue(serial, collar, override_reason=REASON)

    overridden, issued = desk.log(serial)
    assert (overridden.event, issued.event) == (Event.RULE_OVERRIDDEN, Event.CAMERA_ISSUED)
    assert (overridden.actor, overridden.role, overridden.officer) == ("account:sgt", "supervisor", collar)
    assert (overridden.facts["rule"], overridden.facts["reason"]) == (4, REASON)


def test_an_override_and_a_refusal_are_in_the_cameras_history(app: Service, make: Factory) -> None:
    store, supervisor = api_of(app, Role.STORE), api_of(app, Role.SUPERVISOR)
    serial, collar = make.camera(), make.officer(trained_until=None)
    asked = {"collar": collar, "kind": "pool"}

    assert store("POST", f"/cameras/{serial}/issue", asked).status_code == 409
    assert supervisor("POST", f"/cameras/{serial}/issue", asked | {"override_reason": REASON}).status_code == 201

    history = supervisor("GET", f"/cameras/{serial}/history").json
    assert history is not None
    issued, overridden, refused, registered = history["items"]
    events = [entry["event"] for entry in (issued, overridden, refused, registered)]
    assert events == ["camera.issued", "rule.overridden", "camera.issue-refused", "camera.registered"]
    assert (overridden["facts"]["rule"], overridden["facts"]["reason"]) == (4, REASON)


def test_every_rule_that_is_overridden_has_its_own_entry(desk: Desk, make: Factory) -> None:
    serial = make.camera(home_dock=make.dock(site=make.site(stage=Stage.SURVEYED)))
    desk.report(serial, battery_percent=10)

    desk.issue(serial, make.officer(trained_until=None), override_reason=REASON)

    overridden = [entry for entry in desk.log(serial) if entry.event is Event.RULE_OVERRIDDEN]
    assert [entry.facts["rule"] for entry in overridden] == [3, 8, 4]


def test_a_reason_where_nothing_is_in_the_way_overrides_nothing(desk: Desk, make: Factory) -> None:
    serial = make.camera()

    desk.issue(serial, make.officer(), override_reason=REASON)

    assert desk.events(serial) == [Event.CAMERA_ISSUED]


@pytest.mark.parametrize(
    ("said", "kind", "rule"),
    [
        ({"unoffloaded": 1}, IssueKind.PERSONAL, 10),
        ({"unoffloaded": 1}, IssueKind.POOL, 8),
        ({"clock_offset_s": 61.0}, IssueKind.POOL, 13),
    ],
)
def test_evidence_and_clocks_are_never_overridden(
    desk: Desk, make: Factory, said: dict[str, Any], kind: IssueKind, rule: int
) -> None:
    serial = make.camera()
    desk.report(serial, **said)

    with pytest.raises(CameraNotReady) as refusal:
        desk.issue(serial, make.officer(), kind, override_reason=REASON)

    assert refusal.value.rule == rule
    assert desk.events(serial) == []


def test_rule_7_is_never_overridden(desk: Desk, make: Factory) -> None:
    out, busy = make.issued()

    with pytest.raises(CameraNotReady) as two_officers:
        desk.issue(out, make.officer(), override_reason=REASON)
    with pytest.raises(AlreadyHolds) as two_cameras:
        desk.issue(make.camera(), busy, override_reason=REASON)

    assert (two_officers.value.rule, two_cameras.value.rule) == (7, 7)


def test_what_can_be_overridden_does_not_carry_what_cannot(desk: Desk, make: Factory) -> None:
    serial = make.camera()
    desk.report(serial, battery_percent=10, clock_offset_s=61.0)

    with pytest.raises(CameraNotReady) as refusal:
        desk.issue(serial, make.officer(trained_until=None), override_reason=REASON)

    assert refusal.value.rule == 13
    assert desk.events(serial) == []


def test_an_override_that_ends_in_a_refusal_is_not_in_the_log(desk: Desk, make: Factory) -> None:
    _, busy = make.issued()
    serial = make.camera()
    desk.report(serial, battery_percent=10)

    with pytest.raises(AlreadyHolds):
        desk.issue(serial, busy, override_reason=REASON)

    assert desk.events(serial) == []


@pytest.mark.parametrize("reason", ["", "   "])
def test_an_override_needs_a_reason(desk: Desk, make: Factory, reason: str) -> None:
    with pytest.raises(Invalid) as refusal:
        desk.issue(make.camera(), make.officer(trained_until=None), override_reason=reason)

    assert list(refusal.value.fields) == ["override_reason"]


@pytest.mark.parametrize("role", [role for role in Role if role not in {Role.SUPERVISOR, Role.ADMIN}])
def test_an_override_needs_the_permission(desk: Desk, make: Factory, role: Role) -> None:
    serial = make.camera()
    desk.actor = Actor("token:t", role)

    with pytest.raises(Forbidden) as refusal:
        desk.issue(serial, make.officer(trained_until=None), override_reason=REASON)

    assert refusal.value.mend == "supervisor, admin"
    assert desk.custody(serial) is Custody.IN_STOCK


def test_over_http_the_store_may_issue_but_not_override(app: Service, make: Factory, desk: Desk) -> None:
    serial, collar = make.camera(), make.officer(trained_until=desk.now.date() - timedelta(days=2))
    body = {"collar": collar, "kind": "pool", "override_reason": REASON}

    by_store = api_of(app, Role.STORE)("POST", f"/cameras/{serial}/issue", body)
    by_supervisor = api_of(app, Role.SUPERVISOR)("POST", f"/cameras/{serial}/issue", body)

    assert (by_store.status_code, by_supervisor.status_code) == (403, 201)
    assert desk.events(serial)[-2:] == [Event.RULE_OVERRIDDEN, Event.CAMERA_ISSUED]


def test_over_http_a_blank_reason_is_no_override(app: Service, make: Factory) -> None:
    body = {"collar": make.officer(trained_until=None), "kind": "pool", "override_reason": "  "}

    answer = api_of(app, Role.SUPERVISOR)("POST", f"/cameras/{make.camera()}/issue", body)

    assert answer.status_code == 409
    assert (answer.json or {})["rule"] == 4
