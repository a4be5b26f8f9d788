"""Pairings as people ask for them: authorised for a station to carry out, tested again, revoked, read.

What a station then reports, and what the service answers, is in ``carrying``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from fleet.actors import Actor
from fleet.audit import Event, Subject
from fleet.audit.models import AuditEntry
from fleet.cameras.models import Camera, CameraReport
from fleet.cameras.service import CAMERAS
from fleet.cameras.states import Custody, Fault
from fleet.custody.models import Allocation
from fleet.custody.readiness import Block
from fleet.custody.records import lock_camera, open_allocation
from fleet.db import begins, row_dict
from fleet.errors import Conflict, Evidence, NotFound
from fleet.paging import Page, Paging, capped_count
from fleet.pairings import jobs, rules, stations, switch
from fleet.pairings.models import StationJob
from fleet.pairings.rules import CameraSaid, Clock, TaserSaid
from fleet.pairings.states import JobKind, JobState
from fleet.people.models import Person
from fleet.settings import Policy
from fleet.tasers import pairings
from fleet.tasers.models import Pairing, Taser, TaserReport
from fleet.tasers.pairings import PairingStands
from fleet.tasers.service import TASERS
from fleet.tasers.states import AT_HAND, STANDING, Because, PairingState

# What an answer that a person reads through may hold; a broader search is narrowed by typing on.
_MOST_NEAR = 1_000
# What a magazine has room for, each with keys of its own.
TASER_HOLDS = 4
_CAMERA_AT_HAND = frozenset({Custody.COMMISSIONED, Custody.IN_STOCK, Custody.ISSUED, Custody.RETURNING})


class NotPairable(Conflict):
    """The Taser and the camera cannot be paired now (rules 1, 2, 13)."""


@dataclass(frozen=True)
class Wanted:
    """What an armourer scanned. ``station`` is None for the one that is there."""

    taser: str
    camera: str
    station: str | None = None


def authorise(session: Session, actor: Actor, wanted: Wanted, *, policy: Policy, now: datetime) -> int:
    """Let a station pair a Taser with a camera, and answer the pairing's number (rules 1, 2, 13).

    Both stay locked until the caller's transaction ends, so two armourers cannot pair one Taser at once. The rules are
    asked here of what the devices reported last, and again by ``carrying.permit`` of what they report then.

    Raises:
        NotFound: no such Taser or camera.
        Invalid: no such station.
        NotPairable: with the rule, what was found and who can mend it. The log keeps it.
        Conflict: one of the two is being paired already, they are paired, or the magazine has no room.
    """
    camera = lock_camera(session, wanted.camera)
    taser = TASERS.lock(session, wanted.taser)
    station_id = stations.chosen(session, wanted.station, taser.home_site_id, now=now)
    refuse_first(in_the_way(session, taser, camera.id, policy=policy), taser.serial, camera.serial)
    _require_at_hand(taser, camera.serial, camera.custody)
    _require_room(session, taser, camera.id)
    allocation = open_allocation(session, camera)
    assert taser.sppm is not None  # noqa: S101 - rule 2 has been asked
    pairing = Pairing(
        taser_id=taser.id,
        sppm=taser.sppm,
        camera_id=camera.id,
        state=PairingState.AUTHORISED,
        taser_holder_id=taser.holder_id,
        camera_holder_id=allocation.person.id if allocation is not None else None,
        created_at=now,
        created_by=actor.name,
        changed_at=now,
    )
    _add(session, pairing, taser.serial, camera.serial)
    pairings.record(session, actor, pairing, now=now)
    jobs.cancel_partings(session, actor, taser.id, camera.id, now=now)
    order = jobs.Order(JobKind.PAIR, station_id, taser, camera.id, pairing.id)
    jobs.queue(session, actor, order, now=now)
    return pairing.id


def in_the_way(session: Session, taser: Taser, camera_id: int, *, policy: Policy) -> list[Block]:
    """What stands in the way by what the devices reported last."""
    baseline = rules.baseline_of(policy, switch_on=switch.is_on(session))
    return rules.blocks(_taser_said(session, taser), _camera_said(session, camera_id), baseline)


def _taser_said(session: Session, taser: Taser) -> TaserSaid:
    report = session.get(TaserReport, taser.id, populate_existing=True)
    clock = Clock() if report is None else Clock(report.clock_set, report.clock_offset_s)
    bluetooth = taser.bluetooth if taser.levels_reported_at is not None else None
    return TaserSaid(taser.serial, taser.model, taser.sppm, bluetooth, clock)


def _camera_said(session: Session, camera_id: int) -> CameraSaid:
    columns = [
        Camera.serial, Camera.encryption, Camera.bluetooth, Camera.levels_reported_at,
        CameraReport.clock_offset_s, CameraReport.fault,
    ]  # fmt: skip
    rows = sa.select(*columns).join(CameraReport, CameraReport.camera_id == Camera.id, isouter=True)
    row = session.execute(rows.where(Camera.id == camera_id)).one()
    clock = Clock(False if row.fault is Fault.CLOCK_NOT_SET else None, row.clock_offset_s)
    if row.levels_reported_at is None:
        return CameraSaid(row.serial, None, None, clock)
    return CameraSaid(row.serial, row.encryption, row.bluetooth, clock)


def refuse_first(blocks: list[Block], taser: str, camera: str) -> None:
    """Refuse with the first of what is in the way, if anything is.

    Raises:
        NotPairable
    """
    if blocks:
        block, found = blocks[0], {"taser": taser, "camera": camera, **blocks[0].found}
        evidence = Evidence(Event.PAIRING_REFUSED, Subject.TASER, taser)
        raise NotPairable(block.what, rule=block.rule, found=found, mend=block.mend, evidence=evidence)


def _require_at_hand(taser: Taser, camera: str, custody: Custody) -> None:
    for serial, where, is_here in (
        (taser.serial, taser.custody, taser.custody in AT_HAND),
        (camera, custody, custody in _CAMERA_AT_HAND),
    ):
        if not is_here:
            what = f"{serial} is {where.replace('_', ' ')}, so it cannot be paired."
            raise NotPairable(what, rule=9, found={"device": serial, "custody": str(where)}, mend="armourer")


def _require_room(session: Session, taser: Taser, camera_id: int) -> None:
    held = [one for one in pairings.of_taser(session, taser.id) if one.sppm == taser.sppm]
    for one in held:
        if one.camera_id == camera_id and one.state in STANDING:
            what = f"They are paired already: pairing {one.id} is {one.state}."
            raise PairingStands(what, found={"pairing": one.id, "state": str(one.state)}, mend="armourer")
    others = [one for one in held if one.camera_id != camera_id]
    if len(others) >= TASER_HOLDS:
        what = f"The magazine of {taser.serial} holds {len(others)} pairings, which is all it has room for. Revoke one."
        raise PairingStands(what, found={"pairings": [one.id for one in others]}, mend="armourer")


def _add(session: Session, pairing: Pairing, taser: str, camera: str) -> None:
    try:
        with session.begin_nested():
            session.add(pairing)
            session.flush()
    except IntegrityError as error:
        of_taser = "taser" in str(getattr(getattr(error.orig, "diag", None), "constraint_name", ""))
        serial = taser if of_taser else camera
        what = f"{serial} is being paired already. Wait for that, or revoke it."
        raise PairingStands(what, found={"device": serial}, mend="armourer") from error


def lock(session: Session, number: int) -> Pairing:
    """A pairing, locked with its camera and its Taser until the caller's transaction ends.

    Raises:
        NotFound
    """
    pairing = session.get(Pairing, number)
    if pairing is None:
        raise NotFound(f"There is no pairing {number}.", found={"pairing": number})
    for model, row in ((Camera, pairing.camera_id), (Taser, pairing.taser_id)):
        session.execute(sa.select(model.id).where(model.id == row).with_for_update(key_share=True))
    session.refresh(pairing, with_for_update=True)
    return pairing


def revoke(session: Session, actor: Actor, number: int, *, now: datetime) -> None:
    """End a pairing for good. Devices that may hold its keys are told so by the next station, or dock, they meet.

    Raises:
        NotFound
    """
    pairing = lock(session, number)
    if pairing.state is PairingState.REVOKED:
        return
    end(session, actor, pairing, Because.BY_HAND, now=now)


def end(session: Session, actor: Actor, pairing: Pairing, because: Because, *, now: datetime) -> None:
    """Revoke a locked pairing, stop what a station does for it, and queue that its devices part if they met."""
    pairings.to(session, actor, pairing, PairingState.REVOKED, because=because, now=now)
    met_at = sa.select(StationJob.station_id).where(
        StationJob.pairing_id == pairing.id, StationJob.leased_at.is_not(None)
    )
    station_id = session.scalar(met_at.order_by(StationJob.id.desc()).limit(1))
    jobs.cancel_of(session, actor, pairing.id, now=now)
    if pairing.permit is not None and station_id is not None:
        order_parting(session, actor, pairing, station_id, now=now)


def order_parting(session: Session, actor: Actor, pairing: Pairing, station_id: int, *, now: datetime) -> None:
    """Queue that the devices of a revoked pairing forget it, unless they have something else to do at a station now.

    Then they are told at the next contact: whatever a device still holds and should not is answered to its report.
    """
    taser = session.get(Taser, pairing.taser_id)
    busy = sa.select(StationJob.id).where(
        sa.or_(StationJob.taser_id == pairing.taser_id, StationJob.camera_id == pairing.camera_id),
        StationJob.ended_at.is_(None),
    )
    if session.scalar(busy.limit(1)) is not None:
        return
    order = jobs.Order(JobKind.UNPAIR, station_id, taser, pairing.camera_id, pairing.id)
    jobs.queue(session, actor, order, now=now)


def cancel(session: Session, actor: Actor, number: int, *, now: datetime) -> None:
    """Cancel a job that has not ended, and the pairing that it was to make.

    Raises:
        NotFound
        Conflict: it has ended.
    """
    found = jobs.lock(session, number)
    jobs.finish(session, actor, found.job, JobState.CANCELLED, None, now=now)
    pairing = found.pairing
    if found.job.kind is JobKind.PAIR and pairing is not None and pairing.state is PairingState.AUTHORISED:
        end(session, actor, pairing, Because.BY_HAND, now=now)


def again(session: Session, actor: Actor, number: int, kind: JobKind, station: str | None, *, now: datetime) -> int:
    """Queue a function test or new keys for a pairing, and answer the job's number.

    A test that is passed makes an agreed or suspended pairing active.

    Raises:
        NotFound
        PairingStands: it is not agreed, or is revoked; or its magazine is not the fitted one.
        Conflict: one of the two has a job already.
    """
    pairing = lock(session, number)
    if pairing.state in {PairingState.AUTHORISED, PairingState.REVOKED}:
        what = f"Pairing {number} is {pairing.state}: nothing is agreed that could be taken up again."
        raise PairingStands(what, found={"state": str(pairing.state)}, mend="armourer")
    taser = session.get_one(Taser, pairing.taser_id, populate_existing=True)
    require_fitted(taser, pairing)
    station_id = stations.chosen(session, station, taser.home_site_id, now=now)
    jobs.cancel_partings(session, actor, taser.id, pairing.camera_id, now=now)
    order = jobs.Order(kind, station_id, taser, pairing.camera_id, pairing.id)
    return jobs.queue(session, actor, order, now=now)


def require_fitted(taser: Taser, pairing: Pairing) -> None:
    """Refuse where another magazine is in the Taser than the one that was paired.

    Raises:
        PairingStands: rule 2.
    """
    if taser.sppm != pairing.sppm:
        found = {"paired": pairing.sppm, "fitted": taser.sppm}
        what = f"{taser.serial} was paired with the magazine {pairing.sppm}, and {taser.sppm or 'none'} is fitted."
        raise PairingStands(f"{what} Pair it anew.", rule=2, found=found, mend="armourer")


def note_holders(session: Session, pairing: Pairing) -> None:
    """A pairing that passed its test belongs with whoever has the two devices now."""
    held = sa.select(Allocation.person_id).where(
        Allocation.camera_id == pairing.camera_id, Allocation.returned_at.is_(None)
    )
    pairing.camera_holder_id = session.scalar(held)
    pairing.taser_holder_id = session.scalar(sa.select(Taser.holder_id).where(Taser.id == pairing.taser_id))


def ask(session: Session, actor: Actor, kind: JobKind, wanted: Mapping[str, Any], *, now: datetime) -> int:
    """Queue that a station commissions a device or reads a Taser's log, and answer the job's number.

    Raises:
        NotFound, Invalid
        Conflict: it has a job already; or a Taser without a magazine, which is where its keys would lie (rule 2).
    """
    taser = TASERS.lock(session, wanted["taser"]) if wanted.get("taser") else None
    camera = CAMERAS.get(session, wanted["camera"]) if wanted.get("camera") else None
    if taser is not None and taser.sppm is None:
        what = f"{taser.serial} has no SPPM fitted, and the SPPM carries the radio."
        raise NotPairable(what, rule=2, found={"taser": taser.serial}, mend="armourer")
    site_id = taser.home_site_id if taser is not None else None
    station_id = stations.chosen(session, wanted.get("station"), site_id, now=now)
    order = jobs.Order(kind, station_id, taser, camera.id if camera is not None else None)
    return jobs.queue(session, actor, order, now=now)


_TASER_HOLDER = aliased(Person, name="taser_holder")
_CAMERA_HOLDER = aliased(Person, name="camera_holder")
_ROWS = (
    sa.select(
        Pairing.id,
        Taser.serial.label("taser"),
        Pairing.sppm,
        Camera.serial.label("camera"),
        Pairing.state,
        Pairing.because,
        _TASER_HOLDER.collar.label("taser_holder"),
        _CAMERA_HOLDER.collar.label("camera_holder"),
        Pairing.created_at,
        Pairing.created_by,
        Pairing.permit_until,
        Pairing.agreed_at,
        Pairing.tested_at,
        Pairing.changed_at,
        Pairing.version,
    )
    .join(Taser, Taser.id == Pairing.taser_id)
    .join(Camera, Camera.id == Pairing.camera_id)
    .join(_TASER_HOLDER, _TASER_HOLDER.id == Pairing.taser_holder_id, isouter=True)
    .join(_CAMERA_HOLDER, _CAMERA_HOLDER.id == Pairing.camera_holder_id, isouter=True)
)
SORTS: dict[str, list[Any]] = {"id": [Pairing.id]}


def find(
    session: Session, filters: Mapping[str, Any], paging: Paging, *, sort: str = "id", descending: bool = True
) -> Page:
    """Pairings, newest first, by ``state``, ``because``, ``taser``, ``camera`` and ``q`` (how a serial begins)."""
    rows = _ROWS.where(*_conditions(session, filters))
    return paging.page(session, rows, SORTS[sort], descending=descending)


def count(session: Session, filters: Mapping[str, Any]) -> int:
    """How many ``find`` has, as far as ``capped_count`` counts."""
    return capped_count(session, sa.select(Pairing.id).where(*_conditions(session, filters)))


def _conditions(session: Session, filters: Mapping[str, Any]) -> list[sa.ColumnElement[bool]]:
    exact = {Pairing.state: "state", Pairing.because: "because"}
    found = [column == filters[name] for column, name in exact.items() if filters.get(name)]
    if filters.get("taser"):
        found.append(Pairing.taser_id == sa.select(Taser.id).where(Taser.serial == filters["taser"]).scalar_subquery())
    if filters.get("camera"):
        serial = Camera.serial == filters["camera"]
        found.append(Pairing.camera_id == sa.select(Camera.id).where(serial).scalar_subquery())
    if text := (filters.get("q") or "").strip().upper():
        tasers = sa.select(Taser.id).where(begins(Taser.serial, text) | begins(Taser.sppm, text))
        cameras = sa.select(Camera.id).where(begins(Camera.serial, text))
        near = [list(session.scalars(some.limit(_MOST_NEAR))) for some in (tasers, cameras)]
        found.append(sa.or_(Pairing.taser_id.in_(near[0]), Pairing.camera_id.in_(near[1])))
    return found


def get(session: Session, number: int) -> dict[str, Any]:
    """One pairing as plain data, with its steps and the newest job.

    Raises:
        NotFound
    """
    row = session.execute(_ROWS.where(Pairing.id == number)).one_or_none()
    if row is None:
        raise NotFound(f"There is no pairing {number}.", found={"pairing": number})
    return row_dict(row) | {"steps": jobs.steps_of(session, number), "job": jobs.of_pairing(session, number)}


def live_of_camera(session: Session, serial: str) -> list[dict[str, Any]]:
    """The pairings of a camera that are not revoked, newest first."""
    return _live(session, Camera.serial == serial)


def live_of_taser(session: Session, serial: str) -> list[dict[str, Any]]:
    """The pairings of a Taser that are not revoked, newest first."""
    return _live(session, Taser.serial == serial)


def _live(session: Session, whose: sa.ColumnElement[bool]) -> list[dict[str, Any]]:
    rows = session.execute(_ROWS.where(whose, pairings.LIVE).order_by(Pairing.id.desc()).limit(200))
    return [row_dict(row) for row in rows]


def history(session: Session, number: int, paging: Paging) -> Page:
    """What happened to a pairing, newest first, as the log has it."""
    columns = AuditEntry.id, AuditEntry.at, AuditEntry.actor, AuditEntry.event, AuditEntry.facts
    statement = sa.select(*columns).where(
        AuditEntry.subject_kind == Subject.PAIRING, AuditEntry.subject_key == str(number)
    )
    return paging.newest_first(session, statement, AuditEntry.id)
