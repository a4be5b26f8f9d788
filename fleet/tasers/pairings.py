"""What ends or stops a pairing, whatever brings it about: the verbs that custody, life cycle and the armoury share.

Locks are taken camera first, then Taser, then pairings in the order of their numbers, as everywhere.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet import audit
from fleet.actors import Actor
from fleet.audit import Event, Subject
from fleet.cameras.models import Camera
from fleet.errors import Conflict
from fleet.tasers.models import Pairing, Taser
from fleet.tasers.states import NEXT_PAIRING, STANDING, Because, PairingState

LIVE = Pairing.state != PairingState.REVOKED
_EVENTS = {
    PairingState.AUTHORISED: Event.PAIRING_AUTHORISED,
    PairingState.AGREED: Event.PAIRING_AGREED,
    PairingState.TESTED: Event.PAIRING_TESTED,
    PairingState.ACTIVE: Event.PAIRING_ACTIVE,
    PairingState.SUSPENDED: Event.PAIRING_SUSPENDED,
    PairingState.REVOKED: Event.PAIRING_REVOKED,
}


class PairingStands(Conflict):
    """The pairing's state does not allow this (rule 9)."""


def to(
    session: Session,
    actor: Actor,
    pairing: Pairing,
    state: PairingState,
    *,
    now: datetime,
    because: Because | None = None,
    **facts: Any,
) -> None:
    """Take a locked pairing one step along the table of transitions, and log it.

    Raises:
        PairingStands: the table has no such step.
    """
    if state not in NEXT_PAIRING[pairing.state]:
        what = f"Pairing {pairing.id} is {pairing.state} and does not become {state}."
        raise PairingStands(what, found={"state": str(pairing.state)}, mend="armourer")
    was, pairing.state = pairing.state, state
    pairing.because, pairing.changed_at = because, now
    pairing.version = pairing.version + 1
    session.flush()
    record(session, actor, pairing, now=now, was=was, because=because, **facts)


def record(session: Session, actor: Actor, pairing: Pairing, *, now: datetime, **facts: Any) -> None:
    """Log that a pairing has reached its state."""
    both = sa.select(Taser.serial, Camera.serial).select_from(Pairing).where(Pairing.id == pairing.id)
    both = both.join(Taser, Taser.id == Pairing.taser_id).join(Camera, Camera.id == Pairing.camera_id)
    taser, camera = session.execute(both).one()
    said = {"taser": taser, "sppm": pairing.sppm, "camera": camera, **facts}
    audit.record(session, actor, _EVENTS[pairing.state], (Subject.PAIRING, str(pairing.id)), at=now, **said)


def stop(session: Session, actor: Actor, found: Iterable[Pairing], because: Because, *, now: datetime) -> int:
    """Suspend pairings until what is the matter is mended and they are tested again, and answer how many.

    One that is still being made ends: nothing is agreed that could be taken up again.
    """
    count = 0
    for pairing in found:
        if pairing.state is PairingState.AUTHORISED:
            to(session, actor, pairing, PairingState.REVOKED, because=because, now=now)
        elif pairing.state in STANDING:
            to(session, actor, pairing, PairingState.SUSPENDED, because=because, now=now)
        else:
            continue
        count += 1
    return count


def end(session: Session, actor: Actor, found: Iterable[Pairing], because: Because, *, now: datetime) -> int:
    """Revoke pairings for good, and answer how many."""
    live = [pairing for pairing in found if pairing.state is not PairingState.REVOKED]
    for pairing in live:
        to(session, actor, pairing, PairingState.REVOKED, because=because, now=now)
    return len(live)


def of_camera(session: Session, camera_id: int) -> list[Pairing]:
    """The pairings of a camera that are not revoked, locked."""
    return _locked(session, Pairing.camera_id == camera_id)


def of_taser(session: Session, taser_id: int) -> list[Pairing]:
    """The pairings of a Taser that are not revoked, locked."""
    return _locked(session, Pairing.taser_id == taser_id)


def _locked(session: Session, whose: sa.ColumnElement[bool]) -> list[Pairing]:
    statement = sa.select(Pairing).where(whose, LIVE).order_by(Pairing.id).with_for_update()
    return list(session.scalars(statement.execution_options(populate_existing=True)))


def cameras_given(session: Session, actor: Actor, holders: Mapping[int, int], *, now: datetime) -> None:
    """Cameras, by number, have these officers now: what was paired while another had one is that one's Taser."""
    found = _locked(session, Pairing.camera_id.in_(list(holders)))
    others = [one for one in found if one.camera_holder_id not in {None, holders[one.camera_id]}]
    stop(session, actor, others, Because.REASSIGNED, now=now)
    for pairing in found:
        pairing.camera_holder_id = pairing.camera_holder_id or holders[pairing.camera_id]
    session.flush()


def taser_given_to(session: Session, actor: Actor, taser_id: int, person_id: int, *, now: datetime) -> None:
    """Another officer has the Taser now."""
    found = of_taser(session, taser_id)
    others = [one for one in found if one.taser_holder_id not in {None, person_id}]
    stop(session, actor, others, Because.REASSIGNED, now=now)
    for pairing in found:
        pairing.taser_holder_id = pairing.taser_holder_id or person_id
    session.flush()


def magazines_changed(session: Session, actor: Actor, taser_ids: Iterable[int] | None = None, *, now: datetime) -> int:
    """Stop every pairing whose magazine is no longer the fitted one; of these Tasers, or of all. Answers how many.

    The transmitter is in the magazine, so what it agreed on is out of the Taser with it (¶17).
    """
    swapped = sa.select(Pairing).join(Taser, Taser.id == Pairing.taser_id)
    swapped = swapped.where(Taser.sppm.is_distinct_from(Pairing.sppm), Pairing.state != PairingState.SUSPENDED, LIVE)
    if taser_ids is not None:
        swapped = swapped.where(Pairing.taser_id.in_(list(taser_ids)))
    locked = session.scalars(swapped.order_by(Pairing.id).with_for_update(of=Pairing)).all()
    return stop(session, actor, locked, Because.BATTERY_SWAP, now=now)


def holders_changed(session: Session, actor: Actor, *, now: datetime) -> int:
    """Stop every pairing whose Taser somebody else has now; for when many were given out at once."""
    moved = sa.select(Pairing).join(Taser, Taser.id == Pairing.taser_id)
    moved = moved.where(Taser.holder_id != Pairing.taser_holder_id, Pairing.state != PairingState.SUSPENDED, LIVE)
    locked = session.scalars(moved.order_by(Pairing.id).with_for_update(of=Pairing)).all()
    return stop(session, actor, locked, Because.REASSIGNED, now=now)


def stop_of_officer(session: Session, actor: Actor, person_id: int, because: Because, *, now: datetime) -> int:
    """Suspend the pairings of what an officer has or had when it was paired, and answer how many (rule 15)."""
    theirs = sa.or_(Pairing.camera_holder_id == person_id, Pairing.taser_holder_id == person_id)
    standing = [one for one in _locked(session, theirs) if one.state in STANDING]
    return stop(session, actor, standing, because, now=now)
