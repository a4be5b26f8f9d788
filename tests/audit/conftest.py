"""A log of its own, and hands that may do anything to it."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet.actors import command_line
from fleet.audit import Event, Subject, record
from fleet.audit.identity import Identity, identity_of
from fleet.audit.sealer import push, seal_everything, sealers_database
from fleet.audit.verifying import Report, verify
from fleet.db import Database
from fleet.embedded.server import Place
from fleet.settings import Settings
from fleet.web import Service

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


@dataclass
class Log:
    """A register's log: entries, the jobs that seal and push them, and its superuser."""

    app: Service
    settings: Settings
    var: Path
    outside: Path
    now: datetime = NOW
    numbers: list[int] = field(default_factory=list)

    @classmethod
    def over(cls, app: Service, var: Path, outside: Path, **settings: Any) -> Self:
        """The log of a service, with other settings."""
        app.fleet_settings = replace(app.fleet_settings, **{"checkpoints_url": outside.as_uri(), **settings})
        return cls(app, app.fleet_settings, var, outside)

    @property
    def identity(self) -> Identity:
        return identity_of(self.settings)

    @property
    def sealer(self) -> Database:
        return sealers_database(self.settings.sealer_database_url or "")

    def write(self, count: int = 1, **facts: Any) -> list[int]:
        """Commit entries, each in a transaction of its own, and answer their numbers."""
        return [self._write(facts or {"note": 'Grüße aus "Zelle" 7\n', "clock_offset_s": 0.5}) for _ in range(count)]

    def _write(self, facts: dict[str, Any]) -> int:
        with self.app.database.transaction() as session:
            number = self.write_in(session, **facts)
        self.numbers.append(number)
        return number

    def write_in(self, session: Session, **facts: Any) -> int:
        """Write an entry in somebody's transaction."""
        subject = (Subject.CAMERA, f"X{len(self.numbers)}")
        return record(session, command_line("tests"), Event.CAMERA_ISSUED, subject, at=self.now, officer="C1", **facts)

    def seal(self) -> int:
        return seal_everything(self.settings, now=self.now)["sealed"]

    def push(self) -> int:
        return push(self.settings, now=self.now)["pushed"]

    def sealed(self, *batches: int) -> list[int]:
        """Write batches of entries, sealing and pushing after each."""
        numbers = []
        for count in batches:
            numbers += self.write(count)
            self.seal()
            self.push()
        return numbers

    def rewrite(self, *statements: str) -> None:
        """Tamper, then have the whole log sealed and signed anew by the log's own key."""
        self.tamper(
            *statements,
            "TRUNCATE audit_seal, audit_tile, audit_checkpoint",
            "UPDATE audit_mark SET settled = 0, following = 0, waiting = '{}'",
        )
        self.seal()

    def verify(self) -> Report:
        """What ``audit verify`` finds."""
        url, place = self.settings.database_url or "", self.settings.checkpoints_url
        *_, (_, report) = verify(self.app.database, url, self.identity, place)
        return report

    def superuser(self) -> psycopg.Connection[dict[str, Any]]:
        """A connection that no right and no trigger stops."""
        url = sa.make_url(self.settings.owner_database_url or "").set(
            drivername="postgresql", username="postgres", password=Place(self.var).secret("postgres")
        )
        connection = psycopg.connect(url.render_as_string(False), autocommit=True, row_factory=psycopg.rows.dict_row)
        connection.execute("SET session_replication_role = replica")
        return connection

    def leave(self) -> None:
        """Let the database be dropped by its owner, who cannot end a superuser's connection that is still closing."""
        self.sealer.dispose()
        with self.superuser() as connection:
            for _ in range(200):
                others = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user"
                if not connection.execute(f"{others} AND pid <> pg_backend_pid()".encode()).fetchall():
                    break
                time.sleep(0.02)
        time.sleep(0.05)

    def tamper(self, *statements: str) -> None:
        with self.superuser() as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def ask(self, query: str) -> list[dict[str, Any]]:
        with self.superuser() as connection:
            return connection.execute(query.encode()).fetchall()


@pytest.fixture
def new_log(empty: Service, var: Path, tmp_path: Path) -> Callable[..., Log]:
    def make(**settings: Any) -> Log:
        return Log.over(empty, var, tmp_path / "outside", **settings)

    return make


@pytest.fixture
def log(new_log: Callable[..., Log]) -> Iterator[Log]:
    made = new_log()
    yield made
    made.leave()
