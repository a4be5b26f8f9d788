"""Tasers' life cycle, pairings with their stations and jobs, device identities, and activations."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)

_STATES = ("authorised", "agreed", "tested", "active", "suspended", "revoked")
_BECAUSE = (
    "battery-swap", "reassigned", "level-below-baseline", "clock-error", "leaver", "mover", "device-lost-or-stolen",
    "device-out-of-service", "by-hand", "replaced", "not-agreed", "out-of-time",
)  # fmt: skip


def _words(name: str, *words: str) -> sa.Enum:
    return sa.Enum(*words, name=name, native_enum=False, create_constraint=True, length=32)


def upgrade() -> None:
    _tasers()
    _identities()
    _stations()
    _pairings()
    _jobs()
    _activations()
    changed = (
        "taser_report, pairing, device_identity, authority_key, station, station_job, station_job_step, activation"
    )
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON {changed} TO fleet_application")
    added = "trust_change, pairing_switch, station_token, activation_account"
    op.execute(f"GRANT SELECT, INSERT ON {added} TO fleet_application")


def _tasers() -> None:
    words = (
        "registered", "in_armoury", "serviceable", "issued", "returned", "awaiting_download", "reconciled",
        "quarantined", "held", "missing", "lost", "stolen", "recovered", "repair", "retired", "sanitised", "disposed",
    )  # fmt: skip
    op.add_column("taser", sa.Column("levels_reported_at", _INSTANT, nullable=True))
    op.add_column("taser", sa.Column("custody", _words("tasercustody", *words), nullable=True))
    op.add_column("taser", sa.Column("custody_at", _INSTANT, nullable=True))
    op.add_column("taser", sa.Column("revoked_at", _INSTANT, nullable=True))
    op.execute("UPDATE taser SET custody = CASE WHEN holder_id IS NULL THEN 'registered' ELSE 'issued' END")
    op.alter_column("taser", "custody", nullable=False)
    issued = "(custody = 'issued') = (holder_id IS NOT NULL)"
    op.create_check_constraint(op.f("ck_taser_issued_to_somebody"), "taser", issued)
    op.create_index(op.f("ix_taser_custody_serial"), "taser", ["custody", "serial"])
    _taser_reports()


def _taser_reports() -> None:
    op.create_table(
        "taser_report",
        sa.Column("taser_id", sa.BigInteger(), nullable=False),
        sa.Column("battery_percent", sa.SmallInteger(), nullable=True),
        sa.Column("clock_offset_s", sa.Double(), nullable=True),
        sa.Column("clock_set", sa.Boolean(), nullable=True),
        sa.Column("counter", sa.BigInteger(), nullable=True),
        sa.Column("log_entries", sa.Integer(), nullable=True),
        sa.Column("log_read_at", _INSTANT, nullable=True),
        sa.Column("activated_at", _INSTANT, nullable=True),
        sa.Column("last_seen_at", _INSTANT, nullable=True),
        sa.CheckConstraint("battery_percent BETWEEN 0 AND 100", name=op.f("ck_taser_report_battery_percent")),
        sa.CheckConstraint("counter >= 0", name=op.f("ck_taser_report_counter")),
        sa.CheckConstraint("log_entries >= 0", name=op.f("ck_taser_report_log_entries")),
        sa.ForeignKeyConstraint(["taser_id"], ["taser.id"], name=op.f("fk_taser_report_taser_id")),
        sa.PrimaryKeyConstraint("taser_id", name=op.f("pk_taser_report")),
    )
    op.create_index(op.f("ix_taser_report_log_entries"), "taser_report", ["log_entries"])


def _identities() -> None:
    op.create_table(
        "authority_key",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("use", _words("keyuse", "authority", "permit"), nullable=False),
        sa.Column("key_id", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=True),
        sa.Column("last_trust", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("retired_at", _INSTANT, nullable=True),
        sa.CheckConstraint(
            "(secret IS NULL) = (retired_at IS NOT NULL)", name=op.f("ck_authority_key_secret_until_retired")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_authority_key")),
        sa.UniqueConstraint("key_id", name=op.f("uq_authority_key_key_id")),
    )
    _devices()


def _devices() -> None:
    op.create_table(
        "device_identity",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", _words("devicekind", "taser", "camera", "station", "monitor"), nullable=False),
        sa.Column("serial", sa.Text(collation="C"), nullable=False),
        sa.Column("agreement_key", sa.LargeBinary(), nullable=False),
        sa.Column("signing_key", sa.LargeBinary(), nullable=False),
        sa.Column("key_ids", sa.ARRAY(sa.LargeBinary()), nullable=False),
        sa.Column("credential", sa.LargeBinary(), nullable=False),
        sa.Column("issued_at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=False),
        sa.Column("revoked_at", _INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device_identity")),
        sa.UniqueConstraint("agreement_key", name=op.f("uq_device_identity_agreement_key")),
        sa.UniqueConstraint("signing_key", name=op.f("uq_device_identity_signing_key")),
    )
    op.create_index(op.f("ix_device_identity_kind_serial_id"), "device_identity", ["kind", "serial", "id"])
    op.create_index(
        "ix_device_identity_revoked",
        "device_identity",
        ["expires_at"],
        postgresql_where=sa.text("revoked_at IS NOT NULL"),
    )
    op.create_table(
        "pairing_switch",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("on", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pairing_switch")),
    )
    op.create_table(
        "trust_change",
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("epoch", name=op.f("pk_trust_change")),
    )


def _stations() -> None:
    op.create_table(
        "station",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("site_id", sa.BigInteger(), nullable=True),
        sa.Column("code_hash", sa.LargeBinary(), nullable=True),
        sa.Column("code_until", _INSTANT, nullable=True),
        sa.Column("enrolled_at", _INSTANT, nullable=True),
        sa.Column("credential_until", _INSTANT, nullable=True),
        sa.Column("revoked_at", _INSTANT, nullable=True),
        sa.Column("revoke_reason", sa.Text(), nullable=True),
        sa.Column("last_seen_at", _INSTANT, nullable=True),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_station_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_station")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_station_code_hash")),
        sa.UniqueConstraint("name", name=op.f("uq_station_name")),
    )
    op.create_index(op.f("ix_station_site_id"), "station", ["site_id"])
    op.create_table(
        "station_token",
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("station_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["station_id"], ["station.id"], name=op.f("fk_station_token_station_id")),
        sa.ForeignKeyConstraint(["token"], ["api_token.name"], name=op.f("fk_station_token_token")),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_station_token")),
    )
    op.create_index(op.f("ix_station_token_station_id"), "station_token", ["station_id"])


def _pairings() -> None:
    op.create_table(
        "pairing",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("taser_id", sa.BigInteger(), nullable=False),
        sa.Column("sppm", sa.Text(collation="C"), nullable=False),
        sa.Column("camera_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "state",
            _words("pairingstate", *_STATES),
            nullable=False,
        ),
        sa.Column(
            "because",
            _words("because", *_BECAUSE),
            nullable=True,
        ),
        sa.Column("taser_holder_id", sa.BigInteger(), nullable=True),
        sa.Column("camera_holder_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("radio_id", sa.LargeBinary(), nullable=True),
        sa.Column("permit", sa.LargeBinary(), nullable=True),
        sa.Column("permit_until", _INSTANT, nullable=True),
        sa.Column("taser_receipt", sa.LargeBinary(), nullable=True),
        sa.Column("camera_receipt", sa.LargeBinary(), nullable=True),
        sa.Column("agreed_at", _INSTANT, nullable=True),
        sa.Column("tested_at", _INSTANT, nullable=True),
        sa.Column("changed_at", _INSTANT, nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint(
            "(because IS NOT NULL) = (state IN ('suspended', 'revoked'))", name=op.f("ck_pairing_said_why")
        ),
        sa.CheckConstraint(
            "state IN ('authorised', 'revoked') OR agreed_at IS NOT NULL", name=op.f("ck_pairing_agreed")
        ),
        sa.CheckConstraint(
            "state NOT IN ('tested', 'active') OR tested_at IS NOT NULL", name=op.f("ck_pairing_tested")
        ),
        sa.ForeignKeyConstraint(["camera_holder_id"], ["person.id"], name=op.f("fk_pairing_camera_holder_id")),
        sa.ForeignKeyConstraint(["camera_id"], ["camera.id"], name=op.f("fk_pairing_camera_id")),
        sa.ForeignKeyConstraint(["taser_holder_id"], ["person.id"], name=op.f("fk_pairing_taser_holder_id")),
        sa.ForeignKeyConstraint(["taser_id"], ["taser.id"], name=op.f("fk_pairing_taser_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pairing")),
        sa.UniqueConstraint("radio_id", name=op.f("uq_pairing_radio_id")),
    )
    _pairing_indexes()


def _pairing_indexes() -> None:
    live = sa.text("state <> 'revoked'")
    op.create_index("ix_pairing_camera_holder", "pairing", ["camera_holder_id"], postgresql_where=live)
    op.create_index("ix_pairing_taser_holder", "pairing", ["taser_holder_id"], postgresql_where=live)
    op.create_index(op.f("ix_pairing_camera_id_id"), "pairing", ["camera_id", "id"])
    op.create_index("ix_pairing_camera_live", "pairing", ["camera_id"], postgresql_where=sa.text("state <> 'revoked'"))
    op.create_index(op.f("ix_pairing_because_id"), "pairing", ["because", "id"])
    op.create_index(op.f("ix_pairing_state_id"), "pairing", ["state", "id"])
    op.create_index(op.f("ix_pairing_taser_id_id"), "pairing", ["taser_id", "id"])
    op.create_index("ix_pairing_taser_live", "pairing", ["taser_id"], postgresql_where=sa.text("state <> 'revoked'"))
    op.create_index(
        "uq_pairing_camera_in_the_making",
        "pairing",
        ["camera_id"],
        unique=True,
        postgresql_where=sa.text("state = 'authorised'"),
    )
    op.create_index(
        "uq_pairing_standing",
        "pairing",
        ["taser_id", "camera_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('agreed', 'tested', 'active')"),
    )
    op.create_index(
        "uq_pairing_taser_in_the_making",
        "pairing",
        ["taser_id"],
        unique=True,
        postgresql_where=sa.text("state = 'authorised'"),
    )


def _jobs() -> None:
    op.create_table(
        "station_job",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column(
            "kind", _words("jobkind", "pair", "test", "read-log", "commission", "unpair", "rekey"), nullable=False
        ),
        sa.Column(
            "state",
            _words("jobstate", "queued", "leased", "done", "failed", "refused", "cancelled", "expired"),
            nullable=False,
        ),
        sa.Column("station_id", sa.BigInteger(), nullable=True),
        sa.Column("taser_id", sa.BigInteger(), nullable=True),
        sa.Column("camera_id", sa.BigInteger(), nullable=True),
        sa.Column("pairing_id", sa.BigInteger(), nullable=True),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=False),
        sa.Column("leased_at", _INSTANT, nullable=True),
        sa.Column("ended_at", _INSTANT, nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.CheckConstraint("(ended_at IS NULL) = (state IN ('queued', 'leased'))", name=op.f("ck_station_job_ended")),
        sa.CheckConstraint(
            "state <> 'leased' OR station_id IS NOT NULL", name=op.f("ck_station_job_leased_to_somebody")
        ),
        sa.CheckConstraint(
            "taser_id IS NOT NULL OR camera_id IS NOT NULL", name=op.f("ck_station_job_about_something")
        ),
        sa.ForeignKeyConstraint(["camera_id"], ["camera.id"], name=op.f("fk_station_job_camera_id")),
        sa.ForeignKeyConstraint(["pairing_id"], ["pairing.id"], name=op.f("fk_station_job_pairing_id")),
        sa.ForeignKeyConstraint(["station_id"], ["station.id"], name=op.f("fk_station_job_station_id")),
        sa.ForeignKeyConstraint(["taser_id"], ["taser.id"], name=op.f("fk_station_job_taser_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_station_job")),
    )
    _job_indexes()


def _job_indexes() -> None:
    op.create_index(
        "ix_station_job_due", "station_job", ["expires_at"], postgresql_where=sa.text("state IN ('queued', 'leased')")
    )
    op.create_index(op.f("ix_station_job_pairing_id_id"), "station_job", ["pairing_id", "id"])
    op.create_index(op.f("ix_station_job_state_id"), "station_job", ["state", "id"])
    op.create_index(
        "ix_station_job_waiting",
        "station_job",
        ["station_id", "id"],
        postgresql_where=sa.text("state IN ('queued', 'leased')"),
    )
    leased = sa.text("state = 'leased'")
    op.create_index("uq_station_job_leased", "station_job", ["station_id"], unique=True, postgresql_where=leased)
    op.create_index(
        "uq_station_job_of_camera",
        "station_job",
        ["camera_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('queued', 'leased')"),
    )
    op.create_index(
        "uq_station_job_of_taser",
        "station_job",
        ["taser_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('queued', 'leased')"),
    )
    _steps()


def _steps() -> None:
    op.create_table(
        "station_job_step",
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("state", _words("stepstate", "begun", "done", "failed"), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("received_at", _INSTANT, nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["station_job.id"], name=op.f("fk_station_job_step_job_id")),
        sa.PrimaryKeyConstraint("job_id", "number", name=op.f("pk_station_job_step")),
    )


def _activations() -> None:
    op.create_table(
        "activation",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("sppm", sa.Text(collation="C"), nullable=False),
        sa.Column("counter", sa.BigInteger(), nullable=False),
        sa.Column("kind", _words("activationkind", "armed", "trigger", "arc", "safe", "test"), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("taser_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "outcome",
            _words(
                "outcome",
                "captured",
                "off",
                "out-of-range",
                "memory-full",
                "not-paired",
                "suspended",
                "cancelled",
                "not-offloaded",
                "unknown",
            ),
            nullable=False,
        ),
        sa.Column("received_at", _INSTANT, nullable=False),
        sa.CheckConstraint("counter >= 0", name=op.f("ck_activation_counter")),
        sa.ForeignKeyConstraint(["taser_id"], ["taser.id"], name=op.f("fk_activation_taser_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activation")),
        sa.UniqueConstraint("sppm", "counter", name=op.f("uq_activation_sppm_counter")),
    )
    op.create_index(op.f("ix_activation_at_id"), "activation", ["at", "id"])
    op.create_index(op.f("ix_activation_outcome_id"), "activation", ["outcome", "id"])
    op.create_index(op.f("ix_activation_taser_id_id"), "activation", ["taser_id", "id"])
    _accounts()


def _accounts() -> None:
    op.create_table(
        "activation_account",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("activation_id", sa.BigInteger(), nullable=False),
        sa.Column("source", _words("source", "monitor", "taser-log", "camera"), nullable=False),
        sa.Column("reporter", sa.Text(), nullable=False),
        sa.Column("camera_id", sa.BigInteger(), nullable=True),
        sa.Column("heard_at", _INSTANT, nullable=True),
        sa.Column("evidence", sa.LargeBinary(), nullable=False),
        sa.Column("verified", sa.Boolean(), nullable=False),
        sa.Column("received_at", _INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["activation_id"], ["activation.id"], name=op.f("fk_activation_account_activation_id")),
        sa.ForeignKeyConstraint(["camera_id"], ["camera.id"], name=op.f("fk_activation_account_camera_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activation_account")),
        sa.UniqueConstraint(
            "activation_id", "source", "reporter", name=op.f("uq_activation_account_activation_id_source_reporter")
        ),
    )
    op.create_index(
        op.f("ix_activation_account_camera_id_activation_id"), "activation_account", ["camera_id", "activation_id"]
    )


def downgrade() -> None:
    op.execute("DROP TABLE activation_account, activation, station_job_step, station_job, pairing")
    op.execute("DROP TABLE station_token, station, pairing_switch, authority_key, trust_change, device_identity")
    op.execute("DROP TABLE taser_report")
    for column in ("custody", "custody_at", "levels_reported_at", "revoked_at"):
        op.drop_column("taser", column)
