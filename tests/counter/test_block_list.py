"""What a counter's page keeps of the register: what may not go out, who may not be given one, who has what."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from fleet.cameras.states import Custody, Fault
from fleet.counter import block_list
from fleet.custody import service as custody
from fleet.custody.models import IssueKind
from fleet.people.models import Person
from fleet.settings import Policy
from fleet.web import Service
from tests.factories import Factory, now


@pytest.fixture
def alone(empty: Service) -> Factory:
    return Factory(empty.database)


def listed(make: Factory) -> dict[str, Any]:
    with make.database.transaction() as session:
        return block_list.make(session, policy=Policy(), now=now()).as_json()


def test_it_has_what_may_not_go_out_with_the_rule_and_nothing_that_may(alone: Factory) -> None:
    ready, quarantined, low, clock, full = (alone.camera() for _ in range(5))
    with alone.database.transaction() as session:
        custody.move(session, alone.actor, quarantined, Custody.QUARANTINED, now=now())
    alone.report(ready, battery_percent=95, clock_offset_s=1.0)
    alone.report(low, battery_percent=10)
    alone.report(clock, clock_offset_s=900.0)
    alone.report(full, fault=Fault.MEMORY_FULL)

    found = listed(alone)

    told = {serial: found["reasons"][number] for serial, number in found["cameras"].items()}
    assert told == {
        quarantined: [8, "{} is quarantined."],
        low: [8, "{} is charged to 10%; the force's minimum is 80%."],
        clock: [13, "The clock of {} is off by 900 s; 60 s is tolerated. Dock it."],
        full: [8, "{} reports memory-full."],
    }


def test_it_has_who_has_what_and_who_is_barred_without_a_name(alone: Factory) -> None:
    untrained = alone.officer(trained_until=None, name="Somebody Secret")
    leaver = alone.officer()
    with alone.database.transaction() as session:
        gone = sa.update(Person).where(Person.collar == leaver).values(leaves_on=now().date() - timedelta(days=2))
        session.execute(gone)
    loan, borrower = alone.issued()
    personal, owner = alone.issued(collar=alone.officer(name="Another Secret"), kind=IssueKind.PERSONAL)

    found = listed(alone)

    assert found["out"] == {loan: [borrower, "l"], personal: [owner, "p"]}
    told = {collar: found["reasons"][number] for collar, number in found["officers"].items()}
    assert told == {
        untrained: [4, "The training of {} is not current."],
        leaver: [15, "{} has left; there is no issue to a leaver."],
    }
    assert "Secret" not in str(found)


def test_it_tells_officers_from_cameras_by_their_looks_where_that_is_certain(alone: Factory) -> None:
    alone.camera(serial="X60A1234", asset_tag="000017")
    alone.officer(collar="4711")
    alone.officer(collar="PC99")
    alone.taser(serial="X2900ABCD")
    alone.camera(serial="77")
    alone.officer(collar="88")

    shapes = listed(alone)["shapes"]

    assert shapes == {
        "X99A9999": "camera",
        "999999": "camera",
        "9999": "officer",
        "PC99": "officer",
        "X9999AAAA": "taser",
    }


def test_it_is_bounded_and_says_so(alone: Factory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block_list, "MOST", 2)
    newest = [alone.issued()[0] for _ in range(3)][1:]

    found = listed(alone)

    assert sorted(found["out"]) == sorted(newest)
    assert found["complete"] == {"cameras": True, "out": False, "officers": True}
