"""Making reservations, changing and ending them: a register of operations that never promises more than there is."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet import audit
from fleet.actors import Actor
from fleet.audit import Entry, Event, Subject
from fleet.cameras.models import Camera
from fleet.clock import iso
from fleet.custody.arithmetic import most_for, supply_of
from fleet.custody.models import (
    NEXT_RESERVATION,
    Allocation,
    Reservation,
    ReservationLoan,
    ReservationOfficer,
    ReservationState,
)
from fleet.custody.reservations import OUT, ReservationNow, fitting, overlapping, state_at
from fleet.custody.undo import UNDONE
from fleet.db import AnySelect, begins, has_word_like, row_dict
from fleet.errors import Conflict, Invalid
from fleet.paging import Page, Paging, capped_count
from fleet.people.models import Person
from fleet.register import Kind
from fleet.sites.models import Dock, Site
from fleet.sites.service import DOCKS, SITES

RESERVATIONS = Kind(Reservation, Subject.RESERVATION, Event.RESERVATION_MADE, Event.RESERVATION_CHANGED)
# What the stock must be looked at for when it changes.
_PROMISED = frozenset({"count", "model", "site", "dock", "begins_at", "ends_at"})
_NEW = 0


class OverReserved(Conflict):
    """Other operations need the stock at that time."""


class ReservationOver(Conflict):
    """It has ended or was cancelled."""


_BACK = (
    sa.select(sa.func.count())
    .select_from(ReservationLoan)
    .join(Allocation, Allocation.id == ReservationLoan.allocation_id)
    .where(
        ReservationLoan.reservation_id == Reservation.id,
        Allocation.returned_at.is_not(None),
        Allocation.note.is_distinct_from(UNDONE),
    )
    .scalar_subquery()
)
_OFFICERS = (
    sa.select(sa.func.coalesce(sa.func.array_agg(sa.text("person.collar ORDER BY person.collar")), sa.text("'{}'")))
    .select_from(ReservationOfficer)
    .join(Person, Person.id == ReservationOfficer.person_id)
    .where(ReservationOfficer.reservation_id == Reservation.id)
    .scalar_subquery()
)
_ROWS = (
    sa.select(
        Reservation.code,
        Reservation.name,
        Reservation.count,
        Reservation.model,
        Site.code.label("site"),
        Dock.serial.label("dock"),
        Reservation.begins_at,
        Reservation.ends_at,
        Reservation.public_order,
        Reservation.contact,
        Reservation.state,
        Reservation.created_by,
        OUT.label("out"),
        _BACK.label("back"),
        _OFFICERS.label("officers"),
        Reservation.version,
    )
    .join(Site, Site.id == Reservation.site_id, isouter=True)
    .join(Dock, Dock.id == Reservation.dock_id, isouter=True)
)
SORTS: dict[str, list[sa.ColumnElement[Any]]] = {
    "begins_at": [Reservation.begins_at.expression, Reservation.code.expression],
    "code": [Reservation.code.expression],
}


def find(
    session: Session,
    filters: Mapping[str, Any],
    paging: Paging,
    *,
    now: datetime,
    sort: str = "begins_at",
    descending: bool = True,
) -> Page:
    """Reservations by ``state``, which time decides, and ``q``: how the code or a word of the name begins."""
    page = paging.page(session, _like(filters, now), SORTS[sort], descending=descending)
    return Page([_told(row, now) for row in page.items], page.after)


def count(session: Session, filters: Mapping[str, Any], *, now: datetime) -> int:
    """How many ``find`` has, as far as ``capped_count`` counts."""
    return capped_count(session, _like(filters, now))


def _like(filters: Mapping[str, Any], now: datetime) -> AnySelect:
    where: list[sa.ColumnElement[bool]] = []
    if (state := filters.get("state")) is not None:
        where.append(_is(state, now))
    if text := (filters.get("q") or "").strip():
        where.append(begins(Reservation.code, text.upper()) | has_word_like(Reservation.name, text))
    return _ROWS.where(*where)


def _is(state: ReservationState, now: datetime) -> sa.ColumnElement[bool]:
    """``state_at`` as a condition."""
    stands = Reservation.state != ReservationState.CANCELLED
    return {
        ReservationState.CANCELLED: ~stands,
        ReservationState.PLANNED: stands & (Reservation.begins_at > now),
        ReservationState.ACTIVE: stands & (Reservation.begins_at <= now) & (Reservation.ends_at > now),
        ReservationState.ENDED: stands & (Reservation.ends_at <= now),
    }[state]


def _told(row: dict[str, Any], now: datetime) -> dict[str, Any]:
    state = state_at(row["state"], row["begins_at"], row["ends_at"], now)
    is_over = not NEXT_RESERVATION[state]
    return row | {"state": state, "to_come": 0 if is_over else max(0, row["count"] - row["out"])}


def get(session: Session, code: str, *, now: datetime) -> dict[str, Any]:
    """One reservation as plain data: how many are ``out``, were brought ``back``, and are still ``to_come``.

    Raises:
        NotFound
    """
    return _told(RESERVATIONS.row(session, _ROWS, code), now)


def out_for(session: Session, code: str) -> list[dict[str, Any]]:
    """What is out for an operation, in order of the time at which it is due back."""
    loans = (
        sa.select(Camera.serial, Person.collar, Allocation.issued_at, Allocation.due_back)
        .select_from(ReservationLoan)
        .join(Reservation, Reservation.id == ReservationLoan.reservation_id)
        .join(Allocation, Allocation.id == ReservationLoan.allocation_id)
        .join(Camera, Camera.id == Allocation.camera_id)
        .join(Person, Person.id == Allocation.person_id)
        .where(Reservation.code == code, Allocation.returned_at.is_(None))
    )
    return [row_dict(row) for row in session.execute(loans.order_by(Allocation.due_back, Camera.serial))]


def make(session: Session, actor: Actor, values: Mapping[str, Any], *, now: datetime) -> Reservation:
    """Reserve cameras of the pool.

    Raises:
        Conflict: the code is taken.
        Invalid: there is no such place or officer, or it ends before it begins.
        OverReserved: so many are not free; says what is free when.
    """
    columns, officers = _columns(session, values)
    _require_order(columns["begins_at"], columns["ends_at"], now)
    _require_free(session, columns, _NEW)
    row = Reservation(**columns, state=ReservationState.PLANNED, created_by=actor.name)
    facts = audit.plain({name: value for name, value in values.items() if name != "code"})
    RESERVATIONS.enlist(session, actor, row, now=now, **facts)
    _name_officers(session, row.id, officers or [])
    return row


def revise(
    session: Session, actor: Actor, code: str, values: Mapping[str, Any], *, at_version: int | None, now: datetime
) -> Reservation:
    """Change what is reserved, when, or for whom. When it ends at another time, what is out for it does too.

    Raises:
        NotFound, Stale, Invalid, OverReserved
        ReservationOver
    """
    row = RESERVATIONS.lock(session, code)
    _require_open(row, now)
    was = get(session, code, now=now)
    columns, officers = _columns(session, values)
    begins_at, ends_at = columns.get("begins_at", row.begins_at), columns.get("ends_at", row.ends_at)
    _require_order(begins_at, ends_at, now)
    if any(values[name] != was[name] for name in _PROMISED & values.keys()):
        named = ("code", "name", "count", "model", "site_id", "dock_id", "begins_at", "ends_at")
        _require_free(session, {name: getattr(row, name) for name in named} | columns, row.id)
    shown = {f"{name}_id": [was[name], values.get(name)] for name in ("site", "dock")}
    row = RESERVATIONS.revise(session, actor, code, columns, at_version=at_version, now=now, shown=shown)
    if officers is not None and officers != was["officers"]:
        _name_officers(session, row.id, officers)
        _count_version(session, row)
        facts = {"changed": {"officers": [was["officers"], officers]}}
        audit.record(
            session, actor, Event.RESERVATION_CHANGED, (Subject.RESERVATION, code), at=now, officer=None, **facts
        )
    if ends_at != was["ends_at"]:
        _make_due(session, actor, row.id, ends_at, now)
    return row


def _count_version(session: Session, row: Reservation) -> None:
    """Who works for it is in a table of its own, and part of what people edit: it makes another version."""
    another = sa.update(Reservation).where(Reservation.id == row.id).values(version=Reservation.version + 1)
    session.execute(another, execution_options={"synchronize_session": False})
    session.refresh(row)


def _columns(session: Session, values: Mapping[str, Any]) -> tuple[dict[str, Any], list[str] | None]:
    columns = dict(values)
    officers = columns.pop("officers", None)
    for name, kind in (("site", SITES), ("dock", DOCKS)):
        if name in columns:
            columns[f"{name}_id"] = kind.id_of(session, columns.pop(name), name)
    return columns, None if officers is None else sorted(set(officers))


def _require_order(begins_at: datetime, ends_at: datetime, now: datetime) -> None:
    if ends_at <= begins_at:
        raise Invalid("It would end before it begins.", fields={"ends_at": ["is not after its beginning"]})
    if ends_at <= now:
        raise Invalid("It would be over already.", fields={"ends_at": ["is in the past"]})


def _require_open(row: Reservation, now: datetime) -> None:
    state = state_at(row.state, row.begins_at, row.ends_at, now)
    if not NEXT_RESERVATION[state]:
        raise ReservationOver(f"{row.name} is {state}. Make a new reservation.", found={"state": str(state)})


def _name_officers(session: Session, reservation_id: int, collars: Sequence[str]) -> None:
    people = session.execute(sa.select(Person.id, Person.collar).where(Person.collar.in_(collars))).all()
    if unknown := sorted(set(collars) - {row.collar for row in people}):
        what = f"There is no officer {unknown[0]} in the register."
        raise Invalid(what, fields={"officers": [f"There is no officer {collar}." for collar in unknown]})
    session.execute(sa.delete(ReservationOfficer).where(ReservationOfficer.reservation_id == reservation_id))
    if people:
        rows = [{"reservation_id": reservation_id, "person_id": row.id} for row in people]
        session.execute(sa.insert(ReservationOfficer), rows)


def _require_free(session: Session, wanted: Mapping[str, Any], own_id: int) -> None:
    """Refuse what the stock cannot give beside the other operations, and say what is free when.

    Whoever reserves has the register of reservations alone, so that two do not promise the same cameras.
    """
    session.execute(sa.text("LOCK TABLE reservation IN SHARE ROW EXCLUSIVE MODE"))
    since, until = wanted["begins_at"], wanted["ends_at"]
    others = [one for one in overlapping(session, since, until) if one.id != own_id]
    mine = ReservationNow(
        _NEW, wanted["code"], wanted["name"], wanted["count"], wanted.get("model"), wanted.get("site_id"),
        wanted.get("dock_id"), since, until, ReservationState.PLANNED, 0,
    )  # fmt: skip
    enough = mine.count + sum(one.count for one in others)
    fits = fitting(session, [*others, mine], enough)
    free = [(begins, ends, _free_at(fits, others, mine, begins)) for begins, ends in _spans(others, since, until)]
    least = min(number for _, _, number in free)
    if least < mine.count:
        when = "; ".join(f"{number} from {iso(begins)} until {iso(ends)}" for begins, ends, number in _joined(free))
        found = {
            "wanted": mine.count,
            "free": [
                {"from": iso(begins), "until": iso(ends), "count": number} for begins, ends, number in _joined(free)
            ],
        }
        raise OverReserved(f"{mine.count} are not free all the time. Free: {when}.", found=found, mend="store")


def _spans(others: Sequence[ReservationNow], since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
    """The time between two instants, cut wherever another reservation begins or ends."""
    cuts = {since, until}
    cuts |= {at for one in others for at in (one.begins_at, one.ends_at) if since < at < until}
    ordered = sorted(cuts)
    return list(pairwise(ordered))


def _free_at(fits: Mapping[int, set[int]], others: Sequence[ReservationNow], mine: ReservationNow, at: datetime) -> int:
    running = {one.id: one.count for one in others if one.begins_at <= at < one.ends_at}
    return most_for(supply_of(fits.values()), running, mine.count)


def _joined(free: list[tuple[datetime, datetime, int]]) -> list[tuple[datetime, datetime, int]]:
    """Spans one after the other in which as many are free, as one."""
    joined: list[tuple[datetime, datetime, int]] = []
    for begins_at, ends_at, number in free:
        if joined and joined[-1][2] == number:
            joined[-1] = (joined[-1][0], ends_at, number)
        else:
            joined.append((begins_at, ends_at, number))
    return joined


def cancel(session: Session, actor: Actor, code: str, reason: str | None, *, now: datetime) -> None:
    """Call an operation off, or end it early. What is out for it is due back now.

    Raises:
        NotFound, ReservationOver
        Invalid: no reason is given.
    """
    if not reason:
        raise Invalid("Say why.", fields={"reason": ["is empty"]})
    row = RESERVATIONS.lock(session, code)
    _require_open(row, now)
    event, has_begun = Event.RESERVATION_CANCELLED, row.begins_at < now
    if has_begun:
        # What was used cannot be called off any more: it ends here.
        event, row.ends_at, row.state = Event.RESERVATION_ENDED, now, ReservationState.ENDED
    else:
        row.state = ReservationState.CANCELLED
    session.flush()
    out = _make_due(session, actor, row.id, now, now)
    facts: dict[str, Any] = {"name": row.name, "reason": reason, "still_out": out}
    audit.record(session, actor, event, (Subject.RESERVATION, code), at=now, **facts)


_DUE = sa.text(
    """
