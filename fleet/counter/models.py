"""What counters did, each act once under the id that its page gave it, and those acts that somebody must settle."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from fleet.db import Base, Identifier, words

_Instant = sa.DateTime(timezone=True)
_OPEN = sa.text("settled_at IS NULL")


class Outcome(StrEnum):
    """What became of an act.

    ``LEFT`` is one that would only have asked something, and nobody was there to answer; ``WITHDRAWN`` one that its
    clerk undid before it arrived.
    """

    DONE = "done"
    REFUSED = "refused"
    LEFT = "left"
    WITHDRAWN = "withdrawn"


class Settlement(StrEnum):
    """How somebody settled an act that was refused after it had been done at a counter."""

    DONE_AGAIN = "done-again"
    PUT_RIGHT = "put-right"
    DISMISSED = "dismissed"


class CounterAct(Base):
    """An act of a counter. Written once, in the transaction of its effect, and never changed.

    ``id`` was made by the page, so that the same act sent twice is done once, however much later. ``made_at`` is when
    the clerk scanned, by the page's clock as corrected by the page; ``clock_offset_s`` what it corrected by. ``sender``
    brought the act, ``clerk`` made it. ``did`` names the allocations that it opened or ended. ``answer`` is what the
    page is told, again if need be.
    """

    __tablename__ = "counter_act"

    number: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    id: Mapped[str] = mapped_column(sa.Text(collation="C"), unique=True)
    kind: Mapped[str] = mapped_column(sa.Text)
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    clerk: Mapped[str] = mapped_column(sa.Text)
    sender: Mapped[str] = mapped_column(sa.Text)
    browser: Mapped[int | None] = mapped_column(sa.BigInteger)
    made_at: Mapped[datetime] = mapped_column(_Instant)
    clock_offset_s: Mapped[float | None]
    received_at: Mapped[datetime] = mapped_column(_Instant)
    outcome: Mapped[Outcome] = mapped_column(words(Outcome))
    camera: Mapped[str | None] = mapped_column(Identifier)
    officer: Mapped[str | None] = mapped_column(Identifier)
    rule: Mapped[int | None] = mapped_column(sa.SmallInteger)
    did: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    status: Mapped[int] = mapped_column(sa.SmallInteger)
    answer: Mapped[dict[str, Any]] = mapped_column(JSONB)


class CounterException(Base):
    """An act that a clerk was told would be done, and that the service then refused: open until somebody settles it."""

    __tablename__ = "counter_exception"
    __table_args__ = (
        sa.Index("ix_counter_exception_open", "act_number", postgresql_where=_OPEN),
        sa.CheckConstraint(
            "num_nulls(settled_at, settled_by, settlement, reason) IN (0, 4)", name="settled_by_somebody_for_a_reason"
        ),
    )

    act_number: Mapped[int] = mapped_column(sa.ForeignKey("counter_act.number"), primary_key=True, autoincrement=False)
    problem: Mapped[str] = mapped_column(sa.Text)
    mend: Mapped[str | None] = mapped_column(sa.Text)
    settled_at: Mapped[datetime | None] = mapped_column(_Instant)
    settled_by: Mapped[str | None] = mapped_column(sa.Text)
    settlement: Mapped[Settlement | None] = mapped_column(words(Settlement))
    reason: Mapped[str | None] = mapped_column(sa.Text)
