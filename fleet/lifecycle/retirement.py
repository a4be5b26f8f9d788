"""The end of a camera's life: retired, sanitised, and disposed of by two people, of whom one alone can do nothing."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet import audit
from fleet.actors import Actor
from fleet.audit import Event, Subject
from fleet.cameras.states import Custody
from fleet.clock import local_day
from fleet.custody.records import CameraNow, lock_camera
from fleet.custody.service import CameraNotReady, put, require_offloaded
from fleet.errors import Conflict, Invalid
from fleet.lifecycle.losses import end_pairings
from fleet.lifecycle.models import DisposalHow, Retirement
from fleet.tasers.states import Because

_RETIRED_FROM = frozenset({Custody.IN_STOCK, Custody.QUARANTINED})


class NeedsSecondPerson(Conflict):
    """Nobody disposes of a camera alone."""


def retire(session: Session, actor: Actor, serial: str, reason: str, *, now: datetime) -> None:
    """Take a camera out of service for good (rule 10: only after verified offload).

    Raises:
        NotFound: no such camera.
        CameraNotReady: rule 10: footage is not offloaded, or it is held; rule 9: it is neither stock nor quarantined.
    """
    camera = lock_camera(session, serial)
    require_offloaded(session, camera)
    if camera.custody not in _RETIRED_FROM:
        what = f"{serial} is {camera.custody}; what is in stock or quarantined is retired."
        raise CameraNotReady(what, rule=9, found={"custody": str(camera.custody)}, mend="store")
    end_service(session, actor, camera, reason, now=now)


def end_service(session: Session, actor: Actor, camera: CameraNow, reason: str, *, now: datetime) -> None:
    """Retire a camera that the caller holds locked and has checked."""
    put(session, camera, Custody.RETIRED, now=now)
    end_pairings(session, actor, camera, "the camera is retired", Because.DEVICE_RETIRED, now=now)
    session.add(Retirement(camera_id=camera.id, retired_at=now, retired_by=actor.name, reason=reason))
    session.flush()
    audit.record(session, actor, Event.CAMERA_RETIRED, (Subject.CAMERA, camera.serial), at=now, reason=reason)


def sanitise(session: Session, actor: Actor, serial: str, said: Mapping[str, Any], *, now: datetime) -> None:
    """Record that a retired camera was wiped: ``method``, ``certificate``, ``wiped_by``, ``wiped_on``.

    One that came into the register as sanitised gets its certificate by this too.

    Raises:
        NotFound: no such camera.
        Invalid: wiped in the future.
        CameraNotReady: rule 10: footage is not offloaded, or it is held; rule 9: it is not retired, or has its
            certificate already.
    """
    if said["wiped_on"] > local_day(now):
        raise Invalid("It was not wiped later than today.", fields={"wiped_on": ["is in the future"]})
    camera = lock_camera(session, serial)
    require_offloaded(session, camera)
    if camera.custody is Custody.SANITISED:
        row = _uncertified(session, camera)
    else:
        row = _case(session, camera, Custody.RETIRED)
        put(session, camera, Custody.SANITISED, now=now)
    row.sanitised_at, row.sanitised_by = now, actor.name
    _write(session, row, said)
    audit.record(session, actor, Event.CAMERA_SANITISED, (Subject.CAMERA, serial), at=now, **said)


def _uncertified(session: Session, camera: CameraNow) -> Retirement:
    row = _case(session, camera, Custody.SANITISED)
    if row.certificate is not None:
        what = f"{camera.serial} has the certificate {row.certificate}; it stands."
        raise CameraNotReady(what, rule=9, found={"certificate": row.certificate}, mend="nobody")
    return row


def propose(
    session: Session, actor: Actor, serial: str, how: DisposalHow, *, waste_note: str | None, now: datetime
) -> None:
    """Propose how a wiped camera is disposed of. Nothing happens to it until somebody else confirms.

    Raises:
        NotFound: no such camera.
        CameraNotReady: rule 9: it is not sanitised, or has no wipe certificate on record.
        NeedsSecondPerson: it is proposed already.
    """
    camera = lock_camera(session, serial)
    row = _case(session, camera, Custody.SANITISED)
    if row.proposed_by is not None:
        who = _named(row.proposed_by)
        raise NeedsSecondPerson(f"{who} has proposed that already. It waits for a second person.", mend="supervisor")
    if row.certificate is None:
        what = f"No wipe certificate of {serial} is on record; without one it is not disposed of."
        raise CameraNotReady(what, rule=10, found={"certificate": None}, mend="store, by recording the certificate")
    row.proposed_at, row.proposed_by, row.proposed_collar = now, actor.name, actor.collar
    _write(session, row, {"how": how, "waste_note": waste_note})
    facts = {"how": how, "waste_note": waste_note, "certificate": row.certificate}
    audit.record(session, actor, Event.DISPOSAL_PROPOSED, (Subject.CAMERA, serial), at=now, **facts)


def decline(session: Session, actor: Actor, serial: str, reason: str, *, now: datetime) -> None:
    """Take a proposal back, one's own or another's; the camera stays sanitised.

    Raises:
        NotFound, CameraNotReady, NeedsSecondPerson: nothing is proposed.
    """
    row = _proposed(session, lock_camera(session, serial))
    was = row.proposed_by
    cleared: dict[str, Any] = dict.fromkeys(
        ("how", "waste_note", "proposed_at", "proposed_by", "proposed_collar"), None
    )
    _write(session, row, cleared)
    facts = {"proposed_by": was, "reason": reason}
    audit.record(session, actor, Event.DISPOSAL_DECLINED, (Subject.CAMERA, serial), at=now, **facts)


def confirm(session: Session, actor: Actor, serial: str, *, now: datetime) -> None:
    """Confirm as the second person; the camera is disposed of.

    Raises:
        NotFound, CameraNotReady
        NeedsSecondPerson: nothing is proposed, or whoever confirms is whoever proposed.
    """
    camera = lock_camera(session, serial)
    row = _proposed(session, camera)
    if not _is_another(actor, row):
        what = f"{_named(row.proposed_by)} proposed this. A second person, with a sign-in of their own, confirms it."
        raise NeedsSecondPerson(what, found={"proposed_by": row.proposed_by}, mend="another supervisor")
    put(session, camera, Custody.DISPOSED, now=now)
    _write(session, row, {"confirmed_at": now, "confirmed_by": actor.name, "confirmed_collar": actor.collar})
    facts = {"proposed_by": row.proposed_by, "confirmed_by": actor.name, "certificate": row.certificate}
    facts |= {"how": row.how, "waste_note": row.waste_note}
    audit.record(session, actor, Event.DISPOSAL_CONFIRMED, (Subject.CAMERA, serial), at=now, **facts)


def _is_another(actor: Actor, row: Retirement) -> bool:
    """Two sign-ins, of two officers where they belong to officers; the command line is one person at most."""
    if actor.name == row.proposed_by:
        return False
    if actor.collar is not None and actor.collar == row.proposed_collar:
        return False
    is_person = str(row.proposed_by).startswith(("account:", "token:"))
    return is_person or not actor.trusted


def _proposed(session: Session, camera: CameraNow) -> Retirement:
    row = _case(session, camera, Custody.SANITISED)
    if row.proposed_by is None:
        what = f"Nobody has proposed how {camera.serial} is disposed of. One proposes, another confirms."
        raise NeedsSecondPerson(what, mend="supervisor")
    return row


def _case(session: Session, camera: CameraNow, stage: Custody) -> Retirement:
    """The camera's retirement at a stage. One that came into the register as retired begins its story here."""
    if camera.custody is not stage:
        what = f"{camera.serial} is {camera.custody.replace('_', ' ')}, not {stage}."
        raise CameraNotReady(what, rule=9, found={"custody": str(camera.custody)}, mend="store")
    row = session.scalars(sa.select(Retirement).where(Retirement.camera_id == camera.id).with_for_update()).first()
    if row is None:
        row = Retirement(camera_id=camera.id, retired_at=camera.custody_at, reason="not on record")
        session.add(row)
    return row


def _write(session: Session, row: Retirement, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        setattr(row, name, value)
    session.flush()


def _named(actor: str | None) -> str:
    return (actor or "Somebody").partition(":")[2] or (actor or "Somebody")