UPDATE allocation AS a SET due_back = :due
FROM reservation_loan AS l, camera AS c, person AS p, (SELECT id, due_back FROM allocation) AS was
WHERE l.reservation_id = :reservation AND a.id = l.allocation_id AND a.returned_at IS NULL
  AND c.id = a.camera_id AND p.id = a.person_id AND was.id = a.id
RETURNING c.serial, p.collar, was.due_back
"""
)


def _make_due(session: Session, actor: Actor, reservation_id: int, due: datetime, now: datetime) -> int:
    """Let everything that is out for a reservation be due back at an instant; answer how much that is."""
    changed = session.execute(_DUE, {"reservation": reservation_id, "due": due}).all()
    entries = [
        Entry(
            Event.CAMERA_DUE_CHANGED,
            (Subject.CAMERA, row.serial),
            row.collar,
            {"changed": {"due_back": [audit.as_json(row.due_back), iso(due)]}},
        )
        for row in changed
    ]
    audit.record_many(session, actor, entries, at=now)
    return len(changed)


def turn(session: Session, actor: Actor, *, now: datetime) -> int:
    """Write down what time has decided: which reservations have begun and which have ended. For the job.

    Answers how many changed. Late, twice or at once with another: each change is written once.
    """
    due = sa.select(Reservation).where(
        Reservation.state.in_([ReservationState.PLANNED, ReservationState.ACTIVE]), Reservation.begins_at <= now
    )
    due = due.order_by(Reservation.id).with_for_update(key_share=True).execution_options(populate_existing=True)
    changed = 0
    for row in session.scalars(due).all():
        state = state_at(row.state, row.begins_at, row.ends_at, now)
        if state is row.state:
            continue
        changed += 1
        _turned(session, actor, row, state, now)
    session.flush()
    return changed


def _turned(session: Session, actor: Actor, row: Reservation, state: ReservationState, now: datetime) -> None:
    event = Event.RESERVATION_BEGUN if state is ReservationState.ACTIVE else Event.RESERVATION_ENDED
    row.state = state
    session.flush()
    facts: dict[str, Any] = {
        name: value
        for name, value in get(session, row.code, now=now).items()
        if name in {"name", "count", "out", "back"}
    }
    audit.record(session, actor, event, (Subject.RESERVATION, row.code), at=now, **facts)
