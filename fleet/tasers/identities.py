"""What devices are known by: their credentials, and the list of those that count no longer."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet import audit
from fleet.actors import Actor
from fleet.audit import Event, Subject
from fleet.tasers.models import DeviceIdentity, TrustChange
from fleet.tasers.states import DeviceKind

# Two changes at once wait for each other, so that epochs are committed in their order.
_LOCK = 0x65_70_6F_63_68


def epoch(session: Session) -> int:
    """How often what devices are told to trust has changed."""
    return session.scalar(sa.select(sa.func.coalesce(sa.func.max(TrustChange.epoch), 0))) or 0


def epoch_began(session: Session) -> datetime | None:
    """Since when nothing has changed."""
    return session.scalar(sa.select(TrustChange.at).order_by(TrustChange.epoch.desc()).limit(1))


def changed(session: Session, reason: str, *, now: datetime) -> int:
    """Raise the epoch, so that devices take what they are told next for newer, and answer it."""
    session.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    number = epoch(session) + 1
    session.add(TrustChange(epoch=number, at=now, reason=reason))
    session.flush()
    return number


def revoked_keys(session: Session, *, now: datetime) -> list[bytes]:
    """The ids of every key that counts no longer and whose credential has not run out by itself, in a fixed order."""
    gone = sa.select(DeviceIdentity.key_ids).where(
        DeviceIdentity.revoked_at.is_not(None), DeviceIdentity.expires_at > now
    )
    return sorted(key for keys in session.scalars(gone) for key in keys)


def revoke(
    session: Session,
    actor: Actor,
    kind: DeviceKind,
    serial: str,
    reason: str,
    *,
    about: tuple[Subject, str],
    now: datetime,
) -> int:
    """Make every credential of a device count no longer, for good, and answer how many. ``about`` is for the log."""
    theirs = DeviceIdentity.kind == kind, DeviceIdentity.serial == serial
    standing = sa.select(DeviceIdentity).where(*theirs, DeviceIdentity.revoked_at.is_(None))
    found = session.scalars(standing.order_by(DeviceIdentity.id).with_for_update()).all()
    if not found:
        return 0
    for identity in found:
        identity.revoked_at = now
    number = changed(session, reason, now=now)
    keys = [key.hex() for identity in found for key in identity.key_ids]
    audit.record(session, actor, Event.DEVICE_REVOKED, about, at=now, reason=reason, keys=keys, epoch=number)
    return len(found)


def add(session: Session, actor: Actor, identity: DeviceIdentity, *, about: tuple[Subject, str], now: datetime) -> None:
    """Keep a new credential; one that the device had before counts no longer, since a device has one."""
    newer = "replaced by a newer credential"
    replaced = revoke(session, actor, identity.kind, identity.serial, newer, about=about, now=now)
    session.add(identity)
    session.flush()
    facts: dict[str, Any] = {"keys": [key.hex() for key in identity.key_ids], "expires_at": identity.expires_at}
    facts |= {"holder": identity.serial, "replaced": replaced or None}
    audit.record(session, actor, Event.DEVICE_COMMISSIONED, about, at=now, **facts)


def current(session: Session, kind: DeviceKind, serial: str, *, now: datetime) -> DeviceIdentity | None:
    """The credential of a device that counts now, or None."""
    theirs = DeviceIdentity.kind == kind, DeviceIdentity.serial == serial
    live = sa.select(DeviceIdentity).where(
        *theirs, DeviceIdentity.revoked_at.is_(None), DeviceIdentity.expires_at > now
    )
    return session.scalars(live.order_by(DeviceIdentity.id.desc()).limit(1)).first()
