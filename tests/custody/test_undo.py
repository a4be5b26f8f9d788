"""Undo reverses the last act for a minute, as an act of its own; after that history stands (rule 9)."""

from datetime import timedelta

import pytest

from fleet.audit import Event
from fleet.cameras.states import Custody
from fleet.custody.models import Condition, IssueKind
from fleet.custody.service import AlreadyHolds, CameraNotReady, HistoryStands, TrainingLapsed
from tests.custody.conftest import Desk
from tests.factories import Factory

WINDOW = timedelta(minutes=1)
MOMENT = timedelta(microseconds=1)


def test_an_undone_issue_leaves_the_camera_in_stock_and_two_entries(desk: Desk, make: Factory) -> None:
    serial, collar = make.camera(), make.officer()
    number = desk.issue(serial, collar)

    desk.undo_issue(number)

    assert desk.custody(serial) is Custody.IN_STOCK
    assert desk.kit(collar) == {}
    assert desk.events(serial) == [Event.CAMERA_ISSUED, Event.ISSUE_UNDONE]
    assert [entry.facts["allocation"] for entry in desk.log(serial)] == [number, number]


def test_an_undone_return_is_a_new_allocation_that_continues_the_old(desk: Desk, make: Factory) -> None:
    serial, collar = make.camera(), make.officer()
    due_back = desk.now + timedelta(hours=5)
    desk.issue(serial, collar, due_back=due_back)
    desk.later(hours=1)
    returned = desk.take_back(serial)

    again = desk.undo_return(returned)

    assert desk.holders(serial) == [collar]
    assert desk.allocation(returned).returned_at is not None
    assert (desk.allocation(again).continues_id, desk.allocation(again).due_back) == (returned, due_back)
    assert desk.events(serial) == [Event.CAMERA_ISSUED, Event.CAMERA_RETURNED, Event.RETURN_UNDONE]


def test_undo_works_until_the_window_ends(desk: Desk, make: Factory) -> None:
    serial = make.camera()
    number = desk.issue(serial, make.officer())

    desk.now += WINDOW
    desk.undo_issue(number)

    assert desk.custody(serial) is Custody.IN_STOCK


def test_rule_9_after_the_window_an_issue_stands(desk: Desk, make: Factory) -> None:
    serial = make.camera()
    number = desk.issue(serial, make.officer())
    desk.now += WINDOW + MOMENT

    with pytest.raises(HistoryStands) as refusal:
        desk.undo_issue(number)

    assert refusal.value.rule == 9
    assert desk.custody(serial) is Custody.ISSUED


def test_rule_9_after_the_window_a_return_stands(desk: Desk, make: Factory) -> None:
    serial, _ = make.issued()
    returned = desk.take_back(serial)
    desk.now += WINDOW + MOMENT

    with pytest.raises(HistoryStands) as refusal:
        desk.undo_return(returned)

    assert refusal.value.rule == 9
    assert desk.custody(serial) is Custody.IN_STOCK


def test_nothing_is_undone_twice(desk: Desk, make: Factory) -> None:
    serial, collar = make.camera(), make.officer()
    issued = desk.issue(serial, collar)
    desk.undo_issue(issued)
    with pytest.raises(HistoryStands):
        desk.undo_issue(issued)

    desk.issue(serial, collar)
    returned = desk.take_back(serial)
    desk.undo_return(returned)
    with pytest.raises(HistoryStands):
        desk.undo_return(returned)

    assert desk.holders(serial) == [collar]


def test_an_issue_is_not_undone_after_its_return_nor_a_return_before_it(desk: Desk, make: Factory) -> None:
    serial = make.camera()
    number = desk.issue(serial, make.officer())
    with pytest.raises(HistoryStands, match="not returned"):
        desk.undo_return(number)

    desk.take_back(serial)
    with pytest.raises(HistoryStands, match="returned since"):
        desk.undo_issue(number)


def test_there_is_nothing_to_undo_where_nothing_was_done(desk: Desk) -> None:
    with pytest.raises(HistoryStands) as refusal:
        desk.undo_issue(2**62)

    assert refusal.value.rule == 9


def test_rule_9_a_return_stands_once_the_camera_went_out_again(desk: Desk, make: Factory) -> None:
    serial, _ = make.issued()
    returned = desk.take_back(serial)
    desk.issue(serial, other := make.officer())

    with pytest.raises(HistoryStands, match="moved on"):
        desk.undo_return(returned)

    assert desk.holders(serial) == [other]


def test_rule_9_a_return_stands_once_the_camera_was_moved(desk: Desk, make: Factory) -> None:
    serial, _ = make.issued()
    returned = desk.take_back(serial)
    desk.later(seconds=5)
    desk.move(serial, Custody.QUARANTINED)

    with pytest.raises(HistoryStands, match="moved on"):
        desk.undo_return(returned)

    assert desk.custody(serial) is Custody.QUARANTINED


def test_a_return_is_undone_past_an_issue_that_was_itself_undone(desk: Desk, make: Factory) -> None:
    serial, collar = make.issued()
    returned = desk.take_back(serial)
    desk.later(seconds=5)
    mistaken = desk.issue(serial, make.officer())
    desk.later(seconds=5)
    desk.undo_issue(mistaken)

    desk.undo_return(returned)

    assert desk.holders(serial) == [collar]


