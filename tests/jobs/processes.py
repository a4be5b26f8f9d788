"""Scheduler processes as they are run in production, and what the database says of them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa

from fleet.jobs.leader import LOCK
from fleet.web import Service
from tests.conftest import SECRET_KEY

ROOT = Path(__file__).resolve().parents[2]
# Longer than any of what is waited for can take on a machine that does much else meanwhile.
PATIENCE_S = 60
# PostgreSQL shows the lower half of a lock's number by itself.
LOCK_ID = LOCK & 0xFFFF_FFFF


def wait_until(is_so: Callable[[], Any]) -> Any:
    """What ``is_so`` answers, as soon as it is true."""
    deadline = time.monotonic() + PATIENCE_S
    while not (answer := is_so()):
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.1)
    return answer


class Scheduler:
    """One scheduler process."""

    def __init__(self, app: Service, folder: Path, *, program: list[str] | None = None, **environ: str) -> None:
        settings = app.fleet_settings
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FLEET_")}
        self._log = folder / f"scheduler-{time.monotonic_ns()}.log"
        command = program or [sys.executable, "-m", "flask", "--app", "wsgi", "jobs"]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=kept
                | {
                    "FLEET_VAR": str(settings.var),
                    "FLEET_SECRET_KEY": SECRET_KEY,
                    "FLEET_DATABASE_URL": str(settings.database_url),
                    "FLEET_OWNER_DATABASE_URL": str(settings.owner_database_url),
                }
                | environ,
                stdout=log,
                stderr=log,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def log(self) -> str:
        return self._log.read_text()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(30)

    def end(self) -> None:
        """Whatever state it is in."""
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()


def owner(app: Service) -> psycopg.Connection[Any]:
    """A connection of the owner's to the same database."""
    return connected(app.fleet_settings.owner_database_url)


def connected(url: str | None) -> psycopg.Connection[Any]:
    plain = sa.make_url(url or "").set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(plain, autocommit=True)


def active(app: Service) -> int | None:
    """The number of the process that the database says is the active one."""
    with owner(app) as connection:
        rows = connection.execute(
            "SELECT pid FROM scheduler_process WHERE active_since IS NOT NULL"
            " AND seen_at > clock_timestamp() - interval '3 seconds' ORDER BY active_since DESC"
        ).fetchall()
    return rows[0][0] if rows else None


def holders(app: Service) -> int:
    """How many connections have the schedulers' lock."""
    with owner(app) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            [LOCK_ID],
        ).fetchone()
    assert row is not None
    return int(row[0])


def runs(app: Service, job: str) -> list[tuple[Any, ...]]:
    """The runs of a job, oldest first: outcome, how many, day."""
    with owner(app) as connection:
        return connection.execute("SELECT outcome, runs, day FROM job_run WHERE job = %s ORDER BY id", [job]).fetchall()
