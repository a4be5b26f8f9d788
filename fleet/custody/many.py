"""What bulk acts read and write: each statement handles all cameras of the act at once.

The rules are those of the single acts, in ``readiness`` and ``service``, decided on what is read here. Locks are taken
in the same order as there: cameras, then officers.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from fleet.cameras.models import Camera, CameraReport
from fleet.cameras.states import Custody, Use
from fleet.custody.models import Allocation, Condition, IssueKind
from fleet.custody.readiness import Standing
from fleet.custody.records import STANDING_ROWS, AllocationNow, CameraNow, Held, Officer, standing_in
from fleet.db import row_dict
from fleet.people.models import Person
from fleet.sites.models import Dock


@dataclass(frozen=True)
class Facts:
    """All that is known of a camera when something is to be done with it among many."""

    camera: CameraNow
    version: int
    standing: Standing
    has_reported: bool
    home_dock: str | None
    home_dock_id: int | None
    site_id: int | None
    allocation: AllocationNow | None


_HELD = aliased(Allocation, name="held")
_HOLDER = aliased(Person, name="holder_now")
_HOME = aliased(Dock, name="home_dock")
_FACTS = (
    STANDING_ROWS.add_columns(
        Camera.id,
        Camera.serial,
        Camera.model,
        Camera.use,
        Camera.custody,
        Camera.custody_at,
        Camera.version,
        CameraReport.camera_id.is_not(None).label("has_reported"),
        _HOME.serial.label("home_dock"),
        _HOME.id.label("home_dock_id"),
        _HOME.site_id,
        _HELD.id.label("allocation_id"),
        _HELD.kind,
        _HELD.issued_at,
        _HELD.due_back,
        _HELD.active,
        _HOLDER.id.label("person_id"),
        _HOLDER.collar,
        _HOLDER.trained_until,
        _HOLDER.leaves_on,
    )
    .join(_HOME, _HOME.id == Camera.home_dock_id, isouter=True)
    .join(_HELD, sa.and_(_HELD.camera_id == Camera.id, _HELD.returned_at.is_(None)), isouter=True)
    .join(_HOLDER, _HOLDER.id == _HELD.person_id, isouter=True)
)


def _one_of(values: Sequence[Any], kind: Any) -> sa.CollectionAggregate[Any]:
    return sa.any_(sa.literal(list(values), sa.ARRAY(kind)))


def lock_cameras(session: Session, serials: Sequence[str]) -> None:
    """Lock cameras until the caller's transaction ends, always in one order."""
    those = sa.select(Camera.id).where(Camera.serial == _one_of(serials, sa.Text)).order_by(Camera.id)
    session.execute(those.with_for_update(key_share=True)).all()


def facts_of(session: Session, serials: Sequence[str]) -> dict[str, Facts]:
    """What is known of the cameras that there are among these."""
    rows = session.execute(_FACTS.where(Camera.serial == _one_of(serials, sa.Text)))
    return {row.serial: _facts(row_dict(row)) for row in rows}


def _facts(row: Mapping[str, Any]) -> Facts:
    camera = CameraNow(**{name: row[name] for name in ("id", "serial", "model", "use", "custody", "custody_at")})
    standing = standing_in(row, camera.serial, camera.custody, camera.custody_at)
    allocation = None
    if row["allocation_id"] is not None:
        person = Officer(row["person_id"], row["collar"], row["trained_until"], row["leaves_on"])
        allocation = AllocationNow(
            row["allocation_id"], camera, person, row["kind"], row["issued_at"], row["due_back"], row["active"]
        )
    home = row["home_dock"], row["home_dock_id"], row["site_id"]
    return Facts(camera, row["version"], standing, row["has_reported"], *home, allocation)


def officers_of(session: Session, collars: Iterable[str], *, lock: bool) -> dict[str, Officer]:
    """The officers that there are among these; locked, always in one order, if so wished."""
    columns = (Person.id, Person.collar, Person.trained_until, Person.leaves_on)
    those = sa.select(*columns).where(Person.collar == _one_of(sorted(collars), sa.Text)).order_by(Person.collar)
    rows = session.execute(those.with_for_update(key_share=True) if lock else those)
    return {row.collar: Officer(**row_dict(row)) for row in rows}


