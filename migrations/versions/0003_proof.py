"""What proves the log: salts, tiles, signed checkpoints, how far it is settled; erasure by law; the sealer's role."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# The sealer reads the log and writes what proves it; the application may read that and no more.
RIGHTS = """
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'fleet_sealer') THEN
        BEGIN
            CREATE ROLE fleet_sealer NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;  -- the migration of another database of this server made it just now
        END;
    END IF;
    -- Where nobody else was made to act as it, the owner can.
    IF NOT EXISTS (
        SELECT FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member
        WHERE m.roleid = 'fleet_sealer'::regrole AND r.rolcanlogin AND r.rolname <> current_user
    ) THEN
        EXECUTE format('GRANT fleet_sealer TO %I', current_user);
    END IF;
END
$$;
GRANT USAGE ON SCHEMA public TO fleet_sealer;
GRANT SELECT ON audit_entry, audit_seal, audit_tile, audit_checkpoint, audit_mark TO fleet_sealer;
GRANT SELECT ON SEQUENCE audit_entry_id_seq TO fleet_sealer;
GRANT INSERT ON audit_seal, audit_tile, audit_checkpoint TO fleet_sealer;
GRANT UPDATE (hashes) ON audit_tile TO fleet_sealer;
GRANT UPDATE (pushed_at, push_problem) ON audit_checkpoint TO fleet_sealer;
GRANT UPDATE (settled, following, waiting) ON audit_mark TO fleet_sealer;
GRANT SELECT ON audit_tile, audit_checkpoint, audit_mark TO fleet_application;
"""

# What is sealed stands; a tile is only added to; and of the log itself one change is let through, to its owner alone:
# that fields which may be personal give way to a marker and what is left of their commitments.
KEPT = """
CREATE FUNCTION keep_tile() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.level, NEW.number) IS DISTINCT FROM (OLD.level, OLD.number)
        OR substring(NEW.hashes FROM 1 FOR length(OLD.hashes)) IS DISTINCT FROM OLD.hashes
    THEN
        RAISE EXCEPTION 'audit_tile is only added to';
    END IF;
    RETURN NEW;
END
$$;
CREATE FUNCTION keep_checkpoint() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a checkpoint stands as it was signed';
END
$$;
CREATE FUNCTION erase_only() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    gone jsonb := NEW.erased->'commitments';
    stays jsonb := NEW.erased->'salts';
BEGIN
    IF current_user IS DISTINCT FROM (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = TG_RELID)
        OR (NEW.id, NEW.at, NEW.role, NEW.event, NEW.subject_kind)
            IS DISTINCT FROM (OLD.id, OLD.at, OLD.role, OLD.event, OLD.subject_kind)
        OR NEW.salt IS NOT NULL OR gone IS NULL OR stays IS NULL
        OR NOT gone @> coalesce(OLD.erased->'commitments', '{}')
        OR (SELECT array_agg(name ORDER BY name) FROM (
            SELECT jsonb_object_keys(gone) UNION ALL SELECT jsonb_object_keys(stays)) AS fields (name)
        ) IS DISTINCT FROM ARRAY['actor', 'facts', 'officer', 'subject_key']
        OR NEW.actor IS DISTINCT FROM (CASE WHEN gone ? 'actor' THEN '[erased]' ELSE OLD.actor END)
        OR NEW.officer IS DISTINCT FROM (CASE WHEN gone ? 'officer' THEN '[erased]' ELSE OLD.officer END)
        OR NEW.subject_key IS DISTINCT FROM (CASE WHEN gone ? 'subject_key' THEN '[erased]' ELSE OLD.subject_key END)
        OR NEW.facts IS DISTINCT FROM (CASE WHEN gone ? 'facts' THEN '{"erased": true}'::jsonb ELSE OLD.facts END)
    THEN
        RAISE EXCEPTION 'audit_entry is only appended to';
    END IF;
    RETURN NEW;
END
$$;
DROP TRIGGER log_is_kept ON audit_entry;
CREATE TRIGGER log_is_kept BEFORE DELETE OR TRUNCATE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION keep_log();
CREATE TRIGGER log_is_erased_by_law_alone BEFORE UPDATE ON audit_entry
    FOR EACH ROW EXECUTE FUNCTION erase_only();
CREATE TRIGGER seal_is_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_seal
    FOR EACH STATEMENT EXECUTE FUNCTION keep_log();
