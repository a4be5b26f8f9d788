"""Losses with their assessments, repairs, holds, the end of a camera's life, and officers who leave or move.

Each row is the story of one case; that a camera has one open case of a kind at most is an index. What was decided in a
case is written once: a trigger keeps closed cases, and assessments are appended alone (rule 9).
"""

from datetime import date, datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from fleet.cameras.models import Camera
from fleet.cameras.states import Custody, Encryption
from fleet.custody.models import Allocation
from fleet.db import Base, words
from fleet.people.models import Person
from fleet.sites.models import Site

_Instant = sa.DateTime(timezone=True)


class LossState(StrEnum):
    """What is known of a camera that is gone; the words are those of its custody."""

    MISSING = "missing"
    LOST = "lost"
    STOLEN = "stolen"
    RECOVERED = "recovered"


class Risk(StrEnum):
    """How likely a breach harms somebody's rights: what decides who must be told (UK GDPR, articles 33 and 34)."""

    UNLIKELY = "unlikely"
    RISK = "risk"
    HIGH = "high"


class RepairResult(StrEnum):
    REPAIRED = "repaired"
    REPLACED = "replaced"
    BEYOND_REPAIR = "beyond-repair"


class DisposalHow(StrEnum):
    RECYCLED = "recycled"
    DESTROYED = "destroyed"
    RETURNED = "returned-to-maker"


class DepartureKind(StrEnum):
    LEAVER = "leaver"
    MOVER = "mover"


class _Case(Base):
    __abstract__ = True

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True, sort_order=-1)


class Loss(_Case):
    """A camera that is gone, from the report to its recovery (rule 16). Open while ``recovered_at`` is None.

    ``person_id`` is the officer who had it. ``report_due_at`` is when it had to be reported by the limit of that day,
    ``assess_due_at`` when the law wants the breach notified. ``unoffloaded`` and ``encryption`` are what the register
    knew when it was reported: evidence, which later reports of the device do not change.
    """

    __tablename__ = "loss"
    __table_args__ = (
        sa.Index("uq_loss_open_camera", "camera_id", unique=True, postgresql_where=sa.text("recovered_at IS NULL")),
        sa.Index("ix_loss_unassessed", "assess_due_at", postgresql_where=sa.text("NOT assessed")),
        sa.Index(None, "camera_id", "id"),
        sa.Index(None, "noticed_at", "id"),
        sa.Index(None, "state", "id"),
        sa.CheckConstraint("(state = 'recovered') = (recovered_at IS NOT NULL)", name="recovered_at_a_time"),
        sa.CheckConstraint("noticed_at <= reported_at", name="noticed_before_reported"),
    )

    camera_id: Mapped[int] = mapped_column(sa.ForeignKey("camera.id"))
    person_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"), index=True)
    state: Mapped[LossState] = mapped_column(words(LossState))
    noticed_at: Mapped[datetime] = mapped_column(_Instant)
    reported_at: Mapped[datetime] = mapped_column(_Instant)
    reported_by: Mapped[str] = mapped_column(sa.Text)
    report_due_at: Mapped[datetime] = mapped_column(_Instant)
    assess_due_at: Mapped[datetime] = mapped_column(_Instant)
    last_seen: Mapped[str] = mapped_column(sa.Text)
    last_seen_by: Mapped[str] = mapped_column(sa.Text)
    circumstances: Mapped[str] = mapped_column(sa.Text)
    unoffloaded: Mapped[int | None]
    encryption: Mapped[Encryption | None] = mapped_column(words(Encryption))
    device_seen_at: Mapped[datetime | None] = mapped_column(_Instant)
    assessed: Mapped[bool] = mapped_column(server_default=sa.false())
    overdue_noted_at: Mapped[datetime | None] = mapped_column(_Instant)
    crime_number: Mapped[str | None] = mapped_column(sa.Text)
    decided_at: Mapped[datetime | None] = mapped_column(_Instant)
    recovered_at: Mapped[datetime | None] = mapped_column(_Instant)
    recovered_where: Mapped[str | None] = mapped_column(sa.Text)
    recovered_by: Mapped[str | None] = mapped_column(sa.Text)
    recovered_condition: Mapped[str | None] = mapped_column(sa.Text)

    camera: Mapped[Camera] = relationship()
    person: Mapped[Person | None] = relationship()


