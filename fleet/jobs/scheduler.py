"""The process that runs the jobs. Any number of them may run, on any hosts: one is active, the others stand by."""

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from fleet import migrate
from fleet.clock import utc_now
from fleet.errors import Unavailable
from fleet.jobs import runs
from fleet.jobs.job import Busy, Job, Occasion
from fleet.jobs.leader import BEAT_S, Leader
from fleet.jobs.triggers import Steady
from fleet.supervisor import watch_supervisor
from fleet.web import Service

_logger = logging.getLogger(__name__)
_STOP_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM})
# APScheduler tells of each run, and warns of each that is left out because the one before still goes on.
logging.getLogger("apscheduler").setLevel(logging.ERROR)


def run(app: Service, jobs: Iterable[Job]) -> None:
    """Run the jobs whenever this process is the active one, until SIGTERM or SIGINT.

    These signals are held back in all threads and looked for here, so that they never interrupt anything half-way.
    (``sigtimedwait`` would not do: it answers with nonsense when the process was stopped and continued meanwhile.)
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
    watch_supervisor()
    leader = Leader(app.fleet_settings.database_url or "", is_ready=lambda: _has_structure(app))
    schedule = Schedule(app, jobs, leader)
    while not signal.sigpending() & _STOP_SIGNALS:
        leader.beat()
        schedule.follow()
        time.sleep(BEAT_S)
    schedule.stop()
    leader.resign()
    schedule.wait()
    leader.leave()


def _has_structure(app: Service) -> bool:
    """Whether the database has this version's structure: between versions, one that knows it takes over."""
    try:
        with app.database.reading() as session:
            return migrate.is_current(session.connection())
    except (Unavailable, sa.exc.ProgrammingError):
        return False


class Schedule:
    """APScheduler for as long as this process is the active one."""

    def __init__(self, app: Service, jobs: Iterable[Job], leader: Leader) -> None:
        self._app = app
        self._jobs = {job.name: job for job in jobs}
        self._leader = leader
        # Whether a job still runs in this process, from before it lost its place perhaps.
        self._turns = {name: threading.Lock() for name in self._jobs}
        self._scheduler: Any = None

    def follow(self) -> None:
        """Do what this process' place asks for: begin, go on, or stop."""
        if not self._leader.is_active:
            self.stop()
        elif self._scheduler is None:
            self._start()
        else:
            self._keep_near()

    def stop(self) -> None:
        """Start no further job. What runs ends by itself, or is thrown away by the database."""
        scheduler, self._scheduler = self._scheduler, None
        if scheduler is not None:
            scheduler.shutdown(wait=False)

    def wait(self) -> None:
        """Wait until nothing runs any more."""
        for turn in self._turns.values():
            with turn:
                pass

    def _start(self) -> None:
        try:
            with self._app.database.transaction() as session:
                runs.abandon(session, now=utc_now())
        except Unavailable:
            return
        scheduler = BackgroundScheduler(
            timezone=UTC,
            # A thread for each, so that a slow job never keeps another waiting.
            executors={"default": ThreadPoolExecutor(len(self._jobs))},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        for job in self._jobs.values():
            steady = Steady(job.trigger.interval)
            scheduler.add_job(self._perform, steady, [job], id=job.name, next_run_time=utc_now())
        scheduler.start()
        self._scheduler = scheduler

    def _keep_near(self) -> None:
        """Fetch back what a clock that was put back left in the future: nothing is further away than its interval."""
        now = utc_now()
        for planned in self._scheduler.get_jobs():
            if planned.next_run_time > now + self._jobs[planned.id].trigger.interval:
                planned.modify(next_run_time=now)

    def _perform(self, job: Job) -> None:
        turn = self._turns[job.name]
        if turn.acquire(blocking=False):
            try:
                if self._leader.may_begin():
                    perform(self._app, job, self._leader.process, goes_on=self._leader.may_begin)
            except Unavailable:
                # Then there is nowhere to write it down either; the next run comes.
                _logger.warning("The job %s could not reach the database.", job.name)
            finally:
                turn.release()


def perform(
    app: Service,
    job: Job,
    process: UUID,
    clock: Callable[[], datetime] = utc_now,
    goes_on: Callable[[], bool] = lambda: True,
) -> None:
    """Run a job once, if it is due, and write down how that went.

    Raises:
        Unavailable: the database cannot be reached. What the job did is committed or not, and it will run again.
    """
    now = clock()
    day = job.trigger.day(now)
    with app.database.transaction() as session:
        if day is not None and not runs.is_due(session, job.name, day, now=now):
            return
        number = runs.begin(session, job.name, process=process, day=day, now=now)
    began = time.monotonic()
    failure = _failure_of(job, Occasion(job.name, now, app, number, goes_on))
    seconds = time.monotonic() - began
    with app.database.transaction() as session:
        if failure is None:
            runs.measure(session, number, seconds=seconds, now=clock())
        elif isinstance(failure, Busy):
            runs.forget(session, number)
        else:
            runs.fail(session, number, failure, seconds=seconds, now=clock())


def _failure_of(job: Job, occasion: Occasion) -> Exception | None:
    try:
        job.work(occasion)
    except Busy as error:
        return error
    except Exception as error:
        _logger.exception("The job %s failed.", job.name)
        return error
    return None
