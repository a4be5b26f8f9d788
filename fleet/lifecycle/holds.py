"""Evidential hold: a camera that an authority wants kept as it is. It is offloaded, never wiped, issued or repaired.

The account that placed a hold speaks for its authority and releases it. When that person is away for good, an
administrator does; both give a reason, which the log keeps.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet import audit
from fleet.actors import Actor, Role
from fleet.audit import Event, Subject
from fleet.cameras.states import NEXT_CUSTODY, Custody
from fleet.custody.models import Condition
from fleet.custody.records import lock_camera, open_allocation
from fleet.custody.service import CameraNotReady, close, put
from fleet.errors import Evidence, Forbidden
from fleet.lifecycle.models import Hold


@dataclass(frozen=True)
class Placing:
    """Who wants a camera held, under what reference of theirs, and why."""

    authority: str
    reference: str
    reason: str


def place(session: Session, actor: Actor, serial: str, placing: Placing, *, now: datetime) -> int:
    """Hold a camera as evidence, and answer the hold's number. It is taken from whoever has it.

    Raises:
        NotFound: no such camera.
        CameraNotReady: rule 10: it is held already; rule 9: its custody does not allow it.
    """
    camera = lock_camera(session, serial)
    if camera.custody is Custody.HELD:
        raise CameraNotReady(f"{serial} is held already.", rule=10, mend="the authority that holds it")
    if Custody.HELD not in NEXT_CUSTODY[camera.custody]:
        what = f"{serial} is {camera.custody}; it cannot be held."
        raise CameraNotReady(what, rule=9, found={"custody": str(camera.custody)}, mend="store")
    allocation = open_allocation(session, camera)
    if allocation is not None:
        close(session, allocation, Condition.GOOD, "held as evidence", Custody.HELD, now=now)
    else:
        put(session, camera, Custody.HELD, now=now)
    hold = Hold(camera_id=camera.id, placed_at=now, placed_by=actor.name, **vars(placing))
    session.add(hold)
    session.flush()
    officer = allocation.person.collar if allocation else None
    facts: dict[str, Any] = {"hold": hold.id, "allocation": allocation.id if allocation else None, **vars(placing)}
    audit.record(session, actor, Event.HOLD_PLACED, (Subject.CAMERA, serial), at=now, officer=officer, **facts)
    return hold.id


def release(session: Session, actor: Actor, serial: str, reason: str, *, now: datetime) -> None:
    """End a hold; the camera is quarantined until the store has looked at it.

    Raises:
        NotFound: no such camera.
        CameraNotReady: rule 10: it is not held.
        Forbidden: rule 10: somebody else placed the hold.
    """
    camera = lock_camera(session, serial)
    if camera.custody is not Custody.HELD:
        raise CameraNotReady(f"{serial} is not held.", rule=10, found={"custody": str(camera.custody)}, mend="store")
    open_one = sa.select(Hold).where(Hold.camera_id == camera.id, Hold.released_at.is_(None))
    hold = session.scalars(open_one.with_for_update()).first()
    if hold is not None:
        _require_authority(actor, serial, hold)
        hold.released_at, hold.released_by, hold.release_reason = now, actor.name, reason
        session.flush()
    put(session, camera, Custody.QUARANTINED, now=now)
    facts: dict[str, Any] = {
        "hold": hold.id if hold else None,
        "authority": hold.authority if hold else None,
        "reason": reason,
    }
    audit.record(session, actor, Event.HOLD_RELEASED, (Subject.CAMERA, serial), at=now, **facts)


def may_release(actor: Actor, placed_by: str) -> bool:
    """Whether somebody speaks for the authority of a hold that ``placed_by`` placed."""
    return actor.name == placed_by or actor.role is Role.ADMIN or actor.trusted


def _require_authority(actor: Actor, serial: str, hold: Hold) -> None:
    if may_release(actor, hold.placed_by):
        return
    who = hold.placed_by.partition(":")[2] or hold.placed_by
    what = f"{serial} is held for {hold.authority} by {who}; nobody else releases it."
    # Somebody who tries to free evidence that others want kept is something an auditor will want to read about.
    evidence = Evidence(Event.ACT_DENIED, Subject.CAMERA, serial)
    found, mend = {"reference": hold.reference}, f"{who}, or an administrator"
    raise Forbidden(what, rule=10, found=found, mend=mend, evidence=evidence)
