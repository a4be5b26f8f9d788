"""What the acts of custody read and write, as prepared statements over plain records: the counter's hot path.

Whoever calls these holds the camera's lock, and then the officer's.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet.cameras.models import Camera, CameraReport
from fleet.cameras.service import CAMERAS
from fleet.cameras.states import Custody, Fault, Model, Use
from fleet.custody.models import Allocation, Condition, IssueKind, Reservation, RuleException
from fleet.custody.readiness import Report, Standing
from fleet.db import Prepared
from fleet.people.models import Person
from fleet.people.service import PEOPLE
from fleet.sites.models import Dock, Site
from fleet.sites.stages import Stage
from fleet.tasers.models import Pairing


@dataclass(frozen=True)
class CameraNow:
    """A camera as it is while its lock is held. ``paired`` tells that a pairing of it is not revoked."""

    id: int
    serial: str
    model: Model
    use: Use | None
    custody: Custody
    custody_at: datetime
    paired: bool = False


@dataclass(frozen=True)
class Officer:
    """An officer as they are while their lock is held."""

    id: int
    collar: str
    trained_until: date | None
    leaves_on: date | None = None

    def is_trained(self, day: date) -> bool:
        """Whether their training covers the day (rule 4)."""
        return self.trained_until is not None and self.trained_until >= day


@dataclass(frozen=True)
class Held:
    """One thing that an officer has."""

    serial: str
    kind: IssueKind
    active: bool


@dataclass(frozen=True)
class AllocationNow:
    """A camera with an officer, from ``issued_at`` to ``returned_at``, or still."""

    id: int
    camera: CameraNow
    person: Officer
    kind: IssueKind
    issued_at: datetime
    due_back: datetime | None
    active: bool
    returned_at: datetime | None = None
    condition: Condition | None = None
    note: str | None = None
    continues_id: int | None = None
    operation: str | None = None


# Asked here, so that issuing has no statement more for a camera that is not paired.
_PAIRED = sa.exists(sa.select(Pairing.id).where(Pairing.camera_id == Camera.id, sa.text("state <> 'revoked'")))
_CAMERA = sa.select(
    Camera.id, Camera.serial, Camera.model, Camera.use, Camera.custody, Camera.custody_at, _PAIRED.label("paired")
)
_LOCK_CAMERA = Prepared(_CAMERA.where(Camera.serial == sa.bindparam("serial")).with_for_update(key_share=True))
_OFFICER = sa.select(Person.id, Person.collar, Person.trained_until, Person.leaves_on)
_LOCK_OFFICER = Prepared(_OFFICER.where(Person.collar == sa.bindparam("collar")).with_for_update(key_share=True))


def lock_camera(session: Session, serial: str) -> CameraNow:
    """The camera, locked until the caller's transaction ends.

    Raises:
        NotFound
    """
    row = _LOCK_CAMERA.one(session, serial=serial)
    if row is None:
        raise CAMERAS.not_found(serial)
    use = row["use"] and Use(row["use"])
    known = row["id"], row["serial"], Model(row["model"]), use, Custody(row["custody"]), row["custody_at"]
    return CameraNow(*known, paired=row["paired"])


def lock_officer(session: Session, collar: str) -> Officer:
    """The officer, locked until the caller's transaction ends.

    Raises:
        NotFound
    """
    row = _LOCK_OFFICER.one(session, collar=collar)
    if row is None:
        raise PEOPLE.not_found(collar)
    return Officer(**row)


def lock_officers(session: Session, *collars: str) -> None:
    """Lock several officers, always in the same order: two who do so at once never wait for each other in a circle.

    Raises:
        NotFound
    """
    for collar in sorted(set(collars)):
        lock_officer(session, collar)


_HOLDER = (
    sa.select(Person.collar)
    .join(Allocation, Allocation.person_id == Person.id)
    .where(Allocation.camera_id == Camera.id, Allocation.returned_at.is_(None))
    .scalar_subquery()
)
# That anything is reserved at all is asked here, so that issuing has no statement more while nothing is.
_RESERVED = sa.exists(sa.select(Reservation.id).where(sa.text("state IN ('planned', 'active')")))
STANDING_ROWS = (
    sa.select(
        _HOLDER.label("holder"),
        Site.code,
        Site.stage,
        CameraReport.battery_percent,
        CameraReport.clock_offset_s,
        CameraReport.fault,
        CameraReport.unoffloaded,
        CameraReport.last_seen_at,
        _RESERVED.label("reserved"),
    )
    .select_from(Camera)
    .join(Dock, Dock.id == Camera.home_dock_id, isouter=True)
    .join(Site, Site.id == Dock.site_id, isouter=True)
    .join(CameraReport, CameraReport.camera_id == Camera.id, isouter=True)
)
_STANDING = Prepared(STANDING_ROWS.where(Camera.id == sa.bindparam("camera_id")))


def standing_of(session: Session, camera: CameraNow | Camera) -> Standing:
    """What is known of a camera, for ``readiness.blocks``."""
    row: dict[str, Any] = _STANDING.one(session, camera_id=camera.id) or {}
    return standing_in(row, camera.serial, camera.custody, camera.custody_at)


def standing_in(row: Mapping[str, Any], serial: str, custody: Custody, custody_at: datetime) -> Standing:
    """A row of ``STANDING_ROWS`` as a standing."""
    stage = row["stage"] and Stage(row["stage"])
    holder, site, report = row["holder"], row["code"], _report_in(row)
    return Standing(serial, custody, custody_at, holder, site, stage, report, reserved=row["reserved"])


def _report_in(row: Mapping[str, Any]) -> Report | None:
    if row["last_seen_at"] is None:
        return None
    fault = row["fault"] and Fault(row["fault"])
    return Report(row["last_seen_at"], row["battery_percent"], row["clock_offset_s"], fault, row["unoffloaded"])


_EXCEPTED = Prepared(
    sa.select(RuleException.id).where(
        RuleException.person_id == sa.bindparam("person_id"),
        RuleException.rule == sa.bindparam("rule"),
        RuleException.ended_at.is_(None),
        RuleException.until >= sa.bindparam("day"),
    )
)


def is_excepted(session: Session, officer: Officer, rule: int, day: date) -> bool:
    """Whether a recorded exception frees the officer from the rule on a day."""
    return _EXCEPTED.one(session, person_id=officer.id, rule=rule, day=day) is not None


_HELD = Prepared(
    sa.select(Camera.serial, Allocation.kind, Allocation.active)
    .join(Camera, Camera.id == Allocation.camera_id)
    .where(Allocation.person_id == sa.bindparam("person_id"), Allocation.returned_at.is_(None))
)


def held_by(session: Session, officer: Officer) -> list[Held]:
    """What an officer has now."""
    rows = _HELD.all(session, person_id=officer.id)
    return [Held(row["serial"], IssueKind(row["kind"]), row["active"]) for row in rows]


_ALLOCATION = (
    sa.select(
        Allocation.id,
        Allocation.kind,
        Allocation.issued_at,
        Allocation.due_back,
        Allocation.active,
        Allocation.returned_at,
        Allocation.condition,
        Allocation.note,
        Allocation.continues_id,
        Person.id.label("person_id"),
        Person.collar,
        Person.trained_until,
    )
    .select_from(Allocation)
    .join(Person, Person.id == Allocation.person_id)
)
_OPEN = Prepared(_ALLOCATION.where(Allocation.camera_id == sa.bindparam("camera_id"), Allocation.returned_at.is_(None)))
_BY_ID = Prepared(_ALLOCATION.where(Allocation.id == sa.bindparam("allocation_id")))
_SERIAL_OF = Prepared(
    sa.select(Camera.serial)
    .join(Allocation, Allocation.camera_id == Camera.id)
    .where(Allocation.id == sa.bindparam("allocation_id"))
)


def open_allocation(session: Session, camera: CameraNow) -> AllocationNow | None:
    """Who has a camera now, or None."""
    row = _OPEN.one(session, camera_id=camera.id)
    return _allocation(row, camera) if row else None


def lock_allocation(session: Session, allocation_id: int) -> AllocationNow | None:
    """An allocation with its camera locked, or None."""
    found = _SERIAL_OF.one(session, allocation_id=allocation_id)
    if found is None:
        return None
    camera = lock_camera(session, found["serial"])
    row = _BY_ID.one(session, allocation_id=allocation_id)
    return _allocation(row, camera) if row else None


def _allocation(row: dict[str, Any], camera: CameraNow) -> AllocationNow:
    person = Officer(row.pop("person_id"), row.pop("collar"), row.pop("trained_until"))
    kind, condition = IssueKind(row.pop("kind")), row.pop("condition")
    return AllocationNow(camera=camera, person=person, kind=kind, condition=condition and Condition(condition), **row)


_REST = Prepared(
    sa.update(Allocation)
    .where(Allocation.person_id == sa.bindparam("of_person"), Allocation.active)
    .values(active=sa.false())
)
_WAKE = Prepared(
    sa.update(Allocation)
    .where(Allocation.person_id == sa.bindparam("of_person"), Allocation.returned_at.is_(None), ~Allocation.active)
    .values(active=sa.true())
)


def rest_active(session: Session, officer: Officer) -> None:
    """Make the officer's active camera inactive: a loan takes its place (rule 7)."""
    _REST.run(session, of_person=officer.id)


