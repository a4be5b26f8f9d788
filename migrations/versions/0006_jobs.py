"""Jobs: which processes run them, and what ran."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "scheduler_process",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("active_since", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scheduler_process")),
        # Written every second: half of each page stays free, so that a row is written in place.
        postgresql_with={"fillfactor": "50"},
    )
    outcomes = "running", "done", "failed", "abandoned"
    op.create_table(
        "job_run",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("process", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seconds", sa.Double(), nullable=True),
        sa.Column(
            "outcome",
            sa.Enum(*outcomes, name="outcome", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("result", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("runs", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("(outcome = 'running') = (finished_at IS NULL)", name=op.f("ck_job_run_finished")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_run")),
    )
    op.create_index(op.f("ix_job_run_job_id"), "job_run", ["job", "id"])
    op.create_index(
        "uq_job_run_done_for_day",
        "job_run",
        ["job", "day"],
        unique=True,
        postgresql_where=sa.text("day IS NOT NULL AND outcome = 'done'"),
    )
    op.create_index("ix_job_run_running", "job_run", ["id"], postgresql_where=sa.text("outcome = 'running'"))
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON job_run, scheduler_process TO fleet_application")


def downgrade() -> None:
    op.execute("DROP TABLE job_run, scheduler_process")
