"""A range of the log as a file that proves itself (``tlog.export``), read in portions while it is sent."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet.actors import Actor
from fleet.audit.events import Event, Subject
from fleet.audit.models import AuditMark, AuditSeal
from fleet.audit.service import record
from fleet.audit.tree import ENTRY, LEAF_COLUMNS, checkpoint_of, newest_checkpoint, nodes, read_tile, secrets_of
from fleet.clock import iso
from fleet.db import Database, row_dict
from fleet.errors import Invalid
from tlog.export import Header, entry_line, gone_line, unproven_line
from tlog.leaf import read_json
from tlog.tiles import WIDTH
from tlog.tree import HASH_SIZE, cover

# Places read at once: some tiles' worth, since a tile holds their hashes.
_AT_ONCE = 8 * WIDTH
# Entry numbers looked through at once for entries without a place: next to none have none.
_NUMBERS_AT_ONCE = 200_000


@dataclass(frozen=True)
class Range:
    """The places from ``first`` up to ``last`` of the log of ``size`` entries; what is None is the log's own end."""

    first: int = 0
    last: int | None = None
    size: int | None = None


def begin(session: Session, wanted: Range, *, origin: str, now: datetime) -> Header:
    """What an export of a range begins with.

    Raises:
        NotFound: no checkpoint of that size was signed.
        Invalid: the log has no such places.
    """
    newest, checkpoint = newest_checkpoint(session), _checkpoint(session, wanted.size)
    size = checkpoint["size"] if checkpoint else 0
    last = size if wanted.last is None else wanted.last
    if not 0 <= wanted.first <= last <= size:
        said = f"The log has the places 0 to {size - 1} at this size; ask for a part of those."
        raise Invalid(said, fields={"from": [said]})
    node = nodes(session)
    return Header(
        origin=origin,
        exported_at=iso(now),
        newest=last == size and (newest is None or newest["size"] == size),
        settled=session.execute(sa.select(AuditMark.settled)).scalar_one(),
        size=size,
        checkpoint=checkpoint["note"] if checkpoint else None,
        first=wanted.first,
        last=last,
        left=[node(*place) for place in cover(0, wanted.first)],
        right=[node(*place) for place in cover(last, size)],
    )


def record_export(session: Session, actor: Actor, header: Header, *, now: datetime) -> int:
    """Log that somebody took a copy of the log away."""
    facts: dict[str, Any] = {"from": header.first, "to": header.last, "size": header.size}
    return record(session, actor, Event.LOG_EXPORTED, (Subject.LOG, header.origin), at=now, **facts)


def lines(database: Database, header: Header) -> Iterator[str]:
    """The file in parts, each read in a transaction of its own: a slow reader keeps no connection from others."""
    yield header.line() + "\n"
    for first in range(header.first, header.last, _AT_ONCE):
        with database.reading() as session:
            part = _places(session, first, min(first + _AT_ONCE, header.last))
        yield part
    if header.newest:
        yield from _unproven(database, header)


def _places(session: Session, first: int, last: int) -> str:
    rows = rows_in_places(session, first, last)
    stated = stated_hashes(session, first, last)
    return "".join(f"{_line(at, stated[at - first], row)}\n" for at, row in rows)


def rows_in_places(session: Session, first: int, last: int) -> Sequence[tuple[int, dict[str, Any]]]:
    """What stands in the places from ``first`` up to ``last``, in order; a row whose entry is gone has none."""
    statement = sa.select(AuditSeal.position, AuditSeal.entry_id, *LEAF_COLUMNS)
    statement = statement.outerjoin(ENTRY.id.table, ENTRY.id == AuditSeal.entry_id)
    statement = statement.where(AuditSeal.position >= first, AuditSeal.position < last).order_by(AuditSeal.position)
    return [(row.position, row_dict(row)) for row in session.execute(statement)]


def stated_hashes(session: Session, first: int, last: int) -> list[bytes]:
    """The leaf hashes of places as the tiles have them; fewer where a tile is short."""
    found = b"".join(
        read_tile(session, 0, number)[: WIDTH * HASH_SIZE].ljust(WIDTH * HASH_SIZE, b"\0")
        for number in range(first // WIDTH, -(-last // WIDTH))
    )
    skipped = first % WIDTH
    return [found[(skipped + at) * HASH_SIZE :][:HASH_SIZE] for at in range(last - first)]


def _line(position: int, stated: bytes, row: dict[str, Any]) -> str:
    if row["entry"] is None:
        return gone_line(position, stated, row["entry_id"])
    return entry_line(position, stated, {**row, "facts": read_json(row["facts"])}, secrets_of(row))


def _unproven(database: Database, header: Header) -> Iterator[str]:
    """Entries that have no place, from the range's first on: those that wait for one, and any that were slipped in."""
    with database.reading() as session:
        first, highest = _first_entry(session, header.first), session.scalar(sa.select(sa.func.max(ENTRY.id))) or 0
    for number in range(first, highest + 1, _NUMBERS_AT_ONCE):
        with database.reading() as session:
            rows = session.execute(_without_place(number, number + _NUMBERS_AT_ONCE)).mappings().all()
        yield "".join(unproven_line({**row, "facts": read_json(row["facts"])}) + "\n" for row in rows)


def _first_entry(session: Session, position: int) -> int:
    if position == 0:
        return 1
    return session.scalar(sa.select(AuditSeal.entry_id).where(AuditSeal.position == position)) or 1


def _without_place(first: int, last: int) -> sa.Select[Any]:
    is_placed = sa.exists().where(AuditSeal.entry_id == ENTRY.id)
    return sa.select(*LEAF_COLUMNS).where(ENTRY.id >= first, ENTRY.id < last, ~is_placed).order_by(ENTRY.id)


def _checkpoint(session: Session, size: int | None) -> dict[str, Any] | None:
    return newest_checkpoint(session) if size is None else checkpoint_of(session, size)
