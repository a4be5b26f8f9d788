"""``flask --app wsgi audit …``: proving the log, its key, and erasing from it by law."""

from collections.abc import Sequence

import click
import sqlalchemy as sa
from flask.cli import with_appcontext
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from fleet.audit import erasure
from fleet.audit.erasure import About, Ground
from fleet.audit.identity import identity_of
from fleet.audit.verifying import Report, verify
from fleet.clock import utc_now
from fleet.console import Group, terminal, up_to_date
from fleet.db import Database
from fleet.web import service
from tlog.note import Signer

audit_commands = Group("audit", help="The log and what proves it.")


@audit_commands.command("verify")
@with_appcontext
def verify_command() -> None:
    """Work the whole log out anew against every signed checkpoint, here and outside. Ends with 1 if it is not sound."""
    app = up_to_date()
    settings = app.fleet_settings
    report = Report()
    with _progress() as progress:
        task = progress.add_task("Working the log out anew", total=None)
        work = verify(app.database, settings.database_url or "", identity_of(settings), settings.checkpoints_url)
        for done, report in work:
            progress.update(task, completed=done, total=report.size)
    for problem in report.problems:
        click.echo(f"WRONG: {problem}")
    if report.wrong > len(report.problems):
        click.echo(f"… and {report.wrong - len(report.problems):,} more.")
    _tell(report)
    if report.wrong:
        raise click.exceptions.Exit(1)


def _tell(report: Report) -> None:
    click.echo(
        f"{report.size:,} entries sealed, {report.unproven:,} not proven yet; "
        f"{report.signed:,} checkpoints here, {report.outside:,} outside."
    )
    if report.wrong:
        return
    if report.size and not report.outside:
        click.echo("In itself the log is sound. No checkpoint outside could be compared with it.")
    else:
        click.echo("The log is sound.")


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


@audit_commands.command("key")
@with_appcontext
def key_command() -> None:
    """Print the keys that checkpoints are verified with, the present one first. Give them to whoever audits."""
    for verifier in identity_of(service().fleet_settings).verifiers:
        click.echo(str(verifier))


@audit_commands.command("new-key")
@with_appcontext
def new_key_command() -> None:
    """Print a new signing key for FLEET_LOG_KEY. It is kept nowhere else."""
    click.echo(Signer.new(service().fleet_settings.log_origin).secret())


@audit_commands.command("erase")
@click.option("--officer", "officers", multiple=True, help="A collar number.")
@click.option("--account", "accounts", multiple=True, help="A sign-in's name.")
@click.option("--entry", "entries", multiple=True, type=click.IntRange(1), help="An entry's number: all of it.")
@click.option("--basis", required=True, help="The basis in law, as in: UK GDPR Article 17(1)(d).")
@click.option("--decided-by", required=True, help="The office that decided, not a person's name.")
@click.option("--dry-run", is_flag=True, help="Tell how many entries it would be; change nothing.")
@with_appcontext
def erase_command(
    officers: tuple[str, ...],
    accounts: tuple[str, ...],
    entries: tuple[int, ...],
    basis: str,
    decided_by: str,
    dry_run: bool,
) -> None:
    """Erase what the log tells of somebody, by law. What proves the log stands. It cannot be undone."""
    app = up_to_date()
    about, names = _about(officers, accounts, entries)
    owner = Database(app.fleet_settings.owner_database_url or "", role=None, pool_size=1)
    try:
        with owner.transaction() as session:
            session.execute(sa.text("SET LOCAL statement_timeout = 0"))
            if dry_run:
                click.echo(f"{len(set(erasure.find(session, about, names))):,} entries tell of it. Nothing was erased.")
                return
            done = erasure.erase(session, terminal(), about, names, Ground(basis, decided_by), now=utc_now())
        _vacuum(owner)
    finally:
        owner.dispose()
    click.echo(
        f"{done.entries:,} entries were erased in part; entry {done.recorded} says so. The log is proven as before."
    )


def _about(
    officers: tuple[str, ...], accounts: tuple[str, ...], entries: tuple[int, ...]
) -> tuple[About, Sequence[str]]:
    given = {About.OFFICER: officers, About.ACCOUNT: accounts, About.ENTRY: [str(entry) for entry in entries]}
    named = [(about, names) for about, names in given.items() if names]
    if len(named) != 1:
        raise click.UsageError("Say one of --officer, --account or --entry; each may be given again.")
    return named[0]


def _vacuum(owner: Database) -> None:
    """Let nothing of what was erased stand in the table's files."""
    with owner.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM audit_entry"))
