"""The register of cameras: adding, changing, and taking in what a device says."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from fleet.actors import Actor
from fleet.audit import Event, Subject
from fleet.cameras.models import Camera, CameraReport
from fleet.cameras.states import Custody
from fleet.register import Kind
from fleet.sites.models import Dock
from fleet.sites.service import DOCKS

CAMERAS = Kind(Camera, Subject.CAMERA, Event.CAMERA_REGISTERED, Event.CAMERA_CHANGED)

# What counts only when the device itself has said it (rule 1).
_LEVELS = frozenset({"firmware", "encryption", "bluetooth"})


def register(session: Session, actor: Actor, values: Mapping[str, Any], *, now: datetime) -> Camera:
    """Add a camera to stock.

    Raises:
        Conflict: the serial or the asset tag is taken.
        Invalid: there is no such dock.
    """
    row = Camera(**_columns(session, values), custody=Custody.IN_STOCK, custody_at=now)
    return CAMERAS.enlist(session, actor, row, now=now, model=row.model, use=row.use, custody=row.custody)


def revise(
    session: Session, actor: Actor, serial: str, values: Mapping[str, Any], *, at_version: int | None, now: datetime
) -> Camera:
    """Change what is written about a camera. Levels typed here are recorded, not reported (rule 1).

    Raises:
        NotFound, Conflict, Stale, Invalid
    """
    columns = _columns(session, values)
    if _LEVELS & columns.keys():
        columns["levels_reported_at"] = None
    was = session.scalars(
        sa.select(Dock.serial).join(Camera, Camera.home_dock_id == Dock.id).where(Camera.serial == serial)
    ).one_or_none()
    shown = {"home_dock_id": [was, values.get("home_dock")]}
    return CAMERAS.revise(session, actor, serial, columns, at_version=at_version, now=now, shown=shown)


def _columns(session: Session, values: Mapping[str, Any]) -> dict[str, Any]:
    columns = dict(values)
    if "home_dock" in columns:
        columns["home_dock_id"] = DOCKS.id_of(session, columns.pop("home_dock"), "home_dock")
    return columns


def record_levels(session: Session, actor: Actor, serial: str, said: Mapping[str, Any], *, now: datetime) -> None:
    """Keep the levels that a device itself reported: ``firmware``, ``encryption``, ``bluetooth`` (rule 1).

    ``levels_reported_at`` moves with every report; only a level that differs changes the version, and is logged.
    """
    camera = CAMERAS.lock(session, serial)
    if any(getattr(camera, name) != value for name, value in said.items()):
        CAMERAS.revise(session, actor, serial, said, at_version=None, now=now)
    session.execute(sa.update(Camera).where(Camera.id == camera.id).values(levels_reported_at=now))


def record_report(session: Session, camera_id: int, said: Mapping[str, Any], *, now: datetime) -> None:
    """Keep what a device says of itself; what it does not mention stays as it was.

    ``said`` has names of ``CameraReport``'s columns. The camera's version does not change.
    """
    values = {**said, "camera_id": camera_id, "last_seen_at": now}
    changed = {name: value for name, value in values.items() if name != "camera_id"}
    session.execute(
        insert(CameraReport).values(values).on_conflict_do_update(index_elements=["camera_id"], set_=changed)
    )
