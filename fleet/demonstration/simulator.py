"""What ``make run`` simulates: a few officers' Tasers and cameras beside an armoury's station, in a process of its own.

The process is this machine's, so orders go to it, and word comes back, as files in the service's folder. Everything
that it does to the register it does as any station does, over HTTP.
"""

import json
import secrets
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet.cameras.models import Camera
from fleet.custody.models import Allocation
from fleet.demonstration.pool import ACTOR, if_possible
from fleet.errors import NotFound
from fleet.pairings import service, stations
from fleet.pairings.states import JobKind
from fleet.people.models import Person
from fleet.tasers.models import DeviceIdentity, Taser, TaserModel

FOLDER = "demonstration"
STATION = "ARMOURY-1"
PAIRS = 4
# A simulation says how it is several times a second.
STALE_S = 10
_DEVICES = "devices.bin"


def pairs(session: Session) -> list[dict[str, str]]:
    """The officers' devices that are simulated: the first who hold both an X2 with a magazine and a camera."""
    rows = (
        sa.select(Taser.serial.label("taser"), Taser.sppm, Camera.serial.label("camera"))
        .join(Person, Person.id == Taser.holder_id)
        .join(Allocation, sa.and_(Allocation.person_id == Person.id, Allocation.returned_at.is_(None)))
        .join(Camera, Camera.id == Allocation.camera_id)
        .where(Taser.model == TaserModel.X2, Taser.sppm.is_not(None))
        .order_by(Taser.id, Camera.id)
        .limit(PAIRS)
    )
    return [dict(row._mapping) for row in session.execute(rows)]


def plan(session: Session, folder: Path, *, url: str, now: datetime) -> dict[str, Any]:
    """What the simulation begins with: the service's address, a fresh enrolment code, the devices' serials.

    Devices that have no credential yet are queued to be commissioned.
    """
    found = pairs(session)
    is_new = not (folder / _DEVICES).exists()
    for pair in found:
        for kind, holder in (("taser", pair["sppm"]), ("camera", pair["camera"])):
            if is_new or not _is_known(session, holder):
                wanted = {kind: pair[kind], "station": STATION}
                if_possible(session, partial(service.ask, session, ACTOR, JobKind.COMMISSION, wanted, now=now))
    return {"service": url, "code": _code(session, now), "pairs": found}


def prepare(session: Session, *, now: datetime) -> None:
    """Register the station, once."""
    try:
        stations.get(session, STATION, now=now)
    except NotFound:
        stations.register(session, ACTOR, {"name": STATION, "site": None}, now=now)


def _code(session: Session, now: datetime) -> str:
    return stations.new_code(session, ACTOR, STATION, now=now)


def _is_known(session: Session, serial: str) -> bool:
    held = sa.select(DeviceIdentity.id).where(DeviceIdentity.serial == serial, DeviceIdentity.revoked_at.is_(None))
    return session.scalar(held.limit(1)) is not None


def write(folder: Path, found: Mapping[str, Any]) -> None:
    """Have the simulation begin with this plan, which holds an enrolment code and so is this account's alone."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "orders").mkdir(exist_ok=True)
    fresh = folder / "plan.json.new"
    fresh.touch(0o600)
    fresh.write_text(json.dumps(found), "utf-8")
    fresh.replace(folder / "plan.json")


def order(folder: Path, act: str, pair: int, *, now: datetime) -> None:
    """Have something done to a pair, behind whatever was ordered before."""
    name = f"{now.timestamp():.6f}-{secrets.token_hex(4)}"
    fresh = folder / "orders" / f"{name}.new"
    fresh.write_text(json.dumps({"act": act, "pair": pair}), "utf-8")
    fresh.replace(folder / "orders" / f"{name}.json")


def state(folder: Path, *, now: datetime) -> dict[str, Any] | None:
    """What is going on in the simulation; None while it does not run."""
    try:
        found: dict[str, Any] = json.loads((folder / "state.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    said = datetime.fromisoformat(found["at"])
    return found if abs((now - said).total_seconds()) < STALE_S else None
