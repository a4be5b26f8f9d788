"""What falls due by itself is written to the log, once for each step, however often and by however many it is asked."""

import threading
from datetime import UTC, date, datetime, timedelta

import sqlalchemy as sa

from fleet.actors import Actor
from fleet.audit import Event
from fleet.audit.models import AuditEntry
from fleet.custody import notices
from fleet.custody import service as custody
from fleet.custody.models import Allocation, Condition
from fleet.settings import Policy
from fleet.web import Service
from tests.factories import Factory, now

ACTOR = Actor("job:overdue", trusted=True)
STEPS = Policy().overdue_steps


def note(app: Service, at: datetime) -> dict[str, int]:
    with app.database.transaction() as session:
        return notices.note_overdue(session, ACTOR, steps=STEPS, now=at)


def told(app: Service, key: str) -> list[tuple[str, int]]:
    with app.database.transaction() as session:
        found = sa.select(AuditEntry).where(
            AuditEntry.subject_key == key, AuditEntry.event.in_([Event.CAMERA_OVERDUE, Event.OVERDUE_ESCALATED])
        )
        return [(str(entry.event), entry.facts["step"]) for entry in session.scalars(found.order_by(AuditEntry.id))]


def test_an_overdue_loan_is_noted_when_it_becomes_so_and_at_each_step_once(empty: Service) -> None:
    make = Factory(empty.database)
    due = now() + timedelta(hours=1)
    serial, _ = make.issued(due_back=due)

    seen = []
    for hours in (-0.5, 0, 0.5, 23, 24, 25, 71, 72, 100):
        note(empty, due + timedelta(hours=hours))
        seen.append(len(told(empty, serial)))

    assert seen == [0, 1, 1, 1, 2, 2, 2, 3, 3]
    assert told(empty, serial) == [
        ("camera.overdue", 0),
        ("camera.overdue-escalated", 1),
        ("camera.overdue-escalated", 2),
    ]


def test_a_job_that_slept_for_days_notes_every_step_at_once(empty: Service) -> None:
    serial, _ = Factory(empty.database).issued(due_back=now() + timedelta(hours=1))

    assert note(empty, now() + timedelta(days=9)) == {"overdue": 1, "escalated": 2}
    assert [step for _, step in told(empty, serial)] == [0, 1, 2]


def test_a_loan_that_is_back_is_not_overdue(empty: Service) -> None:
    make = Factory(empty.database)
    serial, _ = make.issued(due_back=now() + timedelta(hours=1))
    with empty.database.transaction() as session:
        custody.take_back(session, make.actor, serial, Condition.GOOD, policy=make.policy, now=now())

    assert note(empty, now() + timedelta(days=9)) == {"overdue": 0, "escalated": 0}


def test_a_loan_that_is_prolonged_begins_anew(empty: Service) -> None:
    due = now() + timedelta(hours=1)
    serial, _ = Factory(empty.database).issued(due_back=due)
    note(empty, due)
    with empty.database.transaction() as session:
        session.execute(sa.update(Allocation).values(due_back=due + timedelta(days=1)))

    note(empty, due + timedelta(hours=2))
    assert len(told(empty, serial)) == 1
    note(empty, due + timedelta(days=1))
    assert [step for _, step in told(empty, serial)] == [0, 0]


def test_two_at_once_note_it_once(empty: Service) -> None:
    due = now() + timedelta(hours=1)
    make = Factory(empty.database)
    serials = [make.issued(due_back=due)[0] for _ in range(10)]
    both = threading.Barrier(2, timeout=30)

    def one() -> None:
        with empty.database.transaction() as session:
            both.wait()
            notices.note_overdue(session, ACTOR, steps=STEPS, now=due)

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert [len(told(empty, serial)) for serial in serials] == [1] * 10


def test_training_that_ends_soon_is_noted_once_for_each_end(empty: Service) -> None:
    make = Factory(empty.database)
    today = date(2026, 6, 3)
    ends = {days: make.officer(trained_until=today + timedelta(days=days)) for days in (-1, 0, 30, 31)}
    make.officer(trained_until=None)

    def noted(day: date) -> int:
        with empty.database.transaction() as session:
            at = datetime(2026, 6, 3, tzinfo=UTC)
            return notices.note_training(session, ACTOR, notice=timedelta(days=30), today=day, now=at)["officers"]

    assert [noted(today), noted(today), noted(today + timedelta(days=1))] == [2, 0, 1]
    with empty.database.transaction() as session:
        session.execute(sa.text("UPDATE person SET trained_until = '2026-06-20' WHERE collar = :c"), {"c": ends[0]})
    assert noted(today) == 1
