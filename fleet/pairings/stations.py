"""Stations: registered by IT, enrolled by a one-time code, known by a short-lived credential, revoked when stolen."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ble.protocol.cose import BadKey, PublicKey
from ble.protocol.credentials import Credential, Kind
from fleet import audit
from fleet.actors import Actor, Role
from fleet.audit import Event, Subject
from fleet.auth import accounts, secret
from fleet.db import AnySelect, row_dict
from fleet.errors import Conflict, Evidence, Forbidden, Invalid, NotFound
from fleet.paging import Page, Paging, capped_count
from fleet.pairings import jobs, keys, trust
from fleet.pairings.models import Station, StationToken
from fleet.pairings.states import KeyUse, StationState
from fleet.sites.models import Site
from fleet.sites.service import SITES
from fleet.tasers import identities
from fleet.tasers.models import DeviceIdentity
from fleet.tasers.states import DeviceKind
from fleet.vault import Vault

CODE_LASTS = timedelta(minutes=15)
CREDENTIAL_LASTS = timedelta(hours=24)
# A station that was off for a weekend comes back by itself; one that is off for longer is enrolled anew.
TOKEN_LASTS = timedelta(days=7)
# Nothing that is misread, and 100 random bits.
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_GROUPS, _GROUP = 4, 5
_NOTED_EVERY = timedelta(seconds=30)


@dataclass(frozen=True)
class Enrolled:
    """What a station is given: its bearer token, told this once, its credential, and what to trust."""

    name: str
    token: str
    credential: bytes
    credential_until: datetime
    told: trust.Told


@dataclass(frozen=True)
class Keys:
    """A station's two public keys, as COSE_Key."""

    agreement: bytes
    signing: bytes


def register(session: Session, actor: Actor, values: Mapping[str, Any], *, now: datetime) -> str:
    """Add a station by ``name`` and ``site``, and answer its enrolment code, which is told this once.

    Raises:
        Invalid: there is no such site.
        Conflict: the name is taken.
    """
    code = _new_code()
    row = Station(
        name=values["name"],
        site_id=SITES.id_of(session, values.get("site"), "site"),
        code_hash=_digest(code),
        code_until=now + CODE_LASTS,
        created_at=now,
        created_by=actor.name,
    )
    try:
        with session.begin_nested():
            session.add(row)
            session.flush()
    except IntegrityError as error:
        raise Conflict(f"Another station is called {values['name']}.", found={"taken": "name"}) from error
    audit.record(session, actor, Event.STATION_REGISTERED, _about(row), at=now, site=values.get("site"))
    return code


def new_code(session: Session, actor: Actor, name: str, *, now: datetime) -> str:
    """Another enrolment code, told this once, for a station that missed its first or was off for too long.

    Raises:
        NotFound
        Conflict: it is revoked, which is for good.
    """
    row = lock(session, name)
    _require_standing(row)
    code = _new_code()
    row.code_hash, row.code_until = _digest(code), now + CODE_LASTS
    row.version += 1
    audit.record(session, actor, Event.STATION_CODE_MADE, _about(row), at=now)
    return code


def _require_standing(row: Station) -> None:
    if row.revoked_at is not None:
        what = f"{row.name} is revoked, and that is for good. Register it under another name."
        raise Conflict(what, found={"revoked_at": row.revoked_at.isoformat()}, mend="it")


def enrol(session: Session, actor: Actor, code: str, given: Keys, *, vault: Vault, now: datetime) -> Enrolled:
    """Make a station known by its code, which is used up.

    Raises:
        Forbidden: the code is not known, used, or over. The log keeps it.
        Invalid: these are no keys.
        NoKeys: the service has no keys yet.
    """
    found = sa.select(Station).where(Station.code_hash == _digest(code)).with_for_update()
    row = session.scalars(found).one_or_none()
    if row is None or row.revoked_at is not None or row.code_until is None or row.code_until <= now:
        name = row.name if row is not None else "unknown"
        what = "This enrolment code is not known, was used, or is over. Ask IT for another."
        raise Forbidden(what, mend="it", evidence=Evidence(Event.STATION_ENROL_REFUSED, Subject.STATION, name))
    row.code_hash, row.code_until, row.enrolled_at = None, None, now
    return _equip(session, actor, row, given, Event.STATION_ENROLLED, vault=vault, now=now)


