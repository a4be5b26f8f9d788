"""``flask --app wsgi import`` and ``export``."""

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import click
from flask.cli import with_appcontext
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from fleet.clock import utc_now
from fleet.console import Command, terminal, up_to_date
from fleet.transfer.engine import Outcome, Watch, load
from fleet.transfer.export import record_export, stream
from fleet.transfer.kinds import KINDS
from fleet.transfer.problems import MOST_KEPT, MOST_READ, BadFile, told

_KIND = click.Choice(KINDS)


@click.command("import", cls=Command)
@click.argument("kind", type=_KIND)
@click.argument("file", type=click.File("rb"))
@click.option("--dry-run", is_flag=True, help="Check and count; change nothing.")
@with_appcontext
def import_command(kind: str, file: BinaryIO, dry_run: bool) -> None:
    """Bring the register up to FILE, a CSV of KIND; all of it or nothing. FILE - is standard input."""
    app = up_to_date()
    try:
        with _progress(file) as watch, app.database.transaction() as session:
            outcome = load(session, terminal(), kind, file, now=utc_now(), dry_run=dry_run, watch=watch)
    except BadFile as error:
        # A person reads the first hundred; a file or another program takes them all.
        most = MOST_READ if sys.stderr.isatty() else MOST_KEPT
        click.echo(told(error.problems, error.count, most), err=True)
        raise click.exceptions.Exit(1) from error
    _tell(outcome, dry_run)


def _tell(outcome: Outcome, dry_run: bool) -> None:
    for note in outcome.notes:
        click.echo(f"Note: {note}", err=True)
    for warning in outcome.warnings:
        click.echo(f"Warning: {warning}", err=True)
    counts = f"{outcome.added:,} added, {outcome.changed:,} changed, {outcome.unchanged:,} unchanged"
    click.echo(f"{outcome.kind}: {counts}{' (dry run: nothing was written)' if dry_run else ''}")


@contextmanager
def _progress(file: BinaryIO) -> Iterator[Watch]:
    """A bar of the bytes read, on a terminal; how many there are is not known of a pipe."""
    columns = (TextColumn("{task.description:<8}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("Reading", total=_size(file))
        yield lambda doing, read: progress.update(task, description=doing, completed=read)


def _size(file: BinaryIO) -> int | None:
    try:
        about = os.fstat(file.fileno())
    except OSError:
        return None
    return about.st_size if stat.S_ISREG(about.st_mode) else None


@click.command("export", cls=Command)
@click.argument("kind", type=_KIND)
@with_appcontext
def export_command(kind: str) -> None:
    """Write all of KIND to standard output, as CSV that import takes."""
    app = up_to_date()
    # Logged first: a copy that was broken off half-way was taken away all the same.
    with app.database.transaction() as session:
        record_export(session, terminal(), kind, now=utc_now())
    output = sys.stdout.buffer
    for part in stream(app.database, kind):
        output.write(part)
    output.flush()
