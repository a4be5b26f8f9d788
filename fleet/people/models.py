"""Officers and teams."""

from datetime import date, datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from fleet.db import Base, Identifier, words
from fleet.register import Registered
from fleet.sites.models import Site


class Function(StrEnum):
    """What an officer's team does; it decides what kit they need."""

    RESPONSE = "response"
    FIREARMS = "firearms"
    NEIGHBOURHOOD = "neighbourhood"
    TRAFFIC = "traffic"
    FORCE_SUPPORT = "force-support"
    OTHER = "other"


class Team(Base):
    """A team, known by its name."""

    __tablename__ = "team"

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(sa.Text, unique=True)


class Person(Registered, Base):
    """An officer or member of staff. ``trained_until`` is the last day their training covers; None, no training.

    ``leaves_on`` is a leaver's last day (rule 15).
    """

    __tablename__ = "person"
    __table_args__ = (sa.Index(None, "trained_until"), sa.Index(None, "function"))
    KEY = "collar"

    collar: Mapped[str] = mapped_column(Identifier, unique=True)
    name: Mapped[str | None] = mapped_column(sa.Text)
    team_id: Mapped[int | None] = mapped_column(sa.ForeignKey("team.id"), index=True)
    function: Mapped[Function | None] = mapped_column(words(Function))
    site_id: Mapped[int | None] = mapped_column(sa.ForeignKey("site.id"), index=True)
    trained_until: Mapped[date | None]
    leaves_on: Mapped[date | None]
    # Where receipts go. An import neither brings nor takes it.
    email: Mapped[str | None] = mapped_column(sa.Text)

    team: Mapped[Team | None] = relationship()
    site: Mapped[Site | None] = relationship()


class OfficerPin(Base):
    """What an officer types at a counter to acknowledge. ``failures`` counts wrong tries since the last right one."""

    __tablename__ = "officer_pin"

    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), primary_key=True, autoincrement=False)
    pin_hash: Mapped[str] = mapped_column(sa.Text)
    set_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
    failures: Mapped[int] = mapped_column(sa.SmallInteger, server_default="0")
    failed_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
