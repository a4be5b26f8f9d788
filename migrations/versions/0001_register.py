"""The register, custody, the log, and who may sign in.

Beside the tables: the rights of the application's role, and the triggers that keep history (rule 9).
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


# The application reads and writes, but of the log it can only append, and of an allocation it can only write the end.
RIGHTS = """
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'fleet_application') THEN
        CREATE ROLE fleet_application NOLOGIN;
    END IF;
END
$$;
DO $$
BEGIN
    -- Where one role does everything, it must be able to act as the application. A role that made another may grant it
    -- to itself, but does not have it by that alone.
    IF NOT EXISTS (
        SELECT FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member
        WHERE m.roleid = 'fleet_application'::regrole AND r.rolcanlogin AND r.rolname <> current_user
    ) THEN
        EXECUTE format('GRANT fleet_application TO %I', current_user);
    END IF;
END
$$;
GRANT USAGE ON SCHEMA public TO fleet_application;
GRANT SELECT, INSERT, UPDATE
    ON account, api_token, camera, camera_report, dock, idempotency_key, person, site, taser, team
    TO fleet_application;
GRANT SELECT, INSERT, UPDATE, DELETE ON failed_sign_in, web_session TO fleet_application;
GRANT SELECT, INSERT, UPDATE ON demonstration_part TO fleet_application;
GRANT DELETE ON idempotency_key TO fleet_application;
GRANT SELECT, INSERT ON audit_entry, site_step, allocation TO fleet_application;
GRANT UPDATE (active, returned_at, condition, note, due_back) ON allocation TO fleet_application;
GRANT SELECT ON alembic_version TO fleet_application;
DO $$
BEGIN
    -- An import has the tables that it grew analysed, so that lists are planned well at once. Before 17 nobody but the
    -- owner can, and the database's own analysis follows within a minute.
    IF current_setting('server_version_num')::int >= 170000 THEN
        EXECUTE 'GRANT MAINTAIN ON site, dock, person, camera, allocation, taser, audit_entry TO fleet_application';
    END IF;
END
$$;
"""

# Column rights stop the application; the trigger stops everybody who writes SQL without thinking.
HISTORY_STANDS = """
CREATE FUNCTION keep_closed_allocation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'custody history is never rewritten: allocation % (rule 9)', OLD.id;
END
$$;
CREATE TRIGGER allocation_is_kept BEFORE DELETE ON allocation
    FOR EACH ROW EXECUTE FUNCTION keep_closed_allocation();
CREATE TRIGGER allocation_closed_is_kept BEFORE UPDATE ON allocation
    FOR EACH ROW WHEN (OLD.returned_at IS NOT NULL) EXECUTE FUNCTION keep_closed_allocation();
CREATE TRIGGER allocation_parties_are_kept BEFORE UPDATE ON allocation
    FOR EACH ROW WHEN (
        (OLD.camera_id, OLD.person_id, OLD.kind, OLD.issued_at)
        IS DISTINCT FROM (NEW.camera_id, NEW.person_id, NEW.kind, NEW.issued_at)
    ) EXECUTE FUNCTION keep_closed_allocation();
CREATE FUNCTION keep_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is only appended to', TG_TABLE_NAME;
END
$$;
CREATE TRIGGER log_is_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION keep_log();
CREATE TRIGGER allocations_are_kept BEFORE TRUNCATE ON allocation
    FOR EACH STATEMENT EXECUTE FUNCTION keep_log();
