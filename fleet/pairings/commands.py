"""``flask --app wsgi pairing-keys`` and ``stations``: what is done on the service's own machine."""

import click
from flask.cli import with_appcontext

from fleet.clock import utc_now
from fleet.console import Group, terminal, up_to_date
from fleet.identifiers import canonical
from fleet.pairings import keys, stations, trust
from fleet.pairings.states import KeyUse
from fleet.vault import Vault
from fleet.web import Service

key_commands = Group("pairing-keys", help="The keys that sign devices' credentials and permits to pair.")
station_commands = Group("stations", help="The armouries' stations.")
_USE = click.Choice([str(use) for use in KeyUse])


def vault_of(app: Service) -> Vault:
    """Opens a service's signing keys."""
    return Vault(str(app.secret_key), keys.PURPOSE)


@key_commands.command("make")
@click.argument("use", type=_USE)
@with_appcontext
def make_key(use: str) -> None:
    """Make a key and print its id. Devices trust it from their next contact on; it signs once it is the oldest."""
    app = up_to_date()
    with app.database.transaction() as session:
        name = keys.make(session, terminal(), KeyUse(use), vault=vault_of(app), now=utc_now())
    click.echo(name)


@key_commands.command("retire")
@click.argument("key")
@with_appcontext
def retire_key(key: str) -> None:
    """Trust a key no longer and forget its secret."""
    app = up_to_date()
    with app.database.transaction() as session:
        trust.retire(session, terminal(), key, vault=vault_of(app), now=utc_now())


@key_commands.command("list")
@with_appcontext
def list_keys() -> None:
    """Print every key: what it signs, its id, since when, until when."""
    with up_to_date().database.reading() as session:
        for key in keys.listed(session):
            until = f"{key['retired_at']:%Y-%m-%d}" if key["retired_at"] else "in use"
            click.echo(f"{key['use']:<10}{key['key_id']}  {key['created_at']:%Y-%m-%d}  {until}")


@station_commands.command("create")
@click.argument("name")
@click.option("--site", help="The code of the site where it stands.")
@with_appcontext
def create_station(name: str, site: str | None) -> None:
    """Add a station and print its one-time enrolment code, good for 15 minutes."""
    values = {"name": canonical(name), "site": None if site is None else canonical(site)}
    with up_to_date().database.transaction() as session:
        code = stations.register(session, terminal(), values, now=utc_now())
    click.echo(code)


@station_commands.command("code")
@click.argument("name")
@with_appcontext
def station_code(name: str) -> None:
    """Print another one-time enrolment code for a station."""
    with up_to_date().database.transaction() as session:
        code = stations.new_code(session, terminal(), canonical(name), now=utc_now())
    click.echo(code)
