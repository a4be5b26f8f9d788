"""What a day brings by itself, once each, however often it runs and wherever it was stopped."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy.orm import Session

from fleet.audit import Event
from fleet.lifecycle import daily
from fleet.lifecycle.models import LossState
from tests.factories import Factory
from tests.lifecycle.conftest import Office

Act = Callable[..., int]


def run(office: Office, act: Act) -> None:
    while office.do(lambda s: act(s, office.actor, now=office.now)):
        pass


@pytest.mark.parametrize("state", [LossState.MISSING, LossState.LOST, LossState.RECOVERED])
def test_rule_16_a_breach_that_nobody_assessed_in_time_is_logged_once(
    office: Office, make: Factory, state: LossState
) -> None:
    serial = make.camera()
    number = office.lose(serial, hours_ago=71)
    if state is LossState.LOST:
        office.decide(number)
    if state is LossState.RECOVERED:
        office.recover(number)
    run(office, daily.note_unassessed_losses)
    assert Event.BREACH_OVERDUE not in office.events(serial)

    office.later(hours=2)
    for _ in range(3):
        run(office, daily.note_unassessed_losses)

    assert office.events(serial).count(Event.BREACH_OVERDUE) == 1
    assert office.log(serial)[-1].facts["state"] == str(state)


def test_rule_16_an_assessed_one_is_not(office: Office, make: Factory) -> None:
    serial = make.camera()
    office.assess(office.lose(serial, hours_ago=100))

    run(office, daily.note_unassessed_losses)

    assert Event.BREACH_OVERDUE not in office.events(serial)


def test_a_repair_that_is_not_back_is_logged_once(office: Office, make: Factory) -> None:
    late, back, open_ended = make.camera(), make.camera(), make.camera()
    office.send(late, expected_back=office.today, supplier="Maker")
    office.send(back, expected_back=office.today)
    office.send(open_ended)
    office.back(back)
    run(office, daily.note_overdue_repairs)
    assert Event.REPAIR_OVERDUE not in office.events(late)

    office.later(days=1)
    for _ in range(3):
        run(office, daily.note_overdue_repairs)

    assert office.events(late).count(Event.REPAIR_OVERDUE) == 1
    assert office.log(late)[-1].facts["supplier"] == "Maker"
    assert Event.REPAIR_OVERDUE not in office.events(back) + office.events(open_ended)


def test_many_are_done_in_portions(office: Office, make: Factory) -> None:
    serials = [make.camera() for _ in range(25)]
    for serial in serials:
        office.lose(serial, hours_ago=73)

    portions = []
    while done := office.do(lambda s: daily.note_unassessed_losses(s, office.actor, now=office.now)):
        portions.append(done)

    assert max(portions) <= 20
    assert sum(portions) >= len(serials)
    assert all(office.events(serial).count(Event.BREACH_OVERDUE) == 1 for serial in serials)


@pytest.mark.parametrize(
    ("act", "event"),
    [
        (daily.note_unassessed_losses, Event.BREACH_OVERDUE),
        (daily.note_overdue_repairs, Event.REPAIR_OVERDUE),
        (daily.carry_out_departures, Event.PAIRINGS_SUSPENDED),
    ],
)
def test_stopped_before_the_commit_it_is_done_by_the_next_run(
    office: Office, make: Factory, act: Act, event: Event
) -> None:
    serial, collar = make.camera(), make.officer()
    if event is Event.BREACH_OVERDUE:
        office.lose(serial, hours_ago=73)
    if event is Event.REPAIR_OVERDUE:
        office.send(serial, expected_back=office.today)
    if event is Event.PAIRINGS_SUSPENDED:
        office.issue(serial, collar)
        office.depart(collar, 0)
    office.later(days=1)

    class Killed(Exception):
        pass

    def killed(session: Session) -> Any:
        act(session, office.actor, now=office.now)
        raise Killed

    with pytest.raises(Killed):
        office.do(killed)
    assert event not in office.events(serial)

    run(office, act)

    assert office.events(serial).count(event) == 1


def test_a_clock_that_goes_back_does_nothing_twice(office: Office, make: Factory) -> None:
    serial, collar = make.camera(), make.officer()
    office.issue(serial, collar)
    office.depart(collar, 0)
    office.later(days=1)
    run(office, daily.carry_out_departures)
    now: datetime = office.later(hours=-1)

    run(office, daily.carry_out_departures)
    office.later(hours=2)
    run(office, daily.carry_out_departures)

    assert now < office.now
    assert office.events(serial).count(Event.PAIRINGS_SUSPENDED) == 1
