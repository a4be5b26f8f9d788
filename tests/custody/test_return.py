"""Taking a camera back, and where it goes then (rules 7, 8)."""

from datetime import timedelta

import pytest

from fleet.actors import Role
from fleet.audit import Event
from fleet.cameras.states import Custody
from fleet.custody.models import Condition, IssueKind
from fleet.custody.service import CameraNotReady
from fleet.errors import NotFound
from fleet.settings import PoolReadiness
from fleet.web import Service
from tests.conftest import api_of
from tests.custody.conftest import Desk
from tests.factories import Factory, unique


def test_a_return_closes_the_allocation_and_makes_one_entry(desk: Desk, make: Factory) -> None:
    serial, collar = make.issued()
    desk.later(hours=8)

    number = desk.take_back(serial)

    closed = desk.allocation(number)
    assert (closed.returned_at, closed.condition, closed.active) == (desk.now, Condition.GOOD, False)
    assert desk.holders(serial) == []
    assert desk.events(serial) == [Event.CAMERA_ISSUED, Event.CAMERA_RETURNED]
    entry = desk.log(serial)[-1]
    assert (entry.officer, entry.facts["condition"], entry.facts["custody"]) == (collar, "good", "in_stock")


def test_a_return_of_what_nobody_has_is_refused_by_rule_7(desk: Desk, make: Factory) -> None:
    serial = make.camera()

    with pytest.raises(CameraNotReady) as refusal:
        desk.take_back(serial)

    assert (refusal.value.rule, refusal.value.found) == (7, {"custody": "in_stock"})
    assert desk.events(serial) == []


def test_a_second_return_is_refused(desk: Desk, make: Factory) -> None:
    serial, _ = make.issued()
    desk.take_back(serial)

    with pytest.raises(CameraNotReady):
        desk.take_back(serial)


def test_what_is_not_in_the_register_is_not_returned(desk: Desk) -> None:
    with pytest.raises(NotFound):
        desk.take_back(unique("X"))


@pytest.mark.parametrize("kind", list(IssueKind))
def test_a_faulty_camera_is_quarantined_and_not_issued(desk: Desk, make: Factory, kind: IssueKind) -> None:
    serial, _ = make.issued(kind=kind)

    desk.take_back(serial, Condition.FAULTY)

    assert desk.custody(serial) is Custody.QUARANTINED
    with pytest.raises(CameraNotReady) as refusal:
        desk.issue(serial, make.officer())
    assert refusal.value.rule == 8


def test_without_a_docks_report_a_camera_returned_good_is_ready(desk: Desk, make: Factory) -> None:
    serial, _ = make.issued()

    desk.take_back(serial)

    desk.issue(serial, make.officer())
    assert desk.custody(serial) is Custody.ISSUED


def test_rule_8_a_pool_camera_that_reports_is_ready_only_after_its_check(desk: Desk, make: Factory) -> None:
    serial = make.camera()
    desk.report(serial, battery_percent=100)
    desk.issue(serial, make.officer())
    desk.later(hours=8)

    desk.take_back(serial)

    assert desk.custody(serial) is Custody.RETURNING
    with pytest.raises(CameraNotReady) as refusal:
        desk.issue(serial, make.officer())
    assert refusal.value.rule == 8


@pytest.mark.parametrize(
    ("said", "custody"),
    [
        ({"battery_percent": 100, "unoffloaded": 0, "clock_offset_s": 0.1}, Custody.IN_STOCK),
        ({"battery_percent": 20, "unoffloaded": 0}, Custody.RETURNING),
        ({"battery_percent": 100, "unoffloaded": 4}, Custody.RETURNING),
        ({"battery_percent": 100, "unoffloaded": 0, "clock_offset_s": 3_600.0}, Custody.RETURNING),
    ],
)
def test_rule_8_the_check_is_offload_charge_and_health(
    desk: Desk, make: Factory, said: dict[str, float], custody: Custody
) -> None:
    serial = make.camera()
    desk.report(serial, battery_percent=100)
    desk.issue(serial, make.officer())
    desk.take_back(serial)
    desk.later(minutes=30)

    desk.report(serial, **said)

    assert desk.custody(serial) is custody
    checked = [Event.CAMERA_CHECKED] if custody is Custody.IN_STOCK else []
    assert desk.events(serial) == [Event.CAMERA_ISSUED, Event.CAMERA_RETURNED, *checked]


def test_a_force_may_have_its_pool_cameras_ready_at_once(desk: Desk, make: Factory) -> None:
    desk.allow(pool_readiness=PoolReadiness.AT_ONCE)
    serial = make.camera()
    desk.report(serial, battery_percent=100)
    desk.issue(serial, make.officer())

    desk.take_back(serial)

    assert desk.custody(serial) is Custody.IN_STOCK


def test_rule_7_a_returned_loan_makes_the_personal_camera_active_again(desk: Desk, make: Factory) -> None:
    personal, collar = make.issued(kind=IssueKind.PERSONAL)
    loan, _ = make.issued(collar=collar)
    assert desk.kit(collar) == {personal: False, loan: True}

    desk.take_back(loan)

    assert desk.kit(collar) == {personal: True}


def test_rule_7_a_personal_camera_returned_during_a_loan_leaves_the_loan_active(desk: Desk, make: Factory) -> None:
    personal, collar = make.issued(kind=IssueKind.PERSONAL)
    loan, _ = make.issued(collar=collar)

    desk.take_back(personal)

    assert desk.kit(collar) == {loan: True}


def test_an_overdue_camera_needs_attention_until_it_is_back(app: Service, desk: Desk, make: Factory) -> None:
    store = api_of(app, Role.STORE)
    serial = make.camera()
    desk.now -= timedelta(hours=13)
    desk.issue(serial, make.officer())

    before = store("GET", f"/cameras?attention=overdue&q={serial}").json
    store("POST", f"/cameras/{serial}/return", {"condition": "good"})
    after = store("GET", f"/cameras?attention=overdue&q={serial}").json

    assert before is not None
    assert after is not None
    assert [item["serial"] for item in before["items"]] == [serial]
    assert after["items"] == []


def test_a_return_over_http_answers_with_the_closed_allocation(app: Service, make: Factory) -> None:
    serial, collar = make.issued()

    answer = api_of(app, Role.STORE)(
        "POST", f"/cameras/{serial}/return", {"condition": "faulty", "note": "  lens cracked  "}
    )

    assert answer.status_code == 200
    assert answer.json is not None
    assert answer.json["returned_at"].endswith("Z")
    told = {name: answer.json[name] for name in ("serial", "collar", "condition", "note", "active", "custody")}
    assert told == {
        "serial": serial,
        "collar": collar,
        "condition": "faulty",
        "note": "lens cracked",
        "active": False,
        "custody": "quarantined",
    }


def test_the_history_is_newest_first_and_comes_in_pages(app: Service, make: Factory) -> None:
    store = api_of(app, Role.STORE)
    serial, _ = make.issued()
    store("POST", f"/cameras/{serial}/return", {"condition": "good"})

    first = store("GET", f"/cameras/{serial}/history?limit=2").json
    assert first is not None
    second = store("GET", f"/cameras/{serial}/history?limit=2&cursor={first['next']}").json

    assert second is not None
    events = [entry["event"] for entry in first["items"] + second["items"]]
    assert events == ["camera.returned", "camera.issued", "camera.registered"]
    assert second["next"] is None
