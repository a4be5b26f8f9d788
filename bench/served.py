"""Registers to measure on, and the service and its reference serving them."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import sqlalchemy as sa

from bench import client, register
from bench.figures import console
from fleet import embedded, migrate, transfer
from fleet.actors import Role, command_line
from fleet.app import create_app
from fleet.auth import accounts
from fleet.settings import Settings
from fleet.web import Service
from tests.live import ROOT, LiveServer, free_port

SECRET_KEY = "only for the benchmark, on this machine, for these minutes"  # noqa: S105
PROCESSES = {"FLEET_WEB_WORKERS": "2", "FLEET_WEB_THREADS": "4"}


@dataclass
class Bench:
    """A register of one size, served."""

    size: int
    databases: embedded.Databases
    app: Service
    token: str
    server: LiveServer
    reference_port: int

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


def new_database(server: embedded.Databases, name: str) -> embedded.Databases:
    owner = sa.make_url(server.owner)
    with psycopg.connect(owner.set(drivername="postgresql").render_as_string(False), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    urls = [sa.make_url(url).set(database=name).render_as_string(False) for url in (server.application, server.owner)]
    databases = embedded.Databases(*urls)
    migrate.upgrade(databases.owner)
    return databases


def new_app(databases: embedded.Databases, folder: Path) -> Service:
    return create_app(
        Settings(
            var=folder,
            secret_key=SECRET_KEY,
            database_url=databases.application,
            owner_database_url=databases.owner,
            demonstration=False,
        )
    )


def fill(app: Service, size: int, folder: Path) -> float:
    """Import a register and answer the seconds that its cameras took."""
    seconds = 0.0
    for kind, path in register.files(size, folder).items():
        began = time.perf_counter()
        with app.database.transaction() as session, path.open("rb") as file:
            transfer.load(session, command_line("bench"), kind, file, now=datetime.now(UTC))
        seconds = time.perf_counter() - began
        path.unlink()
    return seconds


@contextmanager
def served(server: embedded.Databases, size: int, folder: Path) -> Iterator[Bench]:
    console.print(f"Filling a register of {size:,} cameras")
    databases = new_database(server, f"bench_{size}")
    app = new_app(databases, folder)
    fill(app, size, folder)
    vacuum(databases)
    with app.database.transaction() as session:
        lasts = timedelta(hours=3)
        now = datetime.now(UTC)
        token = accounts.create_token(
            session, command_line("bench"), name="bench", role=Role.ADMIN, lasts=lasts, now=now
        )
    secret = {"FLEET_SECRET_KEY": SECRET_KEY, "FLEET_WEB_WORKERS": "2", "FLEET_WEB_THREADS": "4"}
    with (
        LiveServer(databases, folder, folder, **secret) as live,
        reference_server(databases, token) as port,
    ):
        yield Bench(size, databases, app, token, live, port)
    app.database.dispose()


def vacuum(databases: embedded.Databases) -> None:
    owner = sa.make_url(databases.owner).set(drivername="postgresql").render_as_string(False)
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


@contextmanager
def reference_server(databases: embedded.Databases, token: str) -> Iterator[int]:
    port = free_port()
    environ = {name: value for name, value in os.environ.items() if not name.startswith("FLEET_")} | {
        "PORT": str(port),
        "REFERENCE_DATABASE_URL": databases.application,
        "REFERENCE_TOKEN": token,
        "FLEET_WEB_WORKERS": "2",
        "FLEET_WEB_THREADS": "4",
    }
    command = [sys.executable, "-m", "gunicorn", "bench.reference:create_reference()", "--log-level", "warning"]
    process = subprocess.Popen(command, cwd=ROOT, env=environ)
    try:
        wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait(30)


def wait_for(port: int) -> None:
    for _ in range(200):
        try:
            client.Connection(port).send(client.request("GET", "/healthz", {}))
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the reference service does not answer")
