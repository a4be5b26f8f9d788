"""The keys that the service signs with: made by a command, kept encrypted, rotated with overlap.

An authority key signs devices' credentials and what they are told to trust; a permit key signs permits and orders.
"""

import base64
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ble.protocol.cose import PrivateKey, PublicKey
from ble.protocol.credentials import KEYS_LIMIT
from fleet import audit
from fleet.actors import Actor
from fleet.audit import Event, Subject
from fleet.db import row_dict
from fleet.errors import Conflict, NotFound
from fleet.pairings.models import AuthorityKey
from fleet.pairings.states import KeyUse
from fleet.tasers import identities
from fleet.vault import SecretLost, Vault

# What a vault of these keys is for.
PURPOSE = "device authority"
_LOCK = 0x6B_65_79_73


class NoKeys(Conflict):
    """The service has nothing to sign with."""


@dataclass(frozen=True)
class Keyring:
    """The keys of one use: the one that signs, and every one that devices are told to trust, the newest last."""

    signing: PrivateKey
    trusted: tuple[PublicKey, ...]


def make(session: Session, actor: Actor, use: KeyUse, *, vault: Vault, now: datetime) -> str:
    """Make a key and answer its id. Devices trust it from their next contact on, the ones before it as well.

    It signs at once when it is the first; later ones when those before them are retired, so that no device meets a
    signature by a key that it has not been told of.

    Raises:
        Conflict: as many are trusted as a device has room for. Retire one.
    """
    session.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    if len(listed_of(session, use)) >= KEYS_LIMIT:
        raise Conflict(f"Devices have room for {KEYS_LIMIT} {use} keys. Retire one first.", mend="admin")
    key = PrivateKey.generate()
    kept = vault.locked(base64.b64encode(key.secret).decode())
    public = key.public.encode()
    session.add(AuthorityKey(use=use, key_id=key.public.id, public_key=public, secret=kept, created_at=now))
    session.flush()
    number = identities.changed(session, f"a new {use} key", now=now)
    name = key.public.id.hex()
    audit.record(session, actor, Event.AUTHORITY_KEY_MADE, _about(name), at=now, use=use, epoch=number)
    return name


def retire(session: Session, actor: Actor, name: str, *, last_trust: bytes | None, now: datetime) -> None:
    """Trust a key no longer, and forget its secret. From then on the next oldest signs.

    ``last_trust`` is what it signed last, for devices that know no later key. ``trust.retire`` makes it.

    Raises:
        NotFound: there is no such key in use.
        Conflict: it is the only one of its use.
    """
    session.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    found = session.scalars(_named(name)).one_or_none()
    if found is None:
        raise NotFound(f"There is no key {name} in use.")
    if len(listed_of(session, found.use)) == 1:
        raise Conflict(f"{name} is the only {found.use} key. Make another first.", mend="admin")
    found.retired_at, found.secret, found.last_trust = now, None, last_trust
    session.flush()
    number = identities.changed(session, f"a {found.use} key was retired", now=now)
    audit.record(session, actor, Event.AUTHORITY_KEY_RETIRED, _about(name), at=now, use=found.use, epoch=number)


def _about(name: str) -> tuple[Subject, str]:
    return Subject.AUTHORITY_KEY, name


def _named(name: str) -> sa.Select[AuthorityKey]:
    try:
        key_id = bytes.fromhex(name)
    except ValueError:
        key_id = b""
    live = sa.select(AuthorityKey).where(AuthorityKey.key_id == key_id, AuthorityKey.retired_at.is_(None))
    return live.with_for_update()


def listed_of(session: Session, use: KeyUse) -> list[AuthorityKey]:
    """The keys of a use that are trusted, the oldest, which signs, first."""
    statement = sa.select(AuthorityKey).where(AuthorityKey.use == use, AuthorityKey.retired_at.is_(None))
    return list(session.scalars(statement.order_by(AuthorityKey.id)))


def keyring(session: Session, use: KeyUse, vault: Vault) -> Keyring:
    """The keys of one use. The oldest that is not retired signs: every device has been told of it.

    Raises:
        NoKeys: there is none yet, or it was encrypted under another secret key of the service's.
    """
    live = listed_of(session, use)
    if not live or live[0].secret is None:
        raise NoKeys(f"The service has no {use} key. Make one: flask --app wsgi pairing-keys make {use}", mend="admin")
    try:
        secret = base64.b64decode(vault.opened(live[0].secret))
    except SecretLost as error:
        lost = f"The {use} key cannot be read: FLEET_SECRET_KEY is another one than when it was made."
        raise NoKeys(lost, mend="admin") from error
    return Keyring(PrivateKey(secret), tuple(PublicKey.decode(key.public_key) for key in live))


def last_trusts(session: Session) -> list[bytes]:
    """What retired authority keys signed last, the oldest first."""
    statement = sa.select(AuthorityKey.last_trust).where(AuthorityKey.last_trust.is_not(None))
    return [kept for kept in session.scalars(statement.order_by(AuthorityKey.id)) if kept is not None]


def use_of(session: Session, name: str) -> KeyUse | None:
    """What a key in use signs; None where there is no such key."""
    found = session.scalars(_named(name)).one_or_none()
    return None if found is None else found.use


def ever(session: Session, use: KeyUse) -> list[PublicKey]:
    """Every key of a use that there is or was."""
    statement = sa.select(AuthorityKey.public_key).where(AuthorityKey.use == use).order_by(AuthorityKey.id)
    return [PublicKey.decode(key) for key in session.scalars(statement)]


def listed(session: Session) -> list[dict[str, Any]]:
    """Every key there is or was, without its secret, the oldest first."""
    columns = AuthorityKey.use, AuthorityKey.key_id, AuthorityKey.created_at, AuthorityKey.retired_at
    rows = session.execute(sa.select(*columns).order_by(AuthorityKey.id))
    return [row_dict(row) | {"key_id": row.key_id.hex()} for row in rows]
