"""What is written down of a run, and what is thrown away of one that was given up."""

import threading
import uuid
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet import audit
from fleet.actors import Actor
from fleet.audit import Event, Subject
from fleet.audit.models import AuditEntry
from fleet.errors import Conflict
from fleet.jobs import history, runs
from fleet.jobs.job import Job, Occasion, Result, one_transaction, own_transactions, take_turn
from fleet.jobs.models import JobRun, Outcome
from fleet.jobs.scheduler import perform
from fleet.jobs.triggers import LOCAL, Daily, Every
from fleet.web import Service
from tests.factories import unique

PROCESS = uuid.uuid4()
OFTEN = Every(timedelta(minutes=1))
NOON = datetime(2026, 6, 3, 12, tzinfo=LOCAL).astimezone(UTC)


def job(act: Any, trigger: Any = OFTEN) -> Job:
    return Job(unique("job"), "Does something.", trigger, one_transaction(act))


def run(app: Service, what: Job, now: datetime = NOON) -> None:
    perform(app, what, PROCESS, lambda: now)


def recorded(app: Service, what: Job) -> list[JobRun]:
    with app.database.transaction() as session:
        return list(session.scalars(sa.select(JobRun).where(JobRun.job == what.name).order_by(JobRun.id)))


def log_entry(session: Session, actor: Actor, occasion: Occasion) -> Result:
    audit.record(session, actor, Event.REGISTER_EXPORTED, (Subject.REGISTER, occasion.job), at=occasion.now)
    return {"entries": 1}


def entries_of(app: Service, what: Job) -> list[AuditEntry]:
    with app.database.transaction() as session:
        return list(session.scalars(sa.select(AuditEntry).where(AuditEntry.subject_key == what.name)))


def test_a_run_is_kept_with_its_result_and_its_length(app: Service) -> None:
    works = job(lambda *_: {"found": 3, "lost": 0})

    run(app, works)

    (kept,) = recorded(app, works)
    assert (kept.outcome, kept.result, kept.runs, kept.error) == (Outcome.DONE, {"found": 3}, 1, None)
    assert kept.started_at == NOON
    assert kept.seconds is not None
    assert 0 <= kept.seconds < 30


def test_runs_in_a_row_that_find_nothing_are_one_that_counts_them(app: Service) -> None:
    results = iter([{}, {"found": 0}, {}, {"found": 1}, {}])
    works = job(lambda *_: next(results))

    for minute in range(5):
        run(app, works, NOON + timedelta(minutes=minute))

    assert [(kept.runs, kept.result) for kept in recorded(app, works)] == [(3, {}), (1, {"found": 1}), (1, {})]


def test_the_log_says_which_job_did_it(app: Service) -> None:
    works = job(log_entry)

    run(app, works)

    assert [entry.actor for entry in entries_of(app, works)] == [f"job:{works.name}"]


def test_a_failed_run_leaves_nothing_but_its_reason(app: Service) -> None:
    def fails(session: Session, actor: Actor, occasion: Occasion) -> Result:
        log_entry(session, actor, occasion)
        raise Conflict("The cupboard is empty.")

    works = job(fails)

    run(app, works)

    (kept,) = recorded(app, works)
    assert (kept.outcome, kept.error) == (Outcome.FAILED, "The cupboard is empty.")
    assert entries_of(app, works) == []


def test_failures_in_a_row_for_one_reason_are_one_that_counts_them(app: Service) -> None:
    reasons = iter(["no key", "no key", "no disk", "no key"])

    def fails(*_: Any) -> Result:
        raise Conflict(next(reasons))

    works = job(fails)

    for minute in range(4):
        run(app, works, NOON + timedelta(minutes=minute))

    assert [(kept.error, kept.runs) for kept in recorded(app, works)] == [("no key", 2), ("no disk", 1), ("no key", 1)]


def test_an_error_of_the_database_is_told_without_the_rows_it_was_about(app: Service) -> None:
    def fails(session: Session, *_: Any) -> Result:
        session.execute(sa.text("INSERT INTO team (name) VALUES ('Secret name'), ('Secret name')"))
        return {}

    works = job(fails)

    run(app, works)

    (kept,) = recorded(app, works)
    assert kept.error is not None
    assert "uq_team_name" in kept.error
    assert "Secret name" not in kept.error