class BreachAssessment(_Case):
    """One version of what a loss means for the people recorded; the newest counts, none is ever changed."""

    __tablename__ = "breach_assessment"
    __table_args__ = (
        sa.UniqueConstraint("loss_id", "version"),
        sa.CheckConstraint("version > 0", name="version"),
    )

    loss_id: Mapped[int] = mapped_column(sa.ForeignKey("loss.id"))
    version: Mapped[int]
    at: Mapped[datetime] = mapped_column(_Instant)
    by: Mapped[str] = mapped_column(sa.Text)
    recordings: Mapped[str] = mapped_column(sa.Text)
    affected: Mapped[str] = mapped_column(sa.Text)
    risk: Mapped[Risk] = mapped_column(words(Risk))
    measures: Mapped[str] = mapped_column(sa.Text)
    psd_told_at: Mapped[datetime | None] = mapped_column(_Instant)
    ico_told_at: Mapped[datetime | None] = mapped_column(_Instant)
    ico_reason: Mapped[str | None] = mapped_column(sa.Text)
    decided_by: Mapped[str] = mapped_column(sa.Text)


class Repair(_Case):
    """One journey to a supplier. Open while ``returned_at`` is None. ``in_warranty`` is None where nobody knows."""

    __tablename__ = "repair"
    __table_args__ = (
        sa.Index("uq_repair_open_camera", "camera_id", unique=True, postgresql_where=sa.text("returned_at IS NULL")),
        sa.Index(None, "sent_at", "id"),
        sa.Index("ix_repair_expected", "expected_back", postgresql_where=sa.text("returned_at IS NULL")),
        sa.Index(None, "camera_id", "id"),
        sa.CheckConstraint("(returned_at IS NULL) = (result IS NULL)", name="returned_with_a_result"),
        sa.CheckConstraint("(result = 'replaced') = (replacement_id IS NOT NULL)", name="replaced_by_one"),
    )

    camera_id: Mapped[int] = mapped_column(sa.ForeignKey("camera.id"))
    fault: Mapped[str] = mapped_column(sa.Text)
    supplier: Mapped[str | None] = mapped_column(sa.Text)
    rma: Mapped[str | None] = mapped_column(sa.Text)
    in_warranty: Mapped[bool | None]
    sent_at: Mapped[datetime] = mapped_column(_Instant)
    sent_by: Mapped[str | None] = mapped_column(sa.Text)
    expected_back: Mapped[date | None]
    overdue_noted_at: Mapped[datetime | None] = mapped_column(_Instant)
    returned_at: Mapped[datetime | None] = mapped_column(_Instant)
    result: Mapped[RepairResult | None] = mapped_column(words(RepairResult))
    replacement_id: Mapped[int | None] = mapped_column(sa.ForeignKey("camera.id"), index=True)
    note: Mapped[str | None] = mapped_column(sa.Text)


class Hold(_Case):
    """A bar on wiping, issue, repair and retirement. Open while ``released_at`` is None."""

    __tablename__ = "hold"
    __table_args__ = (
        sa.Index("uq_hold_open_camera", "camera_id", unique=True, postgresql_where=sa.text("released_at IS NULL")),
        sa.Index(None, "camera_id", "id"),
        sa.CheckConstraint("(released_at IS NULL) = (release_reason IS NULL)", name="released_for_a_reason"),
    )

    camera_id: Mapped[int] = mapped_column(sa.ForeignKey("camera.id"))
    authority: Mapped[str] = mapped_column(sa.Text)
    reference: Mapped[str] = mapped_column(sa.Text)
    reason: Mapped[str] = mapped_column(sa.Text)
    placed_at: Mapped[datetime] = mapped_column(_Instant)
    placed_by: Mapped[str] = mapped_column(sa.Text)
    released_at: Mapped[datetime | None] = mapped_column(_Instant)
    released_by: Mapped[str | None] = mapped_column(sa.Text)
    release_reason: Mapped[str | None] = mapped_column(sa.Text)


