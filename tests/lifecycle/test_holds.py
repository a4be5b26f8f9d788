"""Evidential hold: who places it releases it, and nothing else moves the camera meanwhile (rule 10)."""

import pytest

from fleet.actors import Actor, Role, command_line
from fleet.audit import Event
from fleet.cameras.states import Custody
from fleet.custody.models import IssueKind
from fleet.custody.service import CameraNotReady, HistoryStands
from fleet.errors import Forbidden
from fleet.lifecycle import cases
from tests.factories import Factory
from tests.lifecycle.conftest import Office, account


def test_a_hold_takes_the_camera_from_whoever_has_it(office: Office, make: Factory) -> None:
    own, loan, collar = make.camera(), make.camera(), make.officer()
    office.issue(own, collar, IssueKind.PERSONAL)
    office.issue(loan, collar)

    office.hold(loan)

    assert office.custody(loan) is Custody.HELD
    assert office.kit(collar) == {own: True}
    assert (office.events(loan)[-1], office.log(loan)[-1].officer) == (Event.HOLD_PLACED, collar)


def test_rule_10_a_held_camera_is_offloaded(office: Office, make: Factory) -> None:
    serial = make.camera()
    office.report(serial, unoffloaded=3)
    office.hold(serial)

    office.report(serial, unoffloaded=0)

    assert office.custody(serial) is Custody.HELD


def test_rule_10_a_held_camera_does_nothing_else(office: Office, make: Factory) -> None:
    serial = make.camera()
    office.hold(serial)

    for act in (
        lambda: office.issue(serial, make.officer()),
        lambda: office.send(serial),
        lambda: office.retire(serial),
        lambda: office.sanitise(serial),
        lambda: office.hold(serial),
    ):
        with pytest.raises(CameraNotReady) as refusal:
            act()
        assert refusal.value.rule == 10
    with pytest.raises(HistoryStands):
        office.move(serial, Custody.QUARANTINED)
    with pytest.raises(HistoryStands):
        office.lose(serial)
    assert office.custody(serial) is Custody.HELD


@pytest.mark.parametrize("releases", ["the same", "an administrator", "the command line"])
def test_whoever_placed_it_or_an_administrator_releases_it(office: Office, make: Factory, releases: str) -> None:
    serial, placer = make.camera(), account()
    office.hold(serial, placer)
    who = {
        "the same": placer,
        "an administrator": account(role=Role.ADMIN),
        "the command line": command_line("root"),
    }[releases]

    office.release(serial, who)

    assert office.custody(serial) is Custody.QUARANTINED
    assert office.log(serial)[-1].facts["reason"] == "The inquest is over."
    assert office.do(lambda s: cases.hold_on(s, serial, now=office.now)) is None


@pytest.mark.parametrize("who", [account(), Actor("token:other", Role.SUPERVISOR)])
def test_nobody_else_releases_it_and_the_attempt_is_evidence(office: Office, make: Factory, who: Actor) -> None:
    serial = make.camera()
    office.hold(serial, account("placer"))

    with pytest.raises(Forbidden) as refusal:
        office.release(serial, who)

    assert (refusal.value.rule, refusal.value.found) == (10, {"reference": "C/12"})
    assert refusal.value.mend == "placer, or an administrator"
    assert refusal.value.evidence is not None
    assert office.custody(serial) is Custody.HELD


def test_what_came_into_the_register_as_held_is_released(office: Office, make: Factory) -> None:
    serial = make.camera()
    office.put(serial, Custody.HELD)

    office.release(serial, account())

    assert office.custody(serial) is Custody.QUARANTINED


def test_what_is_not_held_is_not_released(office: Office, make: Factory) -> None:
    with pytest.raises(CameraNotReady) as refusal:
        office.release(make.camera())

    assert refusal.value.rule == 10
