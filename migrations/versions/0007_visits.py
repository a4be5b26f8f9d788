"""Visits to the counter and their acknowledgement, terms, officers' PINs and addresses, and receipts to be sent."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

RIGHTS = """
GRANT SELECT, INSERT ON terms, visit, visit_allocation, acknowledgement TO fleet_application;
GRANT UPDATE (acknowledged_at) ON visit TO fleet_application;
GRANT SELECT, INSERT, UPDATE, DELETE ON officer_pin TO fleet_application;
GRANT SELECT, INSERT ON receipt_mail TO fleet_application;
GRANT UPDATE (state, due_at, tries, sent_at, address, problem) ON receipt_mail TO fleet_application;
"""
# keep_log refuses whatever it is called for. A visit changes once, when it is acknowledged, and is complete then.
KEPT = """
CREATE TRIGGER terms_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON terms
    FOR EACH STATEMENT EXECUTE FUNCTION keep_log();
CREATE TRIGGER visit_allocations_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON visit_allocation
    FOR EACH STATEMENT EXECUTE FUNCTION keep_log();
CREATE TRIGGER acknowledgements_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON acknowledgement
    FOR EACH STATEMENT EXECUTE FUNCTION keep_log();
CREATE FUNCTION keep_visit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a visit changes once, when it is acknowledged: visit %', OLD.id;
END
$$;
CREATE TRIGGER visits_are_kept BEFORE DELETE ON visit FOR EACH ROW EXECUTE FUNCTION keep_visit();
CREATE TRIGGER visits_are_not_emptied BEFORE TRUNCATE ON visit FOR EACH STATEMENT EXECUTE FUNCTION keep_log();
CREATE TRIGGER visits_are_acknowledged_once BEFORE UPDATE ON visit
    FOR EACH ROW WHEN (
        OLD.acknowledged_at IS NOT NULL
        OR (OLD.key, OLD.person_id, OLD.clerk, OLD.begun_at)
            IS DISTINCT FROM (NEW.key, NEW.person_id, NEW.clerk, NEW.begun_at)
    ) EXECUTE FUNCTION keep_visit();
CREATE FUNCTION refuse_late_issue() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM visit WHERE id = NEW.visit_id AND acknowledged_at IS NOT NULL) THEN
        RAISE EXCEPTION 'visit % is acknowledged and takes no more issues', NEW.visit_id;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER acknowledged_visits_are_complete BEFORE INSERT ON visit_allocation
    FOR EACH ROW EXECUTE FUNCTION refuse_late_issue();
"""


def _words(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)


def upgrade() -> None:
    op.add_column("person", sa.Column("email", sa.Text(), nullable=True))
    op.create_table(
        "officer_pin",
        sa.Column("person_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("pin_hash", sa.Text(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failures", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_officer_pin_person_id")),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_officer_pin")),
    )
    _terms_and_visits()
    _acknowledgements()
    op.execute(RIGHTS)
    op.execute(KEPT)


def _terms_and_visits() -> None:
    op.create_table(
        "terms",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_by", sa.Text(), nullable=False),
        sa.CheckConstraint("version >= 1", name=op.f("ck_terms_version_counts_from_one")),
        sa.CheckConstraint("sha256 = sha256(convert_to(text, 'UTF8'))", name=op.f("ck_terms_sha256_is_the_texts")),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_terms")),
    )
    op.create_table(
        "visit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("clerk", sa.Text(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("key ~ '^[0-9a-f]{32}$'", name=op.f("ck_visit_key_is_hexadecimal")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_visit_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visit")),
        sa.UniqueConstraint("key", name=op.f("uq_visit_key")),
    )
    op.create_index("ix_visit_open", "visit", ["id"], postgresql_where=sa.text("acknowledged_at IS NULL"))
    op.create_index(op.f("ix_visit_person_id_id"), "visit", ["person_id", "id"])
    op.create_table(
        "visit_allocation",
        sa.Column("allocation_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("visit_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["allocation_id"], ["allocation.id"], name=op.f("fk_visit_allocation_allocation_id")),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_visit_allocation_visit_id")),
        sa.PrimaryKeyConstraint("allocation_id", name=op.f("pk_visit_allocation")),
    )
    op.create_index(op.f("ix_visit_allocation_visit_id"), "visit_allocation", ["visit_id"])


def _acknowledgements() -> None:
    op.create_table(
        "acknowledgement",
        sa.Column("visit_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("method", _words("method", "pin", "signature", "attestation"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("clerk", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("strokes", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("terms_version", sa.Integer(), nullable=True),
        sa.Column("terms_sha256", sa.LargeBinary(), nullable=True),
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "(method = 'signature') = (strokes IS NOT NULL)", name=op.f("ck_acknowledgement_a_signature_has_strokes")
        ),
        sa.CheckConstraint(
            "(method = 'attestation') = (reason IS NOT NULL)",
            name=op.f("ck_acknowledgement_an_attestation_has_a_reason"),
        ),
        sa.CheckConstraint(
            "(terms_version IS NULL) = (terms_sha256 IS NULL)", name=op.f("ck_acknowledgement_terms_have_a_hash")
        ),
        sa.CheckConstraint("pg_column_size(strokes) <= 300000", name=op.f("ck_acknowledgement_strokes_are_few")),
        sa.ForeignKeyConstraint(["entry_id"], ["audit_entry.id"], name=op.f("fk_acknowledgement_entry_id")),
        sa.ForeignKeyConstraint(["terms_version"], ["terms.version"], name=op.f("fk_acknowledgement_terms_version")),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_acknowledgement_visit_id")),
        sa.PrimaryKeyConstraint("visit_id", name=op.f("pk_acknowledgement")),
    )
    op.create_table(
        "receipt_mail",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("visit_id", sa.BigInteger(), nullable=False),
        sa.Column("state", _words("mailstate", "waiting", "sent", "failed"), server_default="waiting", nullable=False),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name=op.f("ck_receipt_mail_sent_at_some_time")),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_receipt_mail_visit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipt_mail")),
    )
    op.create_index("ix_receipt_mail_due", "receipt_mail", ["due_at"], postgresql_where=sa.text("state = 'waiting'"))
    op.create_index(op.f("ix_receipt_mail_visit_id"), "receipt_mail", ["visit_id"])


def downgrade() -> None:
    op.execute("DROP TABLE receipt_mail, acknowledgement, visit_allocation, visit, terms, officer_pin")
    op.execute("DROP FUNCTION keep_visit, refuse_late_issue")
    op.drop_column("person", "email")
