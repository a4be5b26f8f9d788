"""``flask --app wsgi audit …``: proving the log, its key, and erasing from it by law."""

import click
from flask.cli import with_appcontext
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from fleet.audit.identity import identity_of
from fleet.audit.verifying import Report, verify
from fleet.console import Group, up_to_date
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