"""


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "role",
            sa.Enum(
                "store",
                "armourer",
                "it",
                "estates",
                "supervisor",
                "auditor",
                "officer",
                "admin",
                "dock",
                "station",
                name="role",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("collar", sa.Text(collation="C"), nullable=True),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("one_time_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("badge_hash", sa.LargeBinary(), nullable=True),
        sa.Column("locked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("badge_hash", name=op.f("uq_account_badge_hash")),
        sa.UniqueConstraint("collar", name=op.f("uq_account_collar")),
        sa.UniqueConstraint("name", name=op.f("uq_account_name")),
    )
    op.create_table(
        "api_token",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "role",
            sa.Enum(
                "store",
                "armourer",
                "it",
                "estates",
                "supervisor",
                "auditor",
                "officer",
                "admin",
                "dock",
                "station",
                name="role",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_token")),
        sa.UniqueConstraint("name", name=op.f("uq_api_token_name")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_api_token_token_hash")),
    )
    op.create_table(
        "audit_entry",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column(
            "event",
            sa.Enum(
                "account.created",
                "account.changed",
                "account.locked",
                "account.unlocked",
                "account.closed",
                "account.badge-issued",
                "account.password-changed",
                "account.password-reset",
                "sign-in.done",
                "sign-in.refused",
                "sign-in.ended",
                "counter.clerk-changed",
                "counter.locked",
                "token.created",
                "token.revoked",
                "act.denied",
                "person.registered",
                "person.changed",
                "site.registered",
                "site.changed",
                "site.stage-reached",
                "dock.registered",
                "dock.changed",
                "camera.registered",
                "camera.changed",
                "camera.issued",
                "camera.returned",
                "camera.checked",
                "camera.moved",
                "camera.issue-undone",
                "camera.return-undone",
                "camera.issue-refused",
                "rule.overridden",
                "taser.registered",
                "taser.changed",
                "register.imported",
                "register.exported",
                "demonstration.loaded",
                name="event",
                native_enum=False,
                create_constraint=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "subject_kind",
            sa.Enum(
                "account",
                "token",
                "person",
                "site",
                "dock",
                "camera",
                "taser",
                "register",
                "route",
                name="subject",
                native_enum=False,
                create_constraint=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("subject_key", sa.Text(), nullable=False),
        sa.Column("officer", sa.Text(), nullable=True),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
    )
    op.create_index(op.f("ix_audit_entry_actor_id"), "audit_entry", ["actor", "id"], unique=False)
    op.create_index(op.f("ix_audit_entry_at"), "audit_entry", ["at"], unique=False, postgresql_using="brin")
    op.create_index(op.f("ix_audit_entry_event_id"), "audit_entry", ["event", "id"], unique=False)
    op.create_index(
        op.f("ix_audit_entry_officer_id"),
        "audit_entry",
        ["officer", "id"],
        unique=False,
        postgresql_where=sa.text("officer IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_audit_entry_subject_kind_subject_key_id"),
        "audit_entry",
        ["subject_kind", "subject_key", "id"],
        unique=False,
    )
    op.create_table(
        "failed_sign_in",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_failed_sign_in")),
    )
    op.create_index(op.f("ix_failed_sign_in_address_at"), "failed_sign_in", ["address", "at"], unique=False)
    op.create_index(op.f("ix_failed_sign_in_name_at"), "failed_sign_in", ["name", "at"], unique=False)
    op.create_table(
        "idempotency_key",
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column("headers", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("actor", "key", name=op.f("pk_idempotency_key")),
    )
    op.create_index(
        op.f("ix_idempotency_key_created_at"), "idempotency_key", ["created_at"], unique=False, postgresql_using="brin"
    )
    op.create_table(
        "site",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("code", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("nte", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column(
            "stage",
            sa.Enum(
                "candidate",
                "surveyed",
                "network_upgrade",
                "network_ready",
                "space_confirmed",
                "docks_fitted",
                "accepted",
                "live",
                name="stage",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site")),
        sa.UniqueConstraint("code", name=op.f("uq_site_code")),
    )
    op.create_table(
        "team",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_team")),
        sa.UniqueConstraint("name", name=op.f("uq_team_name")),
    )
    op.create_table(
        "dock",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("serial", sa.Text(collation="C"), nullable=False),
        sa.Column("site_id", sa.BigInteger(), nullable=True),
        sa.Column("bays", sa.SmallInteger(), server_default="6", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("bays BETWEEN 1 AND 96", name=op.f("ck_dock_bays")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_dock_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dock")),
        sa.UniqueConstraint("serial", name=op.f("uq_dock_serial")),
    )
    op.create_index(op.f("ix_dock_site_id"), "dock", ["site_id"], unique=False)
    op.create_table(
        "person",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("collar", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("team_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "function",
            sa.Enum(
                "response",
                "firearms",
                "neighbourhood",
                "traffic",
                "force-support",
                "other",
                name="function",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("site_id", sa.BigInteger(), nullable=True),
        sa.Column("trained_until", sa.Date(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_person_site_id")),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_person_team_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("collar", name=op.f("uq_person_collar")),
    )
    op.create_index(op.f("ix_person_site_id"), "person", ["site_id"], unique=False)
    op.create_index(op.f("ix_person_team_id"), "person", ["team_id"], unique=False)
    op.create_index(op.f("ix_person_trained_until"), "person", ["trained_until"], unique=False)
    op.create_table(
        "site_step",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("site_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "stage",
            sa.Enum(
                "candidate",
                "surveyed",
                "network_upgrade",
                "network_ready",
                "space_confirmed",
                "docks_fitted",
                "accepted",
                "live",
                name="stage",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_site_step_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site_step")),
    )
    op.create_index(op.f("ix_site_step_site_id"), "site_step", ["site_id"], unique=False)
    op.create_table(
        "web_session",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("badge_only", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("acted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("locked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_web_session_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_web_session")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_web_session_token_hash")),
    )
    op.create_index(op.f("ix_web_session_account_id"), "web_session", ["account_id"], unique=False)
    op.create_index(op.f("ix_web_session_expires_at"), "web_session", ["expires_at"], unique=False)
    op.create_table(
        "camera",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("serial", sa.Text(collation="C"), nullable=False),
        sa.Column("asset_tag", sa.Text(collation="C"), nullable=True),
        sa.Column(
            "model",
            sa.Enum("body-2", "flex-2", name="model", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column(
            "use",
            sa.Enum("personal", "pool", "reserve", name="use", native_enum=False, create_constraint=True, length=32),
            nullable=True,
        ),
        sa.Column("phase", sa.SmallInteger(), nullable=True),
        sa.Column("home_dock_id", sa.BigInteger(), nullable=True),
        sa.Column("firmware", sa.Text(), nullable=True),
        sa.Column(
            "encryption",
            sa.Enum(
                "none", "aes128", "aes256", name="encryption", native_enum=False, create_constraint=True, length=32
            ),
            nullable=True,
        ),
        sa.Column(
            "bluetooth",
            sa.Enum(
                "legacy",
                "secure-connections",
                "authenticated",
                name="bluetooth",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("levels_reported_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("desired", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column(
            "custody",
            sa.Enum(
                "registered",
                "commissioned",
                "in_stock",
                "issued",
                "returning",
                "quarantined",
                "held",
                "missing",
                "lost",
                "stolen",
                "recovered",
                "repair",
                "retired",
                "sanitised",
                "disposed",
                name="custody",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("custody_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.ForeignKeyConstraint(["home_dock_id"], ["dock.id"], name=op.f("fk_camera_home_dock_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_camera")),
        sa.UniqueConstraint("asset_tag", name=op.f("uq_camera_asset_tag")),
        sa.UniqueConstraint("serial", name=op.f("uq_camera_serial")),
    )
    op.create_index(op.f("ix_camera_custody_serial"), "camera", ["custody", "serial"], unique=False)
    op.create_index(op.f("ix_camera_firmware_serial"), "camera", ["firmware", "serial"], unique=False)
    op.create_index(op.f("ix_camera_home_dock_id"), "camera", ["home_dock_id"], unique=False)
    op.create_index(op.f("ix_camera_model_serial"), "camera", ["model", "serial"], unique=False)
    op.create_index(
        "ix_camera_tag_or_none_serial", "camera", [sa.literal_column("COALESCE(asset_tag, ''::text)"), "serial"]
    )
    op.create_index("ix_camera_serial_reversed", "camera", [sa.literal_column("reverse(serial)")], unique=False)
    op.create_table(
        "taser",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("serial", sa.Text(collation="C"), nullable=False),
        sa.Column(
            "model",
            sa.Enum("x26", "x2", name="tasermodel", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("sppm", sa.Text(collation="C"), nullable=True),
        sa.Column("firmware", sa.Text(), nullable=True),
        sa.Column(
            "bluetooth",
            sa.Enum(
                "legacy",
                "secure-connections",
                "authenticated",
                name="bluetooth",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("home_site_id", sa.BigInteger(), nullable=True),
        sa.Column("holder_id", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("model = 'x2' OR sppm IS NULL", name=op.f("ck_taser_sppm")),
        sa.ForeignKeyConstraint(["holder_id"], ["person.id"], name=op.f("fk_taser_holder_id")),
        sa.ForeignKeyConstraint(["home_site_id"], ["site.id"], name=op.f("fk_taser_home_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_taser")),
        sa.UniqueConstraint("serial", name=op.f("uq_taser_serial")),
        sa.UniqueConstraint("sppm", name=op.f("uq_taser_sppm")),
    )
    op.create_index(op.f("ix_taser_holder_id"), "taser", ["holder_id"], unique=False)
    op.create_index(op.f("ix_taser_home_site_id"), "taser", ["home_site_id"], unique=False)
    op.create_table(
        "allocation",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("camera_id", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("personal", "pool", name="issuekind", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_back", sa.DateTime(timezone=True), nullable=True),
        sa.Column("active", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("returned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "condition",
            sa.Enum("good", "faulty", name="condition", native_enum=False, create_constraint=True, length=32),
            nullable=True,
        ),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("continues_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(returned_at IS NULL) = (condition IS NULL)", name=op.f("ck_allocation_returned_in_a_condition")
        ),
        sa.CheckConstraint(
            "NOT (active AND returned_at IS NOT NULL)", name=op.f("ck_allocation_active_only_while_open")
        ),
        sa.ForeignKeyConstraint(["camera_id"], ["camera.id"], name=op.f("fk_allocation_camera_id")),
        sa.ForeignKeyConstraint(["continues_id"], ["allocation.id"], name=op.f("fk_allocation_continues_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_allocation_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_allocation")),
    )
    op.create_index(op.f("ix_allocation_camera_id_id"), "allocation", ["camera_id", "id"], unique=False)
    op.create_index(
        "ix_allocation_due", "allocation", ["due_back"], unique=False, postgresql_where=sa.text("returned_at IS NULL")
    )
    op.create_index(op.f("ix_allocation_person_id_id"), "allocation", ["person_id", "id"], unique=False)
    op.create_index(
        "uq_allocation_active_person", "allocation", ["person_id"], unique=True, postgresql_where=sa.text("active")
    )
    op.create_index(
        "uq_allocation_open_camera",
        "allocation",
        ["camera_id"],
        unique=True,
        postgresql_where=sa.text("returned_at IS NULL"),
    )
    op.create_index(
        "uq_allocation_open_person_kind",
        "allocation",
        ["person_id", "kind"],
        unique=True,
        postgresql_where=sa.text("returned_at IS NULL"),
    )
    op.create_table(
        "camera_report",
        sa.Column("camera_id", sa.BigInteger(), nullable=False),
        sa.Column("dock_id", sa.BigInteger(), nullable=True),
        sa.Column("bay", sa.SmallInteger(), nullable=True),
        sa.Column("battery_percent", sa.SmallInteger(), nullable=True),
        sa.Column("clock_offset_s", sa.Double(), nullable=True),
        sa.Column(
            "fault",
            sa.Enum(
                "memory-full",
                "clock-not-set",
                "error",
                "recovering",
                name="fault",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("unoffloaded", sa.Integer(), nullable=True),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("battery_percent BETWEEN 0 AND 100", name=op.f("ck_camera_report_battery_percent")),
        sa.CheckConstraint("unoffloaded >= 0", name=op.f("ck_camera_report_unoffloaded")),
        sa.ForeignKeyConstraint(["camera_id"], ["camera.id"], name=op.f("fk_camera_report_camera_id")),
        sa.ForeignKeyConstraint(["dock_id"], ["dock.id"], name=op.f("fk_camera_report_dock_id")),
        sa.PrimaryKeyConstraint("camera_id", name=op.f("pk_camera_report")),
        postgresql_with={"fillfactor": "50"},
    )
    op.create_index(op.f("ix_camera_report_dock_id"), "camera_report", ["dock_id"], unique=False)

    op.create_table(
        "demonstration_part",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("loaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_demonstration_part")),
    )

    op.execute(RIGHTS)
    op.execute(HISTORY_STANDS)


def downgrade() -> None:
    tables = "camera_report, allocation, taser, camera, web_session, site_step, person, dock, team, site"
    op.execute(
        f"DROP TABLE {tables}, idempotency_key, failed_sign_in, audit_entry, api_token, account, demonstration_part"
    )
    op.execute("DROP FUNCTION keep_closed_allocation, keep_log")
