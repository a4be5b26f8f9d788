"""What a stocktake has found so far: counts, and lists of what is missing and of what was scanned."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from fleet.cameras.models import Camera
from fleet.custody.holdings import OPEN
from fleet.custody.models import Allocation
from fleet.db import AnySelect, row_dict
from fleet.errors import NotFound
from fleet.paging import Page, Paging, capped_count
from fleet.people.models import Person
from fleet.sites.models import Dock, Site
from fleet.stock.models import Stocktake, StocktakeExpected, StocktakeScan
from fleet.stock.states import ON_THE_SHELF, Judgment, Settlement, StocktakeState, explanation

_TOTAL = sa.select(sa.func.count()).select_from(StocktakeExpected)

_ROWS = (
    sa.select(
        Stocktake.id,
        Stocktake.name,
        Site.code.label("site"),
        Dock.serial.label("dock"),
        Stocktake.filters,
        Stocktake.state,
        Stocktake.opened_at,
        Stocktake.opened_by,
        Stocktake.ended_at,
        Stocktake.ended_by,
        Stocktake.reason,
        Stocktake.counts,
    )
    .join(Site, Site.id == Stocktake.site_id, isouter=True)
    .join(Dock, Dock.id == Stocktake.dock_id, isouter=True)
)
SORTS: dict[str, list[sa.ColumnElement[Any]]] = {"id": [Stocktake.id.expression]}


def find(session: Session, filters: Mapping[str, Any], paging: Paging) -> Page:
    """Stocktakes by ``state`` and ``site``, newest first."""
    return paging.newest_first(session, _like(filters), Stocktake.id)


def count(session: Session, filters: Mapping[str, Any]) -> int:
    """How many ``find`` has, as far as ``capped_count`` counts."""
    return capped_count(session, _like(filters))


def _like(filters: Mapping[str, Any]) -> AnySelect:
    exact = {"state": Stocktake.state, "site": Site.code}
    where = [column == filters[name] for name, column in exact.items() if filters.get(name) is not None]
    return _ROWS.where(*where)


def get(session: Session, number: int) -> dict[str, Any]:
    """One stocktake as plain data; while it is open its ``counts`` are of this moment.

    Raises:
        NotFound
    """
    found = require(session, number)
    if found["state"] is StocktakeState.OPEN:
        found["counts"] = counts(session, number)
    return found


def require(session: Session, number: int) -> dict[str, Any]:
    """One stocktake as it is written down.

    Raises:
        NotFound
    """
    row = session.execute(_ROWS.where(Stocktake.id == number)).one_or_none()
    if row is None:
        raise NotFound(f"There is no stocktake {number}.", found={"stocktake": number})
    return row_dict(row)


# A camera that is expected, has no scan, and lies on no shelf any more is explained by its custody.
_IS_AWAY = Camera.custody.not_in(ON_THE_SHELF)
_SEEN = sa.exists().where(
    StocktakeScan.stocktake_id == StocktakeExpected.stocktake_id, StocktakeScan.camera_id == StocktakeExpected.camera_id
)


def counts(session: Session, number: int) -> dict[str, int]:
    """How many were expected, seen, and are missing, and how those stand; how many were found beside them.

    ``unsettled`` is what keeps the stocktake from being closed. ``doubled`` counts scans beyond each first.
    """
    missing = missing_of(number).subquery("missing")
    away, settled = missing.c.is_away, missing.c.settled
    row = session.execute(
        sa.select(
            _TOTAL.where(StocktakeExpected.stocktake_id == number).scalar_subquery().label("expected"),
            sa.func.count(missing.c.serial).label("missing"),
            sa.func.count().filter(away).label("explained"),
            sa.func.count().filter(~away, settled == Settlement.FOUND).label("found"),
            sa.func.count().filter(~away, settled == Settlement.UNABLE_TO_LOCATE).label("unable_to_locate"),
            sa.func.count().filter(~away, settled.is_(None)).label("unsettled"),
        ).select_from(missing)
    ).one()
    found = {"expected": row.expected, "seen": row.expected - row.missing} | row_dict(row)
    return found | _scanned(session, number)


def _scanned(session: Session, number: int) -> dict[str, int]:
    """How many of each judgment, and how often something was scanned again."""
    by_judgment = (
        sa.select(StocktakeScan.judgment, sa.func.count(), sa.func.sum(StocktakeScan.times))
        .where(StocktakeScan.stocktake_id == number)
        .group_by(StocktakeScan.judgment)
    )
    found = {str(judgment): 0 for judgment in Judgment if judgment is not Judgment.EXPECTED} | {"doubled": 0}
    for judgment, how_many, times in session.execute(by_judgment):
        found["doubled"] += times - how_many
        if judgment is not Judgment.EXPECTED:
            found[str(judgment)] = how_many
    return found


def missing_of(number: int) -> AnySelect:
    """The statement of what is expected and was not scanned."""
    return (
        sa.select(
            Camera.serial,
            Camera.id.label("camera_id"),
            Camera.asset_tag,
            Camera.model,
            Camera.custody,
            Person.collar.label("holder"),
            Dock.serial.label("home_dock"),
            StocktakeExpected.settled,
            StocktakeExpected.note,
            StocktakeExpected.settled_by,
            _IS_AWAY.label("is_away"),
        )
        .join(StocktakeExpected, StocktakeExpected.camera_id == Camera.id)
        .join(Dock, Dock.id == Camera.home_dock_id, isouter=True)
        .join(Allocation, OPEN, isouter=True)
        .join(Person, Person.id == Allocation.person_id, isouter=True)
        .where(StocktakeExpected.stocktake_id == number, ~_SEEN)
    )


def missing_now(session: Session, number: int, *, unsettled: bool) -> dict[str, int]:
    """The missing cameras' serials and numbers; only those that somebody must still settle if so wished."""
    statement = missing_of(number)
    if unsettled:
        statement = statement.where(StocktakeExpected.settled.is_(None), ~_IS_AWAY)
    return {row.serial: row.camera_id for row in session.execute(statement)}


