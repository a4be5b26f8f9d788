"""The register of officers, their teams and their training."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from fleet.actors import Actor
from fleet.audit import Event, Subject
from fleet.auth.permissions import Permission, require
from fleet.db import begins, has_word_like
from fleet.paging import Page, Paging, capped_count
from fleet.people.models import Person, Team
from fleet.register import Kind
from fleet.sites.models import Site
from fleet.sites.service import SITES

PEOPLE = Kind(Person, Subject.PERSON, Event.PERSON_REGISTERED, Event.PERSON_CHANGED)

_ROWS = (
    sa.select(
        Person.collar,
        Person.name,
        Team.name.label("team"),
        Person.function,
        Site.code.label("site"),
        Person.trained_until,
        Person.leaves_on,
        Person.email,
        Person.version,
    )
    .join(Team, Team.id == Person.team_id, isouter=True)
    .join(Site, Site.id == Person.site_id, isouter=True)
)


SORTS: dict[str, list[sa.ColumnElement[Any]]] = {
    "collar": [Person.collar.expression],
    "name": [sa.func.coalesce(Person.name, ""), Person.collar.expression],
    "team": [sa.func.coalesce(Team.name, ""), Person.collar.expression],
    "trained_until": [sa.func.coalesce(Person.trained_until, date.min), Person.collar.expression],
}


def find(
    session: Session, filters: Mapping[str, Any], paging: Paging, *, sort: str = "collar", descending: bool = False
) -> Page:
    """Officers in the order of one of ``SORTS``.

    Filters: ``team``, ``function``, ``site``, ``training`` (``lapsed`` on the day ``today``), and ``q``, how the
    collar number or a word of the name begins.
    """
    statement = _ROWS.where(*_conditions(filters))
    return paging.page(session, statement, SORTS[sort], descending=descending)


def count(session: Session, filters: Mapping[str, Any]) -> int:
    """How many officers ``find`` has for these filters, as far as ``capped_count`` counts."""
    return capped_count(session, _ROWS.where(*_conditions(filters)))


def _conditions(filters: Mapping[str, Any]) -> list[sa.ColumnElement[bool]]:
    exact = {Team.name: "team", Person.function: "function", Site.code: "site"}
    found = [column == filters[name] for column, name in exact.items() if filters.get(name) is not None]
    if filters.get("training") == "lapsed":
        found.append(lapsed_on(filters["today"]))
    if filters.get("training") == "current":
        found.append(Person.trained_until >= filters["today"])
    if text := filters.get("q"):
        found.append(begins(Person.collar, text.strip().upper()) | has_word_like(Person.name, text.strip()))
    return found


def get(session: Session, collar: str) -> dict[str, Any]:
    """An officer as plain data.

    Raises:
        NotFound
    """
    return PEOPLE.row(session, _ROWS, collar)


def register(session: Session, actor: Actor, values: Mapping[str, Any], *, now: datetime) -> Person:
    """Add an officer.

    Raises:
        Conflict: the collar number is taken.
        Invalid: there is no such site.
    """
    row = Person(**_columns(session, values))
    return PEOPLE.enlist(session, actor, row, now=now, officer=row.collar, trained_until=row.trained_until)


def revise(
    session: Session, actor: Actor, collar: str, values: Mapping[str, Any], *, at_version: int | None, now: datetime
) -> Person:
    """Change an officer's details, training among them."""
    was = get(session, collar)
    if values.get("trained_until", was["trained_until"]) != was["trained_until"]:
        # Whoever is refused for lack of training must not be able to write it away (rule 4).
        require(actor, Permission.TRAINING_EDIT)
    shown = {f"{name}_id": [was[name], values.get(name)] for name in ("team", "site")}
    columns = _columns(session, values)
    return PEOPLE.revise(session, actor, collar, columns, at_version=at_version, now=now, shown=shown)


def _columns(session: Session, values: Mapping[str, Any]) -> dict[str, Any]:
    columns = dict(values)
    if "site" in columns:
        columns["site_id"] = SITES.id_of(session, columns.pop("site"), "site")
    if "team" in columns:
        columns["team_id"] = _team_id(session, columns.pop("team"))
    return columns


def _team_id(session: Session, name: str | None) -> int | None:
    """The number of the team with this name, which is made if there is none."""
    if not name:
        return None
    session.execute(insert(Team).values(name=name).on_conflict_do_nothing())
    return session.scalars(sa.select(Team.id).where(Team.name == name)).one()


def is_known(session: Session, collar: str) -> bool:
    """Whether there is an officer with this collar number."""
    return session.scalars(sa.select(Person.id).where(Person.collar == collar)).first() is not None


def lapsed_on(day: date) -> sa.ColumnElement[bool]:
    """Officers whose training does not cover the day."""
    return sa.or_(Person.trained_until.is_(None), Person.trained_until < day)
