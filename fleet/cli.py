"""The command line: ``flask --app wsgi …``."""

import getpass
from datetime import timedelta
from typing import cast

import click
from flask import current_app
from flask.cli import AppGroup, with_appcontext

from fleet import migrate
from fleet.actors import Actor, Role, command_line
from fleet.auth import accounts
from fleet.clock import utc_now
from fleet.identifiers import canonical
from fleet.web import Service

db_commands = AppGroup("db", help="The database's structure.")
token_commands = AppGroup("tokens", help="Machines' bearer tokens.")
user_commands = AppGroup("users", help="People's sign-ins.")


def register(app: Service) -> None:
    """Add the commands."""
    for command in (db_commands, token_commands, user_commands):
        app.cli.add_command(command)


def running() -> Service:
    return cast(Service, current_app)


def terminal() -> Actor:
    """Whoever types the command."""
    return command_line(getpass.getuser())


def up_to_date() -> Service:
    """The service, with its database's structure brought up to this version's."""
    app = running()
    migrate.upgrade(app.fleet_settings.owner_database_url or "")
    return app


@db_commands.command("upgrade")
@with_appcontext
def upgrade() -> None:
    """Bring the structure up to this version's."""
    up_to_date()


@db_commands.command("check")
@with_appcontext
def check() -> None:
    """Compare the structure, brought up to this version's, with the models."""
    migrate.check(up_to_date().fleet_settings.owner_database_url or "")


_ROLES = click.Choice([str(role) for role in Role])


@token_commands.command("create")
@click.argument("name")
@click.option("--role", type=_ROLES, required=True)
@click.option("--days", type=click.IntRange(1, 3_650), default=365, show_default=True, help="How long it lasts.")
@with_appcontext
def create_token(name: str, role: str, days: int) -> None:
    """Print a new bearer token, this once."""
    with up_to_date().database.transaction() as session:
        token = accounts.create_token(
            session, terminal(), name=name, role=Role(role), lasts=timedelta(days=days), now=utc_now()
        )
    click.echo(token)


@user_commands.command("create")
@click.argument("name")
@click.option("--role", type=_ROLES, required=True)
@click.option("--collar", help="The collar number of the officer it belongs to.")
@with_appcontext
def create_user(name: str, role: str, collar: str | None) -> None:
    """Make a sign-in and print its one-time password."""
    with up_to_date().database.transaction() as session:
        password = accounts.create(
            session,
            terminal(),
            name=name,
            role=Role(role),
            collar=canonical(collar) if collar else None,
            now=utc_now(),
        )
    click.echo(password)