def renew(session: Session, actor: Actor, given: Keys, *, vault: Vault, now: datetime) -> Enrolled:
    """A new credential and a new token for a station that is known. The token it used stays good until its own end.

    Raises:
        NotFound: the token is no station's.
        Invalid: these are no keys.
    """
    row = session.get(Station, of_actor(session, actor).id, with_for_update=True, populate_existing=True)
    assert row is not None  # noqa: S101 - stations are never deleted
    return _equip(session, actor, row, given, Event.STATION_RENEWED, vault=vault, now=now)


def _equip(
    session: Session, actor: Actor, row: Station, given: Keys, event: Event, *, vault: Vault, now: datetime
) -> Enrolled:
    until = now + CREDENTIAL_LASTS
    held = _identity(session, row, given, vault=vault, now=now, until=until)
    row.credential_until, row.last_seen_at = until, now
    row.version += 1
    as_service = Actor(f"station:{row.name}", trusted=True)
    name = f"station-{row.id}-{secrets.token_hex(4)}"
    token = accounts.create_token(session, as_service, name=name, role=Role.STATION, lasts=TOKEN_LASTS, now=now)
    session.add(StationToken(token=name, station_id=row.id))
    identities.add(session, as_service, held, about=_about(row), now=now)
    keys_of = [key.hex() for key in held.key_ids]
    audit.record(session, actor, event, _about(row), at=now, keys=keys_of, until=until, token=name)
    return Enrolled(row.name, token, held.credential, until, trust.told(session, vault=vault, now=now))


def _identity(
    session: Session, row: Station, given: Keys, *, vault: Vault, now: datetime, until: datetime
) -> DeviceIdentity:
    agreement, signing = public_keys(given)
    authority = keys.keyring(session, KeyUse.AUTHORITY, vault)
    began, ends = int(now.timestamp()), int(until.timestamp())
    credential = Credential(Kind.STATION, row.name, agreement, signing, began, ends)
    return DeviceIdentity(
        kind=DeviceKind.STATION,
        serial=row.name,
        agreement_key=given.agreement,
        signing_key=given.signing,
        key_ids=[agreement.id, signing.id],
        credential=credential.issue(authority.signing),
        issued_at=now,
        expires_at=until,
    )


def public_keys(given: Keys) -> tuple[PublicKey, PublicKey]:
    """A device's agreement and signing key.

    Raises:
        Invalid: they are no keys on P-256, or one and the same.
    """
    found = []
    for name, key in (("agreement_key", given.agreement), ("signing_key", given.signing)):
        try:
            found.append(PublicKey.decode(key))
        except BadKey as error:
            raise Invalid("This is no key.", fields={name: [f"This is no key: {error}."]}) from error
    agreement, signing = found
    if agreement == signing:
        raise Invalid("A key has one purpose.", fields={"signing_key": ["This is the agreement key too."]})
    return agreement, signing


def revoke(session: Session, actor: Actor, name: str, reason: str | None, *, now: datetime) -> None:
    """Make a station useless at once and for good: its tokens, its credential, its code and what it was doing.

    Raises:
        NotFound
        Invalid: there is no reason.
    """
    if not reason:
        raise Invalid("Say why.", fields={"reason": ["Say why."]})
    row = lock(session, name)
    if row.revoked_at is not None:
        return
    row.revoked_at, row.revoke_reason, row.code_hash, row.code_until = now, reason, None, None
    row.version += 1
    session.flush()
    for token in session.scalars(sa.select(StationToken.token).where(StationToken.station_id == row.id)):
        accounts.revoke_token(session, actor, token, now=now)
    identities.revoke(session, actor, DeviceKind.STATION, row.name, reason, about=_about(row), now=now)
    jobs.give_back(session, row.id)
    audit.record(session, actor, Event.STATION_REVOKED, _about(row), at=now, reason=reason)


def _about(row: Station) -> tuple[Subject, str]:
    return Subject.STATION, row.name


def _new_code() -> str:
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP)) for _ in range(_GROUPS))


def _digest(code: str) -> bytes:
    return secret.digest(code.strip().upper())