def wake_resting(session: Session, officer: Officer) -> None:
    """Make the officer's other camera active again: the loan is back (rule 7)."""
    _WAKE.run(session, of_person=officer.id)


_ADDED = ("camera_id", "person_id", "kind", "issued_at", "due_back", "active", "continues_id")
_ADD = Prepared(sa.insert(Allocation).values({name: sa.bindparam(name) for name in _ADDED}).returning(Allocation.id))


def add_allocation(
    session: Session,
    camera: CameraNow,
    officer: Officer,
    kind: IssueKind,
    *,
    issued_at: datetime,
    due_back: datetime | None,
    active: bool,
    continues_id: int | None,
) -> AllocationNow:
    """Open an allocation."""
    row = _ADD.one(
        session,
        camera_id=camera.id,
        person_id=officer.id,
        kind=str(kind),
        issued_at=issued_at,
        due_back=due_back,
        active=active,
        continues_id=continues_id,
    )
    number = row["id"] if row else 0
    return AllocationNow(number, camera, officer, kind, issued_at, due_back, active, continues_id=continues_id)


_ENDED = ("returned_at", "condition", "note")
_END = Prepared(
    sa.update(Allocation)
    .where(Allocation.id == sa.bindparam("allocation_id"))
    .values({name: sa.bindparam(name) for name in _ENDED} | {"active": sa.false()})
)


