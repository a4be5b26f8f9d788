"""Everything runs against a real PostgreSQL, the one that ``make run`` uses, started once for all tests.

Tests share one register and keep out of each other's way by using identifiers of their own (``tests.factories``).
A test that must count everything asks for ``empty`` and gets a register to itself.
"""

import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from fleet import embedded, migrate
from fleet.actors import Role, command_line
from fleet.app import create_app
from fleet.audit.sealer import sealers_database
from fleet.auth import accounts, secret
from fleet.settings import Settings
from fleet.web import Service
from tests.factories import Factory
from tests.live import LiveServer
from tlog.note import Signer

TESTER = command_line("tests")
# One for all services over the shared register, so that a cookie made here is known to the live server too.
SECRET_KEY = secrets.token_urlsafe(48)
LOG_KEY = Signer.new("tests").secret()


@pytest.fixture(scope="session", autouse=True)
def cheap_hashes() -> Iterator[None]:
    """Passwords are hashed at next to no cost in this process: what is tested is who is let in, not argon2."""
    cheap = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(secret, "_HASHER", cheap)
        patched.setattr(secret, "_NO_PASSWORD", cheap.hash("nobody's"))
        yield


@pytest.fixture(scope="session")
def var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that ``var/`` is in production."""
    return tmp_path_factory.mktemp("fleet") / "var"


@pytest.fixture(scope="session")
def postgres(var: Path) -> Iterator[embedded.Databases]:
    """A running PostgreSQL with an empty, current structure."""
    with embedded.running(var) as databases:
        migrate.upgrade(databases.owner)
        yield databases


def settings_for(databases: embedded.Databases, var: Path, **more: Any) -> Settings:
    """Settings for a service on these databases."""
    return Settings(
        var=var,
        secret_key=SECRET_KEY,
        database_url=databases.application,
        owner_database_url=databases.owner,
        **{"sealer_database_url": databases.owner, "log_key": LOG_KEY, "checkpoints_url": None, **more},
    )


@pytest.fixture(scope="session")
def app(postgres: embedded.Databases, var: Path) -> Iterator[Service]:
    """The service in this process, over the shared register."""
    application = create_app(settings_for(postgres, var))
    application.config.update(WTF_CSRF_ENABLED=False)
    yield application
    application.database.dispose()


@pytest.fixture
def empty(postgres: embedded.Databases, var: Path) -> Iterator[Service]:
    """The service over a register of its own, empty and current."""
    name = f"empty_{secrets.token_hex(4)}"
    owner = sa.make_url(postgres.owner)
    with psycopg.connect(_plain(owner), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    urls = [
        sa.make_url(url).set(database=name).render_as_string(False) for url in (postgres.application, postgres.owner)
    ]
    migrate.upgrade(urls[1])
    application = create_app(settings_for(embedded.Databases(*urls), var))
    application.config.update(WTF_CSRF_ENABLED=False)
    yield application
    application.database.dispose()
    sealers_database(urls[1]).dispose()
    with psycopg.connect(_plain(owner), autocommit=True) as connection:
        _wait_until_left(connection, name)
        # An autovacuum worker may still be at it, whom the owner may not end; what stays goes with the whole server.
        with suppress(psycopg.errors.ObjectInUse):
            connection.execute(f"DROP DATABASE {name}")


def _wait_until_left(connection: psycopg.Connection[Any], name: str) -> None:
    """Closed connections take a moment to end, and those of another role cannot be ended by force."""
    for _ in range(100):
        if not connection.execute("SELECT FROM pg_stat_activity WHERE datname = %s", [name]).fetchall():
            return
        time.sleep(0.05)


def _plain(url: sa.URL) -> str:
    return url.set(drivername="postgresql").render_as_string(False)


@dataclass
class Api:
    """The HTTP API as one role sees it, in this process."""

    client: FlaskClient
    token: str
    prefix: str = "/api/v1"
    headers: dict[str, str] = field(default_factory=dict)

    def __call__(self, method: str, path: str, json: Any = None, **headers: str) -> TestResponse:
        """Send a request; ``headers`` with underscores for hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"Authorization": f"Bearer {self.token}"} | named
        return self.client.open(self.prefix + path, method=method, json=json, headers=sent)


def new_token(app: Service, role: Role) -> str:
    """A new bearer token of a role."""
    name = f"{role}-{secrets.token_hex(4)}"
    now, lasts = datetime.now(UTC), timedelta(hours=2)
    with app.database.transaction() as session:
        return accounts.create_token(session, TESTER, name=name, role=role, lasts=lasts, now=now)


def api_of(app: Service, role: Role = Role.ADMIN) -> Api:
    """The API of ``app`` for a new token of ``role``."""
    return Api(app.test_client(), new_token(app, role))


@pytest.fixture
def api(app: Service) -> Api:
    """The API for an administrator."""
    return api_of(app)


@pytest.fixture
def make(app: Service) -> Factory:
    """Makes officers, cameras and all else in the shared register."""
    return Factory(app.database)


@pytest.fixture(scope="session")
def live(postgres: embedded.Databases, var: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """The service as gunicorn serves it, several processes of several threads, over the shared register."""
    with LiveServer(postgres, var, tmp_path_factory.mktemp("live"), FLEET_SECRET_KEY=SECRET_KEY) as server:
        yield server
