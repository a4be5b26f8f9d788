"""The log and what proves it. The application's role may insert into the log and read all of it, nothing else."""

import uuid
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from fleet.audit.events import Event, Subject
from fleet.db import Base, words


class AuditEntry(Base):
    """One thing that happened. ``officer`` is the collar number of the officer concerned, where there is one.

    ``salt`` keys the commitments to what may be personal (``tlog.leaf``). Of an entry that was erased by law it is
    gone, and ``erased`` says which of the fields are, with what is left of their commitments.
    """

    __tablename__ = "audit_entry"
    __table_args__ = (
        sa.Index(None, "subject_kind", "subject_key", "id"),
        sa.Index(None, "officer", "id", postgresql_where=sa.text("officer IS NOT NULL")),
        sa.Index(None, "event", "id"),
        sa.Index(None, "actor", "id"),
        # Entries arrive in the order of time, or nearly: a block-range index finds a day at almost no cost in writing.
        sa.Index(None, "at", postgresql_using="brin"),
        sa.CheckConstraint("(salt IS NULL) = (erased IS NOT NULL)", name="salted_or_erased"),
    )

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
    actor: Mapped[str] = mapped_column(sa.Text)
    role: Mapped[str | None] = mapped_column(sa.Text)
    event: Mapped[Event] = mapped_column(words(Event, checked=False))
    subject_kind: Mapped[Subject] = mapped_column(words(Subject, checked=False))
    subject_key: Mapped[str] = mapped_column(sa.Text)
    officer: Mapped[str | None] = mapped_column(sa.Text)
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    salt: Mapped[uuid.UUID | None] = mapped_column(sa.Uuid, server_default=sa.func.gen_random_uuid())
    erased: Mapped[dict[str, Any] | None] = mapped_column(JSONB)


class AuditSeal(Base):
    """An entry's place in the Merkle log: ``position`` counts from 0 without gaps.

    Written by the sealing job alone, after the entry was committed, so that writers never wait for one another.
    """

    __tablename__ = "audit_seal"

    position: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    entry_id: Mapped[int] = mapped_column(sa.ForeignKey("audit_entry.id"), unique=True)


class AuditTile(Base):
    """Up to 256 hashes of the tree, one after the other (``tlog.tiles``). A trigger lets it be added to only."""

    __tablename__ = "audit_tile"
    __table_args__ = (
        sa.CheckConstraint("length(hashes) BETWEEN 32 AND 8192 AND length(hashes) % 32 = 0", name="hashes"),
    )

    level: Mapped[int] = mapped_column(sa.SmallInteger, primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    hashes: Mapped[bytes] = mapped_column(sa.LargeBinary)


class AuditCheckpoint(Base):
    """A signed statement of what the first ``size`` entries are.

    ``pushed_at`` is since when it, or a larger one that covers it, lies at the place outside.
    """

    __tablename__ = "audit_checkpoint"
    __table_args__ = (
        sa.Index("ix_audit_checkpoint_waiting", "size", postgresql_where=sa.text("pushed_at IS NULL")),
        sa.CheckConstraint("length(root) = 32", name="root"),
    )

    size: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    root: Mapped[bytes] = mapped_column(sa.LargeBinary)
    note: Mapped[str] = mapped_column(sa.Text)
    signed_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
    pushed_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    push_problem: Mapped[str | None] = mapped_column(sa.Text)


class AuditMark(Base):
    """How far the log is settled: every entry up to ``settled`` is sealed or was never committed. One row.

    Once the transactions ``waiting`` have ended, the same will be true up to ``following``.
    """

    __tablename__ = "audit_mark"
    __table_args__ = (sa.CheckConstraint('"only"', name="one_row"),)

    only: Mapped[bool] = mapped_column(primary_key=True, server_default=sa.true())
    settled: Mapped[int] = mapped_column(sa.BigInteger)
    following: Mapped[int] = mapped_column(sa.BigInteger)
    waiting: Mapped[list[str]] = mapped_column(sa.ARRAY(sa.Text))
