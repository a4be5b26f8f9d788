"""Allocations: who had which camera from when to when; reservations: how many of the pool an operation needs.

The database has the last word on three rules: at most one open allocation a camera, one of a kind an officer, and
one active camera an officer. A trigger keeps closed ones as they are (rule 9).
"""

from datetime import date, datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from fleet.cameras.models import Camera
from fleet.cameras.states import Model
from fleet.db import Base, Identifier, words
from fleet.people.models import Person
from fleet.register import Registered

_Instant = sa.DateTime(timezone=True)
_OPEN = sa.text("returned_at IS NULL")


class IssueKind(StrEnum):
    """Personal is long-term; pool is a loan for one shift."""

    PERSONAL = "personal"
    POOL = "pool"


class Purpose(StrEnum):
    """What a camera is wanted for, where a rule asks (rule 6)."""

    PUBLIC_ORDER = "public-order"


class Condition(StrEnum):
    """How a camera came back; a missing one did not."""

    GOOD = "good"
    FAULTY = "faulty"
    MISSING = "missing"


class Allocation(Base):
    """One camera with one officer. Open while ``returned_at`` is None.

    ``active`` tells which camera an officer with a loan beside a personal camera wears (rule 7). ``continues_id`` is
    the allocation whose return was undone by this one.
    """

    __tablename__ = "allocation"
    __table_args__ = (
        sa.Index("uq_allocation_open_camera", "camera_id", unique=True, postgresql_where=_OPEN),
        sa.Index("uq_allocation_open_person_kind", "person_id", "kind", unique=True, postgresql_where=_OPEN),
        sa.Index("uq_allocation_active_person", "person_id", unique=True, postgresql_where=sa.text("active")),
        sa.Index("ix_allocation_due", "due_back", postgresql_where=_OPEN),
        sa.Index(None, "person_id", "id"),
        sa.Index(None, "camera_id", "id"),
        sa.CheckConstraint("(returned_at IS NULL) = (condition IS NULL)", name="returned_in_a_condition"),
        sa.CheckConstraint("NOT (active AND returned_at IS NOT NULL)", name="active_only_while_open"),
    )

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    camera_id: Mapped[int] = mapped_column(sa.ForeignKey("camera.id"))
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    kind: Mapped[IssueKind] = mapped_column(words(IssueKind))
    issued_at: Mapped[datetime] = mapped_column(_Instant)
    due_back: Mapped[datetime | None] = mapped_column(_Instant)
    active: Mapped[bool] = mapped_column(server_default=sa.false())
    returned_at: Mapped[datetime | None] = mapped_column(_Instant)
    condition: Mapped[Condition | None] = mapped_column(words(Condition))
    note: Mapped[str | None] = mapped_column(sa.Text)
    continues_id: Mapped[int | None] = mapped_column(sa.ForeignKey("allocation.id"))

    camera: Mapped[Camera] = relationship()
    person: Mapped[Person] = relationship()


class RuleException(Base):
    """An officer to whom rule 5 or 6 does not apply until the end of a day. One stands until it is ended or over."""

    __tablename__ = "rule_exception"
    __table_args__ = (
        sa.Index(
            "uq_rule_exception_person_rule",
            "person_id",
            "rule",
            unique=True,
            postgresql_where=sa.text("ended_at IS NULL"),
        ),
        sa.Index(None, "until", postgresql_where=sa.text("ended_at IS NULL")),
        sa.CheckConstraint("rule IN (5, 6)", name="rule"),
    )

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    rule: Mapped[int] = mapped_column(sa.SmallInteger)
    reason: Mapped[str] = mapped_column(sa.Text)
    until: Mapped[date]
    at: Mapped[datetime] = mapped_column(_Instant)
    by: Mapped[str] = mapped_column(sa.Text)
    ended_at: Mapped[datetime | None] = mapped_column(_Instant)
    ended_by: Mapped[str | None] = mapped_column(sa.Text)


class ReservationState(StrEnum):
    """What is written of a reservation. Whether it runs now is decided by time, in case the job is late."""

    PLANNED = "planned"
    ACTIVE = "active"
    ENDED = "ended"
    CANCELLED = "cancelled"


NEXT_RESERVATION: dict[ReservationState, frozenset[ReservationState]] = {
    ReservationState.PLANNED: frozenset({ReservationState.ACTIVE, ReservationState.ENDED, ReservationState.CANCELLED}),
    ReservationState.ACTIVE: frozenset({ReservationState.ENDED, ReservationState.CANCELLED}),
    ReservationState.ENDED: frozenset(),
    ReservationState.CANCELLED: frozenset(),
}


class Reservation(Registered, Base):
    """``count`` cameras of the pool for an operation, from ``begins_at`` until ``ends_at``.

    ``code`` is what the counter scans to issue for it. Where it names a model, a site or a dock, only such cameras
    count. ``public_order`` says that the work is helmet-mounted (rule 6).
    """

    __tablename__ = "reservation"
    __table_args__ = (
        sa.Index("ix_reservation_to_come", "begins_at", postgresql_where=sa.text("state IN ('planned', 'active')")),
        sa.Index(None, "begins_at", "code"),
        sa.CheckConstraint("ends_at > begins_at", name="ends_after_it_begins"),
        sa.CheckConstraint("count BETWEEN 1 AND 10000", name="count"),
    )
    KEY = "code"

    code: Mapped[str] = mapped_column(Identifier, unique=True)
    name: Mapped[str] = mapped_column(sa.Text)
    count: Mapped[int]
    model: Mapped[Model | None] = mapped_column(words(Model))
    site_id: Mapped[int | None] = mapped_column(sa.ForeignKey("site.id"))
    dock_id: Mapped[int | None] = mapped_column(sa.ForeignKey("dock.id"))
    begins_at: Mapped[datetime] = mapped_column(_Instant)
    ends_at: Mapped[datetime] = mapped_column(_Instant)
    public_order: Mapped[bool] = mapped_column(server_default=sa.false())
    contact: Mapped[str | None] = mapped_column(sa.Text)
    state: Mapped[ReservationState] = mapped_column(words(ReservationState))
    created_by: Mapped[str] = mapped_column(sa.Text)


class ReservationOfficer(Base):
    """An officer who works for an operation: what is issued to them is issued for it."""

    __tablename__ = "reservation_officer"
    __table_args__ = (sa.Index(None, "person_id"),)

    reservation_id: Mapped[int] = mapped_column(sa.ForeignKey("reservation.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), primary_key=True)


class ReservationLoan(Base):
    """A loan that was made for an operation."""

    __tablename__ = "reservation_loan"
    __table_args__ = (sa.Index(None, "reservation_id"),)

    allocation_id: Mapped[int] = mapped_column(sa.ForeignKey("allocation.id"), primary_key=True)
    reservation_id: Mapped[int] = mapped_column(sa.ForeignKey("reservation.id"))
