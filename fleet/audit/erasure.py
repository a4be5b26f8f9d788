"""Erasing personal data from the log by law, without breaking what proves it.

What an entry committed to stays committed to. Of an erased field its value and its salt are destroyed, and so is the
entry's salt, from which every field's came; of the fields that stand their own salts are kept. A commitment whose salt
is gone tells nothing: whoever tries every collar number there is would have to try every salt as well.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa
from psycopg.types.json import Jsonb
from sqlalchemy.orm import Session

from fleet.actors import Actor
from fleet.audit.events import Event, Subject
from fleet.audit.service import record
from fleet.audit.tree import ENTRY, LEAF_COLUMNS, committed_of, secrets_of
from fleet.db import Prepared
from fleet.errors import Conflict, Invalid
from tlog.leaf import PERSONAL, field_salt

ERASED: Final = "[erased]"
_AT_ONCE = 2_000
_MARKERS: Final[dict[str, Any]] = {"actor": ERASED, "officer": ERASED, "subject_key": ERASED}
_ERASE = Prepared(
    sa.text(  # type: ignore[arg-type]
        """UPDATE audit_entry SET salt = NULL, erased = :erased, actor = :actor, officer = :officer,
        subject_key = :subject_key, facts = CASE WHEN :no_facts THEN '{"erased"\\: true}' ELSE facts END
        WHERE id = :entry"""
    )
)


class About(StrEnum):
    """Whose data it is, or which entries."""

    OFFICER = "officer"
    ACCOUNT = "account"
    ENTRY = "entry"


@dataclass(frozen=True)
class Ground:
    """Why data may be erased: the ``basis`` in law, and the office that ``decided``. Neither names a person."""

    basis: str
    decided: str


@dataclass(frozen=True)
class Erased:
    """How many entries were erased in part, and the number of the entry that says so."""

    entries: int
    recorded: int


def find(session: Session, about: About, names: Sequence[str]) -> list[int]:
    """The numbers of the entries that tell of any of these officers, accounts or entries, in order."""
    return [number for name in names for number in session.scalars(_telling_of(about, name))]


def erase(
    session: Session, actor: Actor, about: About, names: Sequence[str], ground: Ground, *, now: datetime
) -> Erased:
    """Erase what entries tell of somebody, and record that it was done, in the owner's transaction.

    What was done to whom is not told: the record has the ground and how many entries it was, each of which has the
    record's number.

    Raises:
        Invalid: the ground is not given.
        Conflict: there is nothing to erase.
    """
    if not ground.basis.strip() or not ground.decided.strip():
        raise Invalid("Say on which basis in law this is erased, and which office decided it.")
    numbers = sorted(set(find(session, about, names)))
    if not numbers:
        raise Conflict("No entry tells of that, or it was erased before.")
    told: dict[str, Any] = {"basis": ground.basis, "decided_by": ground.decided, "entries": len(numbers)}
    told["fields"] = sorted({name for _, names in _plan(session, about, names, numbers) for name in names})
    recorded = record(session, actor, Event.LOG_ERASED, (Subject.LOG, "entries"), at=now, **told)
    for row, fields in _plan(session, about, names, numbers):
        _erase_one(session, row, fields, recorded)
    return Erased(len(numbers), recorded)


def _telling_of(about: About, name: str) -> sa.Select[int]:
    numbers = sa.select(ENTRY.id).order_by(ENTRY.id)
    if about is About.ENTRY:
        return numbers.where(ENTRY.id == int(name), ENTRY.facts != sa.literal_column("'{\"erased\": true}'::jsonb"))
    actor, kind = (f"account:{name}", Subject.ACCOUNT) if about is About.ACCOUNT else (None, Subject.PERSON)
    is_theirs = sa.and_(ENTRY.subject_kind == kind, ENTRY.subject_key == name)
    telling = sa.or_(ENTRY.officer == name, is_theirs, _in_facts(name), *([ENTRY.actor == actor] if actor else []))
    return numbers.where(telling)


def _in_facts(name: str) -> sa.ColumnElement[bool]:
    """Whether any text anywhere in the facts is the name, whole."""
    wanted = sa.func.jsonb_build_object("name", sa.cast(name, sa.Text))
    return sa.func.jsonb_path_exists(ENTRY.facts, sa.literal_column("'$.** ? (@ == $name)'"), wanted)


def _plan(
    session: Session, about: About, names: Sequence[str], numbers: Sequence[int]
) -> Iterator[tuple[dict[str, Any], set[str]]]:
    """Each entry with the fields of it that are to go: all of a named entry, else what tells of the person."""
    for at in range(0, len(numbers), _AT_ONCE):
        rows = session.execute(sa.select(*LEAF_COLUMNS).where(ENTRY.id.in_(numbers[at : at + _AT_ONCE])))
        for row in rows.mappings().all():
            yield dict(row), set(PERSONAL) if about is About.ENTRY else _fields(row, about, set(names))


def _fields(row: Any, about: About, names: set[str]) -> set[str]:
    """Facts go always: they may tell of the person in words."""
    fields = {"facts"} | {name for name in ("officer",) if row["officer"] in names}
    kind = Subject.ACCOUNT if about is About.ACCOUNT else Subject.PERSON
    if row["subject_kind"] == kind and row["subject_key"] in names:
        fields.add("subject_key")
    if about is About.ACCOUNT and row["actor"] in {f"account:{name}" for name in names}:
        fields.add("actor")
    return fields


def _erase_one(session: Session, row: dict[str, Any], fields: set[str], recorded: int) -> None:
    commitments, secrets = committed_of(row), secrets_of(row)
    fields = fields | set(secrets.commitments)
    salts = {
        name: (field_salt(secrets.salt, name) if secrets.salt is not None else secrets.salts[name]).hex()
        for name in PERSONAL
        if name not in fields
    }
    erased = {"commitments": {name: commitments[name] for name in fields}, "salts": salts, "by": recorded}
    values = {name: marker if name in fields else row[name] for name, marker in _MARKERS.items()}
    _ERASE.run(session, entry=row["entry"], erased=Jsonb(erased), no_facts="facts" in fields, **values)
