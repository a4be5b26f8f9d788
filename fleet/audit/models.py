"""The log's one table. The application's role may insert into it and read it, nothing else."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from fleet.audit.events import Event, Subject
from fleet.db import Base, words


class AuditEntry(Base):
    """One thing that happened. ``officer`` is the collar number of the officer concerned, where there is one."""

    __tablename__ = "audit_entry"
    __table_args__ = (
        sa.Index(None, "subject_kind", "subject_key", "id"),
        sa.Index(None, "officer", "id", postgresql_where=sa.text("officer IS NOT NULL")),
        sa.Index(None, "event", "id"),
        sa.Index(None, "actor", "id"),
        # Entries arrive in the order of time, or nearly: a block-range index finds a day at almost no cost in writing.
        sa.Index(None, "at", postgresql_using="brin"),
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


class AuditSeal(Base):
    """An entry's place in the Merkle log: ``position`` counts from 0 without gaps.

    Written by the sealing job alone, after the entry was committed, so that writers never wait for one another.
    """

    __tablename__ = "audit_seal"

    position: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    entry_id: Mapped[int] = mapped_column(sa.ForeignKey("audit_entry.id"), unique=True)
