"""A camera as registered, and what its device last said.

They are two tables because they change at different rates: a dock reports a battery every few minutes, and that must
neither change the version of what people edit nor touch its indexes.
"""

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from fleet.cameras.states import Bluetooth, Custody, Encryption, Fault, Model, Use
from fleet.db import Base, Identifier, words
from fleet.register import Registered
from fleet.sites.models import Dock

_Instant = sa.DateTime(timezone=True)


class Camera(Registered, Base):
    """A Body 2 or Flex 2. ``custody_at`` is when its present custody began.

    ``firmware``, ``encryption`` and ``bluetooth`` are what is recorded; only since ``levels_reported_at`` are they
    what the device itself reported (rule 1). ``desired`` is what was ordered. ``warranty_until`` is the last day of the
    maker's warranty. Whatever identity or pairing the device was given before ``revoked_at`` counts no longer.
    """

    __tablename__ = "camera"
    __table_args__ = (
        sa.Index(None, "custody", "serial"),
        sa.Index(None, "model", "serial"),
        sa.Index("ix_camera_tag_or_none_serial", sa.text("COALESCE(asset_tag, ''::text)"), "serial"),
        sa.Index(None, "firmware", "serial"),
        # Which of the pool lie ready in a dock, for the counter that looks for the fullest.
        sa.Index(
            "ix_camera_pool_in_stock",
            "home_dock_id",
            "custody_at",
            postgresql_where=sa.text("custody = 'in_stock' AND use = 'pool'"),
        ),
        # People read the last digits off a label: a suffix search is a prefix search on the reversed serial.
        sa.Index("ix_camera_serial_reversed", sa.text("reverse(serial)")),
    )
    KEY = "serial"

    serial: Mapped[str] = mapped_column(Identifier, unique=True)
    asset_tag: Mapped[str | None] = mapped_column(Identifier, unique=True)
    model: Mapped[Model] = mapped_column(words(Model))
    use: Mapped[Use | None] = mapped_column(words(Use))
    phase: Mapped[int | None] = mapped_column(sa.SmallInteger)
    home_dock_id: Mapped[int | None] = mapped_column(sa.ForeignKey("dock.id"), index=True)
    firmware: Mapped[str | None] = mapped_column(sa.Text)
    encryption: Mapped[Encryption | None] = mapped_column(words(Encryption))
    bluetooth: Mapped[Bluetooth | None] = mapped_column(words(Bluetooth))
    levels_reported_at: Mapped[datetime | None] = mapped_column(_Instant)
    desired: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=sa.text("'{}'"))
    custody: Mapped[Custody] = mapped_column(words(Custody))
    custody_at: Mapped[datetime] = mapped_column(_Instant)
    warranty_until: Mapped[date | None]
    revoked_at: Mapped[datetime | None] = mapped_column(_Instant)

    home_dock: Mapped[Dock | None] = relationship()


class CameraReport(Base):
    """What a camera last said of itself; no row, it never said anything. A NULL was never reported.

    ``clock_offset_s`` is the camera's clock minus the dock's, in seconds. ``unoffloaded`` counts recordings that are
    not confirmed as offloaded. ``dock_id`` is the dock it sits in, None when it was lifted out.
    """

    __tablename__ = "camera_report"
    __table_args__ = (
        sa.CheckConstraint("battery_percent BETWEEN 0 AND 100", name="battery_percent"),
        sa.CheckConstraint("unoffloaded >= 0", name="unoffloaded"),
        # Half of each page stays free, so that a report is written in place and no index is touched.
        {"postgresql_with": {"fillfactor": "50"}},
    )

    camera_id: Mapped[int] = mapped_column(sa.ForeignKey("camera.id"), primary_key=True)
    dock_id: Mapped[int | None] = mapped_column(sa.ForeignKey("dock.id"), index=True)
    bay: Mapped[int | None] = mapped_column(sa.SmallInteger)
    battery_percent: Mapped[int | None] = mapped_column(sa.SmallInteger)
    clock_offset_s: Mapped[float | None]
    fault: Mapped[Fault | None] = mapped_column(words(Fault))
    unoffloaded: Mapped[int | None]
    last_seen_at: Mapped[datetime] = mapped_column(_Instant)
