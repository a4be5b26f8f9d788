"""What a kind of file holds: its columns, what they refer to, and what is to be checked beyond them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet.actors import Actor
from fleet.audit.models import AuditEntry
from fleet.db import AnySelect
from fleet.register import Kind
from fleet.transfer.cells import Reader

Values = dict[str, sa.ColumnElement[Any]]


@dataclass(frozen=True)
class Reference:
    """What a column names a row of: its table, the column that holds the name, and what people call it."""

    table: sa.Table
    key: str
    called: str
    made_when_missing: bool = False


def reference_to(kind: Kind[Any]) -> Reference:
    """A reference to something in the register, by its identifier."""
    return Reference(table_of(kind), kind.model.KEY, str(kind.subject))


def table_of(kind: Kind[Any]) -> sa.Table:
    """The table that a kind is kept in."""
    table: sa.Table = kind.model.__table__
    return table


@dataclass(frozen=True)
class Column:
    """One column of a file.

    Where the register cannot hold *unknown* (``keeps``), an empty cell leaves a row as it is and gives a new one
    ``default``. What is not ``written`` is checked, and used by the sheet's own statements. What is not ``logged``
    has an event of its own. ``warns`` is for a maker's serials.
    """

    name: str
    read: Reader
    type: sa.types.TypeEngine[Any]
    required: bool = False
    unique: bool = False
    refers_to: Reference | None = None
    keeps: bool = False
    default: Any = None
    written: bool = True
    logged: bool = True
    warns: bool = False

    @property
    def target(self) -> str:
        """The name of the column of the register's table."""
        return self.name if self.refers_to is None else f"{self.name}_id"


@dataclass(frozen=True)
class Check:
    """Rows that cannot be used: ``rows`` selects their ``line`` and whatever ``say`` needs for a sentence."""

    column: str
    rows: AnySelect
    say: Callable[[Any], str]


@dataclass(frozen=True)
class Staged:
    """A file's rows in the database, before the register is touched.

    ``stage`` holds every row, ``mark`` the ``line`` of those there is something to do for, with the ``id`` of the
    register's row, NULL for a new one. ``present`` are the columns that the file has; the others are NULL in ``stage``.
    """

    session: Session
    actor: Actor
    now: datetime
    stage: sa.Table
    mark: sa.Table
    present: frozenset[str]

    def new_rows(self) -> sa.Join:
        """The rows that are not in the register yet."""
        return self.stage.join(self.mark, sa.and_(self.mark.c.line == self.stage.c.line, self.mark.c.id.is_(None)))

    def has(self, *names: str) -> bool:
        """Whether the file has any of the columns."""
        return not self.present.isdisjoint(names)


class Sheet:
    """One kind of file. Kinds that are more than their columns override the methods below."""

    def __init__(self, name: str, kind: Kind[Any], columns: list[Column], facts: tuple[str, ...]) -> None:
        self.name = name
        self.kind = kind
        self.table = table_of(kind)
        self.columns = columns
        self.key = next(column for column in columns if column.name == kind.model.KEY)
        self.facts_of_columns = facts
        self.grows = [self.table, AuditEntry.metadata.tables["audit_entry"]]

    def staging(self) -> sa.Table:
        """A temporary table for a file's rows: where each stands in the file, whether a cell is bad, and the cells."""
        columns = [sa.Column(column.name, column.type) for column in self.columns]
        line, bad = sa.Column("line", sa.BigInteger), sa.Column("bad", sa.Boolean)
        return temporary("import_row", line, bad, *columns)

    def lock(self, staged: Staged) -> None:
        """Lock what a check looks at beside the rows of the sheet's own table."""

    def checks(self, staged: Staged) -> Iterator[Check]:  # noqa: ARG002 - for those that override it
        """What must hold beyond the columns."""
        yield from ()

    def notes(self, staged: Staged) -> Iterator[str]:  # noqa: ARG002 - likewise
        """What the file says and the import leaves undone."""
        yield from ()

    def values_when_new(self, staged: Staged) -> Values:  # noqa: ARG002 - likewise
        """Columns of a new row that are not in the file as such."""
        return {}

    def values_when_changed(self, wanted: Values) -> Values:  # noqa: ARG002 - likewise
        """Columns of a changed row that follow from what is ``wanted`` of others."""
        return {}

    def facts_when_new(self, staged: Staged) -> Values:
        """What the log says of a new row; nothing is said of what is unknown."""
        return {name: staged.stage.c[name] for name in self.facts_of_columns}

    def officer_when_new(self, staged: Staged) -> sa.ColumnElement[Any]:  # noqa: ARG002 - likewise
        """The collar number of the officer concerned in a new row."""
        return sa.null()

    def before_change(self, staged: Staged) -> None:
        """Statements to run while the register still says what was."""

    def after_adding(self, staged: Staged) -> None:
        """Statements to run when the new rows are in the register."""

    def exported(self) -> tuple[sa.FromClause, dict[str, sa.ColumnElement[Any]]]:
        """Where an export reads, and each column's value there."""
        source: sa.FromClause = self.table
        values: dict[str, sa.ColumnElement[Any]] = {}
        for column in self.columns:
            reference = column.refers_to
            if not column.written:
                continue
            if reference is None:
                values[column.name] = self.table.c[column.name]
                continue
            named = reference.table.alias(f"of_{column.name}")
            source = source.outerjoin(named, named.c.id == self.table.c[column.target])
            values[column.name] = named.c[reference.key]
        return source, values


def temporary(name: str, *columns: sa.Column[Any]) -> sa.Table:
    """A table of this transaction's own."""
    return sa.Table(name, sa.MetaData(), *columns, prefixes=["TEMPORARY"], postgresql_on_commit="DROP")
