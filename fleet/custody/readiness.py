"""What stands in the way of issuing a camera: a pure decision on what is known of it (rules 3, 7, 8, 10, 13, 16).

A page shows all of it; an issue is refused with the first.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from fleet.cameras.states import Custody, Fault
from fleet.custody.models import IssueKind
from fleet.settings import Policy, PoolReadiness
from fleet.sites.stages import Stage, allows_cameras


@dataclass(frozen=True)
class Block:
    """One thing in the way: the rule if any, a sentence, the facts, who can mend it, whether a reason overrides it."""

    rule: int | None
    what: str
    mend: str
    found: dict[str, Any] = field(default_factory=dict)
    can_override: bool = False


@dataclass(frozen=True)
class Report:
    """What a camera last said of itself; None is what it never said. Clock offset in seconds."""

    seen_at: datetime
    battery_percent: int | None = None
    clock_offset_s: float | None = None
    fault: Fault | None = None
    unoffloaded: int | None = None


@dataclass(frozen=True)
class Standing:
    """What is known of a camera when somebody wants it. ``custody_at`` is when its present custody began.

    ``reserved`` tells that there is a reservation of pool stock at all, planned or running.
    """

    serial: str
    custody: Custody
    custody_at: datetime
    holder: str | None = None
    site: str | None = None
    stage: Stage | None = None
    report: Report | None = None
    reserved: bool = False


# Who can mend a custody that keeps a camera from being issued, under which rule, and what it is in a word.
_NOT_READY: dict[Custody, tuple[int, str, str]] = {
    Custody.REGISTERED: (8, "registered but not commissioned", "it"),
    Custody.COMMISSIONED: (8, "commissioned but not taken into stock", "store"),
    Custody.QUARANTINED: (8, "quarantined", "store"),
    Custody.HELD: (10, "held as evidence", "the authority that holds it"),
    Custody.MISSING: (16, "missing", "store"),
    Custody.LOST: (16, "lost", "store"),
    Custody.STOLEN: (16, "stolen", "store"),
    Custody.RECOVERED: (8, "recovered and not checked yet", "store"),
    Custody.REPAIR: (8, "in repair", "store"),
    Custody.RETIRED: (9, "retired", "nobody; it is out of service"),
    Custody.SANITISED: (9, "sanitised", "nobody; it is out of service"),
    Custody.DISPOSED: (9, "disposed of", "nobody; it is out of service"),
}


def blocks(standing: Standing, kind: IssueKind, policy: Policy) -> list[Block]:
    """Everything in the way of issuing this camera, what weighs most first; empty when it is ready."""
    return [*_custody_blocks(standing), *_site_blocks(standing), *_report_blocks(standing, kind, policy)]


def _custody_blocks(standing: Standing) -> Iterator[Block]:
    found = {"custody": str(standing.custody), "since": standing.custody_at}
    if standing.custody is Custody.ISSUED:
        what = f"{standing.serial} is out to {standing.holder}."
        yield Block(7, what, "store", found | {"holder": standing.holder})
    elif standing.custody in _NOT_READY:
        rule, state, mend = _NOT_READY[standing.custody]
        yield Block(rule, f"{standing.serial} is {state}.", mend, found)


def _site_blocks(standing: Standing) -> Iterator[Block]:
    if not allows_cameras(standing.stage):
        what = (
            f"{standing.serial} belongs to site {standing.site}, which is {standing.stage}: its docks are not fitted."
        )
        yield Block(3, what, "estates", {"site": standing.site, "stage": str(standing.stage)}, can_override=True)


def _report_blocks(standing: Standing, kind: IssueKind, policy: Policy) -> Iterator[Block]:
    """A report counts from the moment the camera's present custody began; an older one is of another time.

    Only a dock offloads footage and sets a clock, so of those an older report still tells (rules 10 and 13).
    """
    report = standing.report
    if report is None:
        return
    is_current = report.seen_at >= standing.custody_at
    if standing.custody is Custody.RETURNING and not is_current:
        what = f"{standing.serial} was returned and not checked since. Dock it."
        yield Block(8, what, "store", {"last_seen_at": report.seen_at}, can_override=True)
    yield from _offload_blocks(standing.serial, report, kind)
    if is_current:
        yield from _health_blocks(standing.serial, report, policy)
    yield from _clock_blocks(standing.serial, report, policy)


def _offload_blocks(serial: str, report: Report, kind: IssueKind) -> Iterator[Block]:
    if report.unoffloaded:
        # A pool camera is not ready (rule 8); a personal one is not handed on (rule 10).
        rule = 8 if kind is IssueKind.POOL else 10
        what = f"{serial} holds {report.unoffloaded} recordings that are not offloaded. Dock it."
        yield Block(rule, what, "store", {"unoffloaded": report.unoffloaded})


def _health_blocks(serial: str, report: Report, policy: Policy) -> Iterator[Block]:
    if report.fault is not None and report.fault is not Fault.CLOCK_NOT_SET:
        what = f"{serial} reports {report.fault}."
        yield Block(8, what, "store", {"fault": str(report.fault)})
    least = policy.minimum_charge_percent
    if report.battery_percent is not None and report.battery_percent < least:
        what = f"{serial} is charged to {report.battery_percent}%; the force's minimum is {least}%."
        found = {"battery_percent": report.battery_percent, "minimum": least}
        yield Block(8, what, "store", found, can_override=True)


def _clock_blocks(serial: str, report: Report, policy: Policy) -> Iterator[Block]:
    if report.fault is Fault.CLOCK_NOT_SET:
        yield Block(13, f"The clock of {serial} is not set. Dock it.", "it", {"fault": str(report.fault)})
        return
    tolerance = policy.clock_tolerance.total_seconds()
    if report.clock_offset_s is not None and abs(report.clock_offset_s) > tolerance:
        what = f"The clock of {serial} is off by {report.clock_offset_s:g} s; {tolerance:g} s is tolerated. Dock it."
        yield Block(13, what, "it", {"clock_offset_s": report.clock_offset_s, "tolerance_s": tolerance})


def after_return(condition_good: bool, kind: IssueKind, has_reported: bool, policy: Policy) -> Custody:
    """Where a returned camera goes (rule 8). A camera that never reported through a dock cannot be asked to."""
    if not condition_good:
        return Custody.QUARANTINED
    waits = kind is IssueKind.POOL and has_reported and policy.pool_readiness is PoolReadiness.AFTER_CHECK
    return Custody.RETURNING if waits else Custody.IN_STOCK
