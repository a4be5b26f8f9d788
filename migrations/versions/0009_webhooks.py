"""Webhooks, notices of what falls due, and daily statistics."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _notices()
    _statistics()
    _webhooks()
    op.execute(
        "GRANT SELECT, INSERT ON overdue_notice, training_notice, statistic_day, daily_statistic TO fleet_application"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON webhook, webhook_delivery TO fleet_application")


def _notices() -> None:
    op.create_table(
        "overdue_notice",
        sa.Column("allocation_id", sa.BigInteger(), nullable=False),
        sa.Column("due_back", _INSTANT, nullable=False),
        sa.Column("step", sa.SmallInteger(), nullable=False),
        sa.Column("noted_at", _INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["allocation_id"], ["allocation.id"], name=op.f("fk_overdue_notice_allocation_id")),
        sa.PrimaryKeyConstraint("allocation_id", "due_back", "step", name=op.f("pk_overdue_notice")),
    )
    op.create_table(
        "training_notice",
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("trained_until", sa.Date(), nullable=False),
        sa.Column("noted_at", _INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_training_notice_person_id")),
        sa.PrimaryKeyConstraint("person_id", "trained_until", name=op.f("pk_training_notice")),
    )


def _statistics() -> None:
    op.create_table(
        "statistic_day",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("computed_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_statistic_day")),
    )
    op.create_table(
        "daily_statistic",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("measure", sa.Text(collation="C"), nullable=False),
        sa.Column("label", sa.Text(collation="C"), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["day"], ["statistic_day.day"], name=op.f("fk_daily_statistic_day")),
        sa.PrimaryKeyConstraint("day", "measure", "label", name=op.f("pk_daily_statistic")),
    )
    op.create_index(op.f("ix_daily_statistic_measure_day_label"), "daily_statistic", ["measure", "day", "label"])


def _webhooks() -> None:
    states = sa.Enum("active", "paused", name="webhookstate", native_enum=False, create_constraint=True, length=32)
    op.create_table(
        "webhook",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("details", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("state", states, nullable=False),
        sa.Column("pause_reason", sa.Text(), nullable=True),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("previous_secret", sa.LargeBinary(), nullable=True),
        sa.Column("previous_until", _INSTANT, nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failing_since", _INSTANT, nullable=True),
        sa.Column("rests_until", _INSTANT, nullable=True),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook")),
        sa.UniqueConstraint("name", name=op.f("uq_webhook_name")),
    )
    _deliveries()


def _deliveries() -> None:
    words = "pending", "delivered", "failed"
    states = sa.Enum(*words, name="deliverystate", native_enum=False, create_constraint=True, length=32)
    op.create_table(
        "webhook_delivery",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("webhook_id", sa.BigInteger(), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=True),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("state", states, nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("tried_at", _INSTANT, nullable=True),
        sa.Column("next_at", _INSTANT, nullable=True),
        sa.Column("leased_until", _INSTANT, nullable=True),
        sa.Column("last_status", sa.SmallInteger(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhook.id"], name=op.f("fk_webhook_delivery_webhook_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["entry_id"], ["audit_entry.id"], name=op.f("fk_webhook_delivery_entry_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_delivery")),
        sa.UniqueConstraint("webhook_id", "entry_id", name=op.f("uq_webhook_delivery_webhook_id_entry_id")),
    )
    op.create_index(
        "ix_webhook_delivery_due",
        "webhook_delivery",
        ["webhook_id", "next_at", "id"],
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "ix_webhook_delivery_leased",
        "webhook_delivery",
        ["webhook_id"],
        postgresql_where=sa.text("leased_until IS NOT NULL"),
    )
    op.create_index(
        "ix_webhook_delivery_touched",
        "webhook_delivery",
        [sa.literal_column("COALESCE(tried_at, created_at)")],
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(op.f("ix_webhook_delivery_webhook_id_id"), "webhook_delivery", ["webhook_id", "id"])
    op.create_index(op.f("ix_webhook_delivery_state_id"), "webhook_delivery", ["state", "id"])


def downgrade() -> None:
    op.execute("DROP TABLE webhook_delivery, webhook, daily_statistic, statistic_day, training_notice, overdue_notice")
