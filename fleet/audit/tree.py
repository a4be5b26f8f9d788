"""The log's tree as PostgreSQL keeps it: tiles, the newest checkpoint, and leaves made of rows."""

from collections.abc import Mapping
from functools import cache, partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet.audit.models import AuditCheckpoint, AuditEntry, AuditTile
from fleet.db import Prepared
from fleet.errors import Conflict, NotFound
from tlog.leaf import PERSONAL, Secrets, leaf, read_json
from tlog.tiles import TileNodes
from tlog.tree import Node, leaf_hash

ENTRY = AuditEntry.__table__.c
# Whatever stands in the column, one text: an instant before the year 1 or for ever must not pass for another.
_AT = sa.case(
    (
        sa.and_(sa.func.isfinite(ENTRY.at), ENTRY.at >= sa.literal_column("timestamptz '0001-01-01 00:00:00+00'")),
        sa.func.to_char(sa.func.timezone("UTC", ENTRY.at), sa.literal_column("""'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'""")),
    ),
    else_=sa.cast(ENTRY.at, sa.Text),
)
# What a leaf is made of, as the database writes it: no number is rounded on the way.
LEAF_COLUMNS = (
    ENTRY.id.label("entry"),
    _AT.label("at"),
    sa.cast(ENTRY.event, sa.Text).label("event"),
    ENTRY.role,
    sa.cast(ENTRY.subject_kind, sa.Text).label("subject_kind"),
    ENTRY.actor,
    sa.cast(ENTRY.facts, sa.Text).label("facts"),
    ENTRY.officer,
    ENTRY.subject_key,
    sa.func.uuid_send(ENTRY.salt).label("salt"),
    sa.cast(ENTRY.erased, sa.Text).label("erased"),
)

_TILE = Prepared(
    sa.select(AuditTile.hashes).where(AuditTile.level == sa.bindparam("level"), AuditTile.number == sa.bindparam("at"))
)
_NEWEST = Prepared(sa.select(AuditCheckpoint.__table__).order_by(AuditCheckpoint.size.desc()).limit(1))
_OF_SIZE = Prepared(sa.select(AuditCheckpoint.__table__).where(AuditCheckpoint.size == sa.bindparam("size")))


class LogDamaged(Conflict):
    """What is stored of the tree is not what was signed. ``flask --app wsgi audit verify`` says where."""


def secrets_of(row: Mapping[str, Any]) -> Secrets:
    """What opens a row's commitments."""
    if row["salt"] is not None:
        return Secrets(bytes(row["salt"]))
    erased = read_json(row["erased"])
    salts = {name: bytes.fromhex(salt) for name, salt in erased["salts"].items()}
    return Secrets(None, salts, erased["commitments"])


def leaf_of(row: Mapping[str, Any]) -> bytes:
    """The leaf of a row of ``LEAF_COLUMNS``."""
    return leaf({**row, "facts": read_json(row["facts"])}, secrets_of(row))


def leaf_hash_of(row: Mapping[str, Any]) -> bytes:
    """The hash of a row's leaf, which is what its tile holds."""
    return leaf_hash(leaf_of(row))


def committed_of(row: Mapping[str, Any]) -> dict[str, str]:
    """A row's commitments by field."""
    secrets, values = secrets_of(row), {**row, "facts": read_json(row["facts"])}
    return {name: secrets.commitment(name, values[name]) for name in PERSONAL}


def read_tile(session: Session, level: int, number: int) -> bytes:
    """A tile's hashes; none if there is no such tile."""
    row = _TILE.one(session, level=level, at=number)
    return bytes(row["hashes"]) if row else b""


def nodes(session: Session) -> Node:
    """The tree's nodes. A tile is read once, however often it is asked for.

    Asked for one that is not stored they raise ``LogDamaged``.
    """
    of_tiles = TileNodes(cache(partial(read_tile, session)))

    def node(level: int, index: int) -> bytes:
        try:
            return of_tiles(level, index)
        except LookupError as error:
            raise LogDamaged(f"The log's tree is damaged: {error}. Run: flask --app wsgi audit verify") from error

    return node


def newest_checkpoint(session: Session) -> dict[str, Any] | None:
    """The checkpoint of the largest tree; None before the first."""
    return _NEWEST.one(session)


def checkpoint_of(session: Session, size: int) -> dict[str, Any]:
    """The checkpoint of the tree of that size.

    Raises:
        NotFound: none was signed.
    """
    row = _OF_SIZE.one(session, size=size)
    if row is None:
        raise NotFound(f"No checkpoint of size {size} was signed.")
    return row