def of_actor(session: Session, actor: Actor) -> Station:
    """The station whose token this is.

    Raises:
        NotFound: it is no station's: such a token was made by hand, and no station was enrolled with it.
    """
    whose = sa.select(Station).join(StationToken, StationToken.station_id == Station.id)
    mine = whose.where(StationToken.token == actor.name.removeprefix("token:"), Station.revoked_at.is_(None))
    row = session.scalars(mine).one_or_none()
    if row is None:
        raise NotFound("This token belongs to no enrolled station.", mend="it")
    return row


def note_seen(session: Session, station: Station, *, now: datetime) -> None:
    """Note that a station asked, now and then: its version stays."""
    if station.last_seen_at is None or now - station.last_seen_at > _NOTED_EVERY:
        session.execute(sa.update(Station).where(Station.id == station.id).values(last_seen_at=now))


def lock(session: Session, name: str) -> Station:
    """The station, locked until the caller's transaction ends.

    Raises:
        NotFound
    """
    row = session.scalars(sa.select(Station).where(Station.name == name).with_for_update()).one_or_none()
    if row is None:
        raise NotFound(f"There is no station {name}.", found={"station": name})
    return row


def chosen(session: Session, name: str | None, site_id: int | None, *, now: datetime) -> int | None:
    """The station that is to do a job: the one named, else the only one at the Taser's site, or the only one at all.

    None is whichever asks first.

    Raises:
        Invalid: there is no such station, or it is revoked.
    """
    standing = sa.select(Station.id, Station.name, Station.site_id).where(Station.revoked_at.is_(None))
    if name is not None:
        found = session.execute(standing.where(Station.name == name)).one_or_none()
        if found is None:
            what = f"There is no station {name}, or it is revoked."
            raise Invalid(what, fields={"station": [what]})
        return int(found.id)
    enrolled = session.execute(standing.where(Station.credential_until > now).limit(200)).all()
    here = [one.id for one in enrolled if site_id is not None and one.site_id == site_id]
    for few in (here, [one.id for one in enrolled]):
        if len(few) == 1:
            return int(few[0])
    return None


def names(session: Session, *, now: datetime) -> list[tuple[str, str]]:
    """The stations that can do something now, as a form's choice."""
    able = sa.select(Station.name).where(Station.revoked_at.is_(None), Station.credential_until > now)
    return [(name, name) for name in session.scalars(able.order_by(Station.name).limit(200))]


def state_in_sql(now: datetime) -> sa.ColumnElement[str]:
    """Which of the states a station is in."""
    return sa.case(
        (Station.revoked_at.is_not(None), StationState.REVOKED.value),
        (Station.enrolled_at.is_(None), StationState.WAITING.value),
        (Station.credential_until <= now, StationState.EXPIRED.value),
        else_=StationState.ENROLLED.value,
    )


def _rows(now: datetime) -> AnySelect:
    columns = [
        Station.id, Station.name, Site.code.label("site"), state_in_sql(now).label("state"), Station.code_until,
        Station.enrolled_at, Station.credential_until, Station.last_seen_at, Station.revoked_at,
        Station.revoke_reason, Station.created_at, Station.version,
    ]  # fmt: skip
    return sa.select(*columns).join(Site, Site.id == Station.site_id, isouter=True)


SORTS: dict[str, list[Any]] = {"name": [Station.name]}


def find(
    session: Session,
    filters: Mapping[str, Any],
    paging: Paging,
    *,
    now: datetime,
    sort: str = "name",
    descending: bool = False,
) -> Page:
    """Stations by ``state`` and ``site``, in order of name."""
    return paging.page(session, _rows(now).where(*_of(filters, now)), SORTS[sort], descending=descending)


def count(session: Session, filters: Mapping[str, Any], *, now: datetime) -> int:
    """How many ``find`` has."""
    return capped_count(session, _rows(now).where(*_of(filters, now)))


def _of(filters: Mapping[str, Any], now: datetime) -> list[sa.ColumnElement[bool]]:
    found = [state_in_sql(now) == str(filters["state"])] if filters.get("state") is not None else []
    if filters.get("site") is not None:
        found.append(Site.code == filters["site"])
    return found


def get(session: Session, name: str, *, now: datetime) -> dict[str, Any]:
    """One station as plain data.

    Raises:
        NotFound
    """
    row = session.execute(_rows(now).where(Station.name == name)).one_or_none()
    if row is None:
        raise NotFound(f"There is no station {name}.", found={"station": name})
    return row_dict(row)
