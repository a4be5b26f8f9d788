"""The database: engines, the one kind of transaction, and what all models share."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any, TypeAlias

import psycopg
import sqlalchemy as sa
from psycopg.rows import dict_row
from sqlalchemy.dialects.postgresql.psycopg import dialect as psycopg_dialect
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase, Session

from fleet.errors import Unavailable

# Statements and rows of whatever columns.
AnySelect: TypeAlias = sa.Select[*tuple[Any, ...]]
AnyRow: TypeAlias = sa.Row[*tuple[Any, ...]]

# The group role that holds the application's rights; the login role in FLEET_DATABASE_URL is a member of it.
APPLICATION_ROLE = "fleet_application"
# That of the job that seals the log; the login role in FLEET_SEALER_DATABASE_URL is a member of it.
SEALER_ROLE = "fleet_sealer"

# A web request is answered within 30 s or given up; no statement may outlive it, nor any lock its holder's network.
_SESSION_OPTIONS = " ".join(
    f"-c {name}={value}"
    for name, value in {
        "timezone": "UTC",
        "statement_timeout": "20s",
        "lock_timeout": "10s",
        "idle_in_transaction_session_timeout": "60s",
        # The register fits in memory: a page out of order costs hardly more than the next one.
        "random_page_cost": "1.1",
    }.items()
)


class Base(DeclarativeBase):
    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def words(enum: type[StrEnum], *, checked: bool = True) -> sa.Enum:
    """A column type for an enum: its words as text, checked by the database.

    Not ``checked`` where the enum grows with every version and the table is too large to be checked anew each time.
    """
    return sa.Enum(
        enum,
        native_enum=False,
        length=32,
        create_constraint=checked,
        name=enum.__name__.lower(),
        values_callable=lambda words: [str(word) for word in words],
    )


# What a session, which lives for one transaction or one request, keeps under its ``info``.
_DRIVER = "the driver's connection"
_SAVEPOINT = "the savepoint that it was last used in"
_READER = "the engine that it reads from outside any transaction"
_BORROWED = "the pool's connection that it must give back"


class Database:
    """Connections of one role. Made once a process; safe between threads, not across a fork."""

    def __init__(self, url: str, *, role: str | None = APPLICATION_ROLE, pool_size: int = 10) -> None:
        options = _SESSION_OPTIONS if role is None else f"{_SESSION_OPTIONS} -c role={role}"
        pool = {"pool_size": pool_size, "max_overflow": 5, "pool_timeout": 10}
        arguments = {"options": options, "connect_timeout": 5}
        self.engine: Engine = sa.create_engine(url, connect_args=arguments, **pool)
        # Connections for reading are never in a transaction, so there is nothing to reset when one comes back.
        self._reader: Engine = sa.create_engine(
            url, connect_args=arguments, isolation_level="AUTOCOMMIT", pool_reset_on_return=None, **pool
        )

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """One transaction: committed when the block ends, rolled back when it raises.

        Raises:
            Unavailable: the database cannot be reached, was lost, or did not answer in time. Nothing is known to
                be committed; a caller who repeats the request with its idempotency key gets the one true answer.
        """
        with _outages(), Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """For a request that changes nothing: each statement sees what is committed when it begins.

        Without a transaction around them, two round trips to the database are saved.

        Raises:
            Unavailable: as ``transaction``.
        """
        with _outages(), Session(self._reader, expire_on_commit=False, info={_READER: self._reader}) as session:
            try:
                yield session
            finally:
                if (borrowed := session.info.get(_BORROWED)) is not None:
                    borrowed.close()

    def dispose(self) -> None:
        """Close every idle connection."""
        self.engine.dispose()
        self._reader.dispose()


# What the driver raises where ``Prepared`` goes past SQLAlchemy, which would have wrapped it.
_BELOW = (psycopg.OperationalError, psycopg.InterfaceError)


@contextmanager
def _outages() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout, *_BELOW) as error:
        raise Unavailable("The register cannot be reached just now. Try again in a moment.") from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise Unavailable("The register was lost in the middle. Try again in a moment.") from error
        raise


_DIALECT: sa.Dialect = psycopg_dialect()  # type: ignore[no-untyped-call]


class Prepared:
    """A statement on a hot path: compiled once, prepared by the server, and run below SQLAlchemy's result machinery.

    ``statement`` has its parameters as ``bindparam``s. Parameters go to the driver and rows come from it as they are:
    an enum as its word, JSON in psycopg's wrapper.
    """

    def __init__(self, statement: AnySelect | sa.CompoundSelect[*tuple[Any, ...]] | sa.Insert | sa.Update) -> None:
        compiled = statement.compile(dialect=_DIALECT)
        self._sql = str(compiled)
        # A literal in the statement is a parameter too, whose value is known.
        self._literals = {name: value for name, value in compiled.params.items() if value is not None}

    def one(self, session: Session, **parameters: Any) -> dict[str, Any] | None:
        """The only row, or None."""
        row: dict[str, Any] | None = self._execute(session, parameters).fetchone()
        return row

    def all(self, session: Session, **parameters: Any) -> list[dict[str, Any]]:
        """Every row."""
        rows: list[dict[str, Any]] = self._execute(session, parameters).fetchall()
        return rows

    def run(self, session: Session, **parameters: Any) -> None:
        """For a statement that answers nothing."""
        self._execute(session, parameters)

    def explained(self, session: Session, **parameters: Any) -> str:
        """The server's plan for it."""
        connection = session.info.get(_DRIVER) or _driver_of(session)
        lines = connection.execute(f"EXPLAIN {self._sql}", self._literals | parameters).fetchall()
        return "\n".join(line for (line,) in lines)

    def _execute(self, session: Session, parameters: dict[str, Any]) -> Any:
        if session.new or session.dirty:
            session.flush()  # what the session would have done before a statement of its own
        connection = _driver_of(session)
        try:
            return connection.cursor(row_factory=dict_row).execute(self._sql, self._literals | parameters, prepare=True)
        except psycopg.OperationalError:
            if connection.closed:
                _discard(session)
            raise


