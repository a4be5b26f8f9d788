"""Figures of a day that is over. They are written once and never computed again."""

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from fleet.db import Base


class StatisticDay(Base):
    """A day, in local time, that has its figures. ``computed_at`` is also the instant that its stock was counted at."""

    __tablename__ = "statistic_day"

    day: Mapped[date] = mapped_column(primary_key=True)
    computed_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))


class DailyStatistic(Base):
    """One figure: ``measure`` is what was counted, ``label`` of which kind."""

    __tablename__ = "daily_statistic"
    __table_args__ = (sa.Index(None, "measure", "day", "label"),)

    day: Mapped[date] = mapped_column(sa.ForeignKey("statistic_day.day"), primary_key=True)
    measure: Mapped[str] = mapped_column(sa.Text(collation="C"), primary_key=True)
    label: Mapped[str] = mapped_column(sa.Text(collation="C"), primary_key=True)
    value: Mapped[int] = mapped_column(sa.BigInteger)
