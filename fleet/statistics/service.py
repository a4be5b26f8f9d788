"""Counting a day once it is over, and reading the days that were counted."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet.audit.models import AuditEntry
from fleet.clock import LOCAL, local_day
from fleet.paging import Page, Paging, capped_count
from fleet.statistics.models import DailyStatistic, StatisticDay

# What one run computes at most; the next goes on.
_DAYS_AT_ONCE = 31


class Measure(StrEnum):
    """What is counted of a day. The stock can only be counted as it is: a day that was missed has none of it."""

    ISSUES = "issues"
    RETURNS = "returns"
    OUT = "out-at-midnight"
    OVERDUE = "overdue-at-midnight"
    REFUSALS = "refusals-by-rule"
    OVERRIDES = "overrides-by-rule"
    LOG = "log-entries"
    BY_CUSTODY = "cameras-by-custody"
    BY_MODEL = "cameras-by-model"
    BY_USE = "cameras-by-use"
    OFFICERS = "officers"


_STOCK = frozenset({Measure.BY_CUSTODY, Measure.BY_MODEL, Measure.BY_USE, Measure.OFFICERS})
# Each answers with label and number. A day begins at ``first`` and is over at ``last``; both are instants.
_COUNTED: dict[Measure, str] = {
    Measure.ISSUES: "SELECT kind, count(*) FROM allocation WHERE issued_at >= :first AND issued_at < :last GROUP BY 1",
    Measure.RETURNS: (
        "SELECT condition, count(*) FROM allocation WHERE returned_at >= :first AND returned_at < :last GROUP BY 1"
    ),
    Measure.OUT: (
        "SELECT kind, count(*) FROM allocation"
        " WHERE issued_at < :last AND (returned_at IS NULL OR returned_at >= :last) GROUP BY 1"
    ),
    Measure.OVERDUE: (
        "SELECT kind, count(*) FROM allocation"
        " WHERE due_back < :last AND (returned_at IS NULL OR returned_at >= :last) GROUP BY 1"
    ),
    Measure.REFUSALS: (
        "SELECT 'rule ' || (facts ->> 'rule'), count(*) FROM audit_entry WHERE at >= :first AND at < :last"
        " AND event LIKE '%refused' AND facts ->> 'rule' IS NOT NULL GROUP BY 1"
    ),
    Measure.OVERRIDES: (
        "SELECT coalesce('rule ' || (facts ->> 'rule'), 'no rule'), count(*) FROM audit_entry"
        " WHERE at >= :first AND at < :last AND event = 'rule.overridden' GROUP BY 1"
    ),
    Measure.LOG: "SELECT event, count(*) FROM audit_entry WHERE at >= :first AND at < :last GROUP BY 1",
    Measure.BY_CUSTODY: "SELECT custody, count(*) FROM camera GROUP BY 1",
    Measure.BY_MODEL: "SELECT model, count(*) FROM camera GROUP BY 1",
    Measure.BY_USE: "SELECT coalesce(use, 'not known'), count(*) FROM camera GROUP BY 1",
    Measure.OFFICERS: (
        "SELECT CASE WHEN trained_until >= :day THEN 'trained' ELSE 'not trained' END, count(*) FROM person GROUP BY 1"
    ),
}


def compute_missing(session: Session, *, now: datetime) -> int:
    """Count the days up to yesterday that have no figures yet, and answer how many those were.

    The first day is the first of the log's. A day that was counted is never counted again.
    """
    yesterday = local_day(now) - timedelta(days=1)
    days = _missing(session, yesterday)[:_DAYS_AT_ONCE]
    for day in days:
        _compute(session, day, with_stock=day == yesterday, now=now)
    return len(days)


def _missing(session: Session, yesterday: date) -> list[date]:
    last = session.scalar(sa.select(sa.func.max(StatisticDay.day)).where(StatisticDay.day <= yesterday))
    if last is None:
        oldest = session.scalar(sa.select(AuditEntry.at).order_by(AuditEntry.id).limit(1))
        if oldest is None:
            return []
        last = local_day(oldest) - timedelta(days=1)
    return [last + timedelta(days=number) for number in range(1, (yesterday - last).days + 1)]


def _compute(session: Session, day: date, *, with_stock: bool, now: datetime) -> None:
    session.add(StatisticDay(day=day, computed_at=now))
    session.flush()
    first, last = (datetime.combine(on, time(), LOCAL).astimezone(UTC) for on in (day, day + timedelta(days=1)))
    for measure, question in _COUNTED.items():
        if measure in _STOCK and not with_stock:
            continue
        counted = f"INSERT INTO daily_statistic (day, measure, label, value) SELECT :day, :measure, * FROM ({question})"  # noqa: S608 - our own questions
        statement = sa.text(counted).bindparams(
            sa.bindparam("day", day, sa.Date), sa.bindparam("measure", str(measure), sa.Text)
        )
        names = {"first": first, "last": last}
        session.execute(statement, {name: value for name, value in names.items() if f":{name}" in question})


SORTS = {"day": [DailyStatistic.day, DailyStatistic.measure, DailyStatistic.label]}


def find(
    session: Session, filters: Mapping[str, Any], paging: Paging, *, sort: str = "day", descending: bool = True
) -> Page:
    """Figures by the filters ``measure``, ``label``, ``first`` and ``last`` day."""
    columns = DailyStatistic.day, DailyStatistic.measure, DailyStatistic.label, DailyStatistic.value
    statement = sa.select(*columns).where(*_conditions(filters))
    return paging.page(session, statement, SORTS[sort], descending=descending)


def count(session: Session, filters: Mapping[str, Any]) -> int:
    """How many figures ``find`` has, as far as ``capped_count`` counts."""
    return capped_count(session, sa.select(DailyStatistic.day).where(*_conditions(filters)))


def _conditions(filters: Mapping[str, Any]) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if (measure := filters.get("measure")) is not None:
        found.append(DailyStatistic.measure == str(measure))
    if (label := filters.get("label")) is not None:
        found.append(DailyStatistic.label == label)
    if (first := filters.get("first")) is not None:
        found.append(DailyStatistic.day >= first)
    if (last := filters.get("last")) is not None:
        found.append(DailyStatistic.day <= last)
    return found


def totals(session: Session, measure: Measure, *, days: int) -> list[tuple[date, int]]:
    """A measure's sum over its labels for each of the last days that have it, the newest first."""
    summed = sa.select(DailyStatistic.day, sa.func.sum(DailyStatistic.value))
    summed = summed.where(DailyStatistic.measure == str(measure)).group_by(DailyStatistic.day)
    newest = summed.order_by(DailyStatistic.day.desc()).limit(days)
    return [(day, int(number)) for day, number in session.execute(newest)]
