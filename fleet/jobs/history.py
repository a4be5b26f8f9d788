"""What there is to know about jobs: what each last did, what it will do next, and who runs them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet.db import row_dict
from fleet.errors import NotFound
from fleet.jobs.job import Job
from fleet.jobs.leader import LIMIT_S
from fleet.jobs.models import JobRun, Outcome, SchedulerProcess
from fleet.jobs.triggers import Every
from fleet.paging import Page, Paging

_RUN = (
    JobRun.id,
    JobRun.job,
    JobRun.day,
    JobRun.started_at,
    JobRun.finished_at,
    JobRun.seconds,
    JobRun.outcome,
    JobRun.result,
    JobRun.error,
    JobRun.runs,
)
# A process that was killed has no say in it: it counts for as long as its lock may.
_ALIVE = timedelta(seconds=LIMIT_S)


@dataclass(frozen=True)
class Processes:
    """The scheduler processes that gave a sign of life of late."""

    active: dict[str, Any] | None
    standing_by: list[dict[str, Any]]


def processes(session: Session) -> Processes:
    """Who runs the jobs, and who would."""
    alive = sa.select(
        SchedulerProcess.host,
        SchedulerProcess.pid,
        SchedulerProcess.started_at,
        SchedulerProcess.seen_at,
        SchedulerProcess.active_since,
    ).where(SchedulerProcess.seen_at > sa.func.clock_timestamp() - _ALIVE)
    # Of two that think that they are active, the one that began later has the lock.
    order = SchedulerProcess.active_since.desc().nulls_last(), SchedulerProcess.started_at
    found = [row_dict(row) for row in session.execute(alive.order_by(*order))]
    active = found.pop(0) if found and found[0]["active_since"] is not None else None
    return Processes(active, found)


def is_run(session: Session) -> bool:
    """Whether any process runs the jobs."""
    return processes(session).active is not None


def failing(session: Session, jobs: Sequence[Job]) -> int:
    """How many jobs failed when they last ran."""
    last = _last_runs(session, [job.name for job in jobs])
    return sum(run["outcome"] is Outcome.FAILED for run in last.values())


def overview(session: Session, jobs: Sequence[Job], *, now: datetime) -> list[dict[str, Any]]:
    """Each job with its last run, and when it runs next."""
    last = _last_runs(session, [job.name for job in jobs])
    return [_shown(job, last.get(job.name), now) for job in jobs]


def _last_runs(session: Session, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    # One descent of the index a job, however many runs each has.
    wanted = sa.func.unnest(sa.literal(names, sa.ARRAY(sa.Text))).table_valued("name", name="wanted")
    runs = sa.select(*_RUN).where(JobRun.job == wanted.c.name).order_by(JobRun.id.desc()).limit(1).lateral()
    rows = session.execute(sa.select(runs).select_from(wanted.join(runs, sa.true())))
    return {row.job: row_dict(row) for row in rows}


def _shown(job: Job, last: dict[str, Any] | None, now: datetime) -> dict[str, Any]:
    if isinstance(job.trigger, Every):
        following = job.trigger.next_after(last["started_at"] if last else None, now)
    else:
        is_done = last is not None and last["outcome"] is Outcome.DONE
        following = job.trigger.next_after(last["day"] if last and is_done else None, now)
    return {"name": job.name, "says": job.says, "runs": str(job.trigger), "last": last, "next_at": following}


def named(jobs: Iterable[Job], name: str) -> Job:
    """The job of that name.

    Raises:
        NotFound
    """
    for job in jobs:
        if job.name == name:
            return job
    raise NotFound(f"There is no job {name}.")


def runs_of(session: Session, job: str, paging: Paging) -> Page:
    """A job's runs, newest first."""
    return paging.newest_first(session, sa.select(*_RUN).where(JobRun.job == job), JobRun.id)