def end_allocation(
    session: Session, allocation: AllocationNow, condition: Condition, note: str | None, *, now: datetime
) -> AllocationNow:
    """Close an allocation."""
    _END.run(session, allocation_id=allocation.id, returned_at=now, condition=str(condition), note=note)
    return dataclasses.replace(allocation, returned_at=now, condition=condition, note=note, active=False)


_PUT = Prepared(
    sa.update(Camera)
    .where(Camera.id == sa.bindparam("camera_id"))
    .values(custody=sa.bindparam("to"), custody_at=sa.bindparam("at"), version=Camera.version + 1)
)


def put_camera(session: Session, camera: CameraNow, to: Custody, *, now: datetime) -> CameraNow:
    """Write a camera's new custody."""
    _PUT.run(session, camera_id=camera.id, to=str(to), at=now)
    return dataclasses.replace(camera, custody=to, custody_at=now)


_REPORTED = Prepared(sa.select(CameraReport.camera_id).where(CameraReport.camera_id == sa.bindparam("camera_id")))


def has_reported(session: Session, camera: CameraNow) -> bool:
    """Whether the device ever said anything of itself."""
    return _REPORTED.one(session, camera_id=camera.id) is not None


_HOLDER_NOW = Prepared(
    sa.select(Person.collar)
    .join(Allocation, Allocation.person_id == Person.id)
    .join(Camera, Camera.id == Allocation.camera_id)
    .where(Camera.serial == sa.bindparam("serial"), Allocation.returned_at.is_(None))
)


def holder_now(session: Session, serial: str) -> str | None:
    """The collar number of whoever has the camera."""
    row = _HOLDER_NOW.one(session, serial=serial)
    return row["collar"] if row else None
