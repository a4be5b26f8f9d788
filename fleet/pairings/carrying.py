"""What a station carries from the devices to the service: receipts, tests, steps, the end of a job.

The station is believed about nothing but when it did what. Every answer can be asked for again.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ble.protocol.permits import Permit
from ble.protocol.statements import EvidenceError
from fleet import audit
from fleet.actors import Actor
from fleet.audit import Event, Subject
from fleet.errors import Conflict, Evidence, FleetError
from fleet.pairings import jobs, parting, proofs, service
from fleet.pairings.jobs import Locked
from fleet.pairings.models import Station
from fleet.pairings.parting import HELD
from fleet.pairings.proofs import NotProven
from fleet.pairings.states import JobKind, JobState
from fleet.settings import Policy
from fleet.tasers import pairings
from fleet.tasers import service as tasers
from fleet.tasers.models import Pairing
from fleet.tasers.pairings import PairingStands
from fleet.tasers.states import Because, DeviceKind, PairingState


def take_receipts(
    session: Session, actor: Actor, station: Station, number: int, taser: bytes, camera: bytes, *, now: datetime
) -> Pairing | FleetError:
    """Take both devices' word that they agreed, also late: a pairing that was permitted and not revoked is agreed.

    One that was revoked meanwhile is refused, and its devices are told to part.

    Raises:
        NotFound
        NotProven: the receipts are not those of this permit. The log keeps it.
    """
    found = jobs.lock(session, number, station)
    pairing = found.pairing
    if pairing is None:
        raise Conflict(f"Job {number} is about no pairing.")
    if (pairing.taser_receipt, pairing.camera_receipt) == (taser, camera) and pairing.state in HELD:
        return pairing
    made = parting.permit_of(session, pairing)
    devices = _signing_keys(session, made)
    proofs.agreed(made, pairing.permit or b"", taser, camera, devices)
    if pairing.state is PairingState.REVOKED:
        service.order_parting(session, actor, pairing, station.id, now=now)
        what = f"Pairing {pairing.id} was revoked meanwhile ({pairing.because}). Its devices are told to part."
        return PairingStands(what, found={"because": str(pairing.because)}, mend="armourer")
    pairing.taser_receipt, pairing.camera_receipt, pairing.radio_id = taser, camera, made.id
    pairing.agreed_at = now
    if pairing.state is PairingState.AUTHORISED:
        _replace_older(session, actor, pairing, now)
        pairings.to(session, actor, pairing, PairingState.AGREED, now=now, job=number)
    session.flush()
    return pairing


def _signing_keys(session: Session, made: Permit) -> Any:
    return (
        proofs.signing_key(session, DeviceKind.TASER, made.taser.serial, made.taser.key),
        proofs.signing_key(session, DeviceKind.CAMERA, made.camera.serial, made.camera.key),
    )


def _replace_older(session: Session, actor: Actor, pairing: Pairing, now: datetime) -> None:
    older = [
        one
        for one in pairings.of_taser(session, pairing.taser_id)
        if one.id != pairing.id and one.camera_id == pairing.camera_id
    ]
    pairings.end(session, actor, older, Because.REPLACED, now=now)


def take_test(
    session: Session,
    actor: Actor,
    station: Station,
    number: int,
    taser: bytes,
    camera: bytes,
    *,
    policy: Policy,
    now: datetime,
) -> Pairing:
    """Take both devices' word that the function test was passed: the pairing is active.

    Raises:
        NotFound
        PairingStands: it is not agreed, or another magazine is fitted.
        NotPairable: what suspended it is not mended (rules 1, 2, 13).
        NotProven: the camera did not record what the Taser sent. The log keeps it.
    """
    found = jobs.lock(session, number, station)
    pairing = found.pairing
    if pairing is None or pairing.state not in HELD or pairing.radio_id is None:
        state = str(pairing.state) if pairing is not None else None
        raise PairingStands("There is nothing agreed that could be tested.", found={"state": state}, mend="armourer")
    service.require_fitted(found.the_taser, pairing)
    keys_of = (
        proofs.signing_key(session, DeviceKind.TASER, pairing.sppm),
        proofs.signing_key(session, DeviceKind.CAMERA, found.the_camera.serial),
    )
    began = found.job.leased_at or found.job.created_at
    passed = _passed(pairing, taser, camera, keys_of, began, policy.clock_tolerance, now)
    service.refuse_first(
        service.in_the_way(session, found.the_taser, found.the_camera.id, policy=policy),
        found.the_taser.serial,
        found.the_camera.serial,
    )
    _activate(session, actor, found, pairing, passed, now)
    return pairing


def _passed(
    pairing: Pairing, taser: bytes, camera: bytes, keys_of: Any, began: datetime, tolerance: timedelta, now: datetime
) -> proofs.Tested:
    try:
        return proofs.tested(pairing.radio_id or b"", taser, camera, keys_of, since=began, tolerance=tolerance, now=now)
    except EvidenceError as error:
        evidence = Evidence(Event.PAIRING_TEST_FAILED, Subject.PAIRING, str(pairing.id))
        what = f"The function test is not passed: {error}."
        raise NotProven(what, found={"pairing": pairing.id}, mend="armourer", evidence=evidence) from error


def _activate(
    session: Session, actor: Actor, found: Locked, pairing: Pairing, passed: proofs.Tested, now: datetime
) -> None:
    pairing.tested_at = now
    facts: dict[str, Any] = {"counter": passed.counter, "recording": passed.recording, "job": found.job.id}
    if pairing.state is PairingState.ACTIVE:
        session.flush()
        subject = Subject.PAIRING, str(pairing.id)
        audit.record(session, actor, Event.PAIRING_TESTED, subject, at=now, **facts)
        return
    service.note_holders(session, pairing)
    pairings.to(session, actor, pairing, PairingState.TESTED, now=now, **facts)
    pairings.to(session, actor, pairing, PairingState.ACTIVE, now=now)


def end(
    session: Session,
    actor: Actor,
    station: Station,
    number: int,
    outcome: JobState,
    detail: str | None,
    *,
    now: datetime,
) -> None:
    """End a job. A pairing that was not agreed comes to nothing; a log that was read to its end is reconciled.

    Raises:
        NotFound
        Conflict: it has ended already, in another way.
    """
    found = jobs.lock(session, number, station)
    # What the service itself refused says more than what a station made of it.
    jobs.finish(session, actor, found.job, outcome, found.job.detail or detail, now=now)
    if found.job.kind is JobKind.READ_LOG and outcome is JobState.DONE:
        tasers.read_to_end(session, actor, found.the_taser.serial, now=now)
    pairing = found.pairing
    if found.job.kind is JobKind.PAIR and pairing is not None and pairing.state is PairingState.AUTHORISED:
        service.end(session, actor, pairing, Because.NOT_AGREED, now=now)


def note_step(session: Session, station: Station, number: int, said: Mapping[str, Any], *, now: datetime) -> None:
    """Keep a step, also one that is told late, and what it says of the Taser's log.

    Raises:
        NotFound
    """
    found = jobs.lock(session, number, station)
    jobs.take_step(session, found.job, dict(said), now=now)
    told = {name: said["facts"][name] for name in ("log_entries", "counter") if name in said["facts"]}
    if told and found.taser is not None:
        tasers.note_report(session, found.taser.id, told, now=now)


def expire(session: Session, actor: Actor, *, now: datetime) -> int:
    """End every job that ran out, and answer how many; a pairing that was never permitted comes to nothing.

    One that was permitted may have been agreed where there is no line: it waits for its receipts for a day.
    """
    count = 0
    for number in jobs.due(session, now=now):
        found = jobs.lock(session, number)
        if found.job.ended_at is not None:
            continue
        jobs.finish(session, actor, found.job, JobState.EXPIRED, None, now=now)
        pairing = found.pairing
        if pairing is not None and pairing.state is PairingState.AUTHORISED and pairing.permit is None:
            service.end(session, actor, pairing, Because.OUT_OF_TIME, now=now)
        count += 1
    return count + _give_up(session, actor, now)


_RECEIPTS_WITHIN = timedelta(days=1)


def _give_up(session: Session, actor: Actor, now: datetime) -> int:
    late = sa.select(Pairing.id).where(
        Pairing.state == PairingState.AUTHORISED, Pairing.permit_until < now - _RECEIPTS_WITHIN
    )
    found = list(session.scalars(late.order_by(Pairing.id).limit(100)))
    for number in found:
        pairing = service.lock(session, number)
        if pairing.state is PairingState.AUTHORISED:
            service.end(session, actor, pairing, Because.OUT_OF_TIME, now=now)
    return len(found)
