"""Allocations: who had which camera from when to when.

The database has the last word on three rules: at most one open allocation a camera, one of a kind an officer, and
one active camera an officer. A trigger keeps closed ones as they are (rule 9).
"""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from fleet.cameras.models import Camera
from fleet.db import Base, words
from fleet.people.models import Person

_Instant = sa.DateTime(timezone=True)
_OPEN = sa.text("returned_at IS NULL")


class IssueKind(StrEnum):
    """Personal is long-term; pool is a loan for one shift."""

    PERSONAL = "personal"
    POOL = "pool"


class Condition(StrEnum):
    GOOD = "good"
    FAULTY = "faulty"


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
