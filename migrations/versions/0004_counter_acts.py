"""What counters did, each act once, and those that somebody must settle."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# An act is written once; of an exception nothing but its settlement, and that once.
RIGHTS = """
GRANT SELECT, INSERT ON counter_act, counter_exception TO fleet_application;
GRANT UPDATE (settled_at, settled_by, settlement, reason) ON counter_exception TO fleet_application;
CREATE FUNCTION keep_counter_act() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what a counter did is never changed or removed (rule 9)';
END
$$;
CREATE TRIGGER counter_act_is_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON counter_act
    FOR EACH STATEMENT EXECUTE FUNCTION keep_counter_act();
CREATE TRIGGER counter_exception_is_kept BEFORE DELETE OR TRUNCATE ON counter_exception
    FOR EACH STATEMENT EXECUTE FUNCTION keep_counter_act();
CREATE TRIGGER counter_settlement_is_kept BEFORE UPDATE ON counter_exception
    FOR EACH ROW WHEN (OLD.settled_at IS NOT NULL) EXECUTE FUNCTION keep_counter_act();
"""


def upgrade() -> None:
    op.create_table(
        "counter_act",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("clerk", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("browser", sa.BigInteger(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("clock_offset_s", sa.Float(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "outcome",
            sa.Enum(
                "done",
                "refused",
                "left",
                "withdrawn",
                name="outcome",
                native_enum=False,
                length=32,
                create_constraint=True,
            ),
            nullable=False,
        ),
        sa.Column("camera", sa.Text(collation="C"), nullable=True),
        sa.Column("officer", sa.Text(collation="C"), nullable=True),
        sa.Column("rule", sa.SmallInteger(), nullable=True),
        sa.Column("did", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("answer", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_counter_act")),
        sa.UniqueConstraint("id", name=op.f("uq_counter_act_id")),
    )
    op.create_table(
        "counter_exception",
        sa.Column("act_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("mend", sa.Text(), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_by", sa.Text(), nullable=True),
        sa.Column(
            "settlement",
            sa.Enum(
                "done-again",
                "put-right",
                "dismissed",
                name="settlement",
                native_enum=False,
                length=32,
                create_constraint=True,
            ),
            nullable=True,
        ),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "num_nulls(settled_at, settled_by, settlement, reason) IN (0, 4)",
            name=op.f("ck_counter_exception_settled_by_somebody_for_a_reason"),
        ),
        sa.ForeignKeyConstraint(["act_number"], ["counter_act.number"], name=op.f("fk_counter_exception_act_number")),
        sa.PrimaryKeyConstraint("act_number", name=op.f("pk_counter_exception")),
    )
    op.create_index(
        "ix_counter_exception_open",
        "counter_exception",
        ["act_number"],
        postgresql_where=sa.text("settled_at IS NULL"),
    )
    op.execute(RIGHTS)


def downgrade() -> None:
    op.drop_table("counter_exception")
    op.drop_table("counter_act")
    op.execute("DROP FUNCTION keep_counter_act()")
