"""What stations are to do. They ask, outbound only; a job is leased to one until it ends or runs out.

Locks are taken camera first, then Taser, pairing and job, as everywhere, so a job is looked at before it is locked.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from fleet import audit
from fleet.actors import Actor
from fleet.audit import Event, Subject
from fleet.cameras.models import Camera
from fleet.db import row_dict
from fleet.errors import Conflict, NotFound
from fleet.paging import Page, Paging, capped_count
from fleet.pairings.models import JobStep, Station, StationJob
from fleet.pairings.states import NEXT_JOB, OPEN_JOBS, JobKind, JobState
from fleet.tasers.models import Pairing, Taser

# As long as a permit holds: an armourer who waits for longer has gone to look what is the matter.
LASTS = timedelta(minutes=10)
_OPEN = StationJob.state.in_(OPEN_JOBS)


@dataclass(frozen=True)
class Order:
    """A job to queue: what, about what, for which station (None for whichever asks first)."""

    kind: JobKind
    station_id: int | None
    taser: Taser | None = None
    camera_id: int | None = None
    pairing_id: int | None = None


def queue(session: Session, actor: Actor, order: Order, *, now: datetime) -> int:
    """Queue a job and answer its number.

    Raises:
        Conflict: the Taser or the camera has a job already.
    """
    row = StationJob(
        kind=order.kind,
        state=JobState.QUEUED,
        station_id=order.station_id,
        taser_id=order.taser.id if order.taser is not None else None,
        camera_id=order.camera_id,
        pairing_id=order.pairing_id,
        by=actor.name,
        created_at=now,
        expires_at=now + LASTS,
    )
    try:
        with session.begin_nested():
            session.add(row)
            session.flush()
    except IntegrityError as error:
        raise _busy(session, order) from error
    facts = _facts(session, row)
    audit.record(session, actor, Event.STATION_JOB_QUEUED, _about(facts), at=now, job=row.id, kind=row.kind, **facts)
    return row.id


def _busy(session: Session, order: Order) -> Conflict:
    taser_id = order.taser.id if order.taser is not None else None
    whose = sa.or_(StationJob.taser_id == taser_id, StationJob.camera_id == order.camera_id)
    row = session.execute(_ROWS.where(whose, _OPEN).order_by(StationJob.id).limit(1)).first()
    found = {} if row is None else {"job": row.id, "kind": str(row.kind), "by": row.by}
    who = "" if row is None else f" It is a {row.kind} job, queued by {row.by.removeprefix('account:')}."
    return Conflict(f"One of the two has a job at a station already.{who}", found=found, mend="armourer")


def _about(facts: dict[str, Any]) -> tuple[Subject, str]:
    return (Subject.TASER, facts["taser"]) if facts["taser"] else (Subject.CAMERA, facts["camera"])


def _facts(session: Session, row: StationJob) -> dict[str, Any]:
    taser = session.scalar(sa.select(Taser.serial).where(Taser.id == row.taser_id))
    camera = session.scalar(sa.select(Camera.serial).where(Camera.id == row.camera_id))
    station = session.scalar(sa.select(Station.name).where(Station.id == row.station_id))
    return {"taser": taser, "camera": camera, "station": station, "pairing": row.pairing_id}


_OF_PAIRING = aliased(Pairing, name="of_pairing")
_ROWS = (
    sa.select(
        StationJob.id,
        StationJob.kind,
        StationJob.state,
        StationJob.by,
        Station.name.label("station"),
        Taser.serial.label("taser"),
        sa.func.coalesce(_OF_PAIRING.sppm, Taser.sppm).label("sppm"),
        Camera.serial.label("camera"),
        StationJob.pairing_id.label("pairing"),
        StationJob.created_at,
        StationJob.expires_at,
        StationJob.leased_at,
        StationJob.ended_at,
        StationJob.detail,
    )
    .join(Station, Station.id == StationJob.station_id, isouter=True)
    .join(Taser, Taser.id == StationJob.taser_id, isouter=True)
    .join(Camera, Camera.id == StationJob.camera_id, isouter=True)
    .join(_OF_PAIRING, _OF_PAIRING.id == StationJob.pairing_id, isouter=True)
)


def lease(session: Session, station: Station, *, now: datetime) -> dict[str, Any] | None:
    """The job that the station is to do: the one it has already, else the oldest for it, else the oldest for anybody.

    Each statement stands by itself and needs no transaction around it: two stations that ask at once skip what the
    other takes, and one that asks twice at once has one job.
    """
    has = _held(session, station, now)
    if has is None:
        try:
            has = _taken(session, station, now)
        except IntegrityError:
            has = _held(session, station, now)
    return None if has is None else get(session, has)


def _held(session: Session, station: Station, now: datetime) -> int | None:
    mine = StationJob.state == JobState.LEASED, StationJob.station_id == station.id
    return session.scalar(sa.select(StationJob.id).where(*mine, StationJob.expires_at > now))


def _taken(session: Session, station: Station, now: datetime) -> int | None:
    theirs = sa.or_(StationJob.station_id == station.id, StationJob.station_id.is_(None))
    queued = sa.select(StationJob.id).where(StationJob.state == JobState.QUEUED, StationJob.expires_at > now, theirs)
    first = queued.order_by(StationJob.id).limit(1).with_for_update(skip_locked=True).scalar_subquery()
    # One that was revoked while it waited gets nothing.
    known = sa.exists(sa.select(Station.id).where(Station.id == station.id, Station.revoked_at.is_(None)))
    taken = sa.update(StationJob).where(StationJob.id == first, known)
    taken = taken.values(state=JobState.LEASED, station_id=station.id, leased_at=now)
    return session.scalar(taken.returning(StationJob.id), execution_options={"synchronize_session": False})


def get(session: Session, number: int) -> dict[str, Any]:
    """One job as plain data.

    Raises:
        NotFound
    """
    row = session.execute(_ROWS.where(StationJob.id == number)).one_or_none()
    if row is None:
        raise NotFound(f"There is no job {number}.", found={"job": number})
    return row_dict(row)


@dataclass(frozen=True)
class Locked:
    """A job with what it is about, all locked in the order that is the same everywhere."""

    job: StationJob
    camera: Camera | None
    taser: Taser | None
    pairing: Pairing | None

    @property
    def the_taser(self) -> Taser:
        """Its Taser.

        Raises:
            Conflict: it is about none.
        """
        if self.taser is None:
            raise Conflict(f"Job {self.job.id} is about no Taser.")
        return self.taser

    @property
    def the_camera(self) -> Camera:
        """Its camera.

        Raises:
            Conflict: it is about none.
        """
        if self.camera is None:
            raise Conflict(f"Job {self.job.id} is about no camera.")
        return self.camera


def lock(session: Session, number: int, station: Station | None = None) -> Locked:
    """A job and what it is about, locked until the caller's transaction ends; of ``station`` if that is given.

    Raises:
        NotFound: there is none, or it is another station's.
    """
    job = session.get(StationJob, number)
    if job is None or (station is not None and job.station_id != station.id):
        raise NotFound(f"This station has no job {number}.", found={"job": number})
    camera = _locked(session, Camera, job.camera_id)
    taser = _locked(session, Taser, job.taser_id)
    pairing = _locked(session, Pairing, job.pairing_id)
    session.refresh(job, with_for_update=True)
    return Locked(job, camera, taser, pairing)


def _locked(session: Session, model: Any, number: int | None) -> Any:
    if number is None:
        return None
    statement = sa.select(model).where(model.id == number).with_for_update(key_share=True)
    return session.scalars(statement.execution_options(populate_existing=True)).one()


def require_leased(job: StationJob) -> None:
    """Refuse what is said of a job that has ended.

    Raises:
        Conflict
    """
    if job.state is not JobState.LEASED:
        raise Conflict(f"Job {job.id} is {job.state}.", found={"state": str(job.state)}, mend="armourer")


def take_step(session: Session, job: StationJob, said: dict[str, Any], *, now: datetime) -> None:
    """Keep a step that a station reports. Told again, by its number, it takes the place of what was said before."""
    values = {**said, "job_id": job.id, "received_at": now}
    changed = {name: value for name, value in values.items() if name not in {"job_id", "number"}}
    session.execute(
        insert(JobStep).values(values).on_conflict_do_update(index_elements=["job_id", "number"], set_=changed)
    )


def finish(
    session: Session, actor: Actor, job: StationJob, state: JobState, detail: str | None, *, now: datetime
) -> None:
    """End a locked job.

    Raises:
        Conflict: it has ended already, in another way.
    """
    if job.state is state:
        return
    if state not in NEXT_JOB[job.state]:
        raise Conflict(f"Job {job.id} is {job.state}.", found={"state": str(job.state)}, mend="armourer")
    job.state, job.ended_at, job.detail = state, now, detail
    session.flush()
    facts = {**_facts(session, job), "job": job.id, "kind": job.kind, "outcome": state, "detail": detail}
    audit.record(session, actor, Event.STATION_JOB_ENDED, _about(facts), at=now, **facts)


def cancel_of(session: Session, actor: Actor, pairing_id: int, *, now: datetime) -> None:
    """End what stations are to do for a pairing. The caller has locked the pairing."""
    theirs = sa.select(StationJob).where(StationJob.pairing_id == pairing_id, _OPEN).order_by(StationJob.id)
    for job in session.scalars(theirs.with_for_update()):
        finish(session, actor, job, JobState.CANCELLED, "the pairing was revoked", now=now)


def cancel_partings(session: Session, actor: Actor, taser_id: int, camera_id: int, *, now: datetime) -> None:
    """Drop what was queued to part these devices from others: they are wanted now, and are told on the way."""
    theirs = sa.or_(StationJob.taser_id == taser_id, StationJob.camera_id == camera_id)
    queued = sa.select(StationJob).where(theirs, StationJob.kind == JobKind.UNPAIR, StationJob.state == JobState.QUEUED)
    for job in session.scalars(queued.order_by(StationJob.id).with_for_update()):
        finish(session, actor, job, JobState.CANCELLED, "one of the two is wanted for something else", now=now)


def give_back(session: Session, station_id: int) -> None:
    """Put what a station has not ended back in the queue, for another: the station is revoked."""
    theirs = sa.update(StationJob).where(StationJob.station_id == station_id, _OPEN)
    session.execute(theirs.values(state=JobState.QUEUED, station_id=None, leased_at=None))


SORTS: dict[str, list[Any]] = {"id": [StationJob.id]}


def find(
    session: Session, filters: Mapping[str, Any], paging: Paging, *, sort: str = "id", descending: bool = True
) -> Page:
    """Jobs, the newest first, by ``state`` and ``kind``."""
    return paging.page(session, _ROWS.where(*_of(filters)), SORTS[sort], descending=descending)


def count(session: Session, filters: Mapping[str, Any]) -> int:
    """How many ``find`` has, as far as ``capped_count`` counts."""
    return capped_count(session, sa.select(StationJob.id).where(*_of(filters)))


def _of(filters: Mapping[str, Any]) -> list[sa.ColumnElement[bool]]:
    columns: dict[str, Any] = {"state": StationJob.state, "kind": StationJob.kind}
    return [column == filters[name] for name, column in columns.items() if filters.get(name) is not None]


def due(session: Session, *, now: datetime, limit: int = 100) -> list[int]:
    """The jobs that ran out."""
    statement = sa.select(StationJob.id).where(_OPEN, StationJob.expires_at <= now).order_by(StationJob.expires_at)
    return list(session.scalars(statement.limit(limit)))


def steps_of(session: Session, pairing_id: int) -> list[dict[str, Any]]:
    """Every step that was taken for a pairing, job by job, as the stations reported them."""
    columns = [StationJob.id.label("job"), StationJob.kind, JobStep.number, JobStep.step, JobStep.state, JobStep.at]
    steps = sa.select(*columns, JobStep.detail, JobStep.facts).join(StationJob, StationJob.id == JobStep.job_id)
    steps = steps.where(StationJob.pairing_id == pairing_id).order_by(StationJob.id, JobStep.number)
    return [row_dict(row) for row in session.execute(steps)]


def of_pairing(session: Session, pairing_id: int) -> dict[str, Any] | None:
    """The newest job of a pairing, or None."""
    newest = _ROWS.where(StationJob.pairing_id == pairing_id).order_by(StationJob.id.desc()).limit(1)
    row = session.execute(newest).first()
    return row_dict(row) if row is not None else None


def waiting(session: Session, *, limit: int) -> list[dict[str, Any]]:
    """What stations are doing and are to do, the oldest first."""
    rows = session.execute(_ROWS.where(_OPEN).order_by(StationJob.id).limit(limit))
    return [row_dict(row) for row in rows]
