"""Officers who leave, or move to another team or site: what they have is due back by their last day (rule 15)."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet import audit
from fleet.actors import Actor
from fleet.audit import Event, Subject
from fleet.cameras.models import Camera
from fleet.clock import end_of, local_day
from fleet.custody.models import Allocation
from fleet.custody.records import Officer, held_by, lock_camera, lock_officer
from fleet.errors import Conflict, Invalid, NotFound
from fleet.lifecycle.models import Departure, DepartureKind, Recall
from fleet.people import service as people
from fleet.people.models import Person
from fleet.sites.models import Site
from fleet.sites.service import SITES
from fleet.tasers import pairings
from fleet.tasers.states import Because


class DepartureStands(Conflict):
    """What is on record of the officer's departure does not allow this (rules 9, 15)."""


@dataclass(frozen=True)
class Leaving:
    """A leaver's or mover's entry. ``last_day`` is the last one here; ``team`` and ``site`` are where a mover goes."""

    kind: DepartureKind
    last_day: date
    team: str | None = None
    site: str | None = None
    note: str | None = None


def note(session: Session, actor: Actor, collar: str, leaving: Leaving, *, now: datetime) -> int:
    """Record that an officer leaves or moves, and answer the entry's number.

    What they have is due back by the end of the last day, or at once where that is over.

    Raises:
        NotFound: no such officer.
        Invalid: a mover who goes nowhere, a leaver who goes somewhere, or no such site.
        DepartureStands: there is an entry of this officer already.
    """
    _require_whole(leaving)
    to_site_id = SITES.id_of(session, leaving.site, "site")
    officer = lock_with_kit(session, collar)
    known = session.scalars(_open(officer)).first()
    if known is not None:
        what = f"{collar} is a {known.kind} already, on {known.last_day:%d %B %Y}. Withdraw that first."
        raise DepartureStands(what, rule=15, found={"last_day": known.last_day.isoformat()}, mend="store")
    row = Departure(
        person_id=officer.id,
        kind=leaving.kind,
        last_day=leaving.last_day,
        to_team=leaving.team,
        to_site_id=to_site_id,
        note=leaving.note,
        noted_at=now,
        noted_by=actor.name,
    )
    session.add(row)
    session.flush()
    if leaving.kind is DepartureKind.LEAVER:
        _write_last_day(session, officer, leaving.last_day)
    audit.record(
        session,
        actor,
        Event.DEPARTURE_NOTED,
        (Subject.PERSON, collar),
        at=now,
        officer=collar,
        departure=row.id,
        **vars(leaving),
    )
    recall(session, actor, officer, row, now=now)
    return row.id


def _require_whole(leaving: Leaving) -> None:
    goes = leaving.team is not None or leaving.site is not None
    if leaving.kind is DepartureKind.LEAVER and goes:
        what = "A leaver goes to no other team or site here. Leave both empty, or make it a mover."
        raise Invalid(what, fields={"kind": [what]})
    if leaving.kind is DepartureKind.MOVER and not goes:
        what = "Say which team or site a mover goes to."
        raise Invalid(what, fields={"team": [what]})


def lock_with_kit(session: Session, collar: str) -> Officer:
    """The officer and every camera they have, locked: cameras first, as everywhere, so that nobody waits in a circle.

    Raises:
        NotFound
        DepartureStands: a camera was issued to them between the two locks; the same again finds it.
    """
    held = sa.select(Camera.serial).join(Allocation).join(Person)
    serials = session.scalars(held.where(Person.collar == collar, Allocation.returned_at.is_(None))).all()
    for serial in sorted(serials):
        lock_camera(session, serial)
    officer = lock_officer(session, collar)
    if {one.serial for one in held_by(session, officer)} - set(serials):
        raise DepartureStands(f"{collar} was issued a camera at this very moment. Try again.", rule=15, mend="you")
    return officer


def _open(officer: Officer) -> sa.Select[Departure]:
    is_open = sa.or_(Departure.kind == DepartureKind.LEAVER, Departure.done_at.is_(None))
    return sa.select(Departure).where(Departure.person_id == officer.id, Departure.withdrawn_at.is_(None), is_open)


def _write_last_day(session: Session, officer: Officer, last_day: date | None) -> None:
    values = {"leaves_on": last_day, "version": Person.version + 1}
    session.execute(sa.update(Person).where(Person.id == officer.id).values(values))