def test_a_job_that_still_runs_elsewhere_is_left_to_it(app: Service) -> None:
    works = job(log_entry)

    with app.database.transaction() as session:
        assert take_turn(session, works.name)
        run(app, works)

    assert recorded(app, works) == []
    assert entries_of(app, works) == []


def test_what_a_run_did_is_rolled_back_if_it_was_given_up_meanwhile(app: Service) -> None:
    """A process that hung in the middle wakes up, and another one has long taken its place."""

    def hangs(session: Session, actor: Actor, occasion: Occasion) -> Result:
        log_entry(session, actor, occasion)
        with app.database.transaction() as other:
            runs.abandon(other, now=NOON)
        return {"entries": 1}

    works = job(hangs)

    run(app, works)

    assert [kept.outcome for kept in recorded(app, works)] == [Outcome.ABANDONED]
    assert entries_of(app, works) == []


def test_a_daily_job_runs_once_for_a_day_however_often_it_is_asked(app: Service) -> None:
    works = job(log_entry, Daily(time(0, 5)))

    for hours in (0, 1, -1, 0, 11):
        run(app, works, NOON + timedelta(hours=hours))

    assert [kept.day for kept in recorded(app, works)] == [date(2026, 6, 3)]
    assert len(entries_of(app, works)) == 1


def test_two_processes_that_both_think_it_is_theirs_do_a_day_once(app: Service) -> None:
    both = threading.Barrier(2, timeout=30)
    ready = threading.local()

    def waits(occasion: Occasion) -> Result:
        # Both have found that the day is not done yet.
        if not getattr(ready, "waited", False):
            ready.waited = True
            both.wait()
        with occasion.app.database.transaction() as session:
            return log_entry(session, occasion.actor, occasion)

    works = Job(unique("job"), "Meets.", Daily(time(0, 5)), own_transactions(waits))
    threads = [threading.Thread(target=run, args=(app, works)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sorted(kept.outcome for kept in recorded(app, works)) == [Outcome.DONE, Outcome.FAILED]


def test_a_daily_job_that_failed_is_tried_again_after_a_while_and_not_before(app: Service) -> None:
    tries = iter([Conflict("no"), {"done": 1}])

    def acts(*_: Any) -> Any:
        result = next(tries)
        if isinstance(result, Exception):
            raise result
        return result

    works = job(acts, Daily(time(0, 5)))

    for seconds in (0, 60, 120, 301, 400):
        run(app, works, NOON + timedelta(seconds=seconds))

    assert [kept.outcome for kept in recorded(app, works)] == [Outcome.FAILED, Outcome.DONE]


def test_a_clock_that_was_a_year_ahead_for_a_moment_keeps_no_day_from_being_done(app: Service) -> None:
    works = job(log_entry, Daily(time(0, 5)))

    for now in (NOON, NOON + timedelta(days=365), NOON + timedelta(days=1), NOON + timedelta(days=1)):
        run(app, works, now)

    assert [kept.day for kept in recorded(app, works)] == [date(2026, 6, 3), date(2027, 6, 3), date(2026, 6, 4)]


def test_old_runs_go_and_the_last_one_of_each_job_stays(app: Service) -> None:
    works = job(lambda *_: {"found": 1})
    for days in (0, 1, 40):
        run(app, works, NOON + timedelta(days=days))
    rare = job(lambda *_: {"found": 1})
    run(app, rare)

    with app.database.transaction() as session:
        removed = runs.forget_old(session, now=NOON + timedelta(days=45), at_once=1_000_000)

    assert removed >= 2
    assert [kept.started_at for kept in recorded(app, works)] == [NOON + timedelta(days=40)]
    assert len(recorded(app, rare)) == 1


@pytest.mark.parametrize(("hours", "following"), [(0, 24 - 12), (24, 0)])
def test_the_next_run_of_a_daily_job_follows_what_was_done(app: Service, hours: int, following: int) -> None:
    works = job(log_entry, Daily(time(0, 0)))
    run(app, works)
    now = NOON + timedelta(hours=hours)

    with app.database.reading() as session:
        (shown,) = history.overview(session, [works], now=now)

    assert shown["next_at"] == now + timedelta(hours=following)
    assert shown["last"]["day"] == date(2026, 6, 3)
