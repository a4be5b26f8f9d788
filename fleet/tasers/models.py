"""Tasers and the magazines (SPPM) fitted to them."""

from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from fleet.cameras.states import Bluetooth
from fleet.db import Base, Identifier, words
from fleet.people.models import Person
from fleet.register import Registered
from fleet.sites.models import Site


class TaserModel(StrEnum):
    X26 = "x26"
    X2 = "x2"


class TaserCustody(StrEnum):
    """The part of a Taser's life cycle that a record alone can tell."""

    REGISTERED = "registered"
    ISSUED = "issued"


class Taser(Registered, Base):
    """A Taser. ``sppm`` is the serial of the fitted magazine, which an X26 does not have (rule 2)."""

    __tablename__ = "taser"
    __table_args__ = (sa.CheckConstraint("model = 'x2' OR sppm IS NULL", name="sppm"),)
    KEY = "serial"

    serial: Mapped[str] = mapped_column(Identifier, unique=True)
    model: Mapped[TaserModel] = mapped_column(words(TaserModel))
    sppm: Mapped[str | None] = mapped_column(Identifier, unique=True)
    firmware: Mapped[str | None] = mapped_column(sa.Text)
    bluetooth: Mapped[Bluetooth | None] = mapped_column(words(Bluetooth))
    home_site_id: Mapped[int | None] = mapped_column(sa.ForeignKey("site.id"), index=True)
    holder_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"), index=True)

    home_site: Mapped[Site | None] = relationship()
    holder: Mapped[Person | None] = relationship()

    @property
    def custody(self) -> TaserCustody:
        """Derived: with a holder it is issued."""
        return TaserCustody.REGISTERED if self.holder_id is None else TaserCustody.ISSUED
