"""Giving a device its credential: it is in the armourer's hands, and says what its keys and levels are."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ble.protocol import levels
from ble.protocol.credentials import Credential, Kind
from fleet.actors import Actor
from fleet.audit import Subject
from fleet.cameras.service import record_levels
from fleet.errors import Conflict, Invalid
from fleet.pairings import jobs, keys, trust
from fleet.pairings.jobs import Locked
from fleet.pairings.models import Station
from fleet.pairings.states import JobKind, KeyUse
from fleet.pairings.stations import Keys, public_keys
from fleet.tasers import identities
from fleet.tasers import service as tasers
from fleet.tasers.models import DeviceIdentity
from fleet.tasers.states import DeviceKind
from fleet.vault import Vault

# A device is at an armoury or in a dock far more often; one that is not for a year is commissioned anew.
CREDENTIAL_LASTS = timedelta(days=365)


@dataclass(frozen=True)
class Claimed:
    """What a device says of itself when it is commissioned. ``serial`` is of the part that holds its keys."""

    device: DeviceKind
    serial: str
    keys: Keys
    levels: Mapping[str, Any]


def commission(
    session: Session, actor: Actor, station: Station, number: int, claimed: Claimed, *, vault: Vault, now: datetime
) -> tuple[bytes, trust.Told]:
    """Give a device a credential and what to trust; asked again with the same keys, the same credential.

    What the device was known by before counts no longer.

    Raises:
        NotFound
        Conflict: this is no job to commission it, or it has ended.
        Invalid: it is another device than was scanned; or its keys are none, or another device's.
    """
    found = jobs.lock(session, number, station)
    jobs.require_leased(found.job)
    if found.job.kind is not JobKind.COMMISSION:
        raise Conflict(f"Job {number} commissions nothing.", found={"kind": str(found.job.kind)})
    about = _about(found, claimed)
    held = sa.select(DeviceIdentity).where(DeviceIdentity.agreement_key == claimed.keys.agreement)
    identity = session.scalars(held).one_or_none()
    if identity is None:
        identity = _issue(session, claimed, vault, now)
        identities.add(session, actor, identity, about=about, now=now)
    elif (identity.kind, identity.serial, identity.revoked_at) != (claimed.device, claimed.serial, None):
        taken = "These keys are another device's, or were revoked. Let the device make new ones."
        raise Invalid(taken, fields={"agreement_key": [taken]})
    _keep_levels(session, actor, found, claimed, now)
    return identity.credential, trust.told(session, vault=vault, now=now)


def _about(found: Locked, claimed: Claimed) -> tuple[Subject, str]:
    """What the log calls the device; it must be the one that was scanned."""
    if claimed.device is DeviceKind.TASER and found.taser is not None and claimed.serial == found.taser.sppm:
        return Subject.TASER, found.taser.serial
    if claimed.device is DeviceKind.CAMERA and found.camera is not None and claimed.serial == found.camera.serial:
        return Subject.CAMERA, found.camera.serial
    what = "This is not the device that was scanned."
    raise Invalid(what, fields={"serial": [what]})


def _issue(session: Session, claimed: Claimed, vault: Vault, now: datetime) -> DeviceIdentity:
    agreement, signing = public_keys(claimed.keys)
    until = now + CREDENTIAL_LASTS
    encryption = claimed.levels.get("encryption")
    credential = Credential(
        kind=Kind(claimed.device),
        serial=claimed.serial,
        agreement=agreement,
        signing=signing,
        issued_at=int(now.timestamp()),
        expires_at=int(until.timestamp()),
        encryption=levels.Encryption(encryption) if encryption is not None else None,
        bluetooth=levels.Bluetooth(claimed.levels["bluetooth"]),
        firmware=claimed.levels.get("firmware") or "",
    )
    return DeviceIdentity(
        kind=claimed.device,
        serial=claimed.serial,
        agreement_key=claimed.keys.agreement,
        signing_key=claimed.keys.signing,
        key_ids=[agreement.id, signing.id],
        credential=credential.issue(keys.keyring(session, KeyUse.AUTHORITY, vault).signing),
        issued_at=now,
        expires_at=until,
    )


def _keep_levels(session: Session, actor: Actor, found: Locked, claimed: Claimed, now: datetime) -> None:
    said = dict(claimed.levels)
    if found.taser is not None:
        said.pop("encryption", None)
        tasers.record_levels(session, actor, found.taser.serial, said, now=now)
    elif found.camera is not None:
        record_levels(session, actor, found.camera.serial, said, now=now)
