"""The command line: ``flask --app wsgi …``."""

from datetime import timedelta

import click
from flask.cli import with_appcontext

from fleet import migrate
from fleet.actors import Role
from fleet.audit.commands import audit_commands
from fleet.auth import accounts
from fleet.clock import utc_now
from fleet.console import Group, terminal, up_to_date
from fleet.identifiers import canonical
from fleet.jobs.commands import jobs
from fleet.pairings.commands import key_commands, station_commands
from fleet.people import sign_ins
from fleet.transfer.commands import export_command, import_command
from fleet.up import up
from fleet.web import Service

db_commands = Group("db", help="The database's structure.")
token_commands = Group("tokens", help="Machines' bearer tokens.")
user_commands = Group("users", help="People's sign-ins.")


def register(app: Service) -> None:
    """Add the commands."""
    for command in (
        up,
        jobs,
        db_commands,
        token_commands,
        user_commands,
        import_command,
        export_command,
        audit_commands,
        key_commands,
        station_commands,
    ):
        app.cli.add_command(command)


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
@click.option("--collar", help="Whose it is. An officer's own sign-in belongs to NAME when this is left out.")
@with_appcontext
def create_user(name: str, role: str, collar: str | None) -> None:
    """Make a sign-in and print its one-time password."""
    belongs_to = collar or (name if role == Role.OFFICER else None)
    owner = None if belongs_to is None else canonical(belongs_to)
    with up_to_date().database.transaction() as session:
        password = sign_ins.create(session, terminal(), name=name, role=Role(role), collar=owner, now=utc_now())
    click.echo(password)
