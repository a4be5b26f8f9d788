"""Accounts, their sessions, machines' tokens, and failed sign-ins. Every secret is stored as a hash."""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column

from fleet.actors import Role
from fleet.db import Base, Identifier, words

_Instant = sa.DateTime(timezone=True)


class AccountState(StrEnum):
    """Whether an account may be used: a locked one not now, a closed one never again."""

    OPEN = "open"
    LOCKED = "locked"
    CLOSED = "closed"


class Account(Base):
    """A person's sign-in. ``collar`` is the officer it belongs to; an officer has one account at most."""

    __tablename__ = "account"

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(sa.Text, unique=True)
    role: Mapped[Role] = mapped_column(words(Role))
    collar: Mapped[str | None] = mapped_column(Identifier, unique=True)
    password_hash: Mapped[str] = mapped_column(sa.Text)
    # Set while the password is one that somebody else chose: good until then, and only for choosing another.
    one_time_until: Mapped[datetime | None] = mapped_column(_Instant)
    badge_hash: Mapped[bytes | None] = mapped_column(sa.LargeBinary, unique=True)
    locked_at: Mapped[datetime | None] = mapped_column(_Instant)
    closed_at: Mapped[datetime | None] = mapped_column(_Instant)
    created_at: Mapped[datetime] = mapped_column(_Instant)
    version: Mapped[int] = mapped_column(sa.Integer, server_default="1")

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's own way of saying it

    @hybrid_property
    def state(self) -> AccountState:
        """Whether it may be used at all."""
        if self.closed_at is not None:
            return AccountState.CLOSED
        return AccountState.OPEN if self.locked_at is None else AccountState.LOCKED

    @state.inplace.expression
    @classmethod
    def _state_in_sql(cls) -> sa.ColumnElement[str]:
        closed, locked = cls.closed_at.is_not(None), cls.locked_at.is_not(None)
        return sa.case(
            (closed, AccountState.CLOSED.value), (locked, AccountState.LOCKED.value), else_=AccountState.OPEN.value
        )

    @property
    def is_open(self) -> bool:
        """Whether it may be used now."""
        return self.state is AccountState.OPEN


class WebSession(Base):
    """A signed-in browser. ``badge_only`` after its clerk was changed by a badge."""

    __tablename__ = "web_session"

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(sa.LargeBinary, unique=True)
    account_id: Mapped[int] = mapped_column(sa.ForeignKey("account.id"), index=True)
    badge_only: Mapped[bool] = mapped_column(server_default=sa.false())
    created_at: Mapped[datetime] = mapped_column(_Instant)
    expires_at: Mapped[datetime] = mapped_column(_Instant, index=True)
    # A counter locks when it is left alone. ``acted_at`` is when it was last used; None, this browser is no counter.
    acted_at: Mapped[datetime | None] = mapped_column(_Instant)
    locked_at: Mapped[datetime | None] = mapped_column(_Instant)


class ApiToken(Base):
    """A machine's bearer token, scoped to a role."""

    __tablename__ = "api_token"

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(sa.Text, unique=True)
    role: Mapped[Role] = mapped_column(words(Role))
    token_hash: Mapped[bytes] = mapped_column(sa.LargeBinary, unique=True)
    created_at: Mapped[datetime] = mapped_column(_Instant)
    expires_at: Mapped[datetime] = mapped_column(_Instant)
    revoked_at: Mapped[datetime | None] = mapped_column(_Instant)


class FailedSignIn(Base):
    """A failed sign-in, for the rate limit; of no use after a quarter of an hour.

    ``name`` is a digest: people type their password into the wrong box. ``address`` is what one subscriber has.
    """

    __tablename__ = "failed_sign_in"
    __table_args__ = (sa.Index(None, "name", "at"), sa.Index(None, "address", "at"))

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(sa.Text)
    address: Mapped[str] = mapped_column(sa.Text)
    at: Mapped[datetime] = mapped_column(_Instant)
