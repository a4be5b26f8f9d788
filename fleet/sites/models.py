"""Sites and docks."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from fleet.db import Base, Identifier, words
from fleet.register import Registered
from fleet.sites.stages import Stage

MOST_BAYS = 96


class Site(Registered, Base):
    """A building. ``stage`` is None while none is recorded. ``nte`` marks the night-time economy (rule 21)."""

    __tablename__ = "site"
    KEY = "code"

    code: Mapped[str] = mapped_column(Identifier, unique=True)
    name: Mapped[str | None] = mapped_column(sa.Text)
    kind: Mapped[str | None] = mapped_column(sa.Text)
    address: Mapped[str | None] = mapped_column(sa.Text)
    nte: Mapped[bool] = mapped_column(server_default=sa.false())
    stage: Mapped[Stage | None] = mapped_column(words(Stage))


class Dock(Registered, Base):
    """A charge-and-upload unit with ``bays`` slots, numbered from 1."""

    __tablename__ = "dock"
    __table_args__ = (sa.CheckConstraint(f"bays BETWEEN 1 AND {MOST_BAYS}", name="bays"),)
    KEY = "serial"

    serial: Mapped[str] = mapped_column(Identifier, unique=True)
    site_id: Mapped[int | None] = mapped_column(sa.ForeignKey("site.id"), index=True)
    bays: Mapped[int] = mapped_column(sa.SmallInteger, server_default="6")

    site: Mapped[Site | None] = relationship()


class SiteStep(Base):
    """A stage that a site reached, by whom, with what note: its history, oldest first by ``id``."""

    __tablename__ = "site_step"

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    site_id: Mapped[int] = mapped_column(sa.ForeignKey("site.id"), index=True)
    stage: Mapped[Stage] = mapped_column(words(Stage))
    at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
    actor: Mapped[str] = mapped_column(sa.Text)
    note: Mapped[str | None] = mapped_column(sa.Text)
