"""Losses and their assessments, repairs, holds, the end of a camera's life, departures, exceptions to rules 5 and 6."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# A case is written on as it goes on, and its report never again: the application may write what is decided later.
RIGHTS = """
GRANT SELECT, INSERT
    ON breach_assessment, departure, hold, loss, recall, repair, retirement, rule_exception TO fleet_application;
GRANT UPDATE (state, assessed, overdue_noted_at, crime_number, decided_at, recovered_at, recovered_where,
    recovered_by, recovered_condition) ON loss TO fleet_application;
GRANT UPDATE (overdue_noted_at, returned_at, result, replacement_id, note) ON repair TO fleet_application;
GRANT UPDATE (released_at, released_by, release_reason) ON hold TO fleet_application;
GRANT UPDATE (method, certificate, wiped_by, wiped_on, sanitised_at, sanitised_by, how, waste_note, proposed_at,
    proposed_by, proposed_collar, confirmed_at, confirmed_by, confirmed_collar) ON retirement TO fleet_application;
GRANT UPDATE (done_at, withdrawn_at, withdrawn_by) ON departure TO fleet_application;
GRANT UPDATE (ended_at, ended_by) ON rule_exception TO fleet_application;
"""

# What ends a case of each kind; then nobody writes to it any more (rule 9).
ENDS = {
    "hold": "released_at",
    "repair": "returned_at",
    "retirement": "confirmed_at",
    "departure": "withdrawn_at",
    "rule_exception": "ended_at",
}
KEEP_CASES = """
CREATE FUNCTION keep_case() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a closed case is never rewritten: % % (rule 9)', TG_TABLE_NAME, OLD.id;
END
$$;
CREATE TRIGGER loss_recovered_is_kept BEFORE UPDATE ON loss
    FOR EACH ROW WHEN (
        OLD.recovered_at IS NOT NULL
        AND (OLD.state, OLD.recovered_at, OLD.recovered_where, OLD.recovered_by, OLD.recovered_condition)
        IS DISTINCT FROM (NEW.state, NEW.recovered_at, NEW.recovered_where, NEW.recovered_by, NEW.recovered_condition)
    ) EXECUTE FUNCTION keep_case();
CREATE TRIGGER assessments_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON breach_assessment
    FOR EACH STATEMENT EXECUTE FUNCTION keep_log();
