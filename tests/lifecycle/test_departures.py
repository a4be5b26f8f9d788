"""Leavers and movers: their kit is due back (rule 15)."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from fleet.actors import Role
from fleet.audit import Event
from fleet.clock import end_of
from fleet.custody.models import Condition, IssueKind
from fleet.custody.service import HasLeft
from fleet.errors import Invalid, NotFound
from fleet.lifecycle import cases, daily
from fleet.lifecycle.departures import DepartureStands
from fleet.lifecycle.models import DepartureKind
from fleet.paging import Paging
from fleet.people import service as people
from tests.accounts import new_account
from tests.factories import Factory
from tests.lifecycle.conftest import Office

MOVER = DepartureKind.MOVER


def due(office: Office, allocation: int) -> datetime | None:
    return office.allocation(allocation).due_back


def carry_out(office: Office) -> int:
    """Run the daily act until nothing is left."""
    done = 0
    while office.do(lambda s: daily.carry_out_departures(s, office.actor, now=office.now)):
        done += 1
    return done


def listed(office: Office, collar: str, show: str | None = None) -> list[dict[str, Any]]:
    filters = {"q": collar, "show": show}
    return office.do(lambda s: cases.DEPARTURES.find(s, filters, Paging(), now=office.now).items)  # type: ignore[no-any-return]


@pytest.mark.parametrize("kind", list(DepartureKind))
def test_rule_15_kit_is_due_back_by_the_last_day(office: Office, make: Factory, kind: DepartureKind) -> None:
    collar = make.officer()
    personal = office.issue(make.camera(), collar, IssueKind.PERSONAL)
    loan = office.issue(make.camera(), collar)
    was = due(office, loan)

    office.depart(collar, 7, kind, **({"team": "New"} if kind is MOVER else {}))

    assert due(office, personal) == end_of(office.today + timedelta(days=7))
    # What is due earlier stays due earlier.
    assert due(office, loan) == was


def test_each_camera_that_is_recalled_is_logged(office: Office, make: Factory) -> None:
    serial, collar = make.camera(), make.officer()
    office.issue(serial, collar, IssueKind.PERSONAL)

    office.depart(collar, 7)

    entry = office.log(serial)[-1]
    assert (entry.event, entry.officer) == (Event.LOAN_RECALLED, collar)
    assert entry.facts["due_back"][0] is None
    assert office.events(collar)[-1] is Event.DEPARTURE_NOTED


def test_whose_last_day_is_over_has_kit_due_at_once(office: Office, make: Factory) -> None:
    collar = make.officer()
    allocation = office.issue(make.camera(), collar, IssueKind.PERSONAL)

    office.depart(collar, -3)

    assert due(office, allocation) == office.now
    assert listed(office, collar, "overdue")[0]["holds"] is not None


def test_rule_15_a_leaver_is_issued_nothing_after_the_last_day_whatever_the_reason(
    office: Office, make: Factory
) -> None:
    collar = make.officer()
    office.depart(collar, 0)
    serial = make.camera()
    allocation = office.issue(serial, collar)
    assert due(office, allocation) <= end_of(office.today)  # type: ignore[operator]
    office.take_back(serial)
    office.later(days=1)

    with pytest.raises(HasLeft) as refusal:
        office.issue(make.camera(), collar, override_reason="needed")

    assert refusal.value.rule == 15


def test_a_personal_issue_to_a_leaver_ends_with_the_last_day(office: Office, make: Factory) -> None:
    collar = make.officer()
    office.depart(collar, 5)

    allocation = office.issue(make.camera(), collar, IssueKind.PERSONAL)

    assert due(office, allocation) == end_of(office.today + timedelta(days=5))


def test_a_mover_is_issued_kit_after_the_move(office: Office, make: Factory) -> None:
    collar = make.officer()
    office.depart(collar, 0, MOVER, team="New")
    office.later(days=2)

    office.issue(make.camera(), collar)


def test_a_wrong_entry_is_withdrawn_and_what_it_changed_restored(office: Office, make: Factory) -> None:
    collar = make.officer()
    personal = office.issue(make.camera(), collar, IssueKind.PERSONAL)
    office.depart(collar, -1)

    office.withdraw(collar)

    assert due(office, personal) is None
    office.take_back(serial_of(office, collar))
    office.issue(make.camera(), collar)
    assert listed(office, collar) == []
    assert len(listed(office, collar, "withdrawn")) == 1
    assert Event.DEPARTURE_WITHDRAWN in office.events(collar)


def serial_of(office: Office, collar: str) -> str:
    (serial,) = office.kit(collar)
    return serial


def test_a_withdrawal_leaves_alone_what_came_back_meanwhile(office: Office, make: Factory) -> None:
    serial, collar = make.camera(), make.officer()
    allocation = office.issue(serial, collar, IssueKind.PERSONAL)
    office.depart(collar, 3)
    recalled = due(office, allocation)
    office.take_back(serial, Condition.GOOD)

    office.withdraw(collar)

    assert due(office, allocation) == recalled


def test_there_is_one_entry_an_officer(office: Office, make: Factory) -> None:
    collar = make.officer()
    office.depart(collar, 3)

    with pytest.raises(DepartureStands) as refusal:
        office.depart(collar, 5, MOVER, team="New")

    assert refusal.value.rule == 15
    office.withdraw(collar)
    office.depart(collar, 5, MOVER, team="New")


def test_there_is_nothing_to_withdraw_without_an_entry(office: Office, make: Factory) -> None:
    with pytest.raises(NotFound):
        office.withdraw(make.officer())


@pytest.mark.parametrize(
    ("kind", "where", "field"),
    [(MOVER, {}, "team"), (DepartureKind.LEAVER, {"team": "New"}, "kind"), (MOVER, {"site": "NOWHERE"}, "site")],
)
def test_an_entry_that_makes_no_sense_is_refused(
    office: Office, make: Factory, kind: DepartureKind, where: dict[str, str], field: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        office.depart(make.officer(), 3, kind, **where)

    assert list(refusal.value.fields) == [field]


def test_the_day_moves_a_mover_once_and_suspends_pairings(office: Office, make: Factory) -> None:
    site, collar, serial = make.site(), make.officer(team="Old"), make.camera()
    office.depart(collar, 1, MOVER, team="New", site=site)
    office.issue(serial, collar, IssueKind.PERSONAL)
    carry_out(office)
    assert office.do(lambda s: people.get(s, collar))["team"] == "Old"
    office.later(days=2)

    assert carry_out(office) >= 1
    assert carry_out(office) == 0

    moved = office.do(lambda s: people.get(s, collar))
    assert (moved["team"], moved["site"]) == ("New", site)
    assert office.events(serial)[-2:] == [Event.LOAN_RECALLED, Event.PAIRINGS_SUSPENDED]
    assert office.events(collar).count(Event.DEPARTURE_DONE) == 1
    office.depart(collar, 9, MOVER, team="Newer")


def test_the_day_of_a_leaver_lists_what_they_hold(office: Office, make: Factory) -> None:
    serial, collar = make.camera(), make.officer()
    office.issue(serial, collar, IssueKind.PERSONAL)
    office.depart(collar, 0)
    office.later(days=1)

    carry_out(office)

    (entry,) = [entry for entry in office.log(collar) if entry.event is Event.DEPARTURE_DONE]
    assert entry.facts["still_holds"] == [serial]
    (row,) = listed(office, collar, "overdue")
    assert (row["holds"], str(row["kind"])) == (serial, "leaver")


def test_a_withdrawn_entry_does_nothing_on_its_day(office: Office, make: Factory) -> None:
    collar = make.officer()
    office.depart(collar, 0)
    office.withdraw(collar)
    office.later(days=1)

    carry_out(office)

    assert Event.DEPARTURE_DONE not in office.events(collar)


def test_a_leavers_open_sign_in_is_shown(office: Office, make: Factory) -> None:
    collar = make.officer()
    name = new_account(office.app, Role.OFFICER, collar)

    office.depart(collar, 3)

    assert listed(office, collar)[0]["sign_in"] == name
