"""Who wants to be told of which events, and what became of telling them."""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from fleet.db import Base, words

_Instant = sa.DateTime(timezone=True)


class WebhookState(StrEnum):
    """A paused one keeps its place in the log: what happens meanwhile is sent once it is resumed."""

    ACTIVE = "active"
    PAUSED = "paused"


class DeliveryState(StrEnum):
    """A ``failed`` one was given up; it can be replayed."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class Webhook(Base):
    """A subscription. ``position`` is the first of the sealed log that it was not asked about yet.

    ``secret`` and ``previous_secret`` are encrypted. ``failing_since`` is the first of the failures since the last
    success, ``failures`` how many in a row; until ``rests_until`` nothing is tried. ``pause_reason`` says why the
    service paused it, None when a person did.
    """

    __tablename__ = "webhook"

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(sa.Text, unique=True)
    url: Mapped[str] = mapped_column(sa.Text)
    events: Mapped[list[str]] = mapped_column(ARRAY(sa.Text))
    details: Mapped[bool] = mapped_column(server_default=sa.false())
    state: Mapped[WebhookState] = mapped_column(words(WebhookState))
    pause_reason: Mapped[str | None] = mapped_column(sa.Text)
    secret: Mapped[bytes] = mapped_column(sa.LargeBinary)
    previous_secret: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    previous_until: Mapped[datetime | None] = mapped_column(_Instant)
    position: Mapped[int] = mapped_column(sa.BigInteger)
    failures: Mapped[int] = mapped_column(server_default="0")
    failing_since: Mapped[datetime | None] = mapped_column(_Instant)
    rests_until: Mapped[datetime | None] = mapped_column(_Instant)
    created_at: Mapped[datetime] = mapped_column(_Instant)
    version: Mapped[int] = mapped_column(sa.Integer, server_default="1")


class WebhookDelivery(Base):
    """One entry of the log for one subscription; a test has no entry.

    ``attempts`` counts every start of one, so it also tells a sender whose lease has run out from the one that took
    over. ``leased_until`` is set while one is being made.
    """

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        sa.UniqueConstraint("webhook_id", "entry_id"),
        sa.Index(
            "ix_webhook_delivery_due", "webhook_id", "next_at", "id", postgresql_where=sa.text("state = 'pending'")
        ),
        sa.Index("ix_webhook_delivery_leased", "webhook_id", postgresql_where=sa.text("leased_until IS NOT NULL")),
        sa.Index(
            "ix_webhook_delivery_touched",
            sa.text("COALESCE(tried_at, created_at)"),
            postgresql_where=sa.text("state = 'pending'"),
        ),
        sa.Index(None, "webhook_id", "id"),
        sa.Index(None, "state", "id"),
    )

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    webhook_id: Mapped[int] = mapped_column(sa.ForeignKey("webhook.id", ondelete="CASCADE"))
    entry_id: Mapped[int | None] = mapped_column(sa.ForeignKey("audit_entry.id"))
    event: Mapped[str] = mapped_column(sa.Text)
    state: Mapped[DeliveryState] = mapped_column(words(DeliveryState))
    attempts: Mapped[int] = mapped_column(server_default="0")
    created_at: Mapped[datetime] = mapped_column(_Instant)
    tried_at: Mapped[datetime | None] = mapped_column(_Instant)
    next_at: Mapped[datetime | None] = mapped_column(_Instant)
    leased_until: Mapped[datetime | None] = mapped_column(_Instant)
    last_status: Mapped[int | None] = mapped_column(sa.SmallInteger)
    last_error: Mapped[str | None] = mapped_column(sa.Text)
