"""What ran when and how it ended, and which processes could run it."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from fleet.db import Base, words

_Instant = sa.DateTime(timezone=True)


class Outcome(StrEnum):
    """How a run ended. An ``abandoned`` one's process was killed, or had lost its place as the active one."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    ABANDONED = "abandoned"


class JobRun(Base):
    """A run of a job. Runs in a row that found nothing to do, or failed for one reason, are one row with ``runs``.

    ``day`` is the local day that a daily job ran for. ``seconds`` is measured by a clock that does not jump.
    """

    __tablename__ = "job_run"
    __table_args__ = (
        sa.Index(None, "job", "id"),
        sa.Index(
            "uq_job_run_done_for_day",
            "job",
            "day",
            unique=True,
            postgresql_where=sa.text("day IS NOT NULL AND outcome = 'done'"),
        ),
        sa.Index("ix_job_run_running", "id", postgresql_where=sa.text("outcome = 'running'")),
        sa.CheckConstraint("(outcome = 'running') = (finished_at IS NULL)", name="finished"),
    )

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    job: Mapped[str] = mapped_column(sa.Text)
    process: Mapped[UUID]
    day: Mapped[date | None]
    started_at: Mapped[datetime] = mapped_column(_Instant)
    finished_at: Mapped[datetime | None] = mapped_column(_Instant)
    seconds: Mapped[float | None]
    outcome: Mapped[Outcome] = mapped_column(words(Outcome))
    result: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=sa.text("'{}'"))
    error: Mapped[str | None] = mapped_column(sa.Text)
    runs: Mapped[int] = mapped_column(sa.Integer, server_default="1")


class SchedulerProcess(Base):
    """A process that runs jobs or stands by. The instants are the database's own; ``seen_at`` is its last sign of life.

    ``active_since`` is None while it stands by.
    """

    __tablename__ = "scheduler_process"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    host: Mapped[str] = mapped_column(sa.Text)
    pid: Mapped[int]
    started_at: Mapped[datetime] = mapped_column(_Instant)
    seen_at: Mapped[datetime] = mapped_column(_Instant)
    active_since: Mapped[datetime | None] = mapped_column(_Instant)
