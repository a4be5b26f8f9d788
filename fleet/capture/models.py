"""Activations, and each side's account of them."""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from fleet.db import Base, Identifier, words

_Instant = sa.DateTime(timezone=True)


class ActivationKind(StrEnum):
    """What the wearer did; ``safe`` ends it, ``test`` is the function test before a shift."""

    ARMED = "armed"
    TRIGGER = "trigger"
    ARC = "arc"
    SAFE = "safe"
    TEST = "test"


class Source(StrEnum):
    """Who told: a monitor that heard it, the Taser's signed log, a camera's offload."""

    MONITOR = "monitor"
    TASER_LOG = "taser-log"
    CAMERA = "camera"


class Outcome(StrEnum):
    """Whether it was filmed, or why not (rule 14). ``unknown`` while nobody has said."""

    CAPTURED = "captured"
    OFF = "off"
    OUT_OF_RANGE = "out-of-range"
    MEMORY_FULL = "memory-full"
    NOT_PAIRED = "not-paired"
    SUSPENDED = "suspended"
    CANCELLED = "cancelled"
    NOT_OFFLOADED = "not-offloaded"
    UNKNOWN = "unknown"


class Activation(Base):
    """One event of one magazine, which its counter names for ever. ``at`` is when, as its first reporter had it.

    ``taser_id`` is the Taser that the magazine was fitted to when it was first reported, None for a magazine that
    nobody knows.
    """

    __tablename__ = "activation"
    __table_args__ = (
        sa.UniqueConstraint("sppm", "counter"),
        sa.Index(None, "at", "id"),
        sa.Index(None, "taser_id", "id"),
        sa.Index(None, "outcome", "id"),
        sa.CheckConstraint("counter >= 0", name="counter"),
    )

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    sppm: Mapped[str] = mapped_column(Identifier)
    counter: Mapped[int] = mapped_column(sa.BigInteger)
    kind: Mapped[ActivationKind] = mapped_column(words(ActivationKind))
    at: Mapped[datetime] = mapped_column(_Instant)
    taser_id: Mapped[int | None] = mapped_column(sa.ForeignKey("taser.id"))
    outcome: Mapped[Outcome] = mapped_column(words(Outcome))
    received_at: Mapped[datetime] = mapped_column(_Instant)


class Account(Base):
    """What one source says of an activation, as it came. ``verified`` tells whether its signature holds.

    ``evidence`` is the Taser's signed log entry, the beacon's bytes, or the camera's signed account.
    """

    __tablename__ = "activation_account"
    __table_args__ = (
        sa.UniqueConstraint("activation_id", "source", "reporter"),
        sa.Index(None, "camera_id", "activation_id"),
    )

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    activation_id: Mapped[int] = mapped_column(sa.ForeignKey("activation.id"))
    source: Mapped[Source] = mapped_column(words(Source))
    reporter: Mapped[str] = mapped_column(sa.Text)
    camera_id: Mapped[int | None] = mapped_column(sa.ForeignKey("camera.id"))
    heard_at: Mapped[datetime | None] = mapped_column(_Instant)
    evidence: Mapped[bytes] = mapped_column(sa.LargeBinary)
    verified: Mapped[bool]
    received_at: Mapped[datetime] = mapped_column(_Instant)
