"""Stocktakes, reservations, kits and bulk acts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

RIGHTS = """
GRANT SELECT, INSERT, UPDATE
    ON stocktake, stocktake_expected, stocktake_scan, reservation, kit, kit_part, bulk_act, bulk_item
    TO fleet_application;
GRANT SELECT, INSERT ON reservation_loan TO fleet_application;
GRANT SELECT, INSERT, DELETE ON reservation_officer TO fleet_application;
GRANT DELETE ON kit_part TO fleet_application;
"""

# A stocktake that ended is a record: neither it nor what was expected and scanned changes any more.
ENDED_STOCKTAKES_STAND = """
CREATE FUNCTION keep_ended_stocktake() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed record := CASE WHEN TG_OP = 'INSERT' THEN NEW ELSE OLD END;
BEGIN
    IF EXISTS (SELECT FROM stocktake WHERE id = changed.stocktake_id AND state <> 'open') THEN
        RAISE EXCEPTION 'stocktake % has ended and never changes', changed.stocktake_id;
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END
$$;
CREATE TRIGGER stocktake_expected_is_kept BEFORE INSERT OR UPDATE OR DELETE ON stocktake_expected
    FOR EACH ROW EXECUTE FUNCTION keep_ended_stocktake();
CREATE TRIGGER stocktake_scan_is_kept BEFORE INSERT OR UPDATE OR DELETE ON stocktake_scan
    FOR EACH ROW EXECUTE FUNCTION keep_ended_stocktake();
CREATE FUNCTION keep_stocktake() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'stocktake % has ended and never changes', OLD.id;
END
$$;
CREATE TRIGGER stocktake_is_kept BEFORE UPDATE OR DELETE ON stocktake
    FOR EACH ROW WHEN (OLD.state <> 'open') EXECUTE FUNCTION keep_stocktake();
