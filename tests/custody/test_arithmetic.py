"""Sharing cameras out among reservations, against every way of sharing (Hall's condition), by properties."""

from collections.abc import Mapping
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from fleet.custody.arithmetic import most_for, shortfall, supply_of

ALL = frozenset({1, 2, 3})
kinds = st.frozensets(st.integers(0, 3))
supplies = st.dictionaries(kinds, st.integers(0, 6), max_size=6)
needs_of = st.dictionaries(st.integers(1, 3), st.integers(0, 8))


def by_hall(supply: Mapping[frozenset[int], int], needs: Mapping[int, int]) -> int:
    """The largest excess of what some reservations need over what fits any of them."""
    chosen = [frozenset(some) for size in range(len(needs) + 1) for some in combinations(needs, size)]
    return max(
        sum(needs[one] for one in some) - sum(number for kind, number in supply.items() if kind & some)
        for some in chosen
    )


@given(supplies, needs_of)
def test_the_shortfall_is_what_no_way_of_sharing_can_mend(
    supply: dict[frozenset[int], int], needs: dict[int, int]
) -> None:
    assert shortfall(supply, needs) == by_hall(supply, needs)


@given(supplies, needs_of, kinds)
def test_one_camera_less_never_leaves_more(
    supply: dict[frozenset[int], int], needs: dict[int, int], kind: frozenset[int]
) -> None:
    more = {**supply, kind: supply.get(kind, 0) + 1}

    assert 0 <= shortfall(supply, needs) - shortfall(more, needs) <= 1


@given(supplies, needs_of, st.integers(0, 12))
def test_the_most_that_is_free_takes_from_nobody_and_one_more_would(
    supply: dict[frozenset[int], int], needs: dict[int, int], wanted: int
) -> None:
    most = most_for(supply, needs, wanted)
    before = shortfall(supply, needs)

    assert 0 <= most <= wanted
    assert shortfall(supply, {**needs, 0: most}) == before
    if most < wanted:
        assert shortfall(supply, {**needs, 0: most + 1}) > before


def test_a_camera_that_fits_two_serves_the_one_that_has_no_other() -> None:
    either, only_one = frozenset({1, 2}), frozenset({1})

    assert shortfall({either: 1, only_one: 1}, {1: 1, 2: 1}) == 0
    assert shortfall({either: 1, only_one: 1}, {1: 0, 2: 2}) == 1


def test_cameras_are_classed_by_what_they_fit() -> None:
    assert supply_of([[1, 2], [2, 1], [1], []]) == {frozenset({1, 2}): 2, frozenset({1}): 1, frozenset(): 1}