class Retirement(_Case):
    """The end of a camera's life: retired, sanitised, proposed for disposal, and disposed of by somebody else.

    The two people differ by sign-in and, where sign-ins belong to officers, by collar number; the database says so.
    """

    __tablename__ = "retirement"
    __table_args__ = (
        sa.UniqueConstraint("camera_id"),
        sa.CheckConstraint("confirmed_by <> proposed_by", name="two_sign_ins"),
        sa.CheckConstraint("confirmed_collar <> proposed_collar", name="two_officers"),
        sa.CheckConstraint("proposed_by IS NULL OR certificate IS NOT NULL", name="wiped_before_proposed"),
        sa.CheckConstraint("confirmed_by IS NULL OR proposed_by IS NOT NULL", name="proposed_before_confirmed"),
        sa.CheckConstraint("(proposed_by IS NULL) = (how IS NULL)", name="proposed_in_a_way"),
        sa.CheckConstraint("(confirmed_by IS NULL) = (confirmed_at IS NULL)", name="confirmed_at_a_time"),
        sa.Index("ix_retirement_waiting", "proposed_at", postgresql_where=sa.text("confirmed_at IS NULL")),
    )

    camera_id: Mapped[int] = mapped_column(sa.ForeignKey("camera.id"))
    retired_at: Mapped[datetime] = mapped_column(_Instant)
    retired_by: Mapped[str | None] = mapped_column(sa.Text)
    reason: Mapped[str] = mapped_column(sa.Text)
    method: Mapped[str | None] = mapped_column(sa.Text)
    certificate: Mapped[str | None] = mapped_column(sa.Text)
    wiped_by: Mapped[str | None] = mapped_column(sa.Text)
    wiped_on: Mapped[date | None]
    sanitised_at: Mapped[datetime | None] = mapped_column(_Instant)
    sanitised_by: Mapped[str | None] = mapped_column(sa.Text)
    how: Mapped[DisposalHow | None] = mapped_column(words(DisposalHow))
    waste_note: Mapped[str | None] = mapped_column(sa.Text)
    proposed_at: Mapped[datetime | None] = mapped_column(_Instant)
    proposed_by: Mapped[str | None] = mapped_column(sa.Text)
    proposed_collar: Mapped[str | None] = mapped_column(sa.Text)
    confirmed_at: Mapped[datetime | None] = mapped_column(_Instant)
    confirmed_by: Mapped[str | None] = mapped_column(sa.Text)
    confirmed_collar: Mapped[str | None] = mapped_column(sa.Text)


class Departure(_Case):
    """An officer who leaves, or moves to another team or site; ``last_day`` is the last one here (rule 15).

    ``done_at`` is when the day had come and was acted on. Open while it was not withdrawn and, of a mover, not done:
    a leaver has left until somebody withdraws it.
    """

    __tablename__ = "departure"
    __table_args__ = (
        sa.Index(
            "uq_departure_open_person",
            "person_id",
            unique=True,
            postgresql_where=sa.text("withdrawn_at IS NULL AND (kind = 'leaver' OR done_at IS NULL)"),
        ),
        sa.Index(
            "ix_departure_ahead", "last_day", postgresql_where=sa.text("withdrawn_at IS NULL AND done_at IS NULL")
        ),
        sa.Index(None, "last_day", "id"),
        sa.Index(None, "person_id", "id"),
        sa.CheckConstraint("kind = 'mover' OR (to_team IS NULL AND to_site_id IS NULL)", name="a_leaver_goes_nowhere"),
        sa.CheckConstraint(
            "kind = 'leaver' OR to_team IS NOT NULL OR to_site_id IS NOT NULL", name="a_mover_goes_somewhere"
        ),
    )

    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    kind: Mapped[DepartureKind] = mapped_column(words(DepartureKind))
    last_day: Mapped[date]
    to_team: Mapped[str | None] = mapped_column(sa.Text)
    to_site_id: Mapped[int | None] = mapped_column(sa.ForeignKey("site.id"), index=True)
    note: Mapped[str | None] = mapped_column(sa.Text)
    noted_at: Mapped[datetime] = mapped_column(_Instant)
    noted_by: Mapped[str] = mapped_column(sa.Text)
    done_at: Mapped[datetime | None] = mapped_column(_Instant)
    withdrawn_at: Mapped[datetime | None] = mapped_column(_Instant)
    withdrawn_by: Mapped[str | None] = mapped_column(sa.Text)

    to_site: Mapped[Site | None] = relationship()


class Recall(_Case):
    """A loan whose end a departure brought forward, and when it had been due: what a withdrawal restores."""

    __tablename__ = "recall"

    departure_id: Mapped[int] = mapped_column(sa.ForeignKey("departure.id"), index=True)
    allocation_id: Mapped[int] = mapped_column(sa.ForeignKey("allocation.id"), index=True)
    due_back: Mapped[datetime] = mapped_column(_Instant)
    due_back_was: Mapped[datetime | None] = mapped_column(_Instant)

    allocation: Mapped[Allocation] = relationship()


# A camera in one of these is gone.
GONE = frozenset({Custody.MISSING, Custody.LOST, Custody.STOLEN})
