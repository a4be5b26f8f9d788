"""Reservations of pool stock for an operation: what they need now, and what that leaves for everybody else.

Time decides whether a reservation runs, not what the job last wrote down, so a late job changes nothing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet.cameras.models import Camera
from fleet.cameras.states import Custody, Model, Use
from fleet.custody.arithmetic import shortfall, supply_of
from fleet.custody.models import (
    Allocation,
    IssueKind,
    Reservation,
    ReservationLoan,
    ReservationOfficer,
    ReservationState,
)
from fleet.custody.readiness import Block, blocks
from fleet.custody.records import STANDING_ROWS, CameraNow, Officer, standing_in
from fleet.db import AnySelect, Prepared, row_dict
from fleet.errors import Conflict
from fleet.settings import Policy
from fleet.sites.models import Dock

# Read at once when cameras are looked for; most of what lies in stock is ready, so one reading is enough.
_AT_ONCE = 1_000


class NotReserved(Conflict):
    """There is no such operation, or none that runs now."""


@dataclass(frozen=True)
class ReservationNow:
    """A reservation with how many of its cameras are ``out``."""

    id: int
    code: str
    name: str
    count: int
    model: Model | None
    site_id: int | None
    dock_id: int | None
    begins_at: datetime
    ends_at: datetime
    state: ReservationState
    out: int

    @property
    def to_come(self) -> int:
        """How many it still needs."""
        return max(0, self.count - self.out)

    def runs(self, now: datetime) -> bool:
        """Whether it has begun and not ended."""
        return state_at(self.state, self.begins_at, self.ends_at, now) is ReservationState.ACTIVE

    def fits(self, model: Model, site_id: int | None, dock_id: int | None) -> bool:
        """Whether a camera of the pool is one of those that are reserved."""
        return (
            (self.model is None or self.model is model)
            and (self.site_id is None or self.site_id == site_id)
            and (self.dock_id is None or self.dock_id == dock_id)
        )


def state_at(written: ReservationState, begins_at: datetime, ends_at: datetime, now: datetime) -> ReservationState:
    """What a reservation is at an instant: a cancelled one stays so, of all others time decides."""
    if written is ReservationState.CANCELLED:
        return written
    if now < begins_at:
        return ReservationState.PLANNED
    return ReservationState.ACTIVE if now < ends_at else ReservationState.ENDED


OUT = (
    sa.select(sa.func.count())
    .select_from(ReservationLoan)
    .join(Allocation, Allocation.id == ReservationLoan.allocation_id)
    .where(ReservationLoan.reservation_id == Reservation.id, Allocation.returned_at.is_(None))
    .scalar_subquery()
)
_NOW = sa.select(
    *(getattr(Reservation, name) for name in ReservationNow.__dataclass_fields__ if name != "out"), OUT.label("out")
)


def _now(rows: Iterable[Mapping[str, Any]]) -> list[ReservationNow]:
    return [ReservationNow(**row) for row in rows]


def overlapping(session: Session, since: datetime, until: datetime | None) -> list[ReservationNow]:
    """The reservations that run at some time between two instants; None is no end."""
    statement = _NOW.where(Reservation.state != ReservationState.CANCELLED, Reservation.ends_at > since)
    if until is not None:
        statement = statement.where(Reservation.begins_at < until)
    return _now(row_dict(row) for row in session.execute(statement.order_by(Reservation.id)))


_LOCK = Prepared(
    sa.select(Reservation.id)
    .where(
        sa.text("state <> 'cancelled'"),
        Reservation.ends_at > sa.bindparam("since"),
        Reservation.begins_at < sa.bindparam("until"),
    )
    .order_by(Reservation.id)
    .with_for_update(key_share=True)
)


@dataclass(frozen=True)
class Ruling:
    """What reservations say of an issue: for which it is, if for any, and what is in the way."""

    operation: ReservationNow | None
    blocks: list[Block]


NO_RULING = Ruling(None, [])


def rule_on(
    session: Session,
    camera: CameraNow,
    officer: Officer,
    kind: IssueKind,
    operation: str | None,
    *,
    until: datetime | None,
    policy: Policy,
    now: datetime,
) -> Ruling:
    """Whether reservations let a camera be issued, until an instant or for good.

    The caller holds the locks of camera and officer. The reservations stay locked until its transaction ends, so of
    two who want the last camera that is not needed the second sees that the first has it.

    Raises:
        NotReserved: the operation that was named does not run now.
    """
    if operation is None and camera.use is not Use.POOL:
        return NO_RULING
    _LOCK.run(session, since=now, until=until or now.replace(year=9999))
    there = overlapping(session, now, until)
    place = _place_of(session, camera)
    chosen = _named(there, operation, now) if operation else _of_officer(session, there, officer, camera, place, now)
    if chosen is not None and kind is IssueKind.POOL:
        return Ruling(chosen, list(_own_blocks(chosen, camera, place)))
    return Ruling(None, _others_blocks(session, there, camera, place, policy, now))


@dataclass(frozen=True)
class _Place:
    site_id: int | None
    dock_id: int | None


_PLACE = Prepared(
    sa.select(Camera.home_dock_id.label("dock_id"), Dock.site_id)
    .join(Dock, Dock.id == Camera.home_dock_id, isouter=True)
    .where(Camera.id == sa.bindparam("camera_id"))
)


def _place_of(session: Session, camera: CameraNow) -> _Place:
    return _Place(**(_PLACE.one(session, camera_id=camera.id) or {}))


def _named(there: Sequence[ReservationNow], code: str, now: datetime) -> ReservationNow:
    for reservation in there:
        if reservation.code == code and reservation.runs(now):
            return reservation
    raise NotReserved(f"No operation {code} runs now.", found={"operation": code}, mend="store")


_WORKS_FOR = Prepared(
    sa.select(ReservationOfficer.reservation_id).where(ReservationOfficer.person_id == sa.bindparam("person_id"))
)


def _of_officer(
    session: Session,
    there: Sequence[ReservationNow],
    officer: Officer,
    camera: CameraNow,
    place: _Place,
    now: datetime,
) -> ReservationNow | None:
    """The operation that an officer works for and that this camera is reserved for; of several, what ends first."""
    running = [
        one for one in there if one.runs(now) and one.to_come and one.fits(camera.model, place.site_id, place.dock_id)
    ]
    if not running:
        return None
    theirs = {row["reservation_id"] for row in _WORKS_FOR.all(session, person_id=officer.id)}
    return min((one for one in running if one.id in theirs), key=lambda one: (one.ends_at, one.id), default=None)


def _own_blocks(operation: ReservationNow, camera: CameraNow, place: _Place) -> Iterator[Block]:
    found = {"operation": operation.code, "reserved": operation.count, "out": operation.out}
    if camera.use is not Use.POOL or not operation.fits(camera.model, place.site_id, place.dock_id):
        what = f"{camera.serial} is not of the stock that is reserved for {operation.name}."
        yield Block(None, what, "store, with a camera that is", found, can_override=True)
    elif not operation.to_come:
        what = f"{operation.name} has all {operation.count} cameras that are reserved for it."
        yield Block(None, what, "store, by reserving more", found, can_override=True)


def _others_blocks(
    session: Session,
    there: Sequence[ReservationNow],
    camera: CameraNow,
    place: _Place,
    policy: Policy,
    now: datetime,
) -> list[Block]:
    """Refuse a camera whose going would leave a reservation short, or shorter."""
    touched = [one for one in there if one.to_come and one.fits(camera.model, place.site_id, place.dock_id)]
    if camera.use is not Use.POOL or not touched:
        return []
    needs = {one.id: one.to_come for one in there}
    fits = {
        id_: some for id_, some in _free(session, there, sum(needs.values()), policy, now).items() if id_ != camera.id
    }
    without = supply_of(fits.values())
    with_it = without + supply_of([{one.id for one in touched}])
    if shortfall(without, needs) <= shortfall(with_it, needs):
        return []
    short = min(touched, key=lambda one: (one.begins_at, one.id))
    left = sum(short.id in some for some in fits.values())
    what = f"{camera.serial} is needed for {short.name}: it still needs {short.to_come} and {left} would be left."
    found = {"operation": short.code, "still_needed": short.to_come, "left": left, "until": short.ends_at}
    return [Block(None, what, "store, from other stock or by changing the reservation", found, can_override=True)]


def _free(
    session: Session, there: Sequence[ReservationNow], enough: int, policy: Policy, now: datetime
) -> dict[int, set[int]]:
    """Cameras that can serve a reservation, with those that each can: ``enough`` of each, or all that there are."""
    found: dict[int, set[int]] = {}
    for reservation in there:
        if not reservation.to_come:
            continue
        for camera_id in islice(_serving(session, reservation, policy, now), enough + 1):
            found.setdefault(camera_id, set()).add(reservation.id)
    return found


def _serving(session: Session, reservation: ReservationNow, policy: Policy, now: datetime) -> Iterator[int]:
    """The cameras of the pool that are ready for it; before it begins, also those that will be back by then."""
    begun = reservation.begins_at <= now
    back_by_then = sa.exists().where(
        Allocation.camera_id == Camera.id,
        Allocation.returned_at.is_(None),
        Allocation.due_back <= reservation.begins_at,
    )
    where = Camera.custody == Custody.IN_STOCK
    if not begun:
        where = sa.or_(
            where, Camera.custody == Custody.RETURNING, sa.and_(Camera.custody == Custody.ISSUED, back_by_then)
        )
    statement = _of_stock(
        STANDING_ROWS.add_columns(Camera.id, Camera.serial, Camera.custody, Camera.custody_at), reservation
    ).where(where)
    after = 0
    while True:
        rows = session.execute(statement.where(Camera.id > after).order_by(Camera.id).limit(_AT_ONCE)).all()
        for row in rows:
            standing = standing_in(row_dict(row), row.serial, row.custody, row.custody_at)
            if row.custody is not Custody.IN_STOCK or not blocks(standing, IssueKind.POOL, policy):
                yield row.id
        if len(rows) < _AT_ONCE:
            return
        after = rows[-1].id


def _of_stock(statement: AnySelect, reservation: ReservationNow) -> AnySelect:
    """Of the pool's cameras those that a reservation is of."""
    where = [Camera.use == Use.POOL]
    if reservation.model is not None:
        where.append(Camera.model == reservation.model)
    if reservation.dock_id is not None:
        where.append(Camera.home_dock_id == reservation.dock_id)
    if reservation.site_id is not None:
        docks = sa.select(Dock.id).where(Dock.site_id == reservation.site_id)
        where.append(Camera.home_dock_id.in_(docks))
    return statement.where(*where)


