"""The same request twice has one effect: a write with an ``Idempotency-Key`` is carried out once.

The key, the act and its answer are committed together, so a process killed at any line leaves all of them or none.
"""

import hmac
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from flask import Request, Response, current_app
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Mapped, Session, mapped_column
from werkzeug.exceptions import HTTPException

from fleet.actors import Actor
from fleet.clock import utc_now
from fleet.db import Base
from fleet.errors import FleetError, Invalid

HEADER = "Idempotency-Key"
_WRITES = frozenset({"POST", "PATCH", "PUT", "DELETE"})
_LONGEST_KEY = 255
_KEPT_FOR = timedelta(days=1)
# One write in fifty removes up to a hundred old keys: twice as many as the fifty add, should nothing else do so.
_FORGETFULNESS = 0.02
_FORGOTTEN_AT_ONCE = 100
_KEPT_HEADERS = ("Content-Type", "ETag", "Location")
_FIRST_SERVER_ERROR = 500


class IdempotencyKey(Base):
    """A key that an actor used, and the answer it got. Of no use after a day, and removed then by ``forget_old``."""

    __tablename__ = "idempotency_key"
    __table_args__ = (sa.Index(None, "created_at", postgresql_using="brin"),)

    actor: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    key: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(sa.LargeBinary)
    created_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
    status: Mapped[int | None] = mapped_column(sa.SmallInteger)
    headers: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    body: Mapped[bytes | None] = mapped_column(sa.LargeBinary)


def applies(request: Request) -> bool:
    """Whether this request is a write that brought a key."""
    return request.method in _WRITES and HEADER in request.headers


def once(
    session: Session,
    actor: Actor,
    request: Request,
    act: Callable[[], Response],
    refuse: Callable[[Exception], Response],
) -> Response:
    """Carry out ``act`` unless this actor's key was used before; then give the kept answer again.

    A refusal is an answer too and is kept; a failure of the service (5xx) is not, so that it can be tried again.
    Two requests with one key wait for one another on the key's unique index.

    Raises:
        Invalid: the key was used for another request, or cannot be a key.
    """
    key = request.headers[HEADER]
    if not key.isprintable() or not 0 < len(key) <= _LONGEST_KEY:
        raise Invalid(f"{HEADER} must be 1 to {_LONGEST_KEY} printable characters.")
    fingerprint = _fingerprint(request)
    if random.random() < _FORGETFULNESS:  # noqa: S311 - any request will do
        forget_old(session, now=utc_now())
    if not _claim(session, actor, key, fingerprint):
        return _replay(session, actor, key, fingerprint)
    try:
        with session.begin_nested():
            response = act()
    except (FleetError, HTTPException) as error:
        response = refuse(error)
        if response.status_code >= _FIRST_SERVER_ERROR:
            raise
    _keep(session, actor, key, response)
    return response


def _fingerprint(request: Request) -> bytes:
    # Keyed, since a body may hold what somebody should not be able to guess at from the table. The query goes in as it
    # came: it need not be UTF-8.
    secret = str(current_app.secret_key).encode()
    digest = hmac.new(secret, f"{request.method} {request.path}?".encode() + request.query_string + b"\n", "sha256")
    digest.update(request.get_data(cache=True))
    return digest.digest()


def forget_old(session: Session, *, now: datetime, at_once: int = _FORGOTTEN_AT_ONCE) -> int:
    """Remove some keys that are older than a day, none that another transaction is removing, and answer how many."""
    old = sa.select(IdempotencyKey.actor, IdempotencyKey.key).where(IdempotencyKey.created_at < now - _KEPT_FOR)
    some = old.limit(at_once).with_for_update(skip_locked=True).cte()
    gone = sa.delete(IdempotencyKey).where(IdempotencyKey.actor == some.c.actor, IdempotencyKey.key == some.c.key)
    removed = gone.returning(IdempotencyKey.key)
    return len(session.execute(removed, execution_options={"synchronize_session": False}).all())


def _claim(session: Session, actor: Actor, key: str, fingerprint: bytes) -> bool:
    statement = (
        insert(IdempotencyKey)
        .values(actor=actor.name, key=key, fingerprint=fingerprint, created_at=utc_now())
        .on_conflict_do_nothing()
        .returning(IdempotencyKey.key)
    )
    return session.execute(statement).scalar() is not None


def _kept(actor: Actor, key: str) -> tuple[sa.ColumnElement[bool], ...]:
    return IdempotencyKey.actor == actor.name, IdempotencyKey.key == key


def _replay(session: Session, actor: Actor, key: str, fingerprint: bytes) -> Response:
    kept = session.execute(sa.select(IdempotencyKey).where(*_kept(actor, key))).scalar_one()
    if kept.fingerprint != fingerprint:
        raise Invalid(f"This {HEADER} was used for another request. Use a new one.")
    response = Response(kept.body or b"", status=kept.status, headers=kept.headers or {})
    response.headers["Idempotency-Replayed"] = "true"
    return response


def _keep(session: Session, actor: Actor, key: str, response: Response) -> None:
    headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
    values = {"status": response.status_code, "headers": headers, "body": response.get_data()}
    session.execute(sa.update(IdempotencyKey).where(*_kept(actor, key)).values(values))
