"""A camera that is gone: reported missing, then lost or stolen, and perhaps recovered (rule 16)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet import audit
from fleet.actors import Actor
from fleet.audit import Event, Subject
from fleet.cameras.models import Camera, CameraReport
from fleet.cameras.states import Custody
from fleet.custody.models import Condition
from fleet.custody.records import AllocationNow, CameraNow, lock_camera, open_allocation
from fleet.custody.service import close, put
from fleet.errors import Conflict, Invalid, NotFound
from fleet.lifecycle.models import GONE, Loss, LossState
from fleet.settings import Policy
from fleet.tasers import identities, pairings
from fleet.tasers.states import Because, DeviceKind

# From when the force knows of a breach to when the Commissioner must: UK GDPR, article 33, and section 67 of the Data
# Protection Act 2018. It is the law's figure, so a force cannot set it.
BREACH_NOTICE = timedelta(hours=72)


class LossStands(Conflict):
    """What is on record of the loss does not allow this (rules 9, 16)."""


@dataclass(frozen=True)
class Report:
    """What somebody says when a camera is missing. ``last_seen`` is where, ``last_seen_by`` who saw it there."""

    noticed_at: datetime
    last_seen: str
    last_seen_by: str
    circumstances: str


def report(session: Session, actor: Actor, serial: str, said: Report, *, policy: Policy, now: datetime) -> int:
    """Report a camera missing, and answer the loss's number.

    Whoever has it has it no longer, so that the loss keeps no officer from getting another camera (rule 7); the loss
    names them. A camera that came into the register as missing, lost or stolen gets its report by this too.

    Raises:
        NotFound: no such camera.
        Invalid: noticed in the future.
        LossStands: it is reported already, or is out of service.
    """
    if said.noticed_at > now:
        raise Invalid("It cannot be noticed later than now.", fields={"noticed_at": ["is in the future"]})
    camera = lock_camera(session, serial)
    allocation = open_allocation(session, camera)
    if (known := open_loss(session, camera)) is not None:
        found = {"loss": known.id, "reported_by": known.reported_by}
        raise LossStands(f"{serial} is reported as {known.state} already.", rule=16, found=found, mend="store")
    camera = _gone(session, camera, allocation, now)
    loss = _row(session, camera, allocation, said, actor, policy, now)
    audit.record(
        session,
        actor,
        Event.CAMERA_MISSING,
        (Subject.CAMERA, serial),
        at=now,
        officer=allocation.person.collar if allocation else None,
        loss=loss.id,
        noticed_at=said.noticed_at,
        late=True if now > loss.report_due_at else None,
        last_seen=said.last_seen,
        last_seen_by=said.last_seen_by,
        circumstances=said.circumstances,
        allocation=allocation.id if allocation else None,
    )
    return loss.id


def _gone(session: Session, camera: CameraNow, allocation: AllocationNow | None, now: datetime) -> CameraNow:
    if camera.custody in GONE:
        return camera
    if allocation is not None:
        return close(session, allocation, Condition.MISSING, "reported missing", Custody.MISSING, now=now).camera
    return put(session, camera, Custody.MISSING, now=now)


def _row(
    session: Session,
    camera: CameraNow,
    allocation: AllocationNow | None,
    said: Report,
    actor: Actor,
    policy: Policy,
    now: datetime,
) -> Loss:
    known = sa.select(Camera.encryption, CameraReport.unoffloaded, CameraReport.last_seen_at)
    known = known.join(CameraReport, CameraReport.camera_id == Camera.id, isouter=True).where(Camera.id == camera.id)
    evidence = session.execute(known).one()
    loss = Loss(
        camera_id=camera.id,
        person_id=allocation.person.id if allocation else None,
        state=LossState(camera.custody),
        reported_at=now,
        reported_by=actor.name,
        report_due_at=said.noticed_at + policy.loss_report,
        assess_due_at=said.noticed_at + BREACH_NOTICE,
        unoffloaded=evidence.unoffloaded,
        encryption=evidence.encryption,
        device_seen_at=evidence.last_seen_at,
        **vars(said),
    )
    session.add(loss)
    session.flush()
    return loss


def open_loss(session: Session, camera: CameraNow) -> Loss | None:
    """The loss of a camera that is not recovered, or None."""
    return session.scalars(sa.select(Loss).where(Loss.camera_id == camera.id, Loss.recovered_at.is_(None))).first()


def lock_loss(session: Session, number: int) -> tuple[Loss, CameraNow]:
    """A loss with its camera, both locked until the caller's transaction ends: the camera first, as everywhere.

    Raises:
        NotFound
    """
    serial = session.scalars(sa.select(Camera.serial).join(Loss).where(Loss.id == number)).one_or_none()
    if serial is None:
        raise NotFound(f"There is no loss {number}.", found={"loss": number})
    camera = lock_camera(session, serial)
    statement = sa.select(Loss).where(Loss.id == number).with_for_update()
    return session.scalars(statement.execution_options(populate_existing=True)).one(), camera


def decide(
    session: Session, actor: Actor, number: int, outcome: LossState, *, crime_number: str | None, now: datetime
) -> None:
    """Say that a missing camera is lost or stolen. Its identity is revoked at once, and with it every pairing.

    Raises:
        NotFound
        Invalid: stolen without a crime number, or neither lost nor stolen.
        LossStands: rule 9: that was decided before, or it is recovered.
    """
    if outcome not in {LossState.LOST, LossState.STOLEN}:
        raise Invalid("A missing camera is lost or stolen.", fields={"outcome": ["is neither lost nor stolen"]})
    if outcome is LossState.STOLEN and not crime_number:
        raise Invalid("A theft has a crime number.", fields={"crime_number": ["A theft needs its crime number."]})
    loss, camera = lock_loss(session, number)
    if loss.state is not LossState.MISSING:
        raise LossStands(f"{camera.serial} is {loss.state}; that stands.", rule=9, found={"state": str(loss.state)})
    put(session, camera, Custody(outcome), now=now)
    loss.state, loss.crime_number, loss.decided_at = outcome, crime_number, now
    event = Event.CAMERA_LOST if outcome is LossState.LOST else Event.CAMERA_STOLEN
    subject = (Subject.CAMERA, camera.serial)
    audit.record(session, actor, event, subject, at=now, loss=number, crime_number=crime_number)
    revoke(session, actor, camera, str(outcome), now=now)


def revoke(session: Session, actor: Actor, camera: CameraNow, because: str, *, now: datetime) -> None:
    """Make whatever identity and pairing the device was given so far count no longer, for good."""
    session.execute(sa.update(Camera).where(Camera.id == camera.id).values(revoked_at=now))
    about = Subject.CAMERA, camera.serial
    audit.record(session, actor, Event.CAMERA_REVOKED, about, at=now, pairings="revoked")
    end_pairings(session, actor, camera, because, Because.DEVICE_GONE, now=now)


def end_pairings(
    session: Session, actor: Actor, camera: CameraNow, reason: str, because: Because, *, now: datetime
) -> None:
    """Tell every device to trust the camera no longer, and revoke what it is paired with."""
    about = Subject.CAMERA, camera.serial
    identities.revoke(session, actor, DeviceKind.CAMERA, camera.serial, reason, about=about, now=now)
    pairings.end(session, actor, pairings.of_camera(session, camera.id), because, now=now)


def recover(session: Session, actor: Actor, number: int, said: Mapping[str, Any], *, now: datetime) -> None:
    """Record that a camera was found: ``where``, ``by`` whom, in what ``condition``. It is checked before it is stock.

    Raises:
        NotFound
        LossStands: rule 9: it is recovered already.
    """
    loss, camera = lock_loss(session, number)
    if loss.recovered_at is not None:
        raise LossStands(f"{camera.serial} is recovered already.", rule=9, found={"recovered_at": loss.recovered_at})
    put(session, camera, Custody.RECOVERED, now=now)
    was, loss.state, loss.recovered_at = loss.state, LossState.RECOVERED, now
    loss.recovered_where, loss.recovered_by, loss.recovered_condition = said["where"], said["by"], said["condition"]
    facts = {"loss": number, "was": was, **said}
    audit.record(session, actor, Event.CAMERA_RECOVERED, (Subject.CAMERA, camera.serial), at=now, **facts)
