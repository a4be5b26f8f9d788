"""What every command needs: who types it, a service whose database is up to date, and refusals told in a sentence."""

import getpass
from typing import Any

import click
from flask.cli import AppGroup

from fleet import migrate
from fleet.actors import Actor, command_line
from fleet.embedded import EmbeddedError
from fleet.errors import FleetError, Unavailable
from fleet.supervisor import SupervisorError
from fleet.web import Service, service


class Command(click.Command):
    """A command that tells a refusal as a sentence and ends with 1, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run it.

        Raises:
            click.ClickException: it was refused.
        """
        try:
            return super().invoke(ctx)
        except FleetError as error:
            # What the database's driver says is for the terminal, never for an answer over HTTP.
            reason = f"\n{error.__cause__}" if isinstance(error, Unavailable) and error.__cause__ else ""
            raise click.ClickException(error.detail + reason) from error
        except (SupervisorError, EmbeddedError, OSError) as error:
            raise click.ClickException(str(error)) from error


class Group(AppGroup):
    """A group of such commands."""

    command_class = Command


def terminal() -> Actor:
    """Whoever types the command."""
    return command_line(getpass.getuser())


def up_to_date() -> Service:
    """The service, with its database's structure brought up to this version's."""
    app = service()
    migrate.upgrade(app.fleet_settings.owner_database_url or "")
    return app