def fitting(session: Session, there: Sequence[ReservationNow], enough: int) -> dict[int, set[int]]:
    """Cameras of the pool that are in service, with the reservations that each fits: ``enough`` of each at most."""
    found: dict[int, set[int]] = {}
    loaned = sa.exists().where(
        Allocation.camera_id == Camera.id, Allocation.returned_at.is_(None), Allocation.kind == IssueKind.POOL
    )
    in_service = sa.or_(
        Camera.custody.in_([Custody.IN_STOCK, Custody.RETURNING]), sa.and_(Camera.custody == Custody.ISSUED, loaned)
    )
    for reservation in there:
        cameras = _of_stock(sa.select(Camera.id), reservation).where(in_service).order_by(Camera.id).limit(enough)
        for camera_id in session.scalars(cameras):
            found.setdefault(camera_id, set()).add(reservation.id)
    return found


_ADD_LOAN = Prepared(
    sa.insert(ReservationLoan).values(
        allocation_id=sa.bindparam("allocation"), reservation_id=sa.bindparam("reservation")
    )
)


def note_loan(session: Session, operation: ReservationNow, allocation_id: int) -> None:
    """Write down that a loan was made for an operation."""
    _ADD_LOAN.run(session, allocation=allocation_id, reservation=operation.id)


def continue_loan(session: Session, before: int, now_is: int) -> None:
    """A loan that was returned and given back is for the operation that it was for."""
    same = sa.select(sa.literal(now_is), ReservationLoan.reservation_id).where(ReservationLoan.allocation_id == before)
    session.execute(sa.insert(ReservationLoan).from_select(["allocation_id", "reservation_id"], same))


def running(session: Session, code: str, now: datetime) -> ReservationNow:
    """The operation with this code, which runs now.

    Raises:
        NotReserved
    """
    rows = session.execute(_NOW.where(Reservation.code == code))
    return _named(_now(row_dict(row) for row in rows), code, now)