def recall(session: Session, actor: Actor, officer: Officer, row: Departure, *, now: datetime) -> int:
    """Make due by the end of the last day whatever is due later or never, and answer how many. Twice is once.

    The caller holds the locks of ``lock_with_kit``.
    """
    due_back = max(end_of(row.last_day), now)
    late = (
        sa.select(Allocation, Camera.serial)
        .join(Camera)
        .where(
            Allocation.person_id == officer.id,
            Allocation.returned_at.is_(None),
            sa.or_(Allocation.due_back.is_(None), Allocation.due_back > due_back),
        )
    )
    rows = session.execute(late.order_by(Allocation.id)).all()
    for allocation, serial in rows:
        session.add(
            Recall(
                departure_id=row.id, allocation_id=allocation.id, due_back=due_back, due_back_was=allocation.due_back
            )
        )
        _change_due(session, actor, officer, allocation, serial, due_back, now)
    session.flush()
    return len(rows)


def _change_due(
    session: Session,
    actor: Actor,
    officer: Officer,
    allocation: Allocation,
    serial: str,
    due_back: datetime | None,
    now: datetime,
) -> None:
    was, allocation.due_back = allocation.due_back, due_back
    facts = {"due_back": [audit.as_json(was), audit.as_json(due_back)], "allocation": allocation.id}
    subject = (Subject.CAMERA, serial)
    audit.record(session, actor, Event.LOAN_RECALLED, subject, at=now, officer=officer.collar, **facts)


def withdraw(session: Session, actor: Actor, collar: str, reason: str | None, *, now: datetime) -> None:
    """Take a wrong entry back: what it made due earlier is due when it was before, unless that was changed since.

    Raises:
        NotFound: no such officer, or no entry that stands.
    """
    officer = lock_with_kit(session, collar)
    row = session.scalars(_open(officer).with_for_update()).first()
    if row is None:
        raise NotFound(f"{collar} is neither a leaver nor a mover.", found={"person": collar})
    row.withdrawn_at, row.withdrawn_by = now, actor.name
    session.flush()
    if row.kind is DepartureKind.LEAVER:
        _write_last_day(session, officer, None)
    facts = {"departure": row.id, "kind": row.kind, "last_day": row.last_day, "reason": reason}
    subject = (Subject.PERSON, collar)
    audit.record(session, actor, Event.DEPARTURE_WITHDRAWN, subject, at=now, officer=collar, **facts)
    _restore(session, actor, officer, row, now)


def _restore(session: Session, actor: Actor, officer: Officer, row: Departure, now: datetime) -> None:
    kept = sa.select(Recall, Allocation, Camera.serial).join(Allocation, Allocation.id == Recall.allocation_id)
    kept = kept.join(Camera, Camera.id == Allocation.camera_id).where(
        Recall.departure_id == row.id,
        Allocation.returned_at.is_(None),
        Allocation.due_back == Recall.due_back,
    )
    for recalled, allocation, serial in session.execute(kept.order_by(Recall.id.desc())).all():
        _change_due(session, actor, officer, allocation, serial, recalled.due_back_was, now)
    session.flush()


def carry_out(session: Session, actor: Actor, number: int, *, now: datetime) -> None:
    """Do what a departure's day brings, once: what was issued meanwhile is due, pairings are suspended, a mover moves.

    Raises:
        DepartureStands: as ``lock_with_kit``; the next run does it.
    """
    found = session.execute(
        sa.select(Person.collar, Site.code)
        .join(Departure, Departure.person_id == Person.id)
        .join(Site, Site.id == Departure.to_site_id, isouter=True)
        .where(Departure.id == number)
    ).one()
    officer = lock_with_kit(session, found.collar)
    row = session.scalars(sa.select(Departure).where(Departure.id == number).with_for_update()).one()
    if row.done_at is not None or row.withdrawn_at is not None or row.last_day >= local_day(now):
        return
    recall(session, actor, officer, row, now=now)
    held = held_by(session, officer)
    for one in held:
        facts = {"pairings": "suspended", "because": str(row.kind)}
        subject = (Subject.CAMERA, one.serial)
        audit.record(session, actor, Event.PAIRINGS_SUSPENDED, subject, at=now, officer=officer.collar, **facts)
    pairings.stop_of_officer(session, actor, officer.id, Because(row.kind), now=now)
    row.done_at = now
    session.flush()
    told: dict[str, Any] = {"departure": number, "kind": row.kind, "still_holds": [one.serial for one in held] or None}
    audit.record(
        session, actor, Event.DEPARTURE_DONE, (Subject.PERSON, officer.collar), at=now, officer=officer.collar, **told
    )
    if row.kind is DepartureKind.MOVER:
        goes = {"team": row.to_team, "site": found.code}
        changed = {name: value for name, value in goes.items() if value is not None}
        people.revise(session, actor, officer.collar, changed, at_version=None, now=now)