def _driver_of(session: Session) -> Any:
    """The driver's connection for a session: inside a transaction its own, else one straight from the pool.

    SQLAlchemy sets a savepoint when the session is first asked for its connection inside it, and not before.
    """
    savepoint, kept = session.get_nested_transaction(), session.info.get(_DRIVER)
    if kept is not None and session.info.get(_SAVEPOINT) is savepoint:
        return kept
    session.info[_SAVEPOINT] = savepoint
    if (reader := session.info.get(_READER)) is None:
        borrowed = session.connection().connection
    else:
        borrowed = session.info[_BORROWED] = reader.raw_connection()
    session.info[_DRIVER] = borrowed.driver_connection
    return borrowed.driver_connection


def _discard(session: Session) -> None:
    """Forget a connection that was lost, and all the idle ones, which were lost with it."""
    (session.info.get(_BORROWED) or session.connection()).invalidate()
    session.get_bind().engine.dispose()


# Identifiers are compared and sorted by code point, whatever the database's locale: a prefix search is then a range.
Identifier = sa.Text(collation="C")
_LAST_CHARACTER = "\U0010ffff"


def begins(column: sa.ColumnElement[Any] | Any, text: str) -> sa.ColumnElement[bool]:
    """Values of an ``Identifier`` column that begin with ``text``: a range, so that any plan can use the index."""
    collated = [sa.literal(bound, Identifier) for bound in (text, text + _LAST_CHARACTER)]
    return sa.and_(column >= collated[0], column < collated[1])


def has_word_like(column: sa.ColumnElement[Any] | Any, text: str) -> sa.ColumnElement[bool]:
    """Values of which a word begins with ``text``, in any case. Reads every row: for tables of thousands."""
    literal = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return sa.or_(column.ilike(f"{literal}%"), column.ilike(f"% {literal}%"))


def row_dict(row: AnyRow) -> dict[str, Any]:
    """A result row as plain data for a schema."""
    return dict(row._mapping)