def missing(session: Session, stocktake: Mapping[str, Any], paging: Paging, *, unsettled: bool = False) -> Page:
    """The missing cameras in order of serial, each with how it is settled and why.

    Of an ended stocktake that is what was written when it ended.
    """
    statement = missing_of(stocktake["id"])
    if unsettled:
        statement = statement.where(StocktakeExpected.settled.is_(None), ~_IS_AWAY)
    page = paging.page(session, statement, [Camera.serial.expression])
    is_open = stocktake["state"] is StocktakeState.OPEN
    return Page([_explained(row, is_open=is_open) for row in page.items], page.after)


def _explained(row: dict[str, Any], *, is_open: bool) -> dict[str, Any]:
    why = explanation(row["custody"], row["holder"]) if is_open else None
    if why is not None:
        row |= {"settled": Settlement.EXPLAINED, "note": why, "settled_by": None}
    return row


def explained(session: Session, number: int) -> list[tuple[int, str]]:
    """Which missing cameras custody explains now, and how."""
    rows = session.execute(missing_of(number).where(_IS_AWAY))
    return [(row.camera_id, explanation(row.custody, row.holder) or "") for row in rows]


_HOME = aliased(Dock, name="home")
_HOME_SITE = aliased(Site, name="home_site")


def scans(session: Session, number: int, judgment: Judgment | None, paging: Paging) -> Page:
    """What was scanned, in order of the first scan, newest first; only of one ``judgment`` if so wished."""
    statement = (
        sa.select(
            StocktakeScan.scan,
            Camera.serial,
            Camera.model,
            Camera.custody,
            Person.collar.label("holder"),
            _HOME.serial.label("home_dock"),
            _HOME_SITE.code.label("site"),
            StocktakeScan.judgment,
            StocktakeScan.times,
            StocktakeScan.scanned_at,
            StocktakeScan.scanned_by,
        )
        .join(Camera, Camera.id == StocktakeScan.camera_id, isouter=True)
        .join(_HOME, _HOME.id == Camera.home_dock_id, isouter=True)
        .join(_HOME_SITE, _HOME_SITE.id == _HOME.site_id, isouter=True)
        .join(Allocation, OPEN, isouter=True)
        .join(Person, Person.id == Allocation.person_id, isouter=True)
        .where(StocktakeScan.stocktake_id == number)
    )
    if judgment is not None:
        statement = statement.where(StocktakeScan.judgment == judgment)
    return paging.newest_first(session, statement, StocktakeScan.id)
