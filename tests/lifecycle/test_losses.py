"""A camera that is gone (rules 7, 9, 16)."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from fleet.audit import Event
from fleet.cameras.models import Camera
from fleet.cameras.states import Custody
from fleet.custody.models import Condition, IssueKind
from fleet.custody.service import CameraNotReady
from fleet.errors import Invalid, NotFound
from fleet.lifecycle.losses import LossStands
from fleet.lifecycle.models import LossState
from tests.factories import Factory
from tests.lifecycle.conftest import Office


def test_rule_7_a_loss_ends_the_issue_and_names_the_officer(office: Office, make: Factory) -> None:
    serial, collar = make.camera(), make.officer()
    allocation = office.issue(serial, collar)

    number = office.lose(serial)

    assert office.custody(serial) is Custody.MISSING
    assert office.holders(serial) == []
    assert office.allocation(allocation).condition is Condition.MISSING
    assert office.loss(number)["collar"] == collar
    assert office.events(serial) == [Event.CAMERA_ISSUED, Event.CAMERA_MISSING]
    assert office.log(serial)[-1].officer == collar


def test_an_officer_whose_camera_is_missing_gets_another(office: Office, make: Factory) -> None:
    serial, collar, other = make.camera(), make.officer(), make.camera()
    office.issue(serial, collar)
    office.lose(serial)

    office.issue(other, collar)

    assert office.kit(collar) == {other: True}


def test_a_lost_loan_wakes_the_personal_camera(office: Office, make: Factory) -> None:
    own, loan, collar = make.camera(), make.camera(), make.officer()
    office.issue(own, collar, IssueKind.PERSONAL)
    office.issue(loan, collar)
    assert office.kit(collar) == {own: False, loan: True}

    office.lose(loan)

    assert office.kit(collar) == {own: True}


def test_rule_16_a_missing_camera_is_not_issued(office: Office, make: Factory) -> None:
    serial = make.camera()
    office.lose(serial)

    with pytest.raises(CameraNotReady) as refusal:
        office.issue(serial, make.officer())

    assert refusal.value.rule == 16


@pytest.mark.parametrize(("hours", "late"), [(23.9, False), (24.1, True)])
def test_rule_16_the_report_is_late_after_the_forces_limit(
    office: Office, make: Factory, hours: float, late: bool
) -> None:
    serial = make.camera()

    loss = office.loss(office.lose(serial, hours_ago=hours))

    assert loss["late"] is late
    assert loss["report_due_at"] - loss["noticed_at"] == timedelta(hours=24)
    assert loss["assess_due_at"] - loss["noticed_at"] == timedelta(hours=72)
    assert office.log(serial)[-1].facts.get("late", False) is late


def test_rule_20_the_limit_is_the_forces(office: Office, make: Factory) -> None:
    office.allow(loss_report=timedelta(hours=1))

    assert office.loss(office.lose(make.camera(), hours_ago=2))["late"]


def test_what_the_register_knew_is_kept_as_evidence(office: Office, make: Factory) -> None:
    serial = make.camera(encryption="aes128")
    office.report(serial, unoffloaded=7)
    number = office.lose(serial)

    office.report(serial, unoffloaded=0)

    loss = office.loss(number)
    assert (loss["unoffloaded"], str(loss["encryption"])) == (7, "aes128")
    assert loss["device_seen_at"] is not None


def test_it_is_not_noticed_later_than_now(office: Office, make: Factory) -> None:
    serial = make.camera()

    with pytest.raises(Invalid) as refusal:
        office.lose(serial, hours_ago=-1)

    assert list(refusal.value.fields) == ["noticed_at"]
    assert office.custody(serial) is Custody.IN_STOCK


def test_it_is_reported_once(office: Office, make: Factory) -> None:
    serial = make.camera()
    number = office.lose(serial)

    with pytest.raises(LossStands) as refusal:
        office.lose(serial)

    assert (refusal.value.rule, refusal.value.found["loss"]) == (16, number)


@pytest.mark.parametrize("custody", [Custody.MISSING, Custody.LOST, Custody.STOLEN])
def test_what_came_into_the_register_as_gone_gets_its_report(office: Office, make: Factory, custody: Custody) -> None:
    serial = make.camera()
    office.put(serial, custody)

    number = office.lose(serial)

    assert office.custody(serial) is custody
    assert office.loss(number)["state"] == str(custody)


@pytest.mark.parametrize(
    ("outcome", "crime_number", "event"),
    [(LossState.LOST, None, Event.CAMERA_LOST), (LossState.STOLEN, "20/1/26", Event.CAMERA_STOLEN)],
)
def test_lost_or_stolen_revokes_the_identity_at_once(
    office: Office, make: Factory, outcome: LossState, crime_number: str | None, event: Event
) -> None:
    serial = make.camera()
    number = office.lose(serial)

    office.decide(number, outcome, crime_number)

    assert office.custody(serial) == outcome
    assert office.events(serial) == [Event.CAMERA_MISSING, event, Event.CAMERA_REVOKED]
    assert office.log(serial)[-1].facts == {"pairings": "revoked"}
    with office.app.database.transaction() as session:
        assert session.scalars(sa.select(Camera.revoked_at).where(Camera.serial == serial)).one() == office.now


def test_a_theft_has_a_crime_number(office: Office, make: Factory) -> None:
    serial = make.camera()
    number = office.lose(serial)

    with pytest.raises(Invalid) as refusal:
        office.decide(number, LossState.STOLEN)

    assert list(refusal.value.fields) == ["crime_number"]
    assert office.custody(serial) is Custody.MISSING


def test_rule_9_what_was_decided_stands(office: Office, make: Factory) -> None:
    number = office.lose(make.camera())
    office.decide(number)

    with pytest.raises(LossStands) as refusal:
        office.decide(number, LossState.STOLEN, "1")

    assert refusal.value.rule == 9


@pytest.mark.parametrize("decided", [False, True])
def test_a_recovered_camera_goes_through_quarantine_into_stock(office: Office, make: Factory, decided: bool) -> None:
    serial = make.camera()
    number = office.lose(serial)
    if decided:
        office.decide(number)

    office.recover(number)

    assert office.custody(serial) is Custody.RECOVERED
    loss = office.loss(number)
    assert (loss["state"], loss["recovered_where"], loss["recovered_by"]) == ("recovered", "a hedge", "a dog walker")
    office.move(serial, Custody.QUARANTINED)
    office.move(serial, Custody.IN_STOCK)
    office.issue(serial, make.officer())


def test_a_recovered_camera_can_be_lost_again(office: Office, make: Factory) -> None:
    serial = make.camera()
    first = office.lose(serial)
    office.recover(first)
    office.move(serial, Custody.QUARANTINED)

    second = office.lose(serial)

    assert second != first
    with pytest.raises(LossStands):
        office.recover(first)


def test_a_loss_that_is_not_there_is_not_found(office: Office) -> None:
    with pytest.raises(NotFound):
        office.decide(2**40)
    with pytest.raises(NotFound):
        office.loss(2**40)
