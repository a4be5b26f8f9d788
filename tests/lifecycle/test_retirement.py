"""Retired, wiped, and disposed of by two people."""

from datetime import timedelta
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from fleet.actors import Actor, Role, command_line
from fleet.audit import Event
from fleet.cameras.states import Custody
from fleet.custody.service import CameraNotReady
from fleet.embedded import Databases
from fleet.errors import Invalid
from fleet.lifecycle import cases, retirement
from fleet.lifecycle.retirement import NeedsSecondPerson
from tests.factories import Factory
from tests.lifecycle.conftest import Office, account


def wiped(office: Office, make: Factory) -> str:
    """A camera that is retired and wiped."""
    serial = make.camera()
    office.retire(serial)
    office.sanitise(serial)
    return serial


def state(office: Office, serial: str) -> dict[str, Any]:
    return office.do(lambda s: cases.retirement(s, serial, now=office.now))  # type: ignore[no-any-return]


def test_two_people_dispose_of_a_wiped_camera_and_the_log_names_both(office: Office, make: Factory) -> None:
    serial, one, other = wiped(office, make), account(), account()

    office.propose(serial, one)
    office.confirm(serial, other)

    assert office.custody(serial) is Custody.DISPOSED
    assert office.events(serial) == [
        Event.CAMERA_RETIRED,
        Event.CAMERA_SANITISED,
        Event.DISPOSAL_PROPOSED,
        Event.DISPOSAL_CONFIRMED,
    ]
    assert office.log(serial)[-1].facts == {
        "proposed_by": one.name,
        "confirmed_by": other.name,
        "certificate": "W-1",
        "how": "recycled",
        "waste_note": "N-1",
    }


ONE = account("one", collar="77")
SAME_OFFICER = account("two", collar="77")


@pytest.mark.parametrize(
    ("proposes", "confirms", "possible"),
    [
        (ONE, ONE, False),
        (ONE, SAME_OFFICER, False),
        (ONE, account("three", collar="78"), True),
        (ONE, account("four"), True),
        (account("five"), account("four"), True),
        (command_line("a"), command_line("a"), False),
        (command_line("a"), command_line("b"), False),
        (command_line("a"), ONE, True),
        (ONE, command_line("b"), True),
        (Actor("token:x", Role.ADMIN), Actor("token:x", Role.ADMIN), False),
        (Actor("token:x", Role.ADMIN), ONE, True),
    ],
)
def test_nobody_disposes_alone(office: Office, make: Factory, proposes: Actor, confirms: Actor, possible: bool) -> None:
    serial = wiped(office, make)
    office.propose(serial, proposes)

    if possible:
        office.confirm(serial, confirms)
        assert office.custody(serial) is Custody.DISPOSED
        return
    with pytest.raises(NeedsSecondPerson):
        office.confirm(serial, confirms)
    assert office.custody(serial) is Custody.SANITISED


def test_without_a_proposal_there_is_nothing_to_confirm_or_decline(office: Office, make: Factory) -> None:
    serial = wiped(office, make)

    for act in (office.confirm, office.decline):
        with pytest.raises(NeedsSecondPerson):
            act(serial, account())


def test_a_proposal_is_made_once_and_taken_back_by_either(office: Office, make: Factory) -> None:
    serial, one, other = wiped(office, make), account(), account()
    office.propose(serial, one)
    with pytest.raises(NeedsSecondPerson):
        office.propose(serial, other)

    office.decline(serial, other)

    assert state(office, serial)["proposed_by"] is None
    assert office.log(serial)[-1].facts == {"proposed_by": one.name, "reason": "not yet"}
    office.propose(serial, other)
    office.confirm(serial, one)


def test_rule_10_no_retirement_or_wipe_with_footage_on_it(office: Office, make: Factory) -> None:
    serial = make.camera()
    office.report(serial, unoffloaded=1)
    with pytest.raises(CameraNotReady) as refusal:
        office.retire(serial)
    assert refusal.value.rule == 10

    office.report(serial, unoffloaded=0)
    office.retire(serial)
    office.report(serial, unoffloaded=1)
    with pytest.raises(CameraNotReady) as refusal:
        office.sanitise(serial)

    assert refusal.value.rule == 10
    assert office.custody(serial) is Custody.RETIRED


def test_a_camera_that_is_out_is_not_retired(office: Office, make: Factory) -> None:
    serial, _ = make.issued()

    with pytest.raises(CameraNotReady) as refusal:
        office.retire(serial)

    assert (refusal.value.rule, refusal.value.found) == (9, {"custody": "issued"})


def test_a_wipe_lies_not_in_the_future(office: Office, make: Factory) -> None:
    serial = make.camera()
    office.retire(serial)
    said = {"method": "m", "certificate": "c", "wiped_by": "b", "wiped_on": office.today + timedelta(days=1)}

    with pytest.raises(Invalid):
        office.do(lambda s: retirement.sanitise(s, office.actor, serial, said, now=office.now))

    assert office.custody(serial) is Custody.RETIRED


def test_steps_are_not_skipped(office: Office, make: Factory) -> None:
    serial = make.camera()
    with pytest.raises(CameraNotReady):
        office.sanitise(serial)
    office.retire(serial)

    for act in (office.propose, office.confirm):
        with pytest.raises(CameraNotReady) as refusal:
            act(serial, account())
        assert refusal.value.rule == 9


def test_no_disposal_without_a_wipe_certificate(office: Office, make: Factory) -> None:
    serial = make.camera()
    office.put(serial, Custody.SANITISED)
    with pytest.raises(CameraNotReady) as refusal:
        office.propose(serial, account())
    assert refusal.value.rule == 10

    office.sanitise(serial, "OLD-1")
    office.propose(serial, account())

    assert state(office, serial)["certificate"] == "OLD-1"


def test_a_certificate_stands(office: Office, make: Factory) -> None:
    serial = wiped(office, make)

    with pytest.raises(CameraNotReady) as refusal:
        office.sanitise(serial, "ANOTHER")

    assert (refusal.value.rule, refusal.value.found) == (9, {"certificate": "W-1"})


CHANGE = "UPDATE retirement SET {} WHERE camera_id = (SELECT id FROM camera WHERE serial = %s)"
ALONE = [
    "confirmed_at = now(), confirmed_by = proposed_by",
    "confirmed_at = now(), confirmed_by = 'account:x', confirmed_collar = proposed_collar",
    "confirmed_by = 'account:x'",
    "certificate = NULL",
    "how = NULL",
]


@pytest.mark.parametrize("change", ALONE)
@pytest.mark.parametrize("role", ["application", "owner"])
def test_the_database_lets_nobody_dispose_alone(
    postgres: Databases, office: Office, make: Factory, change: str, role: str
) -> None:
    serial = wiped(office, make)
    office.propose(serial, ONE)

    plain = sa.make_url(getattr(postgres, role)).set(drivername="postgresql").render_as_string(False)
    with pytest.raises(psycopg.errors.CheckViolation), psycopg.connect(plain) as connection:
        connection.execute(CHANGE.format(change).encode(), (serial,))


@pytest.mark.parametrize("role", ["application", "owner"])
def test_rule_9_a_disposal_is_never_rewritten(postgres: Databases, office: Office, make: Factory, role: str) -> None:
    serial = wiped(office, make)
    office.propose(serial, account())
    office.confirm(serial, account())

    plain = sa.make_url(getattr(postgres, role)).set(drivername="postgresql").render_as_string(False)
    statement = CHANGE.format("waste_note = 'other'")
    with pytest.raises(psycopg.errors.RaiseException), psycopg.connect(plain) as connection:
        connection.execute(statement.encode(), (serial,))
