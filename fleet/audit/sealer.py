"""The two jobs that keep the log proven: ``seal_everything``, then ``push`` what was signed to the place outside.

Each opens its own short transactions, in the role that may write what proves the log. Killed anywhere and run again,
they go on where they were; run twice at once, one of them finds nothing to do.
"""

from datetime import datetime
from functools import cache
from typing import Final

import sqlalchemy as sa

from fleet.audit.identity import identity_of
from fleet.audit.outside import Outside
from fleet.audit.sealing import Sealed, seal
from fleet.db import SEALER_ROLE, Database, Prepared
from fleet.errors import Unavailable
from fleet.settings import Settings

# What one run seals at most: the next run goes on, and between them others get their turn.
_BATCHES: Final = 100

# The newest covers all that were signed before it, so that one object a run is kept outside, however often was sealed.
_WAITING = Prepared(
    sa.select(sa.text("size, note FROM audit_checkpoint WHERE pushed_at IS NULL ORDER BY size DESC LIMIT 1"))
)
_PUSHED = Prepared(
    sa.text(  # type: ignore[arg-type]
        """UPDATE audit_checkpoint SET pushed_at = :now, push_problem = NULL WHERE size <= :size AND pushed_at IS NULL
        RETURNING size"""
    )
)
_NOT_PUSHED = Prepared(
    sa.text("UPDATE audit_checkpoint SET push_problem = :problem WHERE size = :size")  # type: ignore[arg-type]
)


@cache
def sealers_database(url: str) -> Database:
    """Connections in the sealer's role, made once a process."""
    return Database(url, role=SEALER_ROLE, pool_size=1)


def seal_everything(settings: Settings, *, now: datetime) -> dict[str, int]:
    """Seal what is committed, in batches of a transaction each, and answer how many entries that were.

    Raises:
        LogDamaged, Unavailable: as ``sealing.seal``.
    """
    database, identity = sealers_database(settings.sealer_database_url or ""), identity_of(settings)
    count = 0
    for _ in range(_BATCHES):
        with database.transaction() as session:
            done: Sealed | None = seal(session, identity, now=now)
        if done is None:
            break
        count += done.entries
        if done.is_all:
            break
    return {"sealed": count}


def push(settings: Settings, *, now: datetime) -> dict[str, int]:
    """Push the newest checkpoint to the place outside, and answer how many that covers that were not there yet.

    Raises:
        Unavailable: it could not be pushed; the log's page says why, and the next run tries again.
    """
    if settings.checkpoints_url is None:
        raise Unavailable("Checkpoints have no place outside: set FLEET_CHECKPOINTS_URL.")
    database, outside = sealers_database(settings.sealer_database_url or ""), Outside(settings.checkpoints_url)
    with database.transaction() as session:
        newest = _WAITING.one(session)
    if newest is None:
        return {"pushed": 0}
    try:
        outside.keep(newest["size"], newest["note"])
    except Unavailable as error:
        with database.transaction() as session:
            _NOT_PUSHED.run(session, size=newest["size"], problem=error.detail)
        raise
    with database.transaction() as session:
        return {"pushed": len(_PUSHED.all(session, size=newest["size"], now=now))}
