"""The breach assessment: appended, never overwritten, and complete where there is a risk (rules 9, 16)."""

from datetime import timedelta
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from fleet.audit import Event
from fleet.embedded import Databases
from fleet.errors import Invalid, NotFound
from fleet.lifecycle.losses import LossStands
from fleet.lifecycle.models import Risk
from tests.factories import Factory
from tests.lifecycle.conftest import Office


def test_rule_9_a_second_assessment_is_appended(office: Office, make: Factory) -> None:
    serial = make.camera()
    number = office.lose(serial)

    assert [office.assess(number), office.assess(number, measures="found the thief")] == [1, 2]

    loss = office.loss(number)
    assert [(one["version"], one["measures"]) for one in loss["assessments"]] == [
        (2, "found the thief"),
        (1, "searched"),
    ]
    assert office.events(serial)[1:] == [Event.BREACH_ASSESSED] * 2
    assert office.log(serial)[-1].facts["measures"] == "found the thief"


def test_rule_16_a_loss_is_unassessed_until_it_is_not(office: Office, make: Factory) -> None:
    number = office.lose(make.camera(), hours_ago=73)
    assert office.loss(number)["assess_late"]

    office.assess(number)

    loss = office.loss(number)
    assert (loss["assessed"], loss["assess_late"]) == (True, False)


@pytest.mark.parametrize("risk", list(Risk))
@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("reason", ["not readable without its key", None])
def test_a_risk_is_told_to_the_commissioner_or_it_says_why_not(
    office: Office, make: Factory, risk: Risk, told: bool, reason: str | None
) -> None:
    number = office.lose(make.camera())
    said = {"risk": risk, "ico_told_at": office.now if told else None, "ico_reason": reason}

    if risk is Risk.UNLIKELY or told or reason:
        assert office.assess(number, **said) == 1
        return
    with pytest.raises(Invalid) as refusal:
        office.assess(number, **said)
    assert list(refusal.value.fields) == ["ico_reason"]
    assert office.loss(number)["assessments"] == []


@pytest.mark.parametrize("name", ["psd_told_at", "ico_told_at"])
def test_nobody_was_told_later_than_now(office: Office, make: Factory, name: str) -> None:
    number = office.lose(make.camera())

    with pytest.raises(Invalid) as refusal:
        office.assess(number, **{name: office.now + timedelta(seconds=1)})

    assert list(refusal.value.fields) == [name]


def test_who_has_not_read_the_newest_is_told_so(office: Office, make: Factory) -> None:
    number = office.lose(make.camera())
    office.assess(number, after=0)

    with pytest.raises(LossStands) as refusal:
        office.assess(number, after=0)

    assert (refusal.value.rule, refusal.value.found) == (9, {"newest": 1, "yours_follows": 0})
    assert office.assess(number, after=1) == 2


def test_a_recovered_camera_is_assessed_all_the_same(office: Office, make: Factory) -> None:
    number = office.lose(make.camera())
    office.recover(number)

    assert office.assess(number) == 1


def test_there_is_nothing_to_assess_without_a_loss(office: Office) -> None:
    with pytest.raises(NotFound):
        office.assess(2**40)


REFUSED = (psycopg.errors.RaiseException, psycopg.errors.InsufficientPrivilege)
REWRITES = [
    "UPDATE breach_assessment SET risk = 'unlikely' WHERE loss_id = %s",
    "DELETE FROM breach_assessment WHERE loss_id = %s",
    "DELETE FROM loss WHERE id = %s",
    "UPDATE loss SET recovered_where = 'nowhere' WHERE id = %s",
    "UPDATE loss SET state = 'lost', recovered_at = NULL WHERE id = %s",
]


@pytest.mark.parametrize("statement", REWRITES)
@pytest.mark.parametrize("role", ["application", "owner"])
def test_rule_9_the_database_rewrites_no_closed_loss_for_anybody(
    postgres: Databases, office: Office, make: Factory, statement: str, role: str
) -> None:
    number = office.lose(make.camera())
    office.assess(number)
    office.recover(number)
    before: dict[str, Any] = office.loss(number)

    plain = sa.make_url(getattr(postgres, role)).set(drivername="postgresql").render_as_string(False)
    with pytest.raises(REFUSED), psycopg.connect(plain) as connection:
        connection.execute(statement.encode(), (number,))

    assert office.loss(number) == before


CHANGE = "UPDATE loss SET {} WHERE id = %s"


@pytest.mark.parametrize(
    "column", ["noticed_at = now()", "circumstances = 'none'", "unoffloaded = 0", "person_id = NULL"]
)
def test_rule_9_the_application_never_rewrites_a_report(
    postgres: Databases, office: Office, make: Factory, column: str
) -> None:
    number = office.lose(make.camera())

    plain = sa.make_url(postgres.application).set(drivername="postgresql").render_as_string(False)
    with pytest.raises(psycopg.errors.InsufficientPrivilege), psycopg.connect(plain) as connection:
        connection.execute(CHANGE.format(column).encode(), (number,))
