"""``make run``: everything that the service needs on one machine, in one command."""

import logging
import os
import sys
import threading
import time
from datetime import datetime
from pathlib import Path

import click
from flask.cli import with_appcontext
from rich.console import Console

from fleet import demonstration, embedded, migrate, supervisor
from fleet.clock import utc_now
from fleet.console import Command
from fleet.demonstration import simulator
from fleet.pairings.commands import vault_of
from fleet.settings import kept_secret
from fleet.web import Service, service

_ROOT = Path(__file__).resolve().parent.parent
console = Console(stderr=True)
_logger = logging.getLogger(__name__)


@click.command("up", cls=Command)
@with_appcontext
def up() -> None:
    """Bring the database up to date, load the demonstration, and serve until Ctrl-C."""
    app = service()
    lock = app.fleet_settings.var / "run.lock"
    sys.exit(supervisor.run(_ROOT / "Procfile", os.environ, lock, prepare=lambda: _prepare(app)))


def _prepare(app: Service) -> None:
    settings = app.fleet_settings
    with console.status("Bringing the database up to date"):
        migrate.upgrade(settings.owner_database_url or "")
    password = _demonstrate(app) if settings.demonstration else None
    app.database.dispose()
    if not os.environ.get("FLEET_DATABASE_URL"):
        threading.Thread(target=_keep_database, args=(settings.var,), daemon=True).start()
    _welcome(password)


def _keep_database(var: Path) -> None:
    """Start the embedded database again should it ever be killed; its clients get 503 until then."""
    while True:
        time.sleep(2)
        try:
            with embedded.running(var):
                pass
        except embedded.EmbeddedError as error:
            _logger.warning("%s", error)


def _demonstrate(app: Service) -> str:
    """Load what is missing of the demonstration, and answer its sign-ins' password."""
    path = app.fleet_settings.var / "secrets" / "demonstration-password"
    is_new = not path.exists()
    password = kept_secret(path, length=9)
    now = utc_now()
    with console.status("Loading the demonstration force"), app.database.transaction() as session:
        loaded = demonstration.load(session, password=password, now=now)
        demonstration.make_keys(session, vault_of(app), now)
        if is_new and not loaded:
            demonstration.use_password(session, password)
        simulator.prepare(session, now=now)
    _simulate(app, now)
    return password


def _simulate(app: Service, now: datetime) -> None:
    """Have the demonstration's radio begin with some officers' devices and a station that can enrol."""
    folder = app.fleet_settings.var / simulator.FOLDER
    port = supervisor.bind_address(os.environ).rsplit(":", 1)[-1]
    with app.database.transaction() as session:
        found = simulator.plan(session, folder, url=f"http://127.0.0.1:{port}", now=now)
    simulator.write(folder, found)


def _welcome(password: str | None) -> None:
    click.echo(f"\nCamera fleet: http://{supervisor.bind_address(os.environ)}\n")
    if password is None:
        click.echo("The register is as you left it. A way in: flask --app wsgi users create NAME --role admin\n")
        return
    click.echo("The demonstration's sign-ins; each has its role's name, and all have one password:")
    for name, (role, collar) in demonstration.SIGN_INS.items():
        belongs = f" (officer {collar})" if collar else ""
        click.echo(f"  {name:<12}{password}   {role}{belongs}")
    click.echo(
        "\nThe counter: sign in as store, open /counter. Pairing: sign in as armourer, open /armoury and /simulator."
    )
    click.echo("Ctrl-C stops everything; the data stays.\n")
    sys.stdout.flush()
