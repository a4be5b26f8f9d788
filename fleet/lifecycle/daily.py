"""What a day brings by itself: departures whose day has come, breaches not assessed in time, repairs not back.

Each function does a bounded portion and answers how many it did; a job calls it until it answers 0. Killed half-way
and run again it does what is left: every case is marked in the transaction that acts on it.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet import audit
from fleet.actors import Actor
from fleet.audit import Event, Subject
from fleet.cameras.models import Camera
from fleet.clock import local_day
from fleet.lifecycle.departures import carry_out
from fleet.lifecycle.models import Departure, Loss, LossState, Repair

# Few enough that nobody at a counter waits for the locks that a portion holds.
_AT_ONCE = 20


def carry_out_departures(session: Session, actor: Actor, *, now: datetime) -> int:
    """Carry out the next departure whose last day is over (rule 15).

    Raises:
        DepartureStands: an officer got a camera at the very moment; call again.
    """
    due = sa.select(Departure.id).where(
        Departure.withdrawn_at.is_(None), Departure.done_at.is_(None), Departure.last_day < local_day(now)
    )
    # One in a transaction: cameras are locked before officers, so the next one's come after this one's are free.
    number = session.scalars(due.order_by(Departure.last_day, Departure.id).limit(1)).first()
    if number is None:
        return 0
    carry_out(session, actor, number, now=now)
    return 1


def note_unassessed_losses(session: Session, actor: Actor, *, now: datetime) -> int:
    """Log, once each, the losses whose breach assessment the law wanted by now (rule 16)."""
    late = (
        sa.select(Loss, Camera.serial)
        .join(Camera)
        .where(~Loss.assessed, Loss.overdue_noted_at.is_(None), Loss.assess_due_at < now)
    )
    rows = session.execute(late.order_by(Loss.assess_due_at).limit(_AT_ONCE).with_for_update(of=Loss)).all()
    for loss, serial in rows:
        loss.overdue_noted_at = now
        facts: dict[str, Any] = {"loss": loss.id, "due_at": loss.assess_due_at, "state": LossState(loss.state)}
        audit.record(session, actor, Event.BREACH_OVERDUE, (Subject.CAMERA, serial), at=now, **facts)
    session.flush()
    return len(rows)


def note_overdue_repairs(session: Session, actor: Actor, *, now: datetime) -> int:
    """Log, once each, the repairs that were expected back before today."""
    late = (
        sa.select(Repair, Camera.serial)
        .join(Camera, Camera.id == Repair.camera_id)
        .where(Repair.returned_at.is_(None), Repair.overdue_noted_at.is_(None), Repair.expected_back < local_day(now))
    )
    rows = session.execute(late.order_by(Repair.expected_back).limit(_AT_ONCE).with_for_update(of=Repair)).all()
    for repair, serial in rows:
        repair.overdue_noted_at = now
        facts: dict[str, Any] = {
            "repair": repair.id,
            "supplier": repair.supplier,
            "expected_back": repair.expected_back,
        }
        audit.record(session, actor, Event.REPAIR_OVERDUE, (Subject.CAMERA, serial), at=now, **facts)
    session.flush()
    return len(rows)
