"""Import: read a file into the database as it is, check all of it there, then change the register, or nothing."""

from collections.abc import Callable
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
from fleet.transfer.kinds import sheet_of
from fleet.transfer.problems import Problems
from fleet.transfer.reading import Rows
from fleet.transfer.sheet import Sheet, Staged, temporary
from fleet.transfer.work import Work

# Told what is being done, and how many bytes of the file were read so far.
Watch = Callable[[str, int], None]
_ROWS_BETWEEN_WORDS = 2_000
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
        outcome = _load(session, actor, sheet_of(kind), stream, now, dry_run, watch)
    except IntegrityError as error:
        raise Conflict("Somebody changed the register meanwhile. Nothing was imported; run it again.") from error
    if dry_run:
        savepoint.rollback()
    else:
        savepoint.commit()
    session.expire_all()
    return outcome


def _set_pace(session: Session) -> None:
    for name, value in _OWN_PACE.items():
        session.execute(sa.select(sa.func.set_config(name, value, True)))


def _load(
    session: Session, actor: Actor, sheet: Sheet, stream: BinaryIO, now: datetime, dry_run: bool, watch: Watch
) -> Outcome:
    problems = Problems()
    rows = Rows(sheet, stream, problems)
    stage, mark = _tables(session, sheet)
    staged = Staged(session, actor, now, stage, mark, frozenset(column.name for column in rows.columns))
    count = _copy(session, staged, rows, watch)
    watch("Checking", rows.read)
    work = Work(sheet, staged)
    session.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    work.make_missing()
    work.mark()
    work.check(problems)
    problems.refuse_any()
    added, changed = work.counts()
    outcome = Outcome(sheet.name, added, changed, count - added - changed, list(sheet.notes(staged)), _warnings(rows))
    if not dry_run and added + changed:
        watch("Writing", rows.read)
        work.apply()
        _record(session, actor, outcome, now)
    for table in (stage, mark):
        table.drop(session.connection())
    return outcome


def _tables(session: Session, sheet: Sheet) -> tuple[sa.Table, sa.Table]:
    stage = sheet.staging()
    mark = temporary("import_mark", sa.Column("line", sa.BigInteger), sa.Column("id", sa.BigInteger))
    for table in (stage, mark):
        table.create(session.connection(), checkfirst=False)
    return stage, mark


def _copy(session: Session, staged: Staged, rows: Rows, watch: Watch) -> int:
    """Stream the file into the staging table and answer how many rows it has."""
    count = 0
    with _driver(session).cursor() as cursor, cursor.copy(_copy_statement(rows)) as copy:
        for count, row in enumerate(rows, 1):  # noqa: B007 - the last number is the count
            copy.write_row(row)
            if count % _ROWS_BETWEEN_WORDS == 0:
                watch("Reading", rows.read)
    # The database knows nothing of a new table's size, and plans for a thousand rows.
    session.execute(sa.text(f"ANALYZE {staged.stage.name}"))
    return count


def _driver(session: Session) -> psycopg.Connection[Any]:
    driver: Any = session.connection().connection.driver_connection
    return driver  # type: ignore[no-any-return]


def _copy_statement(rows: Rows) -> sql.Composed:
    names = ["line", "bad", *(column.name for column in rows.columns)]
    return sql.SQL("COPY import_row ({}) FROM STDIN").format(sql.SQL(", ").join(map(sql.Identifier, names)))


def _warnings(rows: Rows) -> list[str]:
    if not rows.unusual:
        return []
    examples = ", ".join(rows.unusual_examples)
    return [f"{rows.unusual:,} unusual serials, not like the maker's: {examples}{', …' if rows.unusual > 5 else ''}"]


def _record(session: Session, actor: Actor, outcome: Outcome, now: datetime) -> None:
    facts = {"added": outcome.added, "changed": outcome.changed, "unchanged": outcome.unchanged}
    audit.record(session, actor, Event.REGISTER_IMPORTED, (Subject.REGISTER, outcome.kind), at=now, **facts)