CREATE TRIGGER tiles_are_kept BEFORE DELETE OR TRUNCATE ON audit_tile
    FOR EACH STATEMENT EXECUTE FUNCTION keep_log();
CREATE TRIGGER tile_is_added_to BEFORE UPDATE ON audit_tile
    FOR EACH ROW EXECUTE FUNCTION keep_tile();
CREATE TRIGGER checkpoints_are_kept BEFORE DELETE OR TRUNCATE ON audit_checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION keep_log();
CREATE TRIGGER checkpoint_stands BEFORE UPDATE ON audit_checkpoint
    FOR EACH ROW WHEN ((NEW.size, NEW.root, NEW.note, NEW.signed_at)
        IS DISTINCT FROM (OLD.size, OLD.root, OLD.note, OLD.signed_at)) EXECUTE FUNCTION keep_checkpoint();
"""


def upgrade() -> None:
    # A default that is random gives each entry that there is a salt of its own.
    salt = sa.Column("salt", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=True)
    op.add_column("audit_entry", salt)
    op.add_column("audit_entry", sa.Column("erased", postgresql.JSONB(), nullable=True))
    op.create_check_constraint(
        op.f("ck_audit_entry_salted_or_erased"), "audit_entry", "(salt IS NULL) = (erased IS NOT NULL)"
    )
    _add_tiles()
    _add_checkpoints()
    _add_mark()
    op.execute(RIGHTS)
    op.execute(KEPT)


def _add_tiles() -> None:
    op.create_table(
        "audit_tile",
        sa.Column("level", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "length(hashes) BETWEEN 32 AND 8192 AND length(hashes) % 32 = 0", name=op.f("ck_audit_tile_hashes")
        ),
        sa.PrimaryKeyConstraint("level", "number", name=op.f("pk_audit_tile")),
    )
    # Hashes do not compress, and to try costs time.
    op.execute("ALTER TABLE audit_tile ALTER hashes SET STORAGE EXTERNAL")


def _add_checkpoints() -> None:
    op.create_table(
        "audit_checkpoint",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("pushed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("push_problem", sa.Text(), nullable=True),
        sa.CheckConstraint("length(root) = 32", name=op.f("ck_audit_checkpoint_root")),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_audit_checkpoint")),
    )
    waiting = sa.text("pushed_at IS NULL")
    op.create_index("ix_audit_checkpoint_waiting", "audit_checkpoint", ["size"], postgresql_where=waiting)


def _add_mark() -> None:
    op.create_table(
        "audit_mark",
        sa.Column("only", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("settled", sa.BigInteger(), nullable=False),
        sa.Column("following", sa.BigInteger(), nullable=False),
        sa.Column("waiting", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.CheckConstraint('"only"', name=op.f("ck_audit_mark_one_row")),
        sa.PrimaryKeyConstraint("only", name=op.f("pk_audit_mark")),
    )
    op.execute("INSERT INTO audit_mark (settled, following, waiting) VALUES (0, 0, '{}')")


def downgrade() -> None:
    # What is erased has no salt to go back to, and stays erased.
    op.execute("DROP TRIGGER log_is_erased_by_law_alone ON audit_entry")
    op.execute("DROP TRIGGER log_is_kept ON audit_entry")
    op.execute("DROP TRIGGER seal_is_kept ON audit_seal")
    op.execute("DROP TABLE audit_tile, audit_checkpoint, audit_mark")
    op.execute("DROP FUNCTION keep_tile, keep_checkpoint, erase_only")
    op.execute("REVOKE ALL ON audit_entry, audit_seal FROM fleet_sealer")
    op.execute("REVOKE ALL ON SEQUENCE audit_entry_id_seq FROM fleet_sealer")
    op.execute("REVOKE ALL ON SCHEMA public FROM fleet_sealer")
    op.drop_constraint(op.f("ck_audit_entry_salted_or_erased"), "audit_entry")
    op.drop_column("audit_entry", "erased")
    op.drop_column("audit_entry", "salt")
    # Rows that were sealed have no proof any more, and are sealed anew by the next version that can.
    op.execute("TRUNCATE audit_seal")
    op.execute("""CREATE TRIGGER log_is_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entry
        FOR EACH STATEMENT EXECUTE FUNCTION keep_log()""")