"""


def upgrade() -> None:
    op.create_table(
        "bulk_act",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column(
            "verb",
            sa.Enum(
                "return",
                "move",
                "issue",
                "home-dock",
                "use",
                "due-back",
                name="bulkverb",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("wanted", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulk_act")),
    )
    op.create_table(
        "bulk_item",
        sa.Column("bulk_id", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("serial", sa.Text(collation="C"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("wanted", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "outcome",
            sa.Enum(
                "ready",
                "refused",
                "done",
                "changed",
                name="bulkoutcome",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("rule", sa.SmallInteger(), nullable=True),
        sa.Column("what", sa.Text(), nullable=True),
        sa.Column("mend", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["bulk_id"], ["bulk_act.id"], name=op.f("fk_bulk_item_bulk_id")),
        sa.PrimaryKeyConstraint("bulk_id", "line", name=op.f("pk_bulk_item")),
    )
    op.create_index(
        op.f("ix_bulk_item_bulk_id_outcome_line"), "bulk_item", ["bulk_id", "outcome", "line"], unique=False
    )
    op.create_table(
        "reservation",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("code", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column(
            "model",
            sa.Enum("body-2", "flex-2", name="model", native_enum=False, create_constraint=True, length=32),
            nullable=True,
        ),
        sa.Column("site_id", sa.BigInteger(), nullable=True),
        sa.Column("dock_id", sa.BigInteger(), nullable=True),
        sa.Column("begins_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("public_order", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("contact", sa.Text(), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "planned",
                "active",
                "ended",
                "cancelled",
                name="reservationstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("count BETWEEN 1 AND 10000", name=op.f("ck_reservation_count")),
        sa.CheckConstraint("ends_at > begins_at", name=op.f("ck_reservation_ends_after_it_begins")),
        sa.ForeignKeyConstraint(["dock_id"], ["dock.id"], name=op.f("fk_reservation_dock_id")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_reservation_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reservation")),
        sa.UniqueConstraint("code", name=op.f("uq_reservation_code")),
    )
    op.create_index(op.f("ix_reservation_begins_at_code"), "reservation", ["begins_at", "code"], unique=False)
    op.create_index(
        "ix_reservation_to_come",
        "reservation",
        ["begins_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('planned', 'active')"),
    )
    op.create_table(
        "stocktake",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("site_id", sa.BigInteger(), nullable=True),
        sa.Column("dock_id", sa.BigInteger(), nullable=True),
        sa.Column("filters", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "open",
                "closed",
                "abandoned",
                name="stocktakestate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("counts", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.CheckConstraint(
            "(state = 'abandoned') = (reason IS NOT NULL)", name=op.f("ck_stocktake_abandoned_for_a_reason")
        ),
        sa.CheckConstraint("(state = 'open') = (ended_at IS NULL)", name=op.f("ck_stocktake_open_until_ended")),
        sa.ForeignKeyConstraint(["dock_id"], ["dock.id"], name=op.f("fk_stocktake_dock_id")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_stocktake_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stocktake")),
    )
    op.create_index(
        "ix_stocktake_open", "stocktake", ["site_id"], unique=False, postgresql_where=sa.text("state = 'open'")
    )
    op.create_index(op.f("ix_stocktake_state_id"), "stocktake", ["state", "id"], unique=False)
    op.create_table(
        "kit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("code", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("camera_id", sa.BigInteger(), nullable=True),
        sa.Column("dissolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint(
            "(camera_id IS NULL) = (dissolved_at IS NOT NULL)", name=op.f("ck_kit_camera_until_dissolved")
        ),
        sa.ForeignKeyConstraint(["camera_id"], ["camera.id"], name=op.f("fk_kit_camera_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kit")),
        sa.UniqueConstraint("camera_id", name=op.f("uq_kit_camera_id")),
        sa.UniqueConstraint("code", name=op.f("uq_kit_code")),
    )
    op.create_table(
        "reservation_officer",
        sa.Column("reservation_id", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_reservation_officer_person_id")),
        sa.ForeignKeyConstraint(
            ["reservation_id"], ["reservation.id"], name=op.f("fk_reservation_officer_reservation_id")
        ),
        sa.PrimaryKeyConstraint("reservation_id", "person_id", name=op.f("pk_reservation_officer")),
    )
    op.create_index(op.f("ix_reservation_officer_person_id"), "reservation_officer", ["person_id"], unique=False)
    op.create_table(
        "stocktake_expected",
        sa.Column("stocktake_id", sa.BigInteger(), nullable=False),
        sa.Column("camera_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "settled",
            sa.Enum(
                "found",
                "unable-to-locate",
                "explained",
                name="settlement",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_by", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(settled IS NULL) = (settled_at IS NULL)", name=op.f("ck_stocktake_expected_settled_at_a_time")
        ),
        sa.ForeignKeyConstraint(["camera_id"], ["camera.id"], name=op.f("fk_stocktake_expected_camera_id")),
        sa.ForeignKeyConstraint(["stocktake_id"], ["stocktake.id"], name=op.f("fk_stocktake_expected_stocktake_id")),
        sa.PrimaryKeyConstraint("stocktake_id", "camera_id", name=op.f("pk_stocktake_expected")),
    )
    op.create_table(
        "stocktake_scan",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("stocktake_id", sa.BigInteger(), nullable=False),
        sa.Column("scan", sa.Text(collation="C"), nullable=False),
        sa.Column("camera_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "judgment",
            sa.Enum(
                "expected",
                "returned",
                "unexpected",
                "misplaced",
                "unknown",
                name="judgment",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("times", sa.Integer(), server_default="1", nullable=False),
        sa.Column("scanned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("scanned_by", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "(judgment = 'unknown') = (camera_id IS NULL)", name=op.f("ck_stocktake_scan_unknown_without_camera")
        ),
        sa.CheckConstraint("times >= 1", name=op.f("ck_stocktake_scan_times")),
        sa.ForeignKeyConstraint(["camera_id"], ["camera.id"], name=op.f("fk_stocktake_scan_camera_id")),
        sa.ForeignKeyConstraint(["stocktake_id"], ["stocktake.id"], name=op.f("fk_stocktake_scan_stocktake_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stocktake_scan")),
    )
    op.create_index(
        op.f("ix_stocktake_scan_stocktake_id_judgment_scan"),
        "stocktake_scan",
        ["stocktake_id", "judgment", "scan"],
        unique=False,
    )
    op.create_index(
        "uq_stocktake_scan_camera",
        "stocktake_scan",
        ["stocktake_id", "camera_id"],
        unique=True,
        postgresql_where=sa.text("camera_id IS NOT NULL"),
    )
    op.create_index(
        "uq_stocktake_scan_unknown",
        "stocktake_scan",
        ["stocktake_id", "scan"],
        unique=True,
        postgresql_where=sa.text("camera_id IS NULL"),
    )
    op.create_table(
        "kit_part",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kit_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "mount",
                "cable",
                "controller",
                "other",
                name="partkind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("barcode", sa.Text(collation="C"), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "in-kit",
                "with-officer",
                "missing",
                name="partstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            server_default="in-kit",
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["kit_id"], ["kit.id"], name=op.f("fk_kit_part_kit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kit_part")),
        sa.UniqueConstraint("barcode", name=op.f("uq_kit_part_barcode")),
    )
    op.create_index(op.f("ix_kit_part_kit_id"), "kit_part", ["kit_id"], unique=False)
    op.create_table(
        "reservation_loan",
        sa.Column("allocation_id", sa.BigInteger(), nullable=False),
        sa.Column("reservation_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["allocation_id"], ["allocation.id"], name=op.f("fk_reservation_loan_allocation_id")),
        sa.ForeignKeyConstraint(
            ["reservation_id"], ["reservation.id"], name=op.f("fk_reservation_loan_reservation_id")
        ),
        sa.PrimaryKeyConstraint("allocation_id", name=op.f("pk_reservation_loan")),
    )
    op.create_index(op.f("ix_reservation_loan_reservation_id"), "reservation_loan", ["reservation_id"], unique=False)
    op.create_index(
        "ix_camera_pool_in_stock",
        "camera",
        ["home_dock_id", "custody_at"],
        unique=False,
        postgresql_where=sa.text("custody = 'in_stock' AND use = 'pool'"),
    )
    op.execute(RIGHTS)
    op.execute(ENDED_STOCKTAKES_STAND)


def downgrade() -> None:
    op.drop_index("ix_camera_pool_in_stock", table_name="camera")
    tables = "reservation_loan, reservation_officer, reservation, kit_part, kit, bulk_item, bulk_act"
    op.execute(f"DROP TABLE {tables}, stocktake_scan, stocktake_expected, stocktake")
    op.execute("DROP FUNCTION keep_ended_stocktake, keep_stocktake")
