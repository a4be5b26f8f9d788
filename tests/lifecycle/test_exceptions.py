"""Exceptions to rule 5 (firearms officers hold a camera) and rule 6 (helmets get a Flex 2)."""

from datetime import timedelta
from typing import Any

import pytest

from fleet.audit import Event
from fleet.cameras.states import Model
from fleet.counter.scans import Counter, Mode, State
from fleet.custody.models import IssueKind, Purpose
from fleet.custody.service import CameraNotReady
from fleet.errors import Invalid, NotFound
from fleet.lifecycle import cases, exceptions
from fleet.lifecycle.exceptions import ExceptionStands
from fleet.paging import Paging
from fleet.people.models import Function
from tests.factories import Factory
from tests.lifecycle.conftest import Office

HELMET = Purpose.PUBLIC_ORDER


def listed(office: Office, collar: str, **filters: Any) -> list[tuple[int, str]]:
    wanted = {"q": collar, **filters}
    rows = office.do(lambda s: cases.EXCEPTIONS.find(s, wanted, Paging(), now=office.now).items)
    return [(row["rule"], row["state"]) for row in rows]


def end(office: Office, collar: str, rule: int) -> None:
    office.do(lambda s: exceptions.end(s, office.actor, collar, rule, now=office.now))


def test_rule_5_a_firearms_officer_without_a_camera_is_listed(office: Office, make: Factory) -> None:
    collar, serial = make.officer(function=Function.FIREARMS), make.camera()
    assert listed(office, collar) == [(5, "open")]

    office.issue(serial, collar)
    assert listed(office, collar) == []

    office.lose(serial)
    assert listed(office, collar) == [(5, "open")]


@pytest.mark.parametrize("function", [function for function in Function if function is not Function.FIREARMS])
def test_rule_5_is_about_firearms_officers(office: Office, make: Factory, function: Function) -> None:
    assert listed(office, make.officer(function=function)) == []


def test_rule_5_a_firearms_officer_who_left_needs_none(office: Office, make: Factory) -> None:
    collar = make.officer(function=Function.FIREARMS)
    office.depart(collar, 0)
    assert listed(office, collar) == [(5, "open")]

    office.later(days=1)

    assert listed(office, collar) == []


def test_an_exception_stands_until_its_day_is_over(office: Office, make: Factory) -> None:
    collar = make.officer(function=Function.FIREARMS)
    office.exempt(collar, 5, days=0)
    assert listed(office, collar) == [(5, "excepted")]

    office.later(days=1)

    assert listed(office, collar) == [(5, "over")]
    assert listed(office, collar, state="excepted") == []
    office.exempt(collar, 5)
    assert listed(office, collar) == [(5, "excepted")]


def test_one_exception_of_a_rule_stands_at_a_time(office: Office, make: Factory) -> None:
    collar = make.officer()
    office.exempt(collar, 6)

    with pytest.raises(ExceptionStands) as refusal:
        office.exempt(collar, 6)

    assert refusal.value.rule == 6
    office.exempt(collar, 5)
    end(office, collar, 6)
    office.exempt(collar, 6)
    assert listed(office, collar, rule="6") == [(6, "excepted")]
    assert office.events(collar)[-2:] == [Event.EXCEPTION_ENDED, Event.EXCEPTION_RECORDED]


def test_an_exception_that_is_over_already_is_refused(office: Office, make: Factory) -> None:
    with pytest.raises(Invalid):
        office.exempt(make.officer(), 5, days=-1)


def test_only_what_stands_is_ended(office: Office, make: Factory) -> None:
    with pytest.raises(NotFound):
        end(office, make.officer(), 5)


@pytest.mark.parametrize("model", list(Model))
@pytest.mark.parametrize("purpose", [None, HELMET])
@pytest.mark.parametrize("way", ["plain", "override", "exception", "exception to rule 5", "exception that is over"])
def test_rule_6_helmet_work_gets_a_flex_2(
    office: Office, make: Factory, model: Model, purpose: Purpose | None, way: str
) -> None:
    serial, collar = make.camera(model=model), make.officer()
    if way.startswith("exception"):
        office.exempt(collar, 5 if way.endswith("5") else 6, days=0)
    if way.endswith("over"):
        office.later(days=1)
    wanted = {"purpose": purpose, "override_reason": "none in stock" if way == "override" else None}

    if model is Model.FLEX_2 or purpose is None or way in {"override", "exception"}:
        office.issue(serial, collar, **wanted)
        assert office.holders(serial) == [collar]
        overridden = way == "override" and purpose is HELMET and model is Model.BODY_2
        assert (Event.RULE_OVERRIDDEN in office.events(serial)) is overridden
        assert office.log(serial)[-1].facts.get("purpose") == purpose
        return
    with pytest.raises(CameraNotReady) as refusal:
        office.issue(serial, collar, **wanted)
    assert (refusal.value.rule, refusal.value.found) == (6, {"model": "body-2", "purpose": "public-order"})
    assert office.holders(serial) == []


def test_rule_6_at_the_counter_a_mode_says_so(office: Office, make: Factory) -> None:
    body, flex = make.camera(), make.camera(model=Model.FLEX_2)
    collar = make.officer()
    own = make.camera()
    office.issue(own, collar, IssueKind.PERSONAL)

    def scan(text: str, state: State) -> State:
        with office.app.database.transaction() as session:
            counter = Counter(session, office.actor, policy=office.policy, now=office.now)
            return counter.scan(text, state, repeated=False).state

    state = scan(collar, scan("helmet", State()))
    assert state.mode is Mode.HELMET
    with pytest.raises(CameraNotReady) as refusal:
        scan(body, state)
    scan(flex, state)

    assert refusal.value.rule == 6
    # A loan for the job rests the personal camera (rule 7).
    assert office.kit(collar) == {own: False, flex: True}
    assert office.log(flex)[-1].facts["purpose"] == "public-order"


def test_an_exception_lies_on_record_with_its_reason(office: Office, make: Factory) -> None:
    collar = make.officer()
    office.exempt(collar, 5)

    entry = office.log(collar)[-1]

    assert entry.facts["reason"] == "desk duty"
    assert entry.facts["until"] == (office.today + timedelta(days=30)).isoformat()
    assert entry.facts["to_rule"] == 5
