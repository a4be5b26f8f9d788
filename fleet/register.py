"""What everything in the register has in common: an identifier, a version, and changes that are logged."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute, Mapped, Session, declared_attr, mapped_column

from fleet import audit
from fleet.actors import Actor
from fleet.audit import Event, Subject
from fleet.db import AnySelect, row_dict
from fleet.errors import Conflict, Invalid, NotFound, Stale


class Registered:
    """Columns of every table of the register. ``KEY`` names the column that holds the identifier."""

    KEY: ClassVar[str]

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True, sort_order=-1)
    version: Mapped[int] = mapped_column(sa.Integer, server_default="1", sort_order=99)

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:  # noqa: N805 - SQLAlchemy's directive takes the class
        return {"version_id_col": cls.version}


R = TypeVar("R", bound=Registered)


@dataclass(frozen=True)
class Kind(Generic[R]):
    """One kind of thing in the register: its model, its name in the log, and the events of its coming and changing."""

    model: type[R]
    subject: Subject
    registered: Event
    changed: Event

    @property
    def key(self) -> InstrumentedAttribute[str]:
        """The identifier's column."""
        attribute: InstrumentedAttribute[str] = getattr(self.model, self.model.KEY)
        return attribute

    def _named(self, identifier: str) -> sa.ColumnElement[bool]:
        return cast("sa.ColumnElement[bool]", self.key == identifier)

    def get(self, session: Session, identifier: str) -> R:
        """The one with this identifier.

        Raises:
            NotFound
        """
        return self._one(session, sa.select(self.model).where(self._named(identifier)), identifier)

    def lock(self, session: Session, identifier: str) -> R:
        """The one with this identifier, as it is now, locked until the caller's transaction ends.

        The lock lets others still refer to the row, so that a dock's report does not wait for a clerk.

        Raises:
            NotFound
        """
        statement = sa.select(self.model).where(self._named(identifier)).with_for_update(key_share=True)
        return self._one(session, statement.execution_options(populate_existing=True), identifier)

    def _one(self, session: Session, statement: sa.Select[R], identifier: str) -> R:
        row = session.scalars(statement).one_or_none()
        if row is None:
            raise self.not_found(identifier)
        return row

    def id_of(self, session: Session, identifier: str | None, field: str) -> int | None:
        """The internal number of the one that somebody named in ``field``; None stays None.

        Raises:
            Invalid: there is none.
        """
        if identifier is None:
            return None
        found = session.scalars(sa.select(self.model.id).where(self._named(identifier))).one_or_none()
        if found is None:
            unknown = f"There is no {self.subject} {identifier} in the register."
            raise Invalid(unknown, fields={field: [unknown]})
        return found

    def row(self, session: Session, rows: AnySelect, identifier: str) -> dict[str, Any]:
        """The one with this identifier as plain data, as ``rows`` selects it.

        Raises:
            NotFound
        """
        found = session.execute(rows.where(self._named(identifier))).one_or_none()
        if found is None:
            raise self.not_found(identifier)
        return row_dict(found)

    def not_found(self, identifier: str) -> NotFound:
        """The error to raise when there is none."""
        return NotFound(f"There is no {self.subject} {identifier}.", found={str(self.subject): identifier})

    def enlist(self, session: Session, actor: Actor, row: R, *, now: datetime, **facts: Any) -> R:
        """Add a new row and log it.

        Raises:
            Conflict: its identifier, or something else that must be unique, is taken.
        """
        session.add(row)
        self._flush(session)
        audit.record(session, actor, self.registered, self.subject_of(row), at=now, **facts)
        return row

    def revise(
        self,
        session: Session,
        actor: Actor,
        identifier: str,
        values: Mapping[str, Any],
        *,
        at_version: int | None,
        now: datetime,
        shown: Mapping[str, Any] | None = None,
    ) -> R:
        """Set the columns in ``values`` and log what differs; nothing differs, nothing happens.

        ``at_version`` is the version the caller has seen. ``shown`` holds, under a column's name, what the log
        says instead of an internal number: [was, is].

        Raises:
            NotFound, Conflict
            Stale: the row has changed since.
        """
        row = self.lock(session, identifier)
        if at_version is not None and row.version != at_version:
            raise Stale(f"The {self.subject} was changed since you read it. Read it again, then decide.")
        before = {name: getattr(row, name) for name in values}
        differs = audit.changes(before, values)
        if not differs:
            return row
        for name, value in values.items():
            setattr(row, name, value)
        self._flush(session)
        logged = {name: (shown or {}).get(name, pair) for name, pair in differs.items()}
        audit.record(session, actor, self.changed, self.subject_of(row), at=now, changed=logged)
        return row

    def subject_of(self, row: R) -> tuple[Subject, str]:
        """What the log calls it."""
        return self.subject, getattr(row, self.model.KEY)

    def _flush(self, session: Session) -> None:
        try:
            session.flush()
        except IntegrityError as error:
            raise self._conflict(error) from error

    def _conflict(self, error: IntegrityError) -> Exception:
        constraint = getattr(getattr(error.orig, "diag", None), "constraint_name", None) or ""
        column = constraint.removeprefix(f"uq_{self.model.__tablename__}_")  # type: ignore[attr-defined]
        if constraint.startswith("uq_"):
            return Conflict(f"Another {self.subject} has this {column.replace('_', ' ')}.", found={"taken": column})
        return Invalid(f"The register cannot hold this {self.subject}: {constraint}.")
