"""Tasers as they are read: each with where it is kept, who has it, and what it last said."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet.db import AnySelect, begins, row_dict
from fleet.paging import Page, Paging, capped_count
from fleet.people.models import Person
from fleet.sites.models import Site
from fleet.tasers.models import Taser, TaserModel, TaserReport
from fleet.tasers.service import TASERS
from fleet.tasers.states import TaserCustody

# An X2 keeps about 16,000 entries and then drops the oldest 4,000; read at three quarters, there is time.
LOG_HOLDS = 16_000
LOG_NEARLY_FULL = 12_000

_ROWS = (
    sa.select(
        Taser.serial,
        Taser.model,
        Taser.sppm,
        Taser.firmware,
        Taser.bluetooth,
        Taser.levels_reported_at,
        Site.code.label("home_site"),
        Person.collar.label("holder"),
        Taser.custody,
        Taser.custody_at,
        TaserReport.battery_percent,
        TaserReport.clock_offset_s,
        TaserReport.clock_set,
        TaserReport.log_entries,
        TaserReport.log_read_at,
        TaserReport.last_seen_at,
        Taser.revoked_at,
        Taser.version,
    )
    .join(Site, Site.id == Taser.home_site_id, isouter=True)
    .join(Person, Person.id == Taser.holder_id, isouter=True)
    .join(TaserReport, TaserReport.taser_id == Taser.id, isouter=True)
)

SORTS: dict[str, list[sa.ColumnElement[Any]]] = {
    "serial": [Taser.serial.expression],
    "model": [Taser.model.expression, Taser.serial.expression],
    "custody": [Taser.custody.expression, Taser.serial.expression],
    "home_site": [sa.func.coalesce(Site.code, ""), Taser.serial.expression],
    "holder": [sa.func.coalesce(Person.collar, ""), Taser.serial.expression],
}


def find(
    session: Session, filters: Mapping[str, Any], paging: Paging, *, sort: str = "serial", descending: bool = False
) -> Page:
    """Tasers in the order of one of ``SORTS``.

    Filters: ``model``, ``custody``, ``site``, ``holder``, ``sppm`` (``fitted``, or ``missing`` from an X2, which then
    cannot pair), ``log`` (``nearly-full``) and ``q`` (how the serial or the SPPM begins).
    """
    return paging.page(session, _like(filters), SORTS[sort], descending=descending)


def count(session: Session, filters: Mapping[str, Any]) -> int:
    """How many ``find`` has, as far as ``capped_count`` counts."""
    return capped_count(session, _like(filters))


def _like(filters: Mapping[str, Any]) -> AnySelect:
    exact = {Taser.model: "model", Taser.custody: "custody", Site.code: "site", Person.collar: "holder"}
    statement = _ROWS.where(*(column == filters[name] for column, name in exact.items() if filters.get(name)))
    if (sppm := filters.get("sppm")) is not None:
        bare = sa.and_(Taser.model == TaserModel.X2, Taser.sppm.is_(None))
        statement = statement.where(bare if sppm == "missing" else Taser.sppm.is_not(None))
    if filters.get("log") is not None:
        statement = statement.where(TaserReport.log_entries >= LOG_NEARLY_FULL)
    if text := filters.get("q"):
        wanted = text.strip().upper()
        statement = statement.where(begins(Taser.serial, wanted) | begins(Taser.sppm, wanted))
    return statement


def get(session: Session, serial: str) -> dict[str, Any]:
    """A Taser as plain data.

    Raises:
        NotFound
    """
    return TASERS.row(session, _ROWS, serial)


def held_by(session: Session, collar: str) -> list[dict[str, Any]]:
    """The Tasers an officer holds."""
    return [row_dict(row) for row in session.execute(_ROWS.where(Person.collar == collar).order_by(Taser.serial))]


def nearly_full(session: Session, *, limit: int) -> list[dict[str, Any]]:
    """The Tasers whose log must be read soonest, the fullest first."""
    fullest = _ROWS.where(TaserReport.log_entries >= LOG_NEARLY_FULL)
    fullest = fullest.order_by(TaserReport.log_entries.desc(), Taser.serial).limit(limit)
    return [row_dict(row) for row in session.execute(fullest)]


def spares(session: Session) -> int:
    """How many X2 lie ready: serviceable, with a magazine, nobody's."""
    ready = sa.select(Taser.id).where(
        Taser.model == TaserModel.X2, Taser.custody == TaserCustody.SERVICEABLE, Taser.sppm.is_not(None)
    )
    return capped_count(session, ready)
