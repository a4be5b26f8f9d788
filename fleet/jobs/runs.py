"""The record of runs: begun before the work, finished with it."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, aliased

from fleet.errors import FleetError
from fleet.jobs.models import JobRun, Outcome

# A daily job that failed is not tried again before this has passed.
_AFTER_FAILURE = timedelta(minutes=5)
_LONGEST_ERROR = 500
_KEPT_FOR = timedelta(days=30)


class Abandoned(Exception):
    """Another process became the active one and gave this run up: what it did is not to be kept."""


def is_due(session: Session, job: str, day: date, *, now: datetime) -> bool:
    """Whether a daily job has not been done for the day, nor failed a moment ago."""
    recent = sa.and_(
        JobRun.outcome == Outcome.FAILED,
        JobRun.started_at.between(now - _AFTER_FAILURE, now + _AFTER_FAILURE),
    )
    settled = sa.select(JobRun.id).where(
        JobRun.job == job, JobRun.day == day, sa.or_(JobRun.outcome == Outcome.DONE, recent)
    )
    return session.scalar(settled.limit(1)) is None


def begin(session: Session, job: str, *, process: UUID, day: date | None, now: datetime) -> int:
    """Note that a run began, and answer its number."""
    started = sa.insert(JobRun).values(job=job, process=process, day=day, started_at=now, outcome=Outcome.RUNNING)
    return session.execute(started.returning(JobRun.id)).scalar_one()


def finish(session: Session, run: int, result: Mapping[str, int]) -> None:
    """Note that a run is done; the length of it is added by ``measure``.

    Raises:
        Abandoned: it was given up meanwhile.
    """
    found = {name: number for name, number in result.items() if number}
    done = {"outcome": Outcome.DONE, "result": found, "finished_at": sa.func.clock_timestamp()}
    ended = sa.update(JobRun).where(JobRun.id == run, JobRun.outcome == Outcome.RUNNING).values(done)
    if session.execute(ended.returning(JobRun.id)).scalar() is None:
        raise Abandoned(run)


def measure(session: Session, run: int, *, seconds: float, now: datetime) -> None:
    """Write how long a run that is done took."""
    this = session.get_one(JobRun, run)
    this.seconds, this.finished_at = seconds, now
    _fold(session, this)


def fail(session: Session, run: int, error: BaseException, *, seconds: float, now: datetime) -> None:
    """Note that a run failed and why, unless it was given up meanwhile."""
    this = session.get_one(JobRun, run)
    if this.outcome is Outcome.RUNNING:
        this.outcome, this.error, this.seconds, this.finished_at = Outcome.FAILED, told(error), seconds, now
        _fold(session, this)


def _fold(session: Session, this: JobRun) -> None:
    """Count a run that ended as the one before did, and that did nothing either, there instead."""
    earlier = sa.select(JobRun).where(JobRun.job == this.job, JobRun.id < this.id).order_by(JobRun.id.desc()).limit(1)
    before = session.scalars(earlier.with_for_update()).first()
    if before is None or this.day is not None or _said(before) != _said(this) or this.result:
        return
    before.runs += 1
    before.started_at, before.finished_at, before.seconds = this.started_at, this.finished_at, this.seconds
    before.process = this.process
    session.delete(this)


def _said(run: JobRun) -> tuple[Outcome, object, str | None]:
    return run.outcome, run.result, run.error


def forget(session: Session, run: int) -> None:
    """Take back that a run began."""
    session.execute(sa.delete(JobRun).where(JobRun.id == run))


def abandon(session: Session, *, now: datetime) -> int:
    """Give up every run that another process began and did not finish, and answer how many."""
    given_up = {"outcome": Outcome.ABANDONED, "finished_at": now}
    gone = sa.update(JobRun).where(JobRun.outcome == Outcome.RUNNING).values(given_up)
    return len(session.execute(gone.returning(JobRun.id)).all())


def told(error: BaseException) -> str:
    """An error in a line. What PostgreSQL adds in further lines may hold somebody's data."""
    if isinstance(error, FleetError):
        text = error.detail
    else:
        cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        text = f"{type(cause).__name__}: {cause}"
    return next(iter(text.splitlines()), "")[:_LONGEST_ERROR]


def forget_old(session: Session, *, now: datetime, at_once: int) -> int:
    """Remove the oldest runs that nobody will ask for any more, and answer how many.

    The newest run of each job stays, however old: a daily job must know for which day it was done.
    """
    newer = aliased(JobRun)
    is_last = ~sa.exists().where(newer.job == JobRun.job, newer.id > JobRun.id)
    # They are in the order of time, or nearly: the oldest are the first, and no index on time is needed.
    first = sa.select(JobRun.id).order_by(JobRun.id).limit(at_once)
    gone = sa.delete(JobRun).where(JobRun.id.in_(first), JobRun.started_at < now - _KEPT_FOR, ~is_last)
    options = {"synchronize_session": False}
    return len(session.execute(gone.returning(JobRun.id), execution_options=options).all())
