"""To a supplier and back: repairs and returns for replacement (RMA), in warranty or not."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet import audit
from fleet.actors import Actor
from fleet.audit import Event, Subject
from fleet.cameras import service as register
from fleet.cameras.models import Camera
from fleet.cameras.states import Custody
from fleet.clock import local_day
from fleet.custody.records import CameraNow, lock_camera
from fleet.custody.service import CameraNotReady, put, require_offloaded
from fleet.db import row_dict
from fleet.errors import Invalid
from fleet.lifecycle.models import Repair, RepairResult
from fleet.lifecycle.retirement import end_service
from fleet.sites.models import Dock

_SENT_FROM = frozenset({Custody.IN_STOCK, Custody.QUARANTINED})


@dataclass(frozen=True)
class Sending:
    """What goes with a camera to its supplier."""

    fault: str
    supplier: str | None = None
    rma: str | None = None
    expected_back: date | None = None


def in_warranty(until: date | None, day: date) -> bool | None:
    """Whether the warranty covers a day; None where nobody knows how long it lasts."""
    return None if until is None else until >= day


def send(session: Session, actor: Actor, serial: str, sending: Sending, *, now: datetime) -> int:
    """Send a camera to repair, and answer the repair's number (rule 10: only after verified offload).

    Raises:
        NotFound: no such camera.
        Invalid: it would be back before it is sent.
        CameraNotReady: rule 10: footage is not offloaded, or it is held; rule 9: it is neither stock nor quarantined.
    """
    today = local_day(now)
    if sending.expected_back is not None and sending.expected_back < today:
        raise Invalid("It would be back before it is sent.", fields={"expected_back": ["is in the past"]})
    camera = lock_camera(session, serial)
    require_offloaded(session, camera)
    if camera.custody not in _SENT_FROM:
        what = f"{serial} is {camera.custody}; what is in stock or quarantined is sent to repair."
        raise CameraNotReady(what, rule=9, found={"custody": str(camera.custody)}, mend="store")
    put(session, camera, Custody.REPAIR, now=now)
    until = session.scalars(sa.select(Camera.warranty_until).where(Camera.id == camera.id)).one()
    covered = in_warranty(until, today)
    repair = Repair(camera_id=camera.id, sent_at=now, sent_by=actor.name, in_warranty=covered, **vars(sending))
    session.add(repair)
    session.flush()
    facts: dict[str, Any] = {"repair": repair.id, "in_warranty": covered, **vars(sending)}
    audit.record(session, actor, Event.REPAIR_SENT, (Subject.CAMERA, serial), at=now, **facts)
    return repair.id


def take_back(
    session: Session,
    actor: Actor,
    serial: str,
    result: RepairResult,
    *,
    replacement: str | None = None,
    note: str | None = None,
    now: datetime,
) -> int:
    """Record how a camera came back from repair, and answer the repair's number.

    Repaired, it is quarantined until somebody has looked at it. Beyond repair, it is retired. Replaced, it is retired
    and the one that came instead is registered under the serial ``replacement``, with the use, phase and home dock of
    the old one.

    Raises:
        NotFound: no such camera.
        Invalid: replaced without a serial, or a serial without a replacement.
        Conflict: the replacement's serial is taken.
        CameraNotReady: rule 9: it is not in repair.
    """
    if (result is RepairResult.REPLACED) != (replacement is not None):
        what = "The serial of the camera that came instead" + (
            " is missing." if replacement is None else ": it was not replaced."
        )
        raise Invalid(what, fields={"replacement": [what]})
    camera = lock_camera(session, serial)
    if camera.custody is not Custody.REPAIR:
        what = f"{serial} is {camera.custody}, not in repair."
        raise CameraNotReady(what, rule=9, found={"custody": str(camera.custody)}, mend="store")
    repair = _open(session, camera)
    replacement_id = None if replacement is None else _replace(session, actor, camera, replacement, now)
    repair.returned_at, repair.result, repair.note = now, result, note
    repair.replacement_id = replacement_id
    session.flush()
    facts: dict[str, Any] = {"repair": repair.id, "result": result, "replacement": replacement, "note": note}
    audit.record(session, actor, Event.REPAIR_RETURNED, (Subject.CAMERA, serial), at=now, **facts)
    if result is RepairResult.REPAIRED:
        put(session, camera, Custody.QUARANTINED, now=now)
    else:
        reason = f"replaced by {replacement}" if replacement else "beyond repair"
        end_service(session, actor, camera, reason, now=now)
    return repair.id


def _open(session: Session, camera: CameraNow) -> Repair:
    """The repair that a camera is in. One that came into the register as in repair begins its story here."""
    open_one = sa.select(Repair).where(Repair.camera_id == camera.id, Repair.returned_at.is_(None))
    repair = session.scalars(open_one.with_for_update()).first()
    if repair is None:
        repair = Repair(camera_id=camera.id, fault="not on record", sent_at=camera.custody_at)
        session.add(repair)
    return repair


def _replace(session: Session, actor: Actor, camera: CameraNow, serial: str, now: datetime) -> int:
    columns = (Camera.model, Camera.use, Camera.phase, Dock.serial.label("home_dock"))
    statement = sa.select(*columns).join(Dock, Dock.id == Camera.home_dock_id, isouter=True)
    old = row_dict(session.execute(statement.where(Camera.id == camera.id)).one())
    return register.register(session, actor, old | {"serial": serial}, now=now).id
