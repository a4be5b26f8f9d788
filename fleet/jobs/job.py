"""What a job is, and what it is given when it runs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet.actors import Actor
from fleet.jobs import runs
from fleet.jobs.triggers import Daily, Every
from fleet.settings import Policy
from fleet.web import Service

# What a run did, counted. Nothing, or zeros alone, is a run that found nothing to do.
Result: TypeAlias = Mapping[str, int]


@dataclass(frozen=True)
class Occasion:
    """One run: of which job, at which instant, in which service."""

    job: str
    now: datetime
    app: Service
    run: int
    # Whether this process is still the active one; for work that goes on after its run.
    goes_on: Callable[[], bool] = lambda: True

    @property
    def actor(self) -> Actor:
        """Who the log says did it."""
        return Actor(f"job:{self.job}", trusted=True)

    @property
    def policy(self) -> Policy:
        return self.app.fleet_settings.policy


@dataclass(frozen=True)
class Job:
    """``says`` is a sentence for whoever reads the page of jobs. ``work`` may be killed anywhere and run again.

    ``work`` is made with ``one_transaction``, or with ``own_transactions``: such a job sees to it by itself that two
    that run at once do no harm.
    """

    name: str
    says: str
    trigger: Every | Daily
    work: Callable[[Occasion], None]


class Busy(Exception):
    """The same job still runs elsewhere, in a process that does not know yet that it is no longer the active one."""


# The first of the two numbers of each job's advisory lock.
_LOCKS = 0x6A_6F_62


def one_transaction(act: Callable[[Session, Actor, Occasion], Result]) -> Callable[[Occasion], None]:
    """Work that is one transaction, which commits together with the record that it was done.

    It takes five minutes at most. The job's advisory lock keeps a second one out, and a run that was given up for
    abandoned meanwhile is rolled back.
    """

    def work(occasion: Occasion) -> None:
        with occasion.app.database.transaction() as session:
            session.execute(sa.text("SET LOCAL statement_timeout = '5min'"))
            if not take_turn(session, occasion.job):
                raise Busy(occasion.job)
            runs.finish(session, occasion.run, act(session, occasion.actor, occasion))

    return work


def own_transactions(act: Callable[[Occasion], Result]) -> Callable[[Occasion], None]:
    """Work that opens transactions by itself, as many as it needs."""

    def work(occasion: Occasion) -> None:
        result = act(occasion)
        with occasion.app.database.transaction() as session:
            runs.finish(session, occasion.run, result)

    return work


def take_turn(session: Session, job: str) -> bool:
    """Have the job's lock until the transaction ends; False when another transaction has it."""
    mine = sa.func.pg_try_advisory_xact_lock(_LOCKS, sa.func.hashtext(job))
    return bool(session.scalar(sa.select(mine)))
