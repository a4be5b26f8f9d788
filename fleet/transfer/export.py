"""Export: the register's rows as the CSV that an import takes, in bounded memory."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet import audit
from fleet.actors import Actor
from fleet.audit import Event, Subject
from fleet.db import AnyRow, AnySelect, Database
from fleet.transfer.cells import as_csv, guarded
from fleet.transfer.kinds import sheet_of
from fleet.transfer.sheet import Column, Sheet

_ROWS_AT_ONCE = 2_000


def stream(database: Database, kind: str, where: Sequence[sa.ColumnElement[bool]] = ()) -> Iterator[bytes]:
    """``export`` in a snapshot of its own, for as long as it is read.

    What is written meanwhile is not in it, and nobody waits for it.
    """
    with database.transaction() as session:
        session.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
        session.execute(sa.text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        # All of it is read, each table once. Just after a large import the database knows too little of the new rows
        # to see that, and would look through one table for every row of another.
        session.execute(sa.text("SET LOCAL enable_nestloop = off"))
        yield from export(session.connection(), kind, where)


def export(connection: sa.Connection, kind: str, where: Sequence[sa.ColumnElement[bool]] = ()) -> Iterator[bytes]:
    """The rows of a kind as CSV, in order of their identifiers: first the header, then some thousands of rows at once.

    ``where`` narrows them; for cameras, ``custody.holdings.conditions`` makes it. Read through a cursor at the server,
    on the caller's connection, which is busy until the last part is read.
    """
    sheet = sheet_of(kind)
    yield as_csv([[column.name for column in sheet.columns]])
    options = {"stream_results": True, "yield_per": _ROWS_AT_ONCE}
    with connection.execute(_statement(sheet, where), execution_options=options) as result:
        for rows in result.partitions():
            yield as_csv(_guarded_rows(rows))


def _statement(sheet: Sheet, where: Sequence[sa.ColumnElement[bool]]) -> AnySelect:
    source, values = sheet.exported()
    cells = [_cell(column, values[column.name]).label(f"cell_{column.name}") for column in sheet.columns]
    return sa.select(*cells).select_from(source).where(*where).order_by(sheet.table.c[sheet.key.name])


def _cell(column: Column, value: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    if isinstance(column.type, sa.Boolean):
        return sa.case((value, "yes"), else_="no")
    if isinstance(column.type, sa.DateTime):
        spelled = sa.func.to_char(sa.func.timezone("UTC", value), 'YYYY-MM-DD"T"HH24:MI:SS.US')
        return sa.func.replace(spelled, ".000000", "") + "Z"
    return sa.cast(value, sa.Text)


def _guarded_rows(rows: Sequence[AnyRow]) -> Iterator[list[str | None]]:
    return ([cell and guarded(cell) for cell in row] for row in rows)


def record_export(session: Session, actor: Actor, kind: str, *, now: datetime, **filters: Any) -> None:
    """Log that somebody took a copy of the register away."""
    audit.record(session, actor, Event.REGISTER_EXPORTED, (Subject.REGISTER, kind), at=now, filters=filters or None)
