"""To a supplier and back (rules 8, 9, 10)."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from fleet.audit import Event
from fleet.cameras import service as cameras
from fleet.cameras.models import Camera
from fleet.cameras.states import Custody, Model, Use
from fleet.custody import holdings
from fleet.custody.service import CameraNotReady
from fleet.errors import Conflict, Invalid
from fleet.lifecycle import cases
from fleet.lifecycle.models import Repair, RepairResult
from fleet.paging import Paging
from tests.factories import Factory, unique
from tests.lifecycle.conftest import Office


def listed(office: Office, serial: str, show: str | None = None) -> list[dict[str, Any]]:
    filters = {"q": serial, "show": show}
    return office.do(lambda s: cases.REPAIRS.find(s, filters, Paging(), now=office.now).items)  # type: ignore[no-any-return]


@pytest.mark.parametrize("start", [Custody.IN_STOCK, Custody.QUARANTINED])
def test_it_goes_to_repair_and_back_into_quarantine(office: Office, make: Factory, start: Custody) -> None:
    serial = make.camera()
    if start is Custody.QUARANTINED:
        office.move(serial, start)

    office.send(serial, supplier="Maker", rma="R1", expected_back=office.today)
    assert office.custody(serial) is Custody.REPAIR
    office.back(serial)

    assert office.custody(serial) is Custody.QUARANTINED
    assert office.events(serial)[-2:] == [Event.REPAIR_SENT, Event.REPAIR_RETURNED]
    (row,) = listed(office, serial)
    assert (row["supplier"], row["rma"], str(row["result"]), row["overdue"]) == ("Maker", "R1", "repaired", False)


def test_a_camera_in_repair_is_not_issued(office: Office, make: Factory) -> None:
    serial = make.camera()
    office.send(serial)

    with pytest.raises(CameraNotReady) as refusal:
        office.issue(serial, make.officer())

    assert (refusal.value.rule, refusal.value.found["custody"]) == (8, "repair")


def test_rule_10_no_repair_before_verified_offload(office: Office, make: Factory) -> None:
    serial = make.camera()
    office.report(serial, unoffloaded=2)

    with pytest.raises(CameraNotReady) as refusal:
        office.send(serial)

    assert (refusal.value.rule, refusal.value.found) == (10, {"unoffloaded": 2})
    office.report(serial, unoffloaded=0)
    office.send(serial)


def test_rule_10_a_held_camera_is_not_repaired(office: Office, make: Factory) -> None:
    serial = make.camera()
    office.hold(serial)

    with pytest.raises(CameraNotReady) as refusal:
        office.send(serial)

    assert refusal.value.rule == 10


@pytest.mark.parametrize(("days", "covered"), [(0, True), (-1, False), (None, None)])
def test_whether_it_is_in_warranty_is_put_on_record(
    office: Office, make: Factory, days: int | None, covered: bool | None
) -> None:
    serial = make.camera(warranty_until=None if days is None else office.today + timedelta(days=days))

    office.send(serial)

    assert listed(office, serial)[0]["in_warranty"] is covered
    assert office.log(serial)[-1].facts.get("in_warranty") is covered


def test_the_warranty_is_written_like_the_rest_of_the_register(office: Office, make: Factory) -> None:
    serial, until = make.camera(), office.today

    office.do(
        lambda s: cameras.revise(s, office.actor, serial, {"warranty_until": until}, at_version=None, now=office.now)
    )

    assert office.log(serial)[-1].facts == {"changed": {"warranty_until": [None, until.isoformat()]}}


def test_it_is_not_back_before_it_is_sent(office: Office, make: Factory) -> None:
    with pytest.raises(Invalid):
        office.send(make.camera(), expected_back=office.today - timedelta(days=1))


def test_what_is_not_back_in_time_is_listed_as_overdue(office: Office, make: Factory) -> None:
    serial = make.camera()
    office.send(serial, expected_back=office.today)
    assert listed(office, serial, "overdue") == []

    office.later(days=1)

    assert [row["overdue"] for row in listed(office, serial, "overdue")] == [True]
    office.back(serial)
    assert listed(office, serial, "overdue") == []
    assert len(listed(office, serial, "returned")) == 1


def test_a_replacement_takes_the_old_ones_place(office: Office, make: Factory) -> None:
    dock = make.dock()
    serial, new = make.camera(model=Model.FLEX_2, use=Use.RESERVE, phase=2, home_dock=dock), unique("NEW")
    office.send(serial)

    office.back(serial, RepairResult.REPLACED, new)

    found = office.do(lambda s: holdings.get(s, new))
    assert (str(found["model"]), str(found["use"]), found["phase"], found["home_dock"]) == (
        "flex-2",
        "reserve",
        2,
        dock,
    )
    assert (found["custody"], office.custody(serial)) == (Custody.IN_STOCK, Custody.RETIRED)
    assert listed(office, serial)[0]["replacement"] == new
    assert office.events(serial)[-1] is Event.CAMERA_RETIRED


def test_what_is_beyond_repair_is_retired(office: Office, make: Factory) -> None:
    serial = make.camera()
    office.send(serial)

    office.back(serial, RepairResult.BEYOND_REPAIR)

    assert office.custody(serial) is Custody.RETIRED


@pytest.mark.parametrize(("result", "has"), [(RepairResult.REPLACED, False), (RepairResult.REPAIRED, True)])
def test_a_serial_belongs_to_a_replacement_alone(
    office: Office, make: Factory, result: RepairResult, has: bool
) -> None:
    serial = make.camera()
    office.send(serial)

    with pytest.raises(Invalid) as refusal:
        office.back(serial, result, unique("NEW") if has else None)

    assert list(refusal.value.fields) == ["replacement"]
    assert office.custody(serial) is Custody.REPAIR


def test_a_replacement_with_a_serial_that_is_taken_changes_nothing(office: Office, make: Factory) -> None:
    serial, other = make.camera(), make.camera()
    office.send(serial)

    with pytest.raises(Conflict):
        office.back(serial, RepairResult.REPLACED, other)

    assert office.custody(serial) is Custody.REPAIR
    assert [row["returned_at"] for row in listed(office, serial)] == [None]


def test_what_came_into_the_register_as_in_repair_comes_back_too(office: Office, make: Factory) -> None:
    serial = make.camera()
    office.put(serial, Custody.REPAIR)

    office.back(serial)

    assert office.custody(serial) is Custody.QUARANTINED
    assert listed(office, serial)[0]["fault"] == "not on record"


def test_what_is_not_in_repair_does_not_come_back(office: Office, make: Factory) -> None:
    with pytest.raises(CameraNotReady) as refusal:
        office.back(make.camera())

    assert refusal.value.rule == 9


def test_the_database_has_one_open_repair_a_camera(office: Office, make: Factory) -> None:
    serial = make.camera()
    office.send(serial)

    def again(session: Any) -> None:
        camera_id = session.scalars(sa.select(Camera.id).where(Camera.serial == serial)).one()
        session.add(Repair(camera_id=camera_id, fault="twice", sent_at=office.now))

    with pytest.raises(sa.exc.IntegrityError, match="uq_repair_open_camera"):
        office.do(again)
