"""What the log can prove: that an entry is in it, that it only grew, and how far it is proven at all."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet.audit.models import AuditCheckpoint, AuditMark, AuditSeal
from fleet.audit.tree import ENTRY, LEAF_COLUMNS, LogDamaged, checkpoint_of, leaf_of, newest_checkpoint, nodes
from fleet.db import row_dict
from fleet.errors import Invalid, NotFound
from fleet.paging import capped_count
from tlog import tree
from tlog.tree import ProofError


class Standing(StrEnum):
    """What can be said of an entry."""

    PROVEN = "proven"
    UNPROVEN = "unproven"
    # It is not what was sealed: somebody changed it, or the tree.
    BROKEN = "broken"


@dataclass(frozen=True)
class Proof:
    """An entry's place and the hashes that lead from its leaf to a checkpoint's root (RFC 9162, 2.1.3)."""

    entry: int
    standing: Standing
    position: int | None = None
    size: int | None = None
    leaf: str | None = None
    leaf_hash: str | None = None
    proof: list[str] | None = None
    root: str | None = None
    checkpoint: str | None = None
    problem: str | None = None


def proof_of(session: Session, entry: int, *, size: int | None = None) -> Proof:
    """The proof that an entry is in the log of ``size`` entries, or of the newest checkpoint; it is checked first.

    An entry that is not sealed, or was sealed after that, is unproven.

    Raises:
        NotFound: there is no such entry, or no checkpoint of that size.
    """
    row = _entry_in_place(session, entry)
    checkpoint = _checkpoint(session, size)
    if checkpoint is None or row["position"] is None or row["position"] >= checkpoint["size"]:
        return Proof(entry, Standing.UNPROVEN)
    leaf = leaf_of(row)
    told = {"position": row["position"], "size": checkpoint["size"], "leaf": leaf.decode()}
    told |= {"leaf_hash": tree.leaf_hash(leaf).hex(), "checkpoint": checkpoint["note"]}
    told |= {"root": bytes(checkpoint["root"]).hex()}
    try:
        path = tree.inclusion_proof(told["position"], told["size"], nodes(session))
        tree.verify_inclusion(tree.leaf_hash(leaf), told["position"], told["size"], path, checkpoint["root"])
    except (ProofError, LogDamaged) as error:
        return Proof(entry, Standing.BROKEN, **told, problem=str(error))
    return Proof(entry, Standing.PROVEN, **told, proof=[found.hex() for found in path])


def consistency(session: Session, old: int, new: int | None = None) -> dict[str, Any]:
    """The proof that the log of ``old`` entries is the beginning of that of ``new``, or of the newest.

    RFC 9162, 2.1.4.

    Raises:
        NotFound: there is no checkpoint of such a size.
        Invalid: the first is larger than the second.
    """
    later = _checkpoint(session, new)
    earlier = _checkpoint(session, old)
    if later is None or earlier is None:
        raise NotFound("The log has no checkpoint yet.")
    if earlier["size"] > later["size"]:
        said = "A log does not shrink: from must not be larger than to."
        raise Invalid(said, fields={"from": [said]})
    path = tree.consistency_proof(earlier["size"], later["size"], nodes(session))
    return {
        "from": earlier["size"],
        "to": later["size"],
        "from_root": bytes(earlier["root"]).hex(),
        "to_root": bytes(later["root"]).hex(),
        "proof": [found.hex() for found in path],
        "checkpoint": later["note"],
    }


def require_newest(session: Session) -> Mapping[str, Any]:
    """The newest checkpoint.

    Raises:
        NotFound: nothing is sealed yet.
    """
    newest = newest_checkpoint(session)
    if newest is None:
        raise NotFound("The log has no checkpoint yet: nothing in it is sealed.")
    return newest


def state(session: Session) -> dict[str, Any]:
    """How far the log is proven: the newest checkpoint, what has not reached the place outside, what is not sealed.

    ``unproven`` is counted no further than ``paging.CAPPED_COUNT``.
    """
    mark = session.execute(sa.select(AuditMark.settled)).scalar_one()
    unsealed = sa.select(ENTRY.id).where(ENTRY.id > mark, ~sa.exists().where(AuditSeal.entry_id == ENTRY.id))
    sizes = AuditCheckpoint.__table__.c
    waiting = sa.select(sa.func.count(), sa.func.min(sizes.signed_at), sa.func.max(sizes.push_problem))
    count, since, problem = session.execute(waiting.where(sizes.pushed_at.is_(None))).one()
    pushed = sa.select(sizes.size, sizes.pushed_at).where(sizes.pushed_at.is_not(None))
    last = session.execute(pushed.order_by(sizes.size.desc()).limit(1)).one_or_none()
    return {
        "newest": newest_checkpoint(session),
        "unproven": capped_count(session, unsealed),
        "waiting": count,
        "waiting_since": since,
        "push_problem": problem,
        "pushed_size": last and last.size,
        "pushed_at": last and last.pushed_at,
    }


def _entry_in_place(session: Session, entry: int) -> dict[str, Any]:
    statement = sa.select(*LEAF_COLUMNS, AuditSeal.position).outerjoin(AuditSeal, AuditSeal.entry_id == ENTRY.id)
    found = session.execute(statement.where(ENTRY.id == entry)).one_or_none()
    if found is None:
        raise NotFound(f"The log has no entry {entry}.")
    return row_dict(found)


def _checkpoint(session: Session, size: int | None) -> dict[str, Any] | None:
    return newest_checkpoint(session) if size is None else checkpoint_of(session, size)
