"""What falls due by itself is written to the log: loans that are overdue, and training that ends.

Each is one statement for the whole force. What was noted is in tables whose keys let nothing be noted twice.
"""

from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, Session, mapped_column

from fleet.actors import Actor
from fleet.audit import Event, Subject
from fleet.db import Base

_Instant = sa.DateTime(timezone=True)
# What one run notes at most; the next goes on.
_AT_ONCE = 10_000


class OverdueNotice(Base):
    """That a loan was overdue: at step 0 when it became so, at each further step for longer (rule 15).

    ``due_back`` is part of the key: a loan that was prolonged begins anew.
    """

    __tablename__ = "overdue_notice"

    allocation_id: Mapped[int] = mapped_column(sa.ForeignKey("allocation.id"), primary_key=True)
    due_back: Mapped[datetime] = mapped_column(_Instant, primary_key=True)
    step: Mapped[int] = mapped_column(sa.SmallInteger, primary_key=True)
    noted_at: Mapped[datetime] = mapped_column(_Instant)


class TrainingNotice(Base):
    """That an officer's training ends on a day, noted once for each such day."""

    __tablename__ = "training_notice"

    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), primary_key=True)
    trained_until: Mapped[date] = mapped_column(primary_key=True)
    noted_at: Mapped[datetime] = mapped_column(_Instant)


_OVERDUE = sa.text(
    """
    WITH noted AS (
        INSERT INTO overdue_notice (allocation_id, due_back, step, noted_at)
        SELECT a.id, a.due_back, late.step - 1, :now
        FROM unnest(:steps) WITH ORDINALITY AS late (by, step)
        JOIN allocation a ON a.returned_at IS NULL AND a.due_back <= CAST(:now AS timestamptz) - late.by
        WHERE NOT EXISTS (
            SELECT FROM overdue_notice o
            WHERE o.allocation_id = a.id AND o.due_back = a.due_back AND o.step = late.step - 1
        )
        ORDER BY a.due_back, late.step
        LIMIT :most
        ON CONFLICT DO NOTHING
        RETURNING allocation_id, due_back, step
    )
    INSERT INTO audit_entry (at, actor, event, subject_kind, subject_key, officer, facts)
    SELECT :now, :actor, CASE noted.step WHEN 0 THEN :overdue ELSE :escalated END, :camera, c.serial, p.collar,
        jsonb_build_object(
            'rule', 15, 'step', noted.step, 'kind', a.kind, 'allocation', a.id,
            'due_back', to_char(noted.due_back AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
        )
    FROM noted
    JOIN allocation a ON a.id = noted.allocation_id
    JOIN camera c ON c.id = a.camera_id
    JOIN person p ON p.id = a.person_id
    ORDER BY noted.step, noted.due_back, c.serial
    RETURNING event
    """
).bindparams(sa.bindparam("steps", type_=ARRAY(sa.Interval)))


def note_overdue(session: Session, actor: Actor, *, steps: tuple[timedelta, ...], now: datetime) -> dict[str, int]:
    """Write each loan that became overdue, or was so for longer than another of the ``steps``, to the log once.

    The first step is how long after its due instant a loan counts as overdue.
    """
    said = {"now": now, "actor": actor.name, "steps": list(steps), "most": _AT_ONCE, "camera": str(Subject.CAMERA)}
    events = {"overdue": str(Event.CAMERA_OVERDUE), "escalated": str(Event.OVERDUE_ESCALATED)}
    written = [row.event for row in session.execute(_OVERDUE, said | events)]
    return {name: written.count(event) for name, event in events.items()}


_TRAINING = sa.text(
    """
    WITH noted AS (
        INSERT INTO training_notice (person_id, trained_until, noted_at)
        SELECT p.id, p.trained_until, :now FROM person p
        WHERE p.trained_until BETWEEN CAST(:today AS date) AND CAST(:last AS date)
            AND NOT EXISTS (
                SELECT FROM training_notice t WHERE t.person_id = p.id AND t.trained_until = p.trained_until
            )
        ORDER BY p.trained_until
        LIMIT :most
        ON CONFLICT DO NOTHING
        RETURNING person_id, trained_until
    )
    INSERT INTO audit_entry (at, actor, event, subject_kind, subject_key, officer, facts)
    SELECT :now, :actor, :event, :person, p.collar, p.collar,
        jsonb_build_object('rule', 4, 'trained_until', noted.trained_until)
    FROM noted JOIN person p ON p.id = noted.person_id
    ORDER BY noted.trained_until, p.collar
    RETURNING event
    """
)


def note_training(session: Session, actor: Actor, *, notice: timedelta, today: date, now: datetime) -> dict[str, int]:
    """Write to the log once, for each officer, that their training ends within ``notice`` of ``today``."""
    said = {"now": now, "actor": actor.name, "today": today, "last": today + notice, "most": _AT_ONCE}
    said |= {"event": str(Event.TRAINING_ENDS), "person": str(Subject.PERSON)}
    return {"officers": len(session.execute(_TRAINING, said).all())}
