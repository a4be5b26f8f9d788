"""The register of sites and docks, and the order in which a site comes live (rule 3)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet import audit
from fleet.actors import Actor
from fleet.audit import Event, Subject
from fleet.auth.permissions import Permission, is_permitted
from fleet.db import AnySelect, begins, has_word_like, row_dict
from fleet.errors import Conflict, Forbidden
from fleet.paging import Page, Paging, capped_count
from fleet.register import Kind
from fleet.sites.models import Dock, Site, SiteStep
from fleet.sites.stages import NEXT_STAGES, Stage, missing_steps

SITES = Kind(Site, Subject.SITE, Event.SITE_REGISTERED, Event.SITE_CHANGED)
DOCKS = Kind(Dock, Subject.DOCK, Event.DOCK_REGISTERED, Event.DOCK_CHANGED)

_SITE_ROWS = sa.select(Site.code, Site.name, Site.kind, Site.address, Site.nte, Site.stage, Site.version)
_DOCK_ROWS = sa.select(Dock.serial, Site.code.label("site"), Dock.bays, Dock.version).join(
    Site, Site.id == Dock.site_id, isouter=True
)


SITE_SORTS: dict[str, list[sa.ColumnElement[Any]]] = {
    "code": [Site.code.expression],
    "name": [sa.func.coalesce(Site.name, ""), Site.code.expression],
    "stage": [
        sa.case({stage: place for place, stage in enumerate(Stage)}, value=Site.stage, else_=-1),
        Site.code.expression,
    ],
}
DOCK_SORTS: dict[str, list[sa.ColumnElement[Any]]] = {
    "serial": [Dock.serial.expression],
    "site": [sa.func.coalesce(Site.code, ""), Dock.serial.expression],
    "bays": [Dock.bays.expression, Dock.serial.expression],
}


def find_sites(
    session: Session, filters: Mapping[str, Any], paging: Paging, *, sort: str = "code", descending: bool = False
) -> Page:
    """Sites by ``stage``, ``nte``, ``kind`` and ``q`` (how its code or a word of its name begins)."""
    return paging.page(session, _sites_like(filters), SITE_SORTS[sort], descending=descending)


def count_sites(session: Session, filters: Mapping[str, Any]) -> int:
    """How many ``find_sites`` has, as far as ``capped_count`` counts."""
    return capped_count(session, _sites_like(filters))


def _sites_like(filters: Mapping[str, Any]) -> AnySelect:
    statement = _SITE_ROWS
    for name in ("stage", "nte", "kind"):
        if filters.get(name) is not None:
            statement = statement.where(getattr(Site, name) == filters[name])
    if text := filters.get("q"):
        statement = statement.where(named_like(text))
    return statement


def stage_counts(session: Session) -> list[dict[str, Any]]:
    """How many sites are at each ``stage`` (None, not recorded), and how many of them police the night-time economy."""
    nte = sa.func.count().filter(Site.nte).label("nte")
    counted = session.execute(sa.select(Site.stage, sa.func.count().label("sites"), nte).group_by(Site.stage))
    return [row_dict(row) for row in counted]


def named_like(text: str) -> sa.ColumnElement[bool]:
    """Sites whose code, or a word of whose name, begins with ``text``."""
    return begins(Site.code, text.strip().upper()) | has_word_like(Site.name, text.strip())


def get_site(session: Session, code: str) -> dict[str, Any]:
    """A site as plain data.

    Raises:
        NotFound
    """
    return SITES.row(session, _SITE_ROWS, code)


def get_dock(session: Session, serial: str) -> dict[str, Any]:
    """A dock as plain data.

    Raises:
        NotFound
    """
    return DOCKS.row(session, _DOCK_ROWS, serial)


def register_site(session: Session, actor: Actor, values: Mapping[str, Any], *, now: datetime) -> Site:
    """Add a site. To record one that is past its first stage takes the right to record history.

    Raises:
        Conflict: the code is taken.
        Forbidden: a later stage, without that right.
    """
    stage = values.get("stage") or Stage.CANDIDATE
    if stage is not Stage.CANDIDATE and not is_permitted(actor, Permission.REGISTER_RECORD):
        raise Forbidden("A new site is a candidate; to record a later stage is for administrators.", mend="admin")
    return SITES.enlist(session, actor, Site(**{**values, "stage": stage}), now=now, stage=stage)


def revise_site(
    session: Session, actor: Actor, code: str, values: Mapping[str, Any], *, at_version: int | None, now: datetime
) -> Site:
    """Change what is written about a site. Its stage is not among it: see ``advance``."""
    return SITES.revise(session, actor, code, values, at_version=at_version, now=now)


def advance(session: Session, actor: Actor, code: str, stage: Stage, *, note: str | None = None, now: datetime) -> Site:
    """Record that a site reached its next stage (rule 3).

    Raises:
        NotFound
        Conflict: rule 3: a step is missing, or the site is there or past it already.
    """
    site = SITES.lock(session, code)
    reached = site.stage or Stage.CANDIDATE
    if stage not in NEXT_STAGES[reached]:
        raise _out_of_order(code, reached, stage)
    site.stage = stage
    session.add(SiteStep(site_id=site.id, stage=stage, at=now, actor=actor.name, note=note))
    session.flush()
    audit.record(
        session, actor, Event.SITE_STAGE_REACHED, (Subject.SITE, code), at=now, stage=stage, was=reached, note=note
    )
    return site


def _out_of_order(code: str, reached: Stage, wanted: Stage) -> Conflict:
    missing = missing_steps(reached, wanted)
    detail = (
        f"Site {code} is {reached}; before it is {wanted} it must be {', then '.join(missing)}."
        if missing
        else f"Site {code} is {reached} already; it does not go back to {wanted}."
    )
    return Conflict(detail, rule=3, found={"stage": reached, "missing": missing}, mend="estates")


def steps(session: Session, code: str) -> list[dict[str, Any]]:
    """The stages a site reached, newest first."""
    columns = (SiteStep.stage, SiteStep.at, SiteStep.actor, SiteStep.note)
    statement = sa.select(*columns).join(Site, Site.id == SiteStep.site_id).where(Site.code == code)
    return [row_dict(row) for row in session.execute(statement.order_by(SiteStep.id.desc()))]


def find_docks(
    session: Session, filters: Mapping[str, Any], paging: Paging, *, sort: str = "serial", descending: bool = False
) -> Page:
    """Docks by ``site`` (its code), ``placed`` (whether it has a site) and ``q`` (how the serial begins)."""
    return paging.page(session, _docks_like(filters), DOCK_SORTS[sort], descending=descending)


def count_docks(session: Session, filters: Mapping[str, Any]) -> int:
    """How many ``find_docks`` has, as far as ``capped_count`` counts."""
    return capped_count(session, _docks_like(filters))


def _docks_like(filters: Mapping[str, Any]) -> AnySelect:
    statement = _DOCK_ROWS
    if filters.get("site"):
        statement = statement.where(Site.code == filters["site"])
    if (placed := filters.get("placed")) is not None:
        statement = statement.where(Dock.site_id.is_not(None) if placed else Dock.site_id.is_(None))
    if text := filters.get("q"):
        statement = statement.where(begins(Dock.serial, text.strip().upper()))
    return statement


def register_dock(session: Session, actor: Actor, values: Mapping[str, Any], *, now: datetime) -> Dock:
    """Add a dock.

    Raises:
        Conflict: the serial is taken.
        Invalid: there is no such site.
    """
    row = Dock(**_dock_columns(session, values))
    return DOCKS.enlist(session, actor, row, now=now, site=values.get("site"), bays=values.get("bays"))


def revise_dock(
    session: Session, actor: Actor, serial: str, values: Mapping[str, Any], *, at_version: int | None, now: datetime
) -> Dock:
    """Change a dock's site or number of bays."""
    was = get_dock(session, serial)["site"]
    columns = _dock_columns(session, values)
    shown = {"site_id": [was, values.get("site")]}
    return DOCKS.revise(session, actor, serial, columns, at_version=at_version, now=now, shown=shown)


def _dock_columns(session: Session, values: Mapping[str, Any]) -> dict[str, Any]:
    columns = dict(values)
    if "site" in columns:
        columns["site_id"] = SITES.id_of(session, columns.pop("site"), "site")
    return columns
