"""The register of Tasers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet.actors import Actor
from fleet.audit import Event, Subject
from fleet.db import AnySelect, begins, row_dict
from fleet.errors import Conflict
from fleet.paging import Page, Paging, capped_count
from fleet.people.models import Person
from fleet.people.service import PEOPLE
from fleet.register import Kind
from fleet.sites.models import Site
from fleet.sites.service import SITES
from fleet.tasers.models import Taser, TaserModel

TASERS = Kind(Taser, Subject.TASER, Event.TASER_REGISTERED, Event.TASER_CHANGED)

_ROWS = (
    sa.select(
        Taser.serial,
        Taser.model,
        Taser.sppm,
        Taser.firmware,
        Taser.bluetooth,
        Site.code.label("home_site"),
        Person.collar.label("holder"),
        Taser.version,
    )
    .join(Site, Site.id == Taser.home_site_id, isouter=True)
    .join(Person, Person.id == Taser.holder_id, isouter=True)
)


SORTS: dict[str, list[sa.ColumnElement[Any]]] = {
    "serial": [Taser.serial.expression],
    "model": [Taser.model.expression, Taser.serial.expression],
    "home_site": [sa.func.coalesce(Site.code, ""), Taser.serial.expression],
    "holder": [sa.func.coalesce(Person.collar, ""), Taser.serial.expression],
}


def find(
    session: Session, filters: Mapping[str, Any], paging: Paging, *, sort: str = "serial", descending: bool = False
) -> Page:
    """Tasers in the order of one of ``SORTS``.

    Filters: ``model``, ``site``, ``holder``, ``sppm`` (``fitted``, or ``missing`` from an X2, which then cannot pair)
    and ``q`` (how the serial or the SPPM begins).
    """
    return paging.page(session, _like(filters), SORTS[sort], descending=descending)


def count(session: Session, filters: Mapping[str, Any]) -> int:
    """How many ``find`` has, as far as ``capped_count`` counts."""
    return capped_count(session, _like(filters))


def _like(filters: Mapping[str, Any]) -> AnySelect:
    exact = {Taser.model: "model", Site.code: "site", Person.collar: "holder"}
    statement = _ROWS.where(*(column == filters[name] for column, name in exact.items() if filters.get(name)))
    if (sppm := filters.get("sppm")) is not None:
        bare = sa.and_(Taser.model == TaserModel.X2, Taser.sppm.is_(None))
        statement = statement.where(bare if sppm == "missing" else Taser.sppm.is_not(None))
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


def register(session: Session, actor: Actor, values: Mapping[str, Any], *, now: datetime) -> Taser:
    """Add a Taser.

    Raises:
        Conflict: rule 2: an X26 with an SPPM; or the serial or SPPM is taken.
        Invalid: there is no such site or officer.
    """
    row = Taser(**_columns(session, values))
    _require_no_sppm_on_an_x26(row.model, row.sppm)
    return TASERS.enlist(session, actor, row, now=now, model=row.model, sppm=row.sppm, officer=values.get("holder"))


def revise(
    session: Session, actor: Actor, serial: str, values: Mapping[str, Any], *, at_version: int | None, now: datetime
) -> Taser:
    """Change what is written about a Taser."""
    was = get(session, serial)
    _require_no_sppm_on_an_x26(values.get("model", was["model"]), values.get("sppm", was["sppm"]))
    shown = {f"{name}_id": [was[name], values.get(name)] for name in ("home_site", "holder")}
    columns = _columns(session, values)
    return TASERS.revise(session, actor, serial, columns, at_version=at_version, now=now, shown=shown)


def _require_no_sppm_on_an_x26(model: TaserModel, sppm: str | None) -> None:
    if model is TaserModel.X26 and sppm is not None:
        raise Conflict("An X26 has no SPPM and cannot pair; only an X2 takes one.", rule=2, found={"model": model})


def _columns(session: Session, values: Mapping[str, Any]) -> dict[str, Any]:
    columns = dict(values)
    if "home_site" in columns:
        columns["home_site_id"] = SITES.id_of(session, columns.pop("home_site"), "home_site")
    if "holder" in columns:
        columns["holder_id"] = PEOPLE.id_of(session, columns.pop("holder"), "holder")
    return columns


def held_by(session: Session, collar: str) -> list[dict[str, Any]]:
    """The Tasers an officer holds."""
    return [row_dict(row) for row in session.execute(_ROWS.where(Person.collar == collar).order_by(Taser.serial))]
