"""How a scan is judged, and what a stocktake and a part can become: pure, no database."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.cameras.states import Custody
from fleet.stock.states import (
    NEXT_PART,
    NEXT_STATE,
    ON_THE_SHELF,
    Judgment,
    PartState,
    Scanned,
    Scope,
    StocktakeState,
    explanation,
    judge,
)

OPENED = datetime(2026, 3, 4, 9, 0, tzinfo=UTC)
BEFORE, AFTER = OPENED - timedelta(hours=1), OPENED + timedelta(minutes=1)
HERE, ELSEWHERE = 1, 2
AT_SITE = Scope(HERE, None, OPENED)
AT_DOCK = Scope(HERE, HERE, OPENED)
ANYWHERE = Scope(None, None, OPENED)

# Scope, expected, home site, home dock, custody, since: what the scan is.
TABLE = [
    (AT_SITE, True, HERE, HERE, Custody.IN_STOCK, BEFORE, Judgment.EXPECTED),
    (AT_SITE, False, HERE, HERE, Custody.IN_STOCK, BEFORE, Judgment.UNEXPECTED),
    (AT_SITE, False, HERE, HERE, Custody.ISSUED, BEFORE, Judgment.UNEXPECTED),
    (AT_SITE, False, HERE, HERE, Custody.MISSING, BEFORE, Judgment.UNEXPECTED),
    (AT_SITE, False, HERE, HERE, Custody.IN_STOCK, AFTER, Judgment.RETURNED),
    (AT_SITE, False, HERE, HERE, Custody.ISSUED, AFTER, Judgment.UNEXPECTED),
    (AT_SITE, False, ELSEWHERE, ELSEWHERE, Custody.IN_STOCK, BEFORE, Judgment.MISPLACED),
    (AT_SITE, False, ELSEWHERE, ELSEWHERE, Custody.IN_STOCK, AFTER, Judgment.MISPLACED),
    (AT_SITE, False, None, None, Custody.IN_STOCK, BEFORE, Judgment.UNEXPECTED),
    (AT_SITE, False, HERE, ELSEWHERE, Custody.IN_STOCK, BEFORE, Judgment.UNEXPECTED),
    (AT_DOCK, False, HERE, ELSEWHERE, Custody.IN_STOCK, BEFORE, Judgment.MISPLACED),
    (ANYWHERE, False, ELSEWHERE, ELSEWHERE, Custody.IN_STOCK, BEFORE, Judgment.UNEXPECTED),
]


@pytest.mark.parametrize(("scope", "expected", "site", "dock", "custody", "since", "judgment"), TABLE)
def test_a_scan_is_judged(
    scope: Scope, expected: bool, site: int, dock: int, custody: Custody, since: datetime, judgment: Judgment
) -> None:
    assert judge(Scanned(expected, site, dock, custody, since), scope) is judgment


def test_what_the_register_does_not_know_is_unknown_everywhere() -> None:
    assert {judge(None, scope) for scope in (AT_SITE, AT_DOCK, ANYWHERE)} == {Judgment.UNKNOWN}


numbers = st.none() | st.integers(1, 3)
instants = st.datetimes(min_value=datetime(2026, 1, 1), max_value=datetime(2026, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
cameras = st.builds(Scanned, st.booleans(), numbers, numbers, st.sampled_from(Custody), instants)
scopes = st.builds(Scope, numbers, numbers, instants)


@given(cameras, scopes)
def test_expected_is_what_was_fixed_at_the_opening_and_nothing_else(camera: Scanned, scope: Scope) -> None:
    assert (judge(camera, scope) is Judgment.EXPECTED) is camera.is_expected


@given(cameras, scopes)
def test_what_belongs_here_is_never_misplaced_and_what_belongs_elsewhere_is_nothing_else(
    camera: Scanned, scope: Scope
) -> None:
    homes = [(camera.site_id, scope.site_id), (camera.dock_id, scope.dock_id)]
    is_elsewhere = any(home != here for home, here in homes if home is not None and here is not None)

    assert (judge(camera, scope) is Judgment.MISPLACED) is (is_elsewhere and not camera.is_expected)


@given(cameras, scopes)
def test_only_what_lies_on_a_shelf_since_the_opening_came_back(camera: Scanned, scope: Scope) -> None:
    if judge(camera, scope) is Judgment.RETURNED:
        assert camera.custody in ON_THE_SHELF
        assert camera.since >= scope.opened_at


EXPLAINED = {
    Custody.ISSUED: "issued",
    Custody.REPAIR: "at repair",
    Custody.MISSING: "recorded as missing",
    Custody.LOST: "recorded as lost",
    Custody.STOLEN: "recorded as stolen",
    Custody.DISPOSED: "disposed of",
}


@pytest.mark.parametrize("custody", list(Custody))
def test_custody_explains_a_missing_camera_unless_it_lies_on_a_shelf(custody: Custody) -> None:
    assert explanation(custody, None) == EXPLAINED.get(custody)
    assert (custody in ON_THE_SHELF) is (custody not in EXPLAINED)


def test_an_explanation_names_whoever_has_it() -> None:
    assert explanation(Custody.ISSUED, "C1") == "issued to C1"


def test_a_stocktake_ends_once() -> None:
    assert {
        StocktakeState.OPEN: {StocktakeState.CLOSED, StocktakeState.ABANDONED},
        StocktakeState.CLOSED: set(),
        StocktakeState.ABANDONED: set(),
    } == NEXT_STATE


def test_a_part_is_in_its_kit_with_an_officer_or_missing() -> None:
    assert {
        PartState.IN_KIT: {PartState.WITH_OFFICER, PartState.MISSING},
        PartState.WITH_OFFICER: {PartState.IN_KIT, PartState.MISSING},
        PartState.MISSING: {PartState.IN_KIT},
    } == NEXT_PART
