"""Permits: what both devices report now is checked against the rules, kept, and answered with a signed permit."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from ble.protocol import levels
from ble.protocol.permits import LIFETIME_S, Party, Permit, Purpose
from ble.protocol.reports import Report
from fleet import audit
from fleet.actors import Actor
from fleet.audit import Event, Subject
from fleet.cameras.service import record_levels, record_report
from fleet.cameras.states import Bluetooth, Encryption, Fault
from fleet.custody.readiness import Block
from fleet.errors import Conflict, FleetError
from fleet.pairings import jobs, keys, parting, proofs, rules, service, switch, trust
from fleet.pairings.jobs import Locked
from fleet.pairings.models import Station
from fleet.pairings.parting import HELD
from fleet.pairings.proofs import Device, Said
from fleet.pairings.rules import Baseline, CameraSaid, Clock, TaserSaid
from fleet.pairings.states import JobKind, KeyUse
from fleet.settings import Policy
from fleet.tasers import identities, pairings
from fleet.tasers import service as tasers
from fleet.tasers.models import Pairing
from fleet.tasers.pairings import PairingStands
from fleet.tasers.states import STANDING, Because, DeviceKind, PairingState
from fleet.vault import Vault

_PERMIT_ID_SIZE = 16


@dataclass(frozen=True)
class Permitted:
    """A signed permit, and the orders to part for what either device holds and should not."""

    permit: bytes
    taser_orders: list[bytes]
    camera_orders: list[bytes]


def permit(
    session: Session,
    actor: Actor,
    station: Station,
    number: int,
    taser: Said,
    camera: Said,
    *,
    policy: Policy,
    vault: Vault,
    now: datetime,
) -> Permitted | FleetError:
    """Permit a pairing when rules 1, 2 and 13 hold on what both devices report now; else answer what refuses it.

    A refusal is answered and not raised, since what the devices report is kept all the same, and suspends what they
    are paired with when it is below what the force demands.

    Raises:
        NotFound, Conflict: it is not this station's to do.
        NotProven: a device is not what it should be. The log keeps it.
        NoKeys: the service has no keys yet.
    """
    found = jobs.lock(session, number, station)
    jobs.require_leased(found.job)
    pairing = _require_to_pair(found)
    told = trust.told(session, vault=vault, now=now)
    station_key = _station_key(session, station, now)
    devices = (
        proofs.device(told.trust, DeviceKind.TASER, pairing.sppm, taser, station_key, now=now),
        proofs.device(told.trust, DeviceKind.CAMERA, found.the_camera.serial, camera, station_key, now=now),
    )
    baseline = rules.baseline_of(policy, switch_on=switch.is_on(session))
    blocks = _heard(session, actor, found, devices, baseline, now=now)
    try:
        service.refuse_first(blocks, found.the_taser.serial, found.the_camera.serial)
        service.require_fitted(found.the_taser, pairing)
    except Conflict as error:
        audit.record_refusal(session, actor, error, at=now)
        rule = f" This is rule {error.rule}." if error.rule is not None else ""
        found.job.detail = f"{error.detail}{rule} Who can mend it: {error.mend}."
        session.flush()
        return error
    signed = _sign(session, found, devices, station_key, baseline, vault, now)
    pairing.permit, pairing.permit_until = signed, now + timedelta(seconds=LIFETIME_S)
    session.flush()
    subject = Subject.PAIRING, str(pairing.id)
    audit.record(session, actor, Event.PAIRING_PERMITTED, subject, at=now, job=number, until=pairing.permit_until)
    orders = [parting.stale(session, device.report, vault, now) for device in devices]
    return Permitted(signed, *orders)


def _require_to_pair(found: Locked) -> Pairing:
    pairing = found.pairing
    new = found.job.kind is JobKind.PAIR and pairing is not None and pairing.state is PairingState.AUTHORISED
    again = found.job.kind is JobKind.REKEY and pairing is not None and pairing.state in HELD
    if pairing is None or not (new or again):
        state = str(pairing.state) if pairing is not None else None
        raise PairingStands(f"A {found.job.kind} job wants no permit now.", found={"state": state}, mend="armourer")
    return pairing


def _station_key(session: Session, station: Station, now: datetime) -> bytes:
    identity = identities.current(session, DeviceKind.STATION, station.name, now=now)
    if identity is None:
        raise Conflict("The credential of this station has run out. Renew it.", mend="it")
    return identity.key_ids[0]


def _heard(
    session: Session, actor: Actor, found: Locked, devices: tuple[Device, Device], baseline: Baseline, *, now: datetime
) -> list[Block]:
    """Keep what both devices report; stop what they are paired with if it is not enough; answer what is in the way."""
    taser, camera = found.the_taser, found.the_camera
    said_by_taser = _keep_taser(session, actor, taser, devices[0].report, now)
    said_by_camera = _keep_camera(session, actor, camera, devices[1].report, now)
    blocks = rules.blocks(said_by_taser, said_by_camera, baseline)
    for block in blocks:
        because = {1: Because.LEVEL, 13: Because.CLOCK}.get(block.rule or 0)
        if because is not None and (device := block.found.get("device")) is not None:
            of_camera = pairings.of_camera(session, camera.id) if device == camera.serial else []
            of_taser = pairings.of_taser(session, taser.id) if device == taser.serial else []
            standing = [one for one in [*of_camera, *of_taser] if one.state in STANDING]
            pairings.stop(session, actor, standing, because, now=now)
    return blocks


def _clock(report: Report, now: datetime) -> Clock:
    clock = report.vitals.clock
    return Clock(is_set=False) if clock is None else Clock(True, float(round(clock - now.timestamp(), 3)))


def _keep_taser(session: Session, actor: Actor, taser: Any, report: Report, now: datetime) -> TaserSaid:
    clock, vitals = _clock(report, now), report.vitals
    bluetooth = Bluetooth(vitals.bluetooth)
    tasers.record_levels(
        session, actor, taser.serial, {"firmware": vitals.firmware or None, "bluetooth": bluetooth}, now=now
    )
    said = {"battery_percent": vitals.battery_percent, "clock_offset_s": clock.offset_s, "clock_set": clock.is_set}
    tasers.note_report(session, taser.id, said | {"counter": vitals.counter}, now=now)
    return TaserSaid(taser.serial, taser.model, taser.sppm, bluetooth, clock)


def _keep_camera(session: Session, actor: Actor, camera: Any, report: Report, now: datetime) -> CameraSaid:
    clock, vitals = _clock(report, now), report.vitals
    encryption = Encryption(vitals.encryption) if vitals.encryption is not None else None
    said = {"firmware": vitals.firmware or None, "encryption": encryption, "bluetooth": Bluetooth(vitals.bluetooth)}
    record_levels(session, actor, camera.serial, said, now=now)
    fault = None if clock.is_set else Fault.CLOCK_NOT_SET
    health = {"battery_percent": vitals.battery_percent, "clock_offset_s": clock.offset_s, "fault": fault}
    record_report(session, camera.id, health, now=now)
    return CameraSaid(camera.serial, encryption, Bluetooth(vitals.bluetooth), clock)


def _sign(
    session: Session,
    found: Locked,
    devices: tuple[Device, Device],
    station_key: bytes,
    baseline: Baseline,
    vault: Vault,
    now: datetime,
) -> bytes:
    taser, camera = (Party(one.credential.serial, one.credential.agreement.id, one.report.nonce) for one in devices)
    began = int(now.timestamp())
    made = Permit(
        id=secrets.token_bytes(_PERMIT_ID_SIZE),
        purpose=Purpose.PAIR if found.job.kind is JobKind.PAIR else Purpose.REKEY,
        taser_serial=found.the_taser.serial,
        taser=taser,
        camera=camera,
        station=station_key,
        job=str(found.job.id),
        issued_at=began,
        expires_at=began + LIFETIME_S,
        encryption=levels.Encryption(baseline.encryption),
        bluetooth=levels.Bluetooth(baseline.bluetooth),
    )
    return made.issue(keys.keyring(session, KeyUse.PERMIT, vault).signing)