def held_by_each(session: Session, officers: Iterable[Officer]) -> dict[str, list[Held]]:
    """What each officer has now, by collar number."""
    found: dict[str, list[Held]] = {officer.collar: [] for officer in officers}
    rows = session.execute(
        sa.select(Person.collar, Camera.serial, Allocation.kind, Allocation.active)
        .select_from(Allocation)
        .join(Person, Person.id == Allocation.person_id)
        .join(Camera, Camera.id == Allocation.camera_id)
        .where(Person.collar == _one_of(list(found), sa.Text), Allocation.returned_at.is_(None))
    )
    for collar, serial, kind, active in rows:
        found[collar].append(Held(serial, kind, active))
    return found


_PUT = sa.text(
    """
UPDATE camera AS c SET custody = put.custody, custody_at = :at, version = c.version + 1
FROM unnest(CAST(:ids AS bigint[]), CAST(:custodies AS text[])) AS put(id, custody) WHERE c.id = put.id
"""
)


def put_each(session: Session, custodies: Mapping[int, Custody], *, now: datetime) -> None:
    """Write the new custody of each camera, by its number."""
    values = {"ids": list(custodies), "custodies": [str(custody) for custody in custodies.values()], "at": now}
    session.execute(_PUT, values)


def end_all(
    session: Session, allocations: Sequence[AllocationNow], condition: Condition, note: str | None, *, now: datetime
) -> None:
    """Close allocations, and wake what their officers have beside them (rule 7)."""
    session.execute(
        sa.update(Allocation)
        .where(Allocation.id == _one_of([one.id for one in allocations], sa.BigInteger))
        .values(returned_at=now, condition=condition, note=note, active=False),
        execution_options={"synchronize_session": False},
    )
    people = _one_of([one.person.id for one in allocations], sa.BigInteger)
    resting = sa.update(Allocation).where(Allocation.person_id == people, Allocation.returned_at.is_(None))
    session.execute(
        resting.where(~Allocation.active).values(active=True), execution_options={"synchronize_session": False}
    )


@dataclass(frozen=True)
class Opening:
    """An allocation to open."""

    camera: CameraNow
    officer: Officer
    kind: IssueKind
    due_back: datetime | None


_OPEN = sa.text(
    """
INSERT INTO allocation (camera_id, person_id, kind, issued_at, due_back, active)
SELECT camera_id, person_id, kind, :at, due_back, true
FROM unnest(CAST(:cameras AS bigint[]), CAST(:people AS bigint[]), CAST(:kinds AS text[]),
            CAST(:dues AS timestamptz[])) WITH ORDINALITY AS open(camera_id, person_id, kind, due_back, place)
ORDER BY place
RETURNING id, camera_id
"""
)


def open_all(session: Session, openings: Sequence[Opening], *, now: datetime) -> list[AllocationNow]:
    """Open allocations; each is what its officer wears, and what they had rests (rule 7)."""
    people = _one_of([one.officer.id for one in openings], sa.BigInteger)
    worn = sa.update(Allocation).where(Allocation.person_id == people, Allocation.active).values(active=False)
    session.execute(worn, execution_options={"synchronize_session": False})
    values = {
        "at": now,
        "cameras": [one.camera.id for one in openings],
        "people": [one.officer.id for one in openings],
        "kinds": [str(one.kind) for one in openings],
        "dues": [one.due_back for one in openings],
    }
    numbers = {row.camera_id: row.id for row in session.execute(_OPEN, values)}
    return [
        AllocationNow(numbers[one.camera.id], one.camera, one.officer, one.kind, now, one.due_back, active=True)
        for one in openings
    ]


def set_due(session: Session, allocations: Sequence[AllocationNow], due_back: datetime) -> None:
    """Let loans be due back at another time."""
    those = sa.update(Allocation).where(Allocation.id == _one_of([one.id for one in allocations], sa.BigInteger))
    session.execute(those.values(due_back=due_back), execution_options={"synchronize_session": False})


def write_down(
    session: Session, cameras: Sequence[CameraNow], *, home_dock_id: int | None = None, use: Use | None = None
) -> None:
    """Write where cameras are at home, or what they are used for: one of the two."""
    values: dict[str, Any] = {"use": use} if use is not None else {"home_dock_id": home_dock_id}
    those = sa.update(Camera).where(Camera.id == _one_of([camera.id for camera in cameras], sa.BigInteger))
    session.execute(
        those.values(**values, version=Camera.version + 1), execution_options={"synchronize_session": False}
    )
