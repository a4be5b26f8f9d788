"""A camera's life cycle: the one table of transitions."""

import pytest

from fleet.cameras.states import NEXT_CUSTODY, Custody
from fleet.custody.service import BY_HAND

OUT_OF_SERVICE = {Custody.RETIRED, Custody.SANITISED, Custody.DISPOSED}
# Where only an issue may bring a camera, and only the end of one may take it from.
BY_ISSUE = {Custody.ISSUED}


def reachable(start: Custody) -> set[Custody]:
    """Everything that a camera can become, itself included."""
    found, ahead = {start}, [start]
    while ahead:
        for step in NEXT_CUSTODY[ahead.pop()] - found:
            found.add(step)
            ahead.append(step)
    return found


def test_every_custody_has_its_line_in_the_table() -> None:
    assert set(NEXT_CUSTODY) == set(Custody)


def test_every_custody_is_reachable_from_the_first() -> None:
    assert reachable(Custody.REGISTERED) == set(Custody)


def test_every_camera_can_end_disposed_of() -> None:
    assert [start for start in Custody if Custody.DISPOSED not in reachable(start)] == []


def test_disposed_is_the_end() -> None:
    assert NEXT_CUSTODY[Custody.DISPOSED] == frozenset()


def test_no_step_leads_nowhere() -> None:
    assert [start for start, steps in NEXT_CUSTODY.items() if start in steps] == []


def test_a_held_camera_is_only_released_into_quarantine() -> None:
    assert NEXT_CUSTODY[Custody.HELD] == {Custody.QUARANTINED}


@pytest.mark.parametrize("gone", [Custody.LOST, Custody.STOLEN])
def test_what_is_found_again_is_recovered_and_then_quarantined(gone: Custody) -> None:
    assert NEXT_CUSTODY[gone] == {Custody.RECOVERED}
    assert NEXT_CUSTODY[Custody.RECOVERED] == {Custody.QUARANTINED}


def test_only_stock_or_a_return_that_waits_for_its_check_is_issued() -> None:
    assert {start for start, steps in NEXT_CUSTODY.items() if Custody.ISSUED in steps} == {
        Custody.IN_STOCK,
        Custody.RETURNING,
    }


def test_out_of_service_is_for_good_and_in_order() -> None:
    assert reachable(Custody.RETIRED) == OUT_OF_SERVICE
    assert NEXT_CUSTODY[Custody.RETIRED] == {Custody.SANITISED}
    assert NEXT_CUSTODY[Custody.SANITISED] == {Custody.DISPOSED}


def test_what_is_done_by_hand_is_in_the_table() -> None:
    assert [(start, step) for start, step in BY_HAND if step not in NEXT_CUSTODY[start]] == []


def test_nothing_done_by_hand_touches_a_camera_that_somebody_has_or_that_is_held() -> None:
    touched = {custody for steps in BY_HAND for custody in steps}

    assert not touched & (BY_ISSUE | OUT_OF_SERVICE | {Custody.HELD, Custody.LOST, Custody.STOLEN})
