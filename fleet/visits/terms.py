"""The terms of use that officers acknowledge. Versions are numbered from 1 and only added."""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from fleet import audit
from fleet.actors import Actor
from fleet.audit import Event, Subject
from fleet.auth.permissions import Permission, require
from fleet.db import Prepared
from fleet.errors import Invalid, NotFound, Stale
from fleet.paging import Page, Paging
from fleet.visits.models import Terms

LONGEST = 20_000
# What the version's column holds.
HIGHEST = 2**31 - 1
# Between the moment that somebody chose and the one at which it arrives here, clocks and networks pass some time.
_LEEWAY = timedelta(minutes=5)

_ROWS = sa.select(
    Terms.version, Terms.text, sa.func.encode(Terms.sha256, "hex").label("sha256"), Terms.valid_from,
    Terms.published_at, Terms.published_by,
)  # fmt: skip
_PRESENT = Prepared(
    _ROWS.where(Terms.valid_from <= sa.bindparam("now", type_=sa.DateTime(timezone=True)))
    .order_by(Terms.version.desc())
    .limit(1)
)


def present(session: Session, *, now: datetime) -> dict[str, Any] | None:
    """The version that is in force, or None where there is none yet."""
    return _PRESENT.one(session, now=now)


def get(session: Session, version: int) -> dict[str, Any]:
    """One version.

    Raises:
        NotFound
    """
    row = session.execute(_ROWS.where(Terms.version == min(version, HIGHEST))).one_or_none()
    if row is None or row.version != version:
        raise NotFound(f"There is no version {version} of the terms.", found={"version": version})
    return dict(row._mapping)


def find(session: Session, paging: Paging) -> Page:
    """Every version, the newest first."""
    return paging.newest_first(session, _ROWS, Terms.version)


def newest(session: Session) -> int:
    """The number of the newest version, in force or not yet; 0 where there is none."""
    return session.scalars(sa.select(sa.func.coalesce(sa.func.max(Terms.version), 0))).one()


def publish(session: Session, actor: Actor, values: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    """Add a version: ``text``, ``valid_from`` (None for now), and ``after``, the newest version its author had seen.

    Raises:
        Invalid: it says nothing, or would be in force in the past or before an earlier version.
        Stale: somebody has published another version meanwhile.
    """
    require(actor, Permission.TERMS_EDIT)
    text, after = _checked(values["text"]), values["after"]
    valid_from = _valid_from(values.get("valid_from"), now)
    before = session.scalars(sa.select(Terms).order_by(Terms.version.desc()).limit(1)).one_or_none()
    if (before.version if before else 0) != after:
        raise _published_meanwhile()
    if before is not None and valid_from < before.valid_from:
        problem = f"It would be in force before version {before.version} is."
        raise Invalid(problem, fields={"valid_from": [problem]})
    row = Terms(
        version=after + 1, text=text, sha256=hashlib.sha256(text.encode()).digest(), valid_from=valid_from,
        published_at=now, published_by=actor.name,
    )  # fmt: skip
    _add(session, row)
    subject, sha256 = (Subject.TERMS, str(row.version)), row.sha256.hex()
    audit.record(session, actor, Event.TERMS_PUBLISHED, subject, at=now, valid_from=valid_from, sha256=sha256)
    return get(session, row.version)


def _add(session: Session, row: Terms) -> None:
    # Of two who publish after the same version the database lets one through.
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError as error:
        raise _published_meanwhile() from error


def _published_meanwhile() -> Stale:
    return Stale("Another version was published since you read the terms. Read it, then decide.")


def _checked(text: str | None) -> str:
    # Browsers send line ends of their own; the hash is of what is kept.
    text = (text or "").replace("\r\n", "\n").strip()
    if not text:
        raise Invalid("The terms say nothing.", fields={"text": ["The terms say nothing."]})
    return text


def _valid_from(wanted: datetime | None, now: datetime) -> datetime:
    if wanted is None:
        return now
    if wanted < now - _LEEWAY:
        raise Invalid("Terms are not made for the past.", fields={"valid_from": ["Terms are not made for the past."]})
    return max(wanted, now)


def shown(session: Session, version: int | None, *, now: datetime) -> tuple[int, bytes] | None:
    """The version that somebody was shown, with its hash; None where a force has no terms.

    An act that waited for the network may come when a newer version is in force already.

    Raises:
        Invalid: there are terms and none were shown, or that version is not or not yet in force.
    """
    if version is None:
        if present(session, now=now) is None:
            return None
        problem = "Say which version of the terms was shown."
        raise Invalid(problem, fields={"terms": [problem]})
    statement = sa.select(Terms.version, Terms.sha256).where(Terms.version == version, Terms.valid_from <= now)
    row = session.execute(statement).one_or_none()
    if row is None:
        problem = f"There is no version {version} of the terms in force."
        raise Invalid(problem, fields={"terms": [problem]})
    return row.version, row.sha256


def in_force(session: Session, *, now: datetime) -> int | None:
    """The number of the version in force, or None."""
    row = present(session, now=now)
    return row["version"] if row else None
