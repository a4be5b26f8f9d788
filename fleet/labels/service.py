"""What is printed: the labels of what a list's filters find, or that somebody named."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import IO, Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet import audit
from fleet.actors import Actor
from fleet.audit import Event, Subject
from fleet.auth.permissions import Permission, require
from fleet.cameras.models import Camera
from fleet.custody import holdings
from fleet.errors import Invalid
from fleet.identifiers import canonical
from fleet.labels import drawing
from fleet.labels.drawing import Label, Symbol
from fleet.labels.layouts import Layout
from fleet.paging import Page, Paging
from fleet.people import service as people
from fleet.people.models import Person
from fleet.sites import service as sites
from fleet.sites.models import Dock
from fleet.stock import kits
from fleet.stock.models import Kit

MOST = 5_000


class What(StrEnum):
    """What labels are for."""

    CAMERAS = "cameras"
    OFFICERS = "officers"
    DOCKS = "docks"
    KITS = "kits"


@dataclass(frozen=True)
class Wanted:
    """Labels as somebody asks for them: those ``named``, or, where that is None, those that ``filters`` find.

    ``start`` counts from 1 along the rows of the first sheet. ``force`` stands on every label, if there is one.
    """

    what: What
    layout: Layout
    symbol: Symbol = Symbol.BOTH
    start: int = 1
    named: Sequence[str] | None = None
    filters: Mapping[str, Any] | None = None
    force: str = ""


@dataclass(frozen=True)
class _Source:
    """Where labels of one kind come from.

    The permission to look, the list's own search, the columns of the identifier and of what a label shows beside it,
    and what these two are called in the list.
    """

    view: Permission
    find: Callable[[Session, Mapping[str, Any], Paging, datetime], Page]
    columns: tuple[Any, Any]
    key: str
    beside: str


_SOURCES = {
    What.CAMERAS: _Source(
        Permission.CAMERA_VIEW,
        lambda session, filters, paging, now: holdings.find(session, filters, paging, now=now),
        (Camera.serial, Camera.asset_tag),
        "serial",
        "asset_tag",
    ),
    What.OFFICERS: _Source(
        Permission.PERSON_VIEW,
        lambda session, filters, paging, now: people.find(session, {**filters, "today": now.date()}, paging),
        (Person.collar, Person.name),
        "collar",
        "name",
    ),
    What.DOCKS: _Source(
        Permission.SITE_VIEW,
        lambda session, filters, paging, _now: sites.find_docks(session, filters, paging),
        (Dock.serial, sa.null()),
        "serial",
        "site",
    ),
    What.KITS: _Source(
        Permission.CAMERA_VIEW,
        lambda session, filters, paging, _now: kits.find(session, filters, paging),
        (Kit.code, Kit.name),
        "code",
        "name",
    ),
}


def print_labels(session: Session, actor: Actor, wanted: Wanted, to: IO[bytes], *, now: datetime) -> int:
    """Write the labels as PDF to ``to`` and answer how many there are. The log keeps who printed how many of what.

    Raises:
        Invalid: there are none or too many, one that was named is not in the register, or it does not fit its label.
        Forbidden: the actor may not look at these.
    """
    require(actor, _SOURCES[wanted.what].view)
    per_page = wanted.layout.per_page
    if wanted.start > per_page:
        problem = f"A sheet of this layout has {per_page} labels."
        raise Invalid(problem, fields={"start": [problem]})
    found = selection(session, wanted, now=now)
    drawing.draw(to, found, wanted.layout, symbol=wanted.symbol, start=wanted.start - 1, title=f"{len(found)} labels")
    subject = (Subject.REGISTER, wanted.what)
    facts = {"labels": len(found), "layout": wanted.layout.name, "symbol": wanted.symbol}
    audit.record(session, actor, Event.LABELS_PRINTED, subject, at=now, printed=facts)
    return len(found)


def selection(session: Session, wanted: Wanted, *, now: datetime) -> list[Label]:
    """The labels, in the order in which they were named, or in that of their identifiers.

    Raises:
        Invalid
    """
    rows = _named(session, wanted) if wanted.named is not None else _found(session, wanted, now)
    if not rows:
        raise _unusable("There is nothing to print: nothing matches.")
    return [_label(key, beside, wanted.force) for key, beside in rows]


def _label(key: str, beside: str | None, force: str) -> Label:
    return Label(key, tuple(line for line in (key, beside, force) if line))


def _found(session: Session, wanted: Wanted, now: datetime) -> list[tuple[str, str | None]]:
    source = _SOURCES[wanted.what]
    page = source.find(session, wanted.filters or {}, Paging(MOST), now)
    if page.after is not None:
        raise _unusable(f"These are more than {MOST:,} labels. Narrow the list, or print it in parts.")
    return [(item[source.key], item[source.beside]) for item in page.items]


def _named(session: Session, wanted: Wanted) -> list[tuple[str, str | None]]:
    names = list(dict.fromkeys(map(_spelled, wanted.named or ())))
    if len(names) > MOST:
        raise _unusable(f"These are more than {MOST:,} labels. Print them in parts.")
    key, beside = _SOURCES[wanted.what].columns
    known = {row[0]: row[1] for row in session.execute(sa.select(key, beside).where(key.in_(names)))}
    if unknown := [name for name in names if name not in known]:
        more = f" and {len(unknown) - 10} more" if len(unknown) > 10 else ""  # noqa: PLR2004 - enough to find the rest
        raise _unusable(f"Not in the register: {', '.join(unknown[:10])}{more}.")
    return [(name, known[name]) for name in names]


def _spelled(name: str) -> str:
    try:
        return canonical(name)
    except ValueError as error:
        raise _unusable(f"{name[:40]!r} {error}.") from error


def _unusable(problem: str) -> Invalid:
    return Invalid(problem, fields={"named": [problem]})
