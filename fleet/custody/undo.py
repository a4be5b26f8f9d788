"""Reversing the last act of a moment ago: an act of its own, which the log keeps beside what it reverses (rule 9)."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet import audit
from fleet.actors import Actor
from fleet.audit import Event, Subject
from fleet.cameras.states import Custody
from fleet.custody.models import Allocation, Condition, IssueKind
from fleet.custody.readiness import after_return
from fleet.custody.records import (
    AllocationNow,
    held_by,
    lock_allocation,
    lock_officer,
    lock_officers,
    open_allocation,
    rest_active,
    standing_of,
)
from fleet.custody.reservations import continue_loan
from fleet.custody.service import HistoryStands, close, hand_over, put, require_free_hands
from fleet.settings import Policy

# What an undone issue's allocation is noted with.
UNDONE = "issue undone"


def undo_issue(session: Session, actor: Actor, allocation_id: int, *, policy: Policy, now: datetime) -> AllocationNow:
    """Reverse an issue of a moment ago: the camera is back where it was, and the log says why.

    Raises:
        HistoryStands: rule 9: it is too long ago, or the camera was returned since.
    """
    allocation = _locked(session, allocation_id)
    camera = allocation.camera
    _require_recent(allocation.issued_at, policy, now)
    if allocation.returned_at is not None:
        raise HistoryStands(f"{camera.serial} was returned since; there is nothing to undo.", rule=9)
    allocation = close(session, allocation, Condition.GOOD, UNDONE, _where_it_was(session, allocation, policy), now=now)
    audit.record(
        session,
        actor,
        Event.ISSUE_UNDONE,
        (Subject.CAMERA, camera.serial),
        at=now,
        officer=allocation.person.collar,
        allocation=allocation.id,
    )
    return allocation


def undo_return(session: Session, actor: Actor, allocation_id: int, *, policy: Policy, now: datetime) -> AllocationNow:
    """Reverse a return of a moment ago: the officer has the camera again, as a new allocation (rule 9).

    Raises:
        HistoryStands: rule 9: it is too long ago, or camera or officer have moved on since.
    """
    allocation = _locked(session, allocation_id)
    camera = allocation.camera
    if allocation.returned_at is None:
        raise HistoryStands(f"{camera.serial} is not returned; there is nothing to undo.", rule=9)
    _require_recent(allocation.returned_at, policy, now)
    officer = lock_officer(session, allocation.person.collar)
    if _has_moved_on(session, allocation):
        raise HistoryStands(f"{camera.serial} has moved on since; issue it anew.", rule=9)
    held = held_by(session, officer)
    require_free_hands(officer, held, allocation.kind, may_rest=True)
    # Beside a loan a personal camera rested before its return, and does so again (rule 7).
    rests = any(other.kind is IssueKind.POOL for other in held)
    if held and not rests:
        rest_active(session, officer)
    if camera.custody is Custody.QUARANTINED:
        camera = put(session, camera, Custody.IN_STOCK, now=now)
    again = hand_over(
        session,
        actor,
        camera,
        officer,
        allocation.kind,
        allocation.due_back,
        Event.RETURN_UNDONE,
        now=now,
        continues=allocation,
        active=not rests,
    )
    continue_loan(session, allocation.id, again.id)
    return again


def undo_take_over(
    session: Session, actor: Actor, issued_id: int, returned_id: int, *, policy: Policy, now: datetime
) -> AllocationNow:
    """Reverse a take-over: the camera goes back from whom it was issued to, to whom it was taken from.

    Raises:
        HistoryStands, AlreadyHolds: as ``undo_issue`` and ``undo_return``; then nothing is undone.
    """
    issued, returned = _locked(session, issued_id), _locked(session, returned_id)
    lock_officers(session, issued.person.collar, returned.person.collar)
    undo_issue(session, actor, issued_id, policy=policy, now=now)
    return undo_return(session, actor, returned_id, policy=policy, now=now)


def _where_it_was(session: Session, allocation: AllocationNow, policy: Policy) -> Custody:
    """What the issue took the camera from: undoing it makes no camera ready that was not (rule 8)."""
    camera = allocation.camera
    earlier = sa.select(Allocation).where(Allocation.camera_id == camera.id, Allocation.id < allocation.id)
    earlier = earlier.where(Allocation.note.is_distinct_from(UNDONE)).order_by(Allocation.id.desc())
    before = session.scalars(earlier.limit(1)).first()
    if before is None or before.returned_at is None:
        return Custody.IN_STOCK
    if before.id == allocation.continues_id and before.condition is Condition.FAULTY:
        return Custody.QUARANTINED
    report = standing_of(session, camera).report
    waits = report is not None and report.seen_at < before.returned_at
    return after_return(True, before.kind, waits, policy)


def _has_moved_on(session: Session, allocation: AllocationNow) -> bool:
    """Whether anything but an issue that was itself undone happened to the camera since its return."""
    camera = allocation.camera
    if open_allocation(session, camera) is not None:
        return True
    later = sa.select(sa.func.max(Allocation.returned_at)).where(
        Allocation.camera_id == camera.id, Allocation.id > allocation.id, Allocation.note == UNDONE
    )
    return camera.custody_at not in {allocation.returned_at, session.scalars(later).one()}


def _locked(session: Session, allocation_id: int) -> AllocationNow:
    allocation = lock_allocation(session, allocation_id)
    if allocation is None:
        raise HistoryStands("There is nothing to undo.", rule=9)
    return allocation


def _require_recent(at: datetime, policy: Policy, now: datetime) -> None:
    if now - at > policy.undo_window:
        seconds = int(policy.undo_window.total_seconds())
        raise HistoryStands(f"That was more than {seconds} s ago; it stands. Make a new act instead.", rule=9)
