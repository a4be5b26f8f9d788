"""A site's way from candidate to live (rule 3), as truth tables."""

from itertools import pairwise

import pytest

from fleet.sites.stages import NEXT_STAGES, Stage, allows_cameras, missing_steps

# The shortest way, as the rule has it: survey → network → space → docks.
SHORTEST = [stage for stage in Stage if stage is not Stage.NETWORK_UPGRADE]


def test_every_stage_has_its_line_in_the_table() -> None:
    assert set(NEXT_STAGES) == set(Stage)


def test_the_shortest_way_is_allowed_step_by_step() -> None:
    assert [(here, there) for here, there in pairwise(SHORTEST) if there not in NEXT_STAGES[here]] == []


def test_a_network_upgrade_is_the_only_step_that_may_be_left_out_or_taken() -> None:
    branching = {stage: steps for stage, steps in NEXT_STAGES.items() if len(steps) > 1}

    assert branching == {Stage.SURVEYED: {Stage.NETWORK_UPGRADE, Stage.NETWORK_READY}}
    assert NEXT_STAGES[Stage.NETWORK_UPGRADE] == {Stage.NETWORK_READY}


def test_no_stage_leads_back() -> None:
    order = list(Stage)

    assert [
        (here, there)
        for here, steps in NEXT_STAGES.items()
        for there in steps
        if order.index(there) <= order.index(here)
    ] == []


def test_live_is_the_end() -> None:
    assert NEXT_STAGES[Stage.LIVE] == frozenset()


@pytest.mark.parametrize("reached", list(Stage))
@pytest.mark.parametrize("wanted", list(Stage))
def test_a_step_is_allowed_exactly_when_it_is_ahead_and_nothing_is_missing(reached: Stage, wanted: Stage) -> None:
    order = list(Stage)
    is_ahead = order.index(wanted) > order.index(reached)

    assert (wanted in NEXT_STAGES[reached]) == (is_ahead and not missing_steps(reached, wanted))


def test_the_missing_steps_are_named_in_order() -> None:
    assert missing_steps(Stage.CANDIDATE, Stage.LIVE) == [
        Stage.SURVEYED,
        Stage.NETWORK_READY,
        Stage.SPACE_CONFIRMED,
        Stage.DOCKS_FITTED,
        Stage.ACCEPTED,
    ]


@pytest.mark.parametrize(
    ("stage", "allowed"),
    [
        (None, True),
        (Stage.CANDIDATE, False),
        (Stage.SURVEYED, False),
        (Stage.NETWORK_UPGRADE, False),
        (Stage.NETWORK_READY, False),
        (Stage.SPACE_CONFIRMED, False),
        (Stage.DOCKS_FITTED, True),
        (Stage.ACCEPTED, True),
        (Stage.LIVE, True),
    ],
)
def test_cameras_are_deployed_only_where_docks_are_fitted_or_nothing_is_on_record(
    stage: Stage | None, allowed: bool
) -> None:
    assert allows_cameras(stage) is allowed