"""


def _keep_cases() -> None:
    op.execute(KEEP_CASES)
    for table, end in ENDS.items():
        op.execute(
            f"CREATE TRIGGER {table}_closed_is_kept BEFORE UPDATE ON {table} "
            f"FOR EACH ROW WHEN (OLD.{end} IS NOT NULL) EXECUTE FUNCTION keep_case()"
        )
    for table in (*ENDS, "loss", "recall"):
        op.execute(
            f"CREATE TRIGGER {table}_is_kept BEFORE DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION keep_log()"
        )


def upgrade() -> None:
    op.create_table(
        "departure",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("leaver", "mover", name="departurekind", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("to_team", sa.Text(), nullable=True),
        sa.Column("to_site_id", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("noted_by", sa.Text(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_by", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "kind = 'leaver' OR to_team IS NOT NULL OR to_site_id IS NOT NULL",
            name=op.f("ck_departure_a_mover_goes_somewhere"),
        ),
        sa.CheckConstraint(
            "kind = 'mover' OR (to_team IS NULL AND to_site_id IS NULL)",
            name=op.f("ck_departure_a_leaver_goes_nowhere"),
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_departure_person_id")),
        sa.ForeignKeyConstraint(["to_site_id"], ["site.id"], name=op.f("fk_departure_to_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_departure")),
    )
    op.create_index(
        "ix_departure_ahead",
        "departure",
        ["last_day"],
        unique=False,
        postgresql_where=sa.text("withdrawn_at IS NULL AND done_at IS NULL"),
    )
    op.create_index(op.f("ix_departure_last_day_id"), "departure", ["last_day", "id"], unique=False)
    op.create_index(op.f("ix_departure_person_id_id"), "departure", ["person_id", "id"], unique=False)
    op.create_index(op.f("ix_departure_to_site_id"), "departure", ["to_site_id"], unique=False)
    op.create_index(
        "uq_departure_open_person",
        "departure",
        ["person_id"],
        unique=True,
        postgresql_where=sa.text("withdrawn_at IS NULL AND (kind = 'leaver' OR done_at IS NULL)"),
    )
    op.create_table(
        "rule_exception",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("rule", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.CheckConstraint("rule IN (5, 6)", name=op.f("ck_rule_exception_rule")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_rule_exception_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule_exception")),
    )
    op.create_index(
        op.f("ix_rule_exception_until"),
        "rule_exception",
        ["until"],
        unique=False,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "uq_rule_exception_person_rule",
        "rule_exception",
        ["person_id", "rule"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "hold",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("camera_id", sa.BigInteger(), nullable=False),
        sa.Column("authority", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("placed_by", sa.Text(), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("released_by", sa.Text(), nullable=True),
        sa.Column("release_reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(released_at IS NULL) = (release_reason IS NULL)", name=op.f("ck_hold_released_for_a_reason")
        ),
        sa.ForeignKeyConstraint(["camera_id"], ["camera.id"], name=op.f("fk_hold_camera_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hold")),
    )
    op.create_index(op.f("ix_hold_camera_id_id"), "hold", ["camera_id", "id"], unique=False)
    op.create_index(
        "uq_hold_open_camera", "hold", ["camera_id"], unique=True, postgresql_where=sa.text("released_at IS NULL")
    )
    op.create_table(
        "loss",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("camera_id", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "missing",
                "lost",
                "stolen",
                "recovered",
                name="lossstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("noticed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reported_by", sa.Text(), nullable=False),
        sa.Column("report_due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("assess_due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen", sa.Text(), nullable=False),
        sa.Column("last_seen_by", sa.Text(), nullable=False),
        sa.Column("circumstances", sa.Text(), nullable=False),
        sa.Column("unoffloaded", sa.Integer(), nullable=True),
        sa.Column(
            "encryption",
            sa.Enum(
                "none", "aes128", "aes256", name="encryption", native_enum=False, create_constraint=True, length=32
            ),
            nullable=True,
        ),
        sa.Column("device_seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("assessed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("overdue_noted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("crime_number", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recovered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recovered_where", sa.Text(), nullable=True),
        sa.Column("recovered_by", sa.Text(), nullable=True),
        sa.Column("recovered_condition", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(state = 'recovered') = (recovered_at IS NOT NULL)", name=op.f("ck_loss_recovered_at_a_time")
        ),
        sa.CheckConstraint("noticed_at <= reported_at", name=op.f("ck_loss_noticed_before_reported")),
        sa.ForeignKeyConstraint(["camera_id"], ["camera.id"], name=op.f("fk_loss_camera_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_loss_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_loss")),
    )
    op.create_index(op.f("ix_loss_camera_id_id"), "loss", ["camera_id", "id"], unique=False)
    op.create_index(op.f("ix_loss_noticed_at_id"), "loss", ["noticed_at", "id"], unique=False)
    op.create_index(op.f("ix_loss_person_id"), "loss", ["person_id"], unique=False)
    op.create_index(op.f("ix_loss_state_id"), "loss", ["state", "id"], unique=False)
    op.create_index(
        "ix_loss_unassessed", "loss", ["assess_due_at"], unique=False, postgresql_where=sa.text("NOT assessed")
    )
    op.create_index(
        "uq_loss_open_camera", "loss", ["camera_id"], unique=True, postgresql_where=sa.text("recovered_at IS NULL")
    )
    op.create_table(
        "repair",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("camera_id", sa.BigInteger(), nullable=False),
        sa.Column("fault", sa.Text(), nullable=False),
        sa.Column("supplier", sa.Text(), nullable=True),
        sa.Column("rma", sa.Text(), nullable=True),
        sa.Column("in_warranty", sa.Boolean(), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_by", sa.Text(), nullable=True),
        sa.Column("expected_back", sa.Date(), nullable=True),
        sa.Column("overdue_noted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("returned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "result",
            sa.Enum(
                "repaired",
                "replaced",
                "beyond-repair",
                name="repairresult",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("replacement_id", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(result = 'replaced') = (replacement_id IS NOT NULL)", name=op.f("ck_repair_replaced_by_one")
        ),
        sa.CheckConstraint("(returned_at IS NULL) = (result IS NULL)", name=op.f("ck_repair_returned_with_a_result")),
        sa.ForeignKeyConstraint(["camera_id"], ["camera.id"], name=op.f("fk_repair_camera_id")),
        sa.ForeignKeyConstraint(["replacement_id"], ["camera.id"], name=op.f("fk_repair_replacement_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_repair")),
    )
    op.create_index(op.f("ix_repair_camera_id_id"), "repair", ["camera_id", "id"], unique=False)
    op.create_index(
        "ix_repair_expected", "repair", ["expected_back"], unique=False, postgresql_where=sa.text("returned_at IS NULL")
    )
    op.create_index(op.f("ix_repair_replacement_id"), "repair", ["replacement_id"], unique=False)
    op.create_index(
        "uq_repair_open_camera", "repair", ["camera_id"], unique=True, postgresql_where=sa.text("returned_at IS NULL")
    )
    op.create_table(
        "retirement",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("camera_id", sa.BigInteger(), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_by", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=True),
        sa.Column("certificate", sa.Text(), nullable=True),
        sa.Column("wiped_by", sa.Text(), nullable=True),
        sa.Column("wiped_on", sa.Date(), nullable=True),
        sa.Column("sanitised_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sanitised_by", sa.Text(), nullable=True),
        sa.Column(
            "how",
            sa.Enum(
                "recycled",
                "destroyed",
                "returned-to-maker",
                name="disposalhow",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("waste_note", sa.Text(), nullable=True),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("proposed_by", sa.Text(), nullable=True),
        sa.Column("proposed_collar", sa.Text(), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirmed_by", sa.Text(), nullable=True),
        sa.Column("confirmed_collar", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(confirmed_by IS NULL) = (confirmed_at IS NULL)", name=op.f("ck_retirement_confirmed_at_a_time")
        ),
        sa.CheckConstraint("(proposed_by IS NULL) = (how IS NULL)", name=op.f("ck_retirement_proposed_in_a_way")),
        sa.CheckConstraint("confirmed_by <> proposed_by", name=op.f("ck_retirement_two_sign_ins")),
        sa.CheckConstraint(
            "confirmed_by IS NULL OR proposed_by IS NOT NULL", name=op.f("ck_retirement_proposed_before_confirmed")
        ),
        sa.CheckConstraint("confirmed_collar <> proposed_collar", name=op.f("ck_retirement_two_officers")),
        sa.CheckConstraint(
            "proposed_by IS NULL OR certificate IS NOT NULL", name=op.f("ck_retirement_wiped_before_proposed")
        ),
        sa.ForeignKeyConstraint(["camera_id"], ["camera.id"], name=op.f("fk_retirement_camera_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retirement")),
        sa.UniqueConstraint("camera_id", name=op.f("uq_retirement_camera_id")),
    )
    op.create_index(
        "ix_retirement_waiting",
        "retirement",
        ["proposed_at"],
        unique=False,
        postgresql_where=sa.text("confirmed_at IS NULL"),
    )
    op.create_table(
        "breach_assessment",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("loss_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("recordings", sa.Text(), nullable=False),
        sa.Column("affected", sa.Text(), nullable=False),
        sa.Column(
            "risk",
            sa.Enum("unlikely", "risk", "high", name="risk", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("measures", sa.Text(), nullable=False),
        sa.Column("psd_told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ico_told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ico_reason", sa.Text(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.CheckConstraint("version > 0", name=op.f("ck_breach_assessment_version")),
        sa.ForeignKeyConstraint(["loss_id"], ["loss.id"], name=op.f("fk_breach_assessment_loss_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_breach_assessment")),
        sa.UniqueConstraint("loss_id", "version", name=op.f("uq_breach_assessment_loss_id_version")),
    )
    op.create_table(
        "recall",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("departure_id", sa.BigInteger(), nullable=False),
        sa.Column("allocation_id", sa.BigInteger(), nullable=False),
        sa.Column("due_back", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_back_was", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["allocation_id"], ["allocation.id"], name=op.f("fk_recall_allocation_id")),
        sa.ForeignKeyConstraint(["departure_id"], ["departure.id"], name=op.f("fk_recall_departure_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recall")),
    )
    op.create_index(op.f("ix_recall_allocation_id"), "recall", ["allocation_id"], unique=False)
    op.create_index(op.f("ix_recall_departure_id"), "recall", ["departure_id"], unique=False)
    op.add_column("camera", sa.Column("warranty_until", sa.Date(), nullable=True))
    op.add_column("camera", sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("person", sa.Column("leaves_on", sa.Date(), nullable=True))
    op.drop_constraint(op.f("ck_allocation_condition"), "allocation")
    op.create_check_constraint(
        op.f("ck_allocation_condition"), "allocation", "condition IN ('good', 'faulty', 'missing')"
    )
    op.create_index(op.f("ix_person_function"), "person", ["function"], unique=False)
    op.create_index(op.f("ix_repair_sent_at_id"), "repair", ["sent_at", "id"], unique=False)
    op.execute(RIGHTS)
    _keep_cases()


def downgrade() -> None:
    op.drop_constraint(op.f("ck_allocation_condition"), "allocation")
    # Cameras that went missing meanwhile stay in the history as they are.
    op.execute(
        "ALTER TABLE allocation ADD CONSTRAINT ck_allocation_condition "
        "CHECK (condition IN ('good', 'faulty')) NOT VALID"
    )
    op.drop_index(op.f("ix_person_function"), table_name="person")
    op.drop_column("person", "leaves_on")
    op.drop_column("camera", "revoked_at")
    op.drop_column("camera", "warranty_until")
    op.drop_table("recall")
    op.drop_table("breach_assessment")
    op.drop_table("retirement")
    op.drop_table("repair")
    op.drop_table("loss")
    op.drop_table("hold")
    op.drop_table("rule_exception")
    op.drop_table("departure")
    op.execute("DROP FUNCTION keep_case")
