"""Which camera to give an officer first: the one of last time if it is ready, else the fullest that is."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from fleet.cameras.models import Camera, CameraReport
from fleet.cameras.states import Custody, Model
from fleet.custody.models import Allocation, IssueKind
from fleet.custody.readiness import blocks
from fleet.custody.records import STANDING_ROWS, standing_in
from fleet.db import Identifier, Prepared
from fleet.people.models import Person
from fleet.people.service import PEOPLE
from fleet.settings import Policy
from fleet.sites.models import Dock

SHOWN = 3
# Of the fullest some may be refused by a rule that the statement does not know; of so many one is ready.
_LOOKED_AT = 20
# A site with more of the pool in stock than this is searched in part: what was longest in stock comes first.
_MOST_IN_STOCK = 1_000
_MOST_IN_DOCK = 200


@dataclass(frozen=True)
class Suggestion:
    """A camera that is ready. ``last_time`` the officer had it. ``in_stock_since`` is when it came back."""

    serial: str
    model: Model
    battery_percent: int | None
    home_dock: str | None
    in_stock_since: datetime
    last_time: bool


_OFFICER: sa.BindParameter[str] = sa.bindparam("collar", type_=Identifier)
_MODEL: sa.BindParameter[str] = sa.bindparam("model", type_=sa.Text)
_HOME = aliased(Dock, name="home")

# The site of the dock that returned cameras are put into, else of the officer.
_SITE = sa.func.coalesce(
    sa.select(Dock.site_id).where(Dock.serial == sa.bindparam("dock", type_=Identifier)).scalar_subquery(),
    sa.select(Person.site_id).where(Person.collar == _OFFICER).scalar_subquery(),
)
_IN_STOCK = (Camera.custody == sa.text("'in_stock'"), Camera.use == sa.text("'pool'"))
_LAST = (
    sa.select(Allocation.camera_id.label("id"), sa.true().label("last_time"))
    .join(Person, Person.id == Allocation.person_id)
    .where(Person.collar == _OFFICER, Allocation.kind == IssueKind.POOL)
    .order_by(Allocation.id.desc())
    .limit(1)
)
_THERE = aliased(Dock, name="there")
# Dock by dock, so that the planner has no other way than the index of what lies in stock there.
_IN_DOCK = (
    sa.select(Camera.id, Camera.custody_at)
    .where(Camera.home_dock_id == _THERE.id, *_IN_STOCK, sa.or_(_MODEL.is_(None), Camera.model == _MODEL))
    .order_by(Camera.custody_at)
    .limit(_MOST_IN_DOCK)
    .lateral("in_dock")
)
_AT_SITE = (
    sa.select(_IN_DOCK.c.id)
    .select_from(_THERE)
    .join(_IN_DOCK, sa.true())
    .where(_THERE.site_id == _SITE)
    .order_by(_IN_DOCK.c.custody_at)
    .limit(_MOST_IN_STOCK)
    .subquery("at_site")
)
_FULLEST = (
    sa.select(_AT_SITE.c.id, sa.false().label("last_time"))
    .join(CameraReport, CameraReport.camera_id == _AT_SITE.c.id, isouter=True)
    .join(Camera, Camera.id == _AT_SITE.c.id)
    .order_by(CameraReport.battery_percent.desc().nulls_last(), Camera.custody_at, Camera.id)
    .limit(_LOOKED_AT)
)
_CANDIDATES = sa.union_all(sa.select(_LAST.subquery("last")), sa.select(_FULLEST.subquery("fullest"))).subquery(
    "candidates"
)
_HAS_LOAN = sa.exists().where(
    Allocation.person_id == Person.id,
    Person.collar == _OFFICER,
    Allocation.kind == IssueKind.POOL,
    Allocation.returned_at.is_(None),
)
BY_CHOICE = Prepared(
    STANDING_ROWS.join(_CANDIDATES, _CANDIDATES.c.id == Camera.id)
    .join(_HOME, _HOME.id == Camera.home_dock_id, isouter=True)
    .add_columns(
        Camera.serial,
        Camera.model,
        Camera.custody,
        Camera.custody_at,
        _HOME.serial.label("home_dock"),
        _CANDIDATES.c.last_time,
    )
    .where(*_IN_STOCK, ~_HAS_LOAN)
    .order_by(
        _CANDIDATES.c.last_time.desc(),
        CameraReport.battery_percent.desc().nulls_last(),
        Camera.custody_at,
        Camera.id,
    )
)


def suggestions(
    session: Session,
    collar: str,
    *,
    dock: str | None = None,
    model: Model | None = None,
    policy: Policy,
    limit: int = SHOWN,
) -> list[Suggestion]:
    """The cameras of the pool to give an officer, the best first, by one statement: nothing while they have a loan.

    First the one that they had last, wherever it is at home; then, of those at home where ``dock`` or else the officer
    is, the fullest, and of equally full ones what was longest in stock, so that wear spreads. Each is ready.
    """
    found: dict[str, Suggestion] = {}
    for row in BY_CHOICE.all(session, collar=collar, dock=dock, model=model and str(model)):
        one = _suggestion(row, policy)
        if one is not None and (model is None or one.model is model):
            found.setdefault(one.serial, one)
        if len(found) == limit:
            break
    return list(found.values())


def _suggestion(row: dict[str, Any], policy: Policy) -> Suggestion | None:
    standing = standing_in(row, row["serial"], Custody(row["custody"]), row["custody_at"])
    if blocks(standing, IssueKind.POOL, policy):
        return None
    return Suggestion(
        row["serial"],
        Model(row["model"]),
        row["battery_percent"],
        row["home_dock"],
        row["custody_at"],
        row["last_time"],
    )


def require_and_suggest(session: Session, collar: str, *, policy: Policy) -> list[Suggestion]:
    """As ``suggestions``, for an officer who must exist.

    Raises:
        NotFound
    """
    PEOPLE.get(session, collar)
    return suggestions(session, collar, policy=policy)
