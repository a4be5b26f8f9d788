"""The database's structure comes from migrations alone, which go up from nothing and down to it again."""

import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory

from fleet import migrate
from fleet.embedded import Databases

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"


@pytest.fixture
def bare(postgres: Databases) -> Iterator[str]:
    """The owner's URL of a database with nothing in it."""
    name, owner = f"bare_{secrets.token_hex(4)}", sa.make_url(postgres.owner)
    server = owner.set(drivername="postgresql").render_as_string(False)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    yield owner.set(database=name).render_as_string(False)
    # An autovacuum worker may still be at it, whom the owner may not end; what stays goes with the whole server.
    with psycopg.connect(server, autocommit=True) as connection, suppress(psycopg.errors.ObjectInUse):
        connection.execute(f"DROP DATABASE {name}".encode())


def structure(url: str) -> set[tuple[str, ...]]:
    """Every table, column, index, trigger, function and right in the database."""
    named = "SELECT 'column', table_name, column_name, data_type FROM information_schema.columns"
    questions = [
        named + " WHERE table_schema = 'public'",
        "SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
        "SELECT 'constraint', conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid > 16383",
        "SELECT 'trigger', tgname, tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal",
        "SELECT 'function', proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
        "SELECT 'right', relname, relacl::text FROM pg_class WHERE relkind = 'r' AND oid > 16383",
    ]
    plain = sa.make_url(url).set(drivername="postgresql").render_as_string(False)
    with psycopg.connect(plain) as connection:
        return {row for question in questions for row in connection.execute(question.encode()).fetchall()}


def test_there_is_one_head() -> None:
    assert len(ScriptDirectory(str(MIGRATIONS)).get_heads()) == 1


def test_migrations_are_numbered_in_order() -> None:
    revisions = list(ScriptDirectory(str(MIGRATIONS)).walk_revisions())[::-1]

    assert [script.revision for script in revisions] == [f"{number + 1:04}" for number in range(len(revisions))]
    assert all(Path(script.path).name.startswith(f"{script.revision}_") for script in revisions)


def test_from_nothing_they_make_what_the_models_say(bare: str) -> None:
    migrate.upgrade(bare)

    migrate.check(bare)
    engine = sa.create_engine(bare, poolclass=sa.NullPool)
    with engine.connect() as connection:
        assert migrate.is_current(connection)


def test_a_second_upgrade_does_nothing(bare: str) -> None:
    migrate.upgrade(bare)
    before = structure(bare)

    migrate.upgrade(bare)

    assert structure(bare) == before


def test_down_and_up_again_is_the_same(bare: str) -> None:
    migrate.upgrade(bare)
    before = structure(bare)
    engine = sa.create_engine(bare, poolclass=sa.NullPool)

    with engine.begin() as connection:
        command.downgrade(migrate.configuration(connection), "base")
    left = {row for row in structure(bare) if "alembic_version" not in " ".join(row)}
    migrate.upgrade(bare)

    assert left == set()
    assert structure(bare) == before


def test_an_old_structure_is_not_current(bare: str) -> None:
    engine = sa.create_engine(bare, poolclass=sa.NullPool)

    with engine.connect() as connection:
        assert not migrate.is_current(connection)