def test_a_return_is_not_undone_to_an_officer_who_has_another_loan_since(desk: Desk, make: Factory) -> None:
    serial, collar = make.issued()
    returned = desk.take_back(serial)
    other, _ = make.issued(collar=collar)

    with pytest.raises(AlreadyHolds) as refusal:
        desk.undo_return(returned)

    assert refusal.value.rule == 7
    assert desk.kit(collar) == {other: True}


def test_an_undone_faulty_return_takes_the_camera_out_of_quarantine(desk: Desk, make: Factory) -> None:
    serial, collar = make.issued()
    returned = desk.take_back(serial, Condition.FAULTY)

    desk.undo_return(returned)

    assert desk.holders(serial) == [collar]
    assert desk.custody(serial) is Custody.ISSUED


def test_undoing_the_undo_of_a_faulty_return_makes_no_sound_camera_of_it(desk: Desk, make: Factory) -> None:
    serial, _ = make.issued()
    again = desk.undo_return(desk.take_back(serial, Condition.FAULTY))

    desk.undo_issue(again)

    assert desk.custody(serial) is Custody.QUARANTINED


def test_rule_8_an_undone_issue_checks_no_camera_that_was_not_checked(desk: Desk, make: Factory) -> None:
    serial = make.camera()
    desk.report(serial, battery_percent=100)
    desk.issue(serial, make.officer())
    desk.later(hours=8)
    desk.take_back(serial)
    overridden = desk.issue(serial, make.officer(), override_reason="a murder scene is waiting")

    desk.undo_issue(overridden)

    assert desk.custody(serial) is Custody.RETURNING
    with pytest.raises(CameraNotReady) as refusal:
        desk.issue(serial, make.officer())
    assert refusal.value.rule == 8


def test_an_undone_issue_of_a_checked_camera_needs_no_second_check(desk: Desk, make: Factory) -> None:
    serial = make.camera()
    desk.report(serial, battery_percent=100)
    desk.issue(serial, make.officer())
    desk.take_back(serial)
    desk.later(hours=1)
    desk.report(serial, battery_percent=100)
    mistaken = desk.issue(serial, make.officer())

    desk.undo_issue(mistaken)

    assert desk.custody(serial) is Custody.IN_STOCK
    desk.issue(serial, make.officer())


def test_rule_7_an_undone_loan_makes_the_personal_camera_active_again(desk: Desk, make: Factory) -> None:
    personal, collar = make.issued(kind=IssueKind.PERSONAL)
    loan = desk.issue(make.camera(), collar)

    desk.undo_issue(loan)

    assert desk.kit(collar) == {personal: True}


def test_rule_7_an_undone_return_of_a_loan_lets_the_personal_camera_rest_again(desk: Desk, make: Factory) -> None:
    personal, collar = make.issued(kind=IssueKind.PERSONAL)
    loan, _ = make.issued(collar=collar)
    returned = desk.take_back(loan)
    assert desk.kit(collar) == {personal: True}

    desk.undo_return(returned)

    assert desk.kit(collar) == {personal: False, loan: True}


def test_rule_7_an_undone_return_of_a_personal_camera_leaves_the_loan_active(desk: Desk, make: Factory) -> None:
    personal, collar = make.issued(kind=IssueKind.PERSONAL)
    loan, _ = make.issued(collar=collar)
    returned = desk.take_back(personal)

    desk.undo_return(returned)

    assert desk.kit(collar) == {personal: False, loan: True}


def test_a_take_over_is_a_return_and_an_issue(desk: Desk, make: Factory) -> None:
    serial, before = make.issued()

    desk.take_over(serial, after := make.officer())

    assert desk.holders(serial) == [after]
    assert desk.kit(before) == {}
    assert desk.events(serial) == [Event.CAMERA_ISSUED, Event.CAMERA_RETURNED, Event.CAMERA_ISSUED]
    assert [entry.officer for entry in desk.log(serial)] == [before, before, after]


def test_a_take_over_that_is_refused_leaves_no_trace(desk: Desk, make: Factory) -> None:
    serial, holder = make.issued()
    untrained, busy = make.officer(trained_until=None), make.issued()[1]

    with pytest.raises(TrainingLapsed):
        desk.take_over(serial, untrained)
    with pytest.raises(AlreadyHolds):
        desk.take_over(serial, busy)

    assert desk.holders(serial) == [holder]
    assert desk.events(serial) == [Event.CAMERA_ISSUED]


def test_an_undone_take_over_gives_the_camera_back_to_its_holder(desk: Desk, make: Factory) -> None:
    serial, before = make.camera(), make.officer()
    first = desk.issue(serial, before)
    second = desk.take_over(serial, after := make.officer())
    desk.later(seconds=20)

    desk.undo_take_over(second, first)

    assert desk.holders(serial) == [before]
    assert desk.kit(after) == {}
    assert desk.events(serial)[-2:] == [Event.ISSUE_UNDONE, Event.RETURN_UNDONE]


def test_a_take_over_whose_return_stands_is_not_undone_by_half(desk: Desk, make: Factory) -> None:
    serial, before = make.camera(), make.officer()
    first = desk.issue(serial, before)
    second = desk.take_over(serial, after := make.officer())
    other, _ = make.issued(collar=before)

    with pytest.raises(AlreadyHolds):
        desk.undo_take_over(second, first)

    assert desk.holders(serial) == [after]
    assert desk.kit(before) == {other: True}
