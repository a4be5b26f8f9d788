"""Orders to part: how a device learns that a pairing it holds has ended."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ble.protocol.permits import Permit, UnpairOrder
from ble.protocol.reports import Report
from fleet.pairings import keys
from fleet.pairings.states import JobKind, KeyUse
from fleet.tasers.models import Pairing
from fleet.tasers.pairings import PairingStands
from fleet.tasers.states import STANDING, PairingState
from fleet.vault import Vault

_MOST_ORDERS = 50
# In which the service has both devices' word that they hold the pair's keys.
HELD = STANDING | {PairingState.SUSPENDED}


def stale(session: Session, report: Report, vault: Vault, now: datetime) -> list[bytes]:
    """Orders to forget what a device holds and the service does not know as standing."""
    held = [one.pairing for one in report.held]
    known = sa.select(Pairing.radio_id).where(Pairing.radio_id.in_(held), Pairing.state.in_(HELD))
    standing = set(session.scalars(known)) if held else set()
    return sign_orders(session, [one for one in held if one not in standing], "not known to stand", vault, now=now)


def sign_orders(session: Session, radio_ids: list[bytes], reason: str, vault: Vault, *, now: datetime) -> list[bytes]:
    """Orders to forget pairings, as devices believe them."""
    if not radio_ids:
        return []
    signer = keys.keyring(session, KeyUse.PERMIT, vault).signing
    began = int(now.timestamp())
    return [UnpairOrder(one, began, reason).issue(signer) for one in radio_ids]


def orders_of(session: Session, pairing: Pairing, vault: Vault, *, now: datetime) -> list[bytes]:
    """The orders to forget one revoked pairing, under every name that a device may know it by."""
    names = {pairing.radio_id, _permit_id(session, pairing)} - {None}
    known = [name for name in names if name is not None]
    return sign_orders(session, sorted(known), str(pairing.because or ""), vault, now=now)


def orders_for_camera(session: Session, camera_id: int, vault: Vault, *, now: datetime) -> list[bytes]:
    """The orders for a camera that lies in a dock, the newest fifty."""
    gone = sa.select(Pairing).where(Pairing.camera_id == camera_id, Pairing.state == PairingState.REVOKED)
    newest = gone.where(Pairing.permit.is_not(None)).order_by(Pairing.id.desc()).limit(_MOST_ORDERS)
    return [order for one in session.scalars(newest) for order in orders_of(session, one, vault, now=now)]


def _permit_id(session: Session, pairing: Pairing) -> bytes | None:
    return None if pairing.permit is None else permit_of(session, pairing).id


def permit_of(session: Session, pairing: Pairing) -> Permit:
    if pairing.permit is None:
        raise PairingStands(f"Pairing {pairing.id} was never permitted.", mend="armourer")
    # Its signer may be retired by now; that the service itself signed it is why it is in the database.
    return Permit.read(pairing.permit, keys.ever(session, KeyUse.PERMIT))


def orders_of_job(session: Session, job: Mapping[str, Any], vault: Vault, *, now: datetime) -> list[bytes]:
    """The orders that go with a job: those of an unpair job."""
    if job["kind"] is not JobKind.UNPAIR:
        return []
    return orders_of(session, session.get_one(Pairing, job["pairing"]), vault, now=now)


def unfinished(session: Session, number: int | None) -> list[bytes]:
    """What a pairing was permitted as and has no receipts for: devices that hold it may finish it, and no other."""
    pairing = session.get(Pairing, number) if number is not None else None
    if pairing is None or pairing.permit is None or pairing.state is PairingState.REVOKED:
        return []
    permitted = permit_of(session, pairing).id
    return [] if permitted == pairing.radio_id else [permitted]
