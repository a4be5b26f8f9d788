"""Stocktakes, kits and bulk acts.

The database has the last word on this: a camera is scanned once in a stocktake, and a closed stocktake never changes
(triggers in the migration).
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from fleet.db import Base, Identifier, words
from fleet.register import Registered
from fleet.stock.states import BulkOutcome, BulkVerb, Judgment, PartKind, PartState, Settlement, StocktakeState

_Instant = sa.DateTime(timezone=True)


class Stocktake(Base):
    """A count of what should be in one place. ``filters`` are those of the camera list that made the expected set.

    ``counts`` is what was found, written when it ended, since custody goes on changing.
    """

    __tablename__ = "stocktake"
    __table_args__ = (
        sa.Index(None, "state", "id"),
        sa.Index("ix_stocktake_open", "site_id", postgresql_where=sa.text("state = 'open'")),
        sa.CheckConstraint("(state = 'open') = (ended_at IS NULL)", name="open_until_ended"),
        sa.CheckConstraint("(state = 'abandoned') = (reason IS NOT NULL)", name="abandoned_for_a_reason"),
    )

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(sa.Text)
    site_id: Mapped[int | None] = mapped_column(sa.ForeignKey("site.id"))
    dock_id: Mapped[int | None] = mapped_column(sa.ForeignKey("dock.id"))
    filters: Mapped[dict[str, Any]] = mapped_column(JSONB)
    state: Mapped[StocktakeState] = mapped_column(words(StocktakeState))
    opened_at: Mapped[datetime] = mapped_column(_Instant)
    opened_by: Mapped[str] = mapped_column(sa.Text)
    ended_at: Mapped[datetime | None] = mapped_column(_Instant)
    ended_by: Mapped[str | None] = mapped_column(sa.Text)
    reason: Mapped[str | None] = mapped_column(sa.Text)
    counts: Mapped[dict[str, Any] | None] = mapped_column(JSONB)


class StocktakeExpected(Base):
    """A camera that should be here, fixed at the opening; the rest says how it was settled when it is missing."""

    __tablename__ = "stocktake_expected"
    __table_args__ = (sa.CheckConstraint("(settled IS NULL) = (settled_at IS NULL)", name="settled_at_a_time"),)

    stocktake_id: Mapped[int] = mapped_column(sa.ForeignKey("stocktake.id"), primary_key=True)
    camera_id: Mapped[int] = mapped_column(sa.ForeignKey("camera.id"), primary_key=True)
    settled: Mapped[Settlement | None] = mapped_column(words(Settlement))
    note: Mapped[str | None] = mapped_column(sa.Text)
    settled_at: Mapped[datetime | None] = mapped_column(_Instant)
    settled_by: Mapped[str | None] = mapped_column(sa.Text)


class StocktakeScan(Base):
    """What was scanned: the first scan's time, person and judgment, and how many ``times`` in all."""

    __tablename__ = "stocktake_scan"
    __table_args__ = (
        sa.Index(
            "uq_stocktake_scan_camera",
            "stocktake_id",
            "camera_id",
            unique=True,
            postgresql_where=sa.text("camera_id IS NOT NULL"),
        ),
        sa.Index(
            "uq_stocktake_scan_unknown",
            "stocktake_id",
            "scan",
            unique=True,
            postgresql_where=sa.text("camera_id IS NULL"),
        ),
        sa.Index(None, "stocktake_id", "judgment", "scan"),
        sa.CheckConstraint("(judgment = 'unknown') = (camera_id IS NULL)", name="unknown_without_camera"),
        sa.CheckConstraint("times >= 1", name="times"),
    )

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    stocktake_id: Mapped[int] = mapped_column(sa.ForeignKey("stocktake.id"))
    scan: Mapped[str] = mapped_column(Identifier)
    camera_id: Mapped[int | None] = mapped_column(sa.ForeignKey("camera.id"))
    judgment: Mapped[Judgment] = mapped_column(words(Judgment))
    times: Mapped[int] = mapped_column(server_default="1")
    scanned_at: Mapped[datetime] = mapped_column(_Instant)
    scanned_by: Mapped[str] = mapped_column(sa.Text)


class Kit(Registered, Base):
    """A camera and what goes with it, under one barcode. Dissolved, it keeps its code and has nothing any more."""

    __tablename__ = "kit"
    __table_args__ = (
        sa.CheckConstraint("(camera_id IS NULL) = (dissolved_at IS NOT NULL)", name="camera_until_dissolved"),
    )
    KEY = "code"

    code: Mapped[str] = mapped_column(Identifier, unique=True)
    name: Mapped[str | None] = mapped_column(sa.Text)
    camera_id: Mapped[int | None] = mapped_column(sa.ForeignKey("camera.id"), unique=True)
    dissolved_at: Mapped[datetime | None] = mapped_column(_Instant)


class KitPart(Base):
    """A mount, cable or controller of a kit; without a ``barcode`` it is one of its kind, and counted."""

    __tablename__ = "kit_part"

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    kit_id: Mapped[int] = mapped_column(sa.ForeignKey("kit.id"), index=True)
    kind: Mapped[PartKind] = mapped_column(words(PartKind))
    barcode: Mapped[str | None] = mapped_column(Identifier, unique=True)
    state: Mapped[PartState] = mapped_column(words(PartState), server_default=PartState.IN_KIT)


class BulkAct(Base):
    """One act on many cameras: previewed when it was made, then carried out. ``wanted`` is what the act is to do.

    ``ended_at`` is when nothing of it was left to do.
    """

    __tablename__ = "bulk_act"
    __table_args__ = (sa.Index("ix_bulk_act_preview", "asked_at", postgresql_where=sa.text("begun_at IS NULL")),)

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    verb: Mapped[BulkVerb] = mapped_column(words(BulkVerb))
    wanted: Mapped[dict[str, Any]] = mapped_column(JSONB)
    asked_at: Mapped[datetime] = mapped_column(_Instant)
    asked_by: Mapped[str] = mapped_column(sa.Text)
    begun_at: Mapped[datetime | None] = mapped_column(_Instant)
    ended_at: Mapped[datetime | None] = mapped_column(_Instant)


class BulkItem(Base):
    """One camera of a bulk act, in the order asked. ``version`` is the camera's at the preview.

    ``what``, ``rule`` and ``mend`` say why it was refused or skipped; ``wanted`` what is to be done with this one.
    """

    __tablename__ = "bulk_item"
    __table_args__ = (sa.Index(None, "bulk_id", "outcome", "line"),)

    bulk_id: Mapped[int] = mapped_column(sa.ForeignKey("bulk_act.id", ondelete="CASCADE"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    serial: Mapped[str] = mapped_column(Identifier)
    version: Mapped[int | None]
    wanted: Mapped[dict[str, Any]] = mapped_column(JSONB)
    outcome: Mapped[BulkOutcome] = mapped_column(words(BulkOutcome))
    rule: Mapped[int | None] = mapped_column(sa.SmallInteger)
    what: Mapped[str | None] = mapped_column(sa.Text)
    mend: Mapped[str | None] = mapped_column(sa.Text)
