"""Sealing: committed entries get their place in the tree, behind the writers' backs, so that none waits for another.

Entries commit in another order than that of their numbers, and some numbers never do. So what is sealed is whatever is
committed and has no place yet, above a mark below which that cannot be any more. The mark moves like this: read how
far the numbers have come, then which transactions hold the lock that an INSERT takes before it takes its number. Once
all of those have ended, every number up to there is committed, and seen by whoever looks now, or gone for good.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from fleet.audit.identity import Identity
from fleet.audit.models import AuditEntry, AuditSeal
from fleet.audit.tree import ENTRY, LEAF_COLUMNS, LogDamaged, leaf_hash_of, newest_checkpoint, read_tile
from fleet.db import Prepared
from tlog.note import Checkpoint, NoteError, open_checkpoint, signed
from tlog.tiles import TileNodes, edge_of, grow
from tlog.tree import root

# As many as are hashed and written well within a statement's 20 seconds, and forgotten in a moment.
BATCH = 5_000
_LOCK = 0x66_6C_65_65_74_73

_TRY_LOCK = Prepared(sa.select(sa.func.pg_try_advisory_xact_lock(sa.literal(_LOCK)).label("mine")))
_MARK = Prepared(sa.select(sa.text("settled, following, waiting FROM audit_mark")))
_MOVE_MARK = Prepared(
    sa.text("UPDATE audit_mark SET settled = :settled, following = :following, waiting = :waiting")  # type: ignore[arg-type]
)
_HIGHEST = Prepared(
    sa.select(sa.text("CASE WHEN is_called THEN last_value ELSE 0 END AS highest FROM audit_entry_id_seq"))
)
_WRITERS = Prepared(
    sa.select(
        sa.text(
            """l.virtualtransaction AS writer FROM pg_locks l JOIN pg_database d ON d.oid = l.database
            WHERE d.datname = current_database() AND l.locktype = 'relation'
                AND l.relation = 'audit_entry'::regclass AND l.mode = 'RowExclusiveLock'"""
        )
    )
)
_UNSEALED = Prepared(
    sa.select(*LEAF_COLUMNS)
    .where(ENTRY.id > sa.bindparam("after"), ~sa.exists().where(AuditSeal.entry_id == AuditEntry.id))
    .order_by(ENTRY.id)
    .limit(sa.bindparam("most"))
)


def _insert(statement: str, *arrays: tuple[str, Any]) -> Prepared:
    return Prepared(
        sa.text(statement).bindparams(*(sa.bindparam(name, type_=ARRAY(kind)) for name, kind in arrays))  # type: ignore[arg-type]
    )


_PLACE = _insert(
    """INSERT INTO audit_seal (position, entry_id)
    SELECT :first + place - 1, entry
    FROM unnest(CAST(:entries AS bigint[])) WITH ORDINALITY AS placed (entry, place)""",
    ("entries", sa.BigInteger),
)
_KEEP_TILES = _insert(
    """INSERT INTO audit_tile (level, number, hashes)
    SELECT * FROM unnest(CAST(:levels AS smallint[]), CAST(:numbers AS bigint[]), CAST(:hashes AS bytea[]))
    ON CONFLICT (level, number) DO UPDATE SET hashes = excluded.hashes""",
    ("levels", sa.SmallInteger),
    ("numbers", sa.BigInteger),
    ("hashes", sa.LargeBinary),
)
_KEEP_CHECKPOINT = Prepared(
    sa.text("INSERT INTO audit_checkpoint (size, root, note, signed_at) VALUES (:size, :root, :note, :now)")  # type: ignore[arg-type]
)


@dataclass(frozen=True)
class Sealed:
    """How many entries one batch sealed, how large the log is now, and whether nothing was left behind."""

    entries: int
    size: int
    is_all: bool


@dataclass(frozen=True)
class Mark:
    """How far the log is settled, and how far it will be once nobody is waited for (``models.AuditMark``)."""

    settled: int
    following: int
    waiting: frozenset[str]

    def moved(self, highest: int, writers: frozenset[str]) -> "Mark":
        """The mark, given the highest number that was taken and then who held the lock on the log.

        What it calls settled is so once everything below it that can be seen now is sealed.
        """
        left = self.waiting & writers
        if left:
            return Mark(self.settled, self.following, left)
        return Mark(self.following if writers else highest, highest, writers)

    def no_further_than(self, entry: int, before: "Mark") -> "Mark":
        """The mark when only entries up to ``entry`` were looked at. It never goes back."""
        return Mark(max(before.settled, min(self.settled, entry)), self.following, self.waiting)


def seal(session: Session, identity: Identity, *, now: datetime, most: int = BATCH) -> Sealed | None:
    """Seal up to ``most`` committed entries in order of their numbers, and sign what the log is then.

    Needs a transaction of its own, at READ COMMITTED: each statement must see what is committed when it begins.
    None while somebody else seals.

    Raises:
        LogDamaged: the tree as it is stored is not the one that was signed last.
        Unavailable: there is no key to sign with.
    """
    if not (_TRY_LOCK.one(session) or {})["mine"]:
        return None
    before = _mark(session)
    # In this order: a number is taken under the lock.
    highest = int((_HIGHEST.one(session) or {})["highest"])
    mark = before.moved(highest, frozenset(row["writer"] for row in _WRITERS.all(session)))
    rows = _UNSEALED.all(session, after=before.settled, most=most)
    size = _append(session, identity, rows, now)
    is_all = len(rows) < most
    _keep_mark(session, before, mark if is_all else mark.no_further_than(rows[-1]["entry"], before))
    return Sealed(len(rows), size, is_all)


def _mark(session: Session) -> Mark:
    row = _MARK.one(session)
    assert row is not None  # noqa: S101 - the migration made it, and nobody may delete it
    return Mark(row["settled"], row["following"], frozenset(row["waiting"]))


def _keep_mark(session: Session, before: Mark, mark: Mark) -> None:
    if mark != before:
        _MOVE_MARK.run(session, settled=mark.settled, following=mark.following, waiting=sorted(mark.waiting))


def _append(session: Session, identity: Identity, rows: Sequence[dict[str, Any]], now: datetime) -> int:
    """Add rows to the tree and answer its size."""
    newest = newest_checkpoint(session)
    size = newest["size"] if newest else 0
    if not rows:
        return int(size)
    edge = {tile.level: read_tile(session, tile.level, tile.number) for tile in edge_of(size)}
    if newest:
        _require_signed(newest, edge, identity)
    changed = grow(size, [leaf_hash_of(row) for row in rows], edge)
    grown = size + len(rows)
    _PLACE.run(session, first=size, entries=[row["entry"] for row in rows])
    _KEEP_TILES.run(
        session,
        levels=[level for level, _ in changed],
        numbers=[number for _, number in changed],
        hashes=list(changed.values()),
    )
    checkpoint = Checkpoint(identity.origin, grown, root(grown, TileNodes(_reader(changed, edge, grown))))
    note = signed(checkpoint, identity.signer)
    _KEEP_CHECKPOINT.run(session, size=grown, root=checkpoint.root, note=note, now=now)
    return int(grown)


def _require_signed(newest: dict[str, Any], edge: dict[int, bytes], identity: Identity) -> None:
    """Refuse to sign on top of a tree that was not signed as it stands: the key must be no tool of a forger's."""
    size = newest["size"]
    try:
        last = open_checkpoint(newest["note"], identity.verifiers, origin=identity.origin)
        stands = root(size, TileNodes(_reader({}, edge, size)))
    except (NoteError, LookupError) as error:
        raise LogDamaged(f"The log's newest checkpoint, of size {size}, is not to be trusted: {error}.") from error
    if (last.size, last.root) != (size, stands):
        raise LogDamaged(f"The log's tiles are not what its checkpoint of size {size} says. Run: audit verify")


def _reader(changed: dict[tuple[int, int], bytes], edge: dict[int, bytes], size: int) -> Any:
    numbers = {tile.level: tile.number for tile in edge_of(size)}

    def read(level: int, number: int) -> bytes:
        if (level, number) in changed:
            return changed[level, number]
        return edge.get(level, b"") if numbers.get(level) == number else b""

    return read
