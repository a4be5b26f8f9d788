"""Visits to the counter: what was issued in each, and that the officer has it.

A visit has a key that the page made, and a row from its first issue on. It is acknowledged once, for everything that
was issued in it; from then on it takes no more issues. What is wrong with an acknowledgement is said beside it, in a
new entry of the log (rule 9).
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn, TypeAlias

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from fleet import audit
from fleet.actors import Actor
from fleet.audit import Event, Subject
from fleet.cameras.models import Camera
from fleet.custody.models import Allocation
from fleet.custody.undo import UNDONE
from fleet.db import Prepared
from fleet.errors import Conflict, Invalid, NotFound
from fleet.people.models import Person
from fleet.visits import outbox, terms
from fleet.visits.models import Acknowledgement, Method, Visit, VisitAllocation

# Takes a collar number and a PIN, and raises when it is not that officer's.
Prove: TypeAlias = Callable[[str, str], None]


def nobody_proves(collar: str, _pin: str) -> NoReturn:
    """Where no PIN can be given."""
    raise Conflict(f"A PIN of {collar} cannot be given here.")


def new_key() -> str:
    """A key for a visit that a page did not name."""
    return secrets.token_hex(16)


class AcknowledgedAlready(Conflict):
    """The visit was acknowledged in another way; that stands (rule 9)."""


class NothingToAcknowledge(Conflict):
    """Nothing was issued in the visit, or all of it was undone."""


@dataclass(frozen=True)
class Given:
    """How a visit is acknowledged. ``terms`` is the version that was shown; None attests with the one in force."""

    method: Method
    pin: str | None = field(default=None, repr=False)
    strokes: list[Any] | None = None
    reason: str | None = None
    terms: int | None = None


@dataclass(frozen=True)
class _Standing:
    id: int
    collar: str
    acknowledged_at: datetime | None
    person_id: int


# The first issue of a visit is its beginning: both in one statement, since the counter's queue waits for it.
_BEGUN = (
    insert(Visit)
    .values({name: sa.bindparam(name) for name in ("key", "person_id", "clerk", "begun_at")})
    .on_conflict_do_nothing(index_elements=["key"])
    .returning(Visit.id)
    .cte("begun")
)
_BEGIN = Prepared(
    sa.insert(VisitAllocation)
    .from_select(
        ["allocation_id", "visit_id"],
        sa.select(sa.bindparam("allocation_id", type_=sa.BigInteger), _BEGUN.c.id),
    )
    .returning(VisitAllocation.visit_id)
)
_STANDING = (
    sa.select(Visit.id, Visit.person_id, Visit.acknowledged_at, Person.collar)
    .join(Person, Person.id == Visit.person_id)
    .where(Visit.key == sa.bindparam("key"))
)
_LOOK = Prepared(_STANDING)
_LOCK = Prepared(_STANDING.with_for_update(of=Visit))
_TIE = Prepared(sa.insert(VisitAllocation).values({name: sa.bindparam(name) for name in ("allocation_id", "visit_id")}))


def join(session: Session, actor: Actor, key: str, *, person_id: int, allocation_id: int, now: datetime) -> None:
    """Put an issue into the visit ``key`` of an officer, which begins with it if there is none of this key.

    Raises:
        AcknowledgedAlready: the visit is complete.
        Conflict: the key is another officer's visit.
    """
    begun = _BEGIN.one(
        session, key=key, person_id=person_id, clerk=actor.name, begun_at=now, allocation_id=allocation_id
    )
    if begun is not None:
        return
    visit = _standing(_LOCK, session, key)
    if visit.person_id != person_id:
        raise Conflict(f"This visit is that of {visit.collar}. Scan the officer again.")
    if visit.acknowledged_at is not None:
        raise AcknowledgedAlready("This visit was acknowledged already. Scan the officer again.", rule=9)
    _TIE.run(session, allocation_id=allocation_id, visit_id=visit.id)


def _standing(statement: Prepared, session: Session, key: str) -> _Standing:
    row = statement.one(session, key=key)
    if row is None:
        raise NotFound("There is no such visit: nothing was issued in it.", found={"visit": key})
    return _Standing(**row)


def acknowledge(
    session: Session, actor: Actor, key: str, given: Given, *, prove: Prove, mails: bool, now: datetime
) -> str:
    """Record that an officer has what was issued in a visit, and answer the officer's collar number.

    Where the service ``mails``, the receipt is sent to whoever has an address.

    The same acknowledgement again
    changes nothing; a PIN is not looked at again then.

    Raises:
        NotFound: nothing was issued in such a visit.
        AcknowledgedAlready: rule 9: it was acknowledged in another way.
        NothingToAcknowledge
        Invalid: the signature is none, the reason is missing, or the terms are not those in force.
        Whatever ``prove`` raises.
    """
    standing = _standing(_LOOK, session, key)
    if standing.acknowledged_at is not None:
        return _require_same(session, standing, given)
    if given.method is Method.PIN:
        prove(standing.collar, given.pin or "")
    standing = _standing(_LOCK, session, key)
    if standing.acknowledged_at is not None:
        return _require_same(session, standing, given)
    _write(session, actor, key, standing, given, now)
    if mails:
        outbox.offer(session, key, now=now)
    return standing.collar


def _require_same(session: Session, standing: _Standing, given: Given) -> str:
    row = session.get_one(Acknowledgement, standing.id)
    if (row.method, row.strokes, row.reason) != (given.method, given.strokes, given.reason):
        what = f"This visit was acknowledged already, by {row.method}. If that is wrong, dispute it."
        raise AcknowledgedAlready(what, rule=9, found={"method": str(row.method), "at": audit.as_json(row.at)})
    return standing.collar


def _write(session: Session, actor: Actor, key: str, standing: _Standing, given: Given, now: datetime) -> None:
    issued = [row for row in issued_in(session, standing.id) if row["note"] != UNDONE]
    if not issued:
        raise NothingToAcknowledge("Nothing was issued in this visit that is not undone.")
    version = given.terms
    if version is None and given.method is Method.ATTESTATION:
        version = terms.in_force(session, now=now)
    shown = terms.shown(session, version, now=now)
    entry = audit.record(
        session, actor, Event.VISIT_ACKNOWLEDGED, (Subject.VISIT, key), at=now, officer=standing.collar,
        method=given.method, reason=given.reason, cameras=[row["serial"] for row in issued],
        terms=shown[0] if shown else None, sha256=shown[1].hex() if shown else None,
    )  # fmt: skip
    row = Acknowledgement(
        visit_id=standing.id, method=given.method, at=now, clerk=actor.name, reason=given.reason, strokes=given.strokes,
        terms_version=shown[0] if shown else None, terms_sha256=shown[1] if shown else None, entry_id=entry,
    )  # fmt: skip
    session.add(row)
    session.flush()
    session.execute(sa.update(Visit).where(Visit.id == standing.id).values(acknowledged_at=now))


def dispute(session: Session, actor: Actor, key: str, note: str | None, *, now: datetime) -> int:
    """Say beside a visit that something about it is wrong, and answer the entry's number. Nothing in it changes.

    Raises:
        NotFound
        Invalid: nothing is said.
    """
    if not (note or "").strip():
        raise Invalid("Say what is wrong.", fields={"note": ["Say what is wrong."]})
    visit = _standing(_LOOK, session, key)
    subject = (Subject.VISIT, key)
    return audit.record(session, actor, Event.VISIT_DISPUTED, subject, at=now, officer=visit.collar, note=note)


_ISSUED = Prepared(
    sa.select(
        Allocation.id,
        Camera.serial,
        Camera.asset_tag,
        Camera.model,
        Allocation.kind,
        Allocation.issued_at,
        Allocation.due_back,
        Allocation.returned_at,
        Allocation.note,
    )
    .join(VisitAllocation, VisitAllocation.allocation_id == Allocation.id)
    .join(Camera, Camera.id == Allocation.camera_id)
    .where(VisitAllocation.visit_id == sa.bindparam("visit_id"))
    .order_by(Allocation.id)
)


def issued_in(session: Session, visit_id: int) -> list[dict[str, Any]]:
    """Everything that was issued in a visit, what was undone since too."""
    return _ISSUED.all(session, visit_id=visit_id)


def is_outstanding(session: Session, key: str) -> bool:
    """Whether something was issued in a visit that nobody has acknowledged."""
    row = _LOOK.one(session, key=key)
    if row is None or row["acknowledged_at"] is not None:
        return False
    return any(issue["note"] != UNDONE for issue in issued_in(session, row["id"]))


def begin(session: Session, actor: Actor, values: Mapping[str, Any], *, now: datetime) -> None:
    """A visit ``id`` for what a program has issued to an officer: ``collar``, and ``allocations`` by number.

    Raises:
        Invalid: an allocation is not this officer's.
        Conflict: one belongs to a visit already, or the visit is another's or complete.
    """
    numbers = sorted(set(values["allocations"]))
    session.execute(
        sa.select(Allocation.id).where(Allocation.id.in_(numbers)).order_by(Allocation.id).with_for_update()
    )
    statement = sa.select(Allocation.id, Allocation.person_id, VisitAllocation.visit_id, Visit.key)
    statement = statement.join(Person, Person.id == Allocation.person_id)
    statement = statement.join(VisitAllocation, VisitAllocation.allocation_id == Allocation.id, isouter=True)
    statement = statement.join(Visit, Visit.id == VisitAllocation.visit_id, isouter=True)
    rows = session.execute(statement.where(Allocation.id.in_(numbers), Person.collar == values["collar"])).all()
    if missing := sorted(set(numbers) - {row.id for row in rows}):
        problem = f"Not issued to {values['collar']}: {', '.join(map(str, missing))}."
        raise Invalid(problem, fields={"allocations": [problem]})
    if taken := [row.id for row in rows if row.visit_id is not None and row.key != values["id"]]:
        raise Conflict("This was issued in another visit.", found={"allocations": taken})
    for row in rows:
        if row.visit_id is None:
            join(session, actor, values["id"], person_id=row.person_id, allocation_id=row.id, now=now)
