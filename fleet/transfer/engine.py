"""Import: read a file into the database as it is, check all of it there, then change the register, or nothing."""

import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO

import psycopg
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from fleet import audit
from fleet.actors import Actor
from fleet.audit import Event, Subject
from fleet.auth.permissions import Permission, require
from fleet.errors import Conflict
from fleet.transfer.cells import as_csv
from fleet.transfer.kinds import sheet_of
from fleet.transfer.problems import Problems
from fleet.transfer.reading import Rows
from fleet.transfer.sheet import Sheet, Staged, temporary
from fleet.transfer.work import Work

# Told what is being done, and how many bytes of the file were read so far.
Watch = Callable[[str, int], None]
_ROWS_BETWEEN_WORDS = 2_000
# From here on a file is large: each table is read once, not looked into for every row.
_MANY_ROWS = 1_000
# One import at a time; counters don't ask for this lock.
_LOCK = 0x69_6D_70_6F_72_74
# What a web request may not do and an import must: take its time, and sort in memory.
_OWN_PACE = {
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "lock_timeout": "60s",
    "work_mem": "64MB",
    "jit": "off",
}


@dataclass(frozen=True)
class Outcome:
    """What an import did, in rows. ``notes`` tell what it left undone, ``warnings`` what looks odd."""

    kind: str
    added: int
    changed: int
    unchanged: int
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def load(
    session: Session,
    actor: Actor,
    kind: str,
    stream: BinaryIO,
    *,
    now: datetime,
    dry_run: bool = False,
    watch: Watch = lambda _doing, _read: None,
) -> Outcome:
    """Bring the register up to a CSV file of sites, docks, people, cameras or Tasers.

    New rows are added, in whatever stage or custody: the file records an estate that exists. Of rows that are in the
    register, the columns that the file has are changed, but never a camera's custody (rule 9). A ``dry_run`` checks
    and counts. The caller's transaction takes as long as the file; rows that change are locked at its end only.

    Raises:
        BadFile: with every row that cannot be used, by line and column. Nothing is changed.
        Conflict: somebody changed the register in the meantime so that the file no longer fits.
        Forbidden: the actor may not record what is already so.
    """
    require(actor, Permission.REGISTER_RECORD)
    _set_pace(session)
    savepoint = session.begin_nested()
    try:
        outcome = _Import(session, actor, sheet_of(kind), now, dry_run, watch).run(stream)
    except IntegrityError as error:
        raise Conflict("Somebody changed the register meanwhile. Nothing was imported; run it again.") from error
    if dry_run:
        savepoint.rollback()
    else:
        savepoint.commit()
    session.expire_all()
    return outcome


def loader(session: Session, actor: Actor, *, now: datetime) -> Callable[[str, Iterable[Mapping[str, str]]], None]:
    """A function that loads rows of a kind, given as dictionaries that all have the same columns."""

    def load_rows(kind: str, rows: Iterable[Mapping[str, str]]) -> None:
        lines = [*rows]
        if lines:
            table = as_csv([[*lines[0]], *(row.values() for row in lines)])
            load(session, actor, kind, io.BytesIO(table), now=now)

    return load_rows


def _set_pace(session: Session) -> None:
    for name, value in _OWN_PACE.items():
        _set(session, name, value)


def _set(session: Session, name: str, value: str) -> None:
    session.execute(sa.select(sa.func.set_config(name, value, True)))


@dataclass(frozen=True)
class _Import:
    """One run: who, when, and who is to be told meanwhile."""

    session: Session
    actor: Actor
    sheet: Sheet
    now: datetime
    dry_run: bool
    watch: Watch

    def run(self, stream: BinaryIO) -> Outcome:
        problems = Problems()
        rows = Rows(self.sheet, stream, problems)
        tables = _tables(self.session, self.sheet)
        present = frozenset(column.name for column in rows.columns)
        staged = Staged(self.session, self.actor, self.now, *tables, present)
        count = _copy(staged, rows, self.watch)
        self.watch("Checking", rows.read)
        work = Work(self.sheet, staged)
        self._check(work, problems)
        added, changed = work.counts()
        notes = list(self.sheet.notes(staged))
        outcome = Outcome(self.sheet.name, added, changed, count - added - changed, notes, rows.warnings())
        if not self.dry_run and added + changed:
            self.watch("Writing", rows.read)
            self._write(work, outcome)
        for table in tables:
            table.drop(self.session.connection())
        return outcome

    def _check(self, work: Work, problems: Problems) -> None:
        self.session.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        work.make_missing()
        work.mark()
        work.check(problems)
        problems.refuse_any()

    def _write(self, work: Work, outcome: Outcome) -> None:
        work.apply()
        audit.record(
            self.session,
            self.actor,
            Event.REGISTER_IMPORTED,
            (Subject.REGISTER, outcome.kind),
            at=self.now,
            added=outcome.added,
            changed=outcome.changed,
            unchanged=outcome.unchanged,
        )
        if outcome.added + outcome.changed > _MANY_ROWS:
            # Else everybody's searches are planned for the register as it was, until the database looks by itself.
            # Where the application's role may not do that, the database warns and goes on.
            names = ", ".join(table.name for table in self.sheet.grows)
            self.session.execute(sa.text(f"ANALYZE {names}"))


def _tables(session: Session, sheet: Sheet) -> tuple[sa.Table, sa.Table]:
    stage = sheet.staging()
    mark = temporary("import_mark", sa.Column("line", sa.BigInteger), sa.Column("id", sa.BigInteger))
    for table in (stage, mark):
        table.create(session.connection(), checkfirst=False)
    return stage, mark


def _copy(staged: Staged, rows: Rows, watch: Watch) -> int:
    """Stream the file into the staging table and answer how many rows it has."""
    count = 0
    with _driver(staged.session).cursor() as cursor, cursor.copy(_copy_statement(rows)) as copy:
        for count, row in enumerate(rows, 1):
            copy.write_row(row)
            if count % _ROWS_BETWEEN_WORDS == 0:
                watch("Reading", rows.read)
    # The database knows nothing of a new table's size, and plans for a thousand rows.
    staged.session.execute(sa.text("ANALYZE import_row"))
    if count > _MANY_ROWS:
        _set(staged.session, "enable_nestloop", "off")
    return count


def _driver(session: Session) -> psycopg.Connection[Any]:
    driver: Any = session.connection().connection.driver_connection
    return driver  # type: ignore[no-any-return]


def _copy_statement(rows: Rows) -> sql.Composed:
    names = ["line", "bad", *(column.name for column in rows.columns)]
    return sql.SQL("COPY import_row ({}) FROM STDIN").format(sql.SQL(", ").join(map(sql.Identifier, names)))
