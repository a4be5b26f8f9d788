"""What stands in the way of an issue, as truth tables (rules 3, 7, 8, 10, 13, 16). No database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fleet.cameras.states import Custody, Fault
from fleet.custody.models import IssueKind
from fleet.custody.readiness import Report, Standing, after_return, blocks
from fleet.settings import Policy, PoolReadiness
from fleet.sites.stages import Stage

SINCE = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)
POLICY = Policy(minimum_charge_percent=80, clock_tolerance=timedelta(seconds=60))
READY = Standing("X1", Custody.IN_STOCK, SINCE)
BOTH = pytest.mark.parametrize("kind", list(IssueKind))


def said(seen_at: datetime = SINCE, **facts: Any) -> Standing:
    """A camera in stock with a report; nothing is wrong that ``facts`` do not say."""
    healthy: dict[str, Any] = {"battery_percent": 100, "clock_offset_s": 0.0, "fault": None, "unoffloaded": 0}
    return replace(READY, report=Report(seen_at, **(healthy | facts)))


def rules(standing: Standing, kind: IssueKind = IssueKind.POOL, policy: Policy = POLICY) -> list[int]:
    return [block.rule for block in blocks(standing, kind, policy)]


REFUSED_BY = {
    Custody.REGISTERED: [8],
    Custody.COMMISSIONED: [8],
    Custody.IN_STOCK: [],
    Custody.ISSUED: [7],
    Custody.RETURNING: [],
    Custody.QUARANTINED: [8],
    Custody.HELD: [10],
    Custody.MISSING: [16],
    Custody.LOST: [16],
    Custody.STOLEN: [16],
    Custody.RECOVERED: [8],
    Custody.REPAIR: [8],
    Custody.RETIRED: [9],
    Custody.SANITISED: [9],
    Custody.DISPOSED: [9],
}


def test_every_custody_is_in_the_table() -> None:
    assert set(REFUSED_BY) == set(Custody)


@BOTH
@pytest.mark.parametrize("custody", list(Custody))
def test_custody_refuses_by_its_rule_whoever_asks(custody: Custody, kind: IssueKind) -> None:
    found = blocks(replace(READY, custody=custody, holder="C1"), kind, POLICY)

    assert [block.rule for block in found] == REFUSED_BY[custody]
    assert all(block.found["custody"] == custody for block in found)
    assert all(block.found["since"] == SINCE for block in found)
    assert all(block.mend and not block.can_override for block in found)


def test_a_camera_that_is_out_names_its_holder() -> None:
    (block,) = blocks(replace(READY, custody=Custody.ISSUED, holder="C42"), IssueKind.POOL, POLICY)

    assert block.what == "X1 is out to C42."
    assert block.found["holder"] == "C42"


@BOTH
def test_a_camera_that_never_reported_is_ready(kind: IssueKind) -> None:
    assert blocks(READY, kind, POLICY) == []


@BOTH
def test_a_report_of_nothing_does_not_refuse(kind: IssueKind) -> None:
    assert blocks(replace(READY, report=Report(SINCE)), kind, POLICY) == []


@pytest.mark.parametrize(
    ("stage", "refused"),
    [
        (None, False),
        (Stage.CANDIDATE, True),
        (Stage.SURVEYED, True),
        (Stage.NETWORK_UPGRADE, True),
        (Stage.NETWORK_READY, True),
        (Stage.SPACE_CONFIRMED, True),
        (Stage.DOCKS_FITTED, False),
        (Stage.ACCEPTED, False),
        (Stage.LIVE, False),
    ],
)
def test_rule_3_refuses_until_a_sites_docks_are_fitted(stage: Stage | None, refused: bool) -> None:
    found = blocks(replace(READY, site="ASH", stage=stage), IssueKind.POOL, POLICY)

    assert [block.rule for block in found] == ([3] if refused else [])
    assert all(block.found == {"site": "ASH", "stage": str(stage)} for block in found)
    assert all(block.can_override and block.mend == "estates" for block in found)


@BOTH
@pytest.mark.parametrize(("percent", "expected"), [(0, [8]), (79, [8]), (80, []), (100, []), (None, [])])
def test_rule_8_refuses_below_the_minimum_charge(percent: int | None, expected: list[int], kind: IssueKind) -> None:
    found = blocks(said(battery_percent=percent), kind, POLICY)

    assert [block.rule for block in found] == expected
    assert all(block.found == {"battery_percent": percent, "minimum": 80} for block in found)
    assert all(block.can_override for block in found)


@BOTH
@pytest.mark.parametrize(
    ("offset", "expected"),
    [(60.0, []), (-60.0, []), (60.001, [13]), (-60.001, [13]), (0.0, []), (None, []), (1e9, [13])],
)
def test_rule_13_refuses_a_clock_off_by_more_than_the_tolerance(
    offset: float | None, expected: list[int], kind: IssueKind
) -> None:
    found = blocks(said(clock_offset_s=offset), kind, POLICY)

    assert [block.rule for block in found] == expected
    assert all(block.found == {"clock_offset_s": offset, "tolerance_s": 60.0} for block in found)
    assert not any(block.can_override for block in found)


@pytest.mark.parametrize(
    ("fault", "rule", "can_override"),
    [
        (Fault.CLOCK_NOT_SET, 13, False),
        (Fault.MEMORY_FULL, 8, False),
        (Fault.ERROR, 8, False),
        (Fault.RECOVERING, 8, False),
    ],
)
def test_a_fault_refuses_and_no_reason_overrides_it(fault: Fault, rule: int, can_override: bool) -> None:
    (block,) = blocks(said(fault=fault), IssueKind.POOL, POLICY)

    assert (block.rule, block.can_override, block.found) == (rule, can_override, {"fault": str(fault)})


def test_an_unset_clock_is_told_once_whatever_its_offset() -> None:
    assert rules(said(fault=Fault.CLOCK_NOT_SET, clock_offset_s=99_999.0)) == [13]


@pytest.mark.parametrize(("kind", "rule"), [(IssueKind.POOL, 8), (IssueKind.PERSONAL, 10)])
def test_footage_that_is_not_offloaded_refuses_and_no_reason_overrides_it(kind: IssueKind, rule: int) -> None:
    (block,) = blocks(said(unoffloaded=1), kind, POLICY)

    assert (block.rule, block.can_override, block.found) == (rule, False, {"unoffloaded": 1})


def test_everything_in_the_way_is_told_what_weighs_most_first() -> None:
    standing = said(battery_percent=5, clock_offset_s=90.0, fault=Fault.ERROR, unoffloaded=2)
    standing = replace(standing, custody=Custody.QUARANTINED, site="ASH", stage=Stage.SURVEYED)

    assert rules(standing, IssueKind.PERSONAL) == [8, 3, 10, 8, 8, 13]


def test_a_report_counts_from_the_moment_the_present_custody_began() -> None:
    assert rules(said(SINCE, battery_percent=5)) == [8]
    assert rules(said(SINCE - MOMENT, battery_percent=5)) == []


def test_an_older_reports_footage_and_clock_still_refuse_for_only_a_dock_mends_them() -> None:
    before = SINCE - MOMENT

    assert rules(said(before, unoffloaded=3)) == [8]
    assert rules(said(before, unoffloaded=3), IssueKind.PERSONAL) == [10]
    assert rules(said(before, clock_offset_s=61.0)) == [13]
    assert rules(said(before, fault=Fault.CLOCK_NOT_SET)) == [13]
    assert rules(said(before, fault=Fault.ERROR)) == []


def test_a_returned_pool_camera_waits_for_a_report_that_is_newer_than_its_return() -> None:
    waiting = replace(said(SINCE - MOMENT), custody=Custody.RETURNING)
    checked = replace(said(SINCE), custody=Custody.RETURNING)

    (block,) = blocks(waiting, IssueKind.POOL, POLICY)

    assert (block.rule, block.can_override) == (8, True)
    assert rules(checked) == []


@pytest.mark.parametrize("readiness", list(PoolReadiness))
@pytest.mark.parametrize("has_reported", [True, False])
@BOTH
def test_a_faulty_camera_is_quarantined(kind: IssueKind, has_reported: bool, readiness: PoolReadiness) -> None:
    policy = replace(POLICY, pool_readiness=readiness)

    assert after_return(False, kind, has_reported, policy) is Custody.QUARANTINED


@pytest.mark.parametrize(
    ("kind", "has_reported", "readiness", "expected"),
    [
        (IssueKind.POOL, True, PoolReadiness.AFTER_CHECK, Custody.RETURNING),
        (IssueKind.POOL, True, PoolReadiness.AT_ONCE, Custody.IN_STOCK),
        (IssueKind.POOL, False, PoolReadiness.AFTER_CHECK, Custody.IN_STOCK),
        (IssueKind.POOL, False, PoolReadiness.AT_ONCE, Custody.IN_STOCK),
        (IssueKind.PERSONAL, True, PoolReadiness.AFTER_CHECK, Custody.IN_STOCK),
        (IssueKind.PERSONAL, True, PoolReadiness.AT_ONCE, Custody.IN_STOCK),
        (IssueKind.PERSONAL, False, PoolReadiness.AFTER_CHECK, Custody.IN_STOCK),
        (IssueKind.PERSONAL, False, PoolReadiness.AT_ONCE, Custody.IN_STOCK),
    ],
)
def test_only_a_pool_camera_that_a_dock_can_check_waits_for_it(
    kind: IssueKind, has_reported: bool, readiness: PoolReadiness, expected: Custody
) -> None:
    policy = replace(POLICY, pool_readiness=readiness)

    assert after_return(True, kind, has_reported, policy) is expected
