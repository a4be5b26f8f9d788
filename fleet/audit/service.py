"""Writing to the log, and finding in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from psycopg.types.json import Jsonb
from sqlalchemy.orm import Session

from fleet.actors import Actor
from fleet.audit.events import Event, Subject
from fleet.audit.models import AuditEntry, AuditSeal
from fleet.clock import iso
from fleet.db import AnySelect, Prepared, row_dict
from fleet.errors import FleetError, NotFound
from fleet.paging import Page, Paging, capped_count

ENTRY = AuditEntry.__table__
_COLUMNS = ("at", "actor", "role", "event", "subject_kind", "subject_key", "officer", "facts")
_INSERT = Prepared(
    sa.insert(AuditEntry).values({name: sa.bindparam(name) for name in _COLUMNS}).returning(AuditEntry.id)
)


def record(
    session: Session,
    actor: Actor,
    event: Event,
    subject: tuple[Subject, str],
    *,
    at: datetime,
    officer: str | None = None,
    **facts: Any,
) -> int:
    """Append one entry in the caller's transaction and answer its number. Facts that are None are left out.

    The log is in the order in which the service learnt of things: what an actor did before that has its own instant
    among the facts, as ``made_at``.
    """
    if (late := actor.late) is not None:
        facts |= {"made_at": at, "act": late.act, "sent_by": late.sent_by}
        at = late.received_at
    row = _INSERT.one(
        session,
        at=at,
        actor=actor.name,
        role=actor.role and str(actor.role),
        event=str(event),
        subject_kind=str(subject[0]),
        subject_key=subject[1],
        officer=officer,
        facts=Jsonb(plain(facts)),
    )
    assert row is not None  # noqa: S101 - an insert answers its row or raises
    number: int = row["id"]
    return number


def record_refusal(session: Session, actor: Actor, error: FleetError, *, at: datetime) -> None:
    """Log a refusal, if it is evidence."""
    evidence = error.evidence
    if evidence is None:
        return
    record(
        session,
        actor,
        Event(evidence.event),
        (Subject(evidence.subject_kind), evidence.subject_key),
        at=at,
        officer=evidence.officer,
        rule=error.rule,
        detail=error.detail,
        found=error.found or None,
    )


@dataclass(frozen=True)
class Entry:
    """One entry of many: what happened to what, and to which officer."""

    event: Event
    subject: tuple[Subject, str]
    officer: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


def write(session: Session, actor: Actor, entry: Entry, *, at: datetime) -> int:
    """``record`` of an entry that was made beforehand."""
    return record(session, actor, entry.event, entry.subject, at=at, officer=entry.officer, **entry.facts)


def record_many(session: Session, actor: Actor, entries: Sequence[Entry], *, at: datetime) -> None:
    """Append many entries in the caller's transaction, in their order, as ``record`` would each."""
    late: dict[str, Any] = {}
    if actor.late is not None:
        late = {"made_at": at, "act": actor.late.act, "sent_by": actor.late.sent_by}
        at = actor.late.received_at
    rows = [
        {
            "at": at,
            "actor": actor.name,
            "role": actor.role and str(actor.role),
            "event": entry.event,
            "subject_kind": entry.subject[0],
            "subject_key": entry.subject[1],
            "officer": entry.officer,
            "facts": plain({**entry.facts, **late}),
        }
        for entry in entries
    ]
    if rows:
        session.execute(sa.insert(AuditEntry), rows)


def plain(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts as JSON keeps them: instants in UTC with ``Z``, nothing that is None."""
    return {name: as_json(value) for name, value in facts.items() if value is not None}


def as_json(value: Any) -> Any:
    """A value as JSON keeps it: instants in UTC with ``Z``."""
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, date):
        return value.isoformat()
    return value


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """What differs: field → [was, is], as ``record`` wants it for a change."""
    return {name: [as_json(before[name]), as_json(value)] for name, value in after.items() if before.get(name) != value}


@dataclass(frozen=True)
class Search:
    """What to look for; every part that is None finds everything."""

    event: str | None = None
    actor: str | None = None
    officer: str | None = None
    subject_kind: str | None = None
    subject_key: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def find(session: Session, search: Search, paging: Paging) -> Page:
    """Entries, newest first, each with its place in the sealed log or without one yet."""
    statement = with_places().where(*_conditions(search))
    return paging.newest_first(session, statement, ENTRY.c.id)


def get(session: Session, entry: int) -> dict[str, Any]:
    """One entry as lists show it.

    Raises:
        NotFound: there is none of that number.
    """
    found = session.execute(with_places().where(ENTRY.c.id == entry)).one_or_none()
    if found is None:
        raise NotFound(f"The log has no entry {entry}.")
    return row_dict(found)


def with_places() -> AnySelect:
    """Entries, each with its place or without one."""
    return sa.select(ENTRY, AuditSeal.position).outerjoin(AuditSeal, AuditSeal.entry_id == ENTRY.c.id)


def count(session: Session, search: Search) -> int:
    """How many entries ``find`` has, as far as ``capped_count`` counts."""
    return capped_count(session, sa.select(ENTRY.c.id).where(*_conditions(search)))


def events_since(session: Session, since: datetime) -> dict[str, int]:
    """How often each event happened since an instant."""
    counted = sa.select(ENTRY.c.event, sa.func.count()).where(ENTRY.c.at >= since).group_by(ENTRY.c.event)
    return {str(event): number for event, number in session.execute(counted)}


def _conditions(search: Search) -> list[sa.ColumnElement[bool]]:
    exact = {
        ENTRY.c.event: search.event,
        ENTRY.c.actor: search.actor,
        ENTRY.c.officer: search.officer,
        ENTRY.c.subject_kind: search.subject_kind,
        ENTRY.c.subject_key: search.subject_key,
    }
    found = [column == value for column, value in exact.items() if value is not None]
    if search.since is not None:
        found.append(ENTRY.c.at >= search.since)
    if search.until is not None:
        found.append(ENTRY.c.at < search.until)
    return found
