"""What a counter's page keeps of the register, so that it can decide by itself while it has no line.

Not the register: only what may not go out, who may not be given a camera, and who has what, the newest first and no
more of each than ``MOST``. What a page does not find there it accepts as not checked. No names: identifiers alone.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet.cameras.models import Camera, CameraReport
from fleet.cameras.states import Custody, Use
from fleet.clock import iso, local_day
from fleet.custody.models import Allocation, IssueKind, Reservation
from fleet.custody.readiness import Block, Report, Standing, blocks
from fleet.people.models import Person
from fleet.people.service import lapsed_on
from fleet.settings import Policy, PoolReadiness
from fleet.sites.models import Dock, Site
from fleet.sites.stages import Stage, allows_cameras
from fleet.stock.models import Kit, KitPart
from fleet.tasers.models import Taser

# Of blocked cameras, of cameras that are out, and of officers each. At about 25 bytes each, 0.5 MB before compression.
MOST = 20_000
# Enough of the newest to know what the force's identifiers look like.
_LOOKED_AT = 5_000
_MOST_SHAPES = 500
_OF_STOCK = (Custody.IN_STOCK, Custody.RETURNING)
_DIGIT, _LETTER = re.compile(r"[0-9]"), re.compile(r"[^\W\d_]")


@dataclass(frozen=True)
class BlockList:
    """What a page keeps, as it is sent: short names, since a page reads it over a slow line.

    ``cameras`` maps what may not go out to the number, in ``reasons``, of a rule and a sentence with ``{}`` for the
    serial; ``officers`` likewise who may not be given one. ``out`` maps cameras to ``[holder, kind]`` with kind ``p``
    (personal) or ``l`` (loan); ``shapes`` what an identifier looks like to the kind of thing that it names, where that
    is certain. ``complete`` tells which lists are whole.
    """

    made_at: datetime
    reasons: list[list[Any]]
    cameras: dict[str, int]
    out: dict[str, list[str]]
    officers: dict[str, int]
    tags: dict[str, str]
    shapes: dict[str, str]
    waits_for_check: bool
    complete: dict[str, bool]

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "made_at": iso(self.made_at)}


def make(session: Session, *, policy: Policy, now: datetime) -> BlockList:
    """The list as of now, in eight statements, each by an index or over at most ``MOST`` rows."""
    reasons = _Reasons()
    cameras = _blocked(session, policy, reasons)
    out = _out(session)
    officers = _officers(session, reasons, now)
    return BlockList(
        made_at=now,
        reasons=reasons.told,
        cameras=cameras,
        out=out,
        officers=officers,
        tags=_tags(session, [*cameras, *out]),
        shapes=_shapes(session),
        waits_for_check=policy.pool_readiness is PoolReadiness.AFTER_CHECK and _any_reported(session),
        complete={"cameras": len(cameras) < MOST, "out": len(out) < MOST, "officers": len(officers) < MOST},
    )


class _Reasons:
    """Each reason once: a thousand cameras in quarantine share one."""

    def __init__(self) -> None:
        self.told: list[list[Any]] = []
        self._numbers: dict[tuple[int | None, str], int] = {}

    def number(self, serial: str, block: Block) -> int:
        return self.of(block.rule, block.what.replace(serial, "{}"))

    def of(self, rule: int | None, what: str) -> int:
        key = rule, what
        if key not in self._numbers:
            self._numbers[key] = len(self.told)
            self.told.append(list(key))
        return self._numbers[key]


_STANDING = (
    sa.select(
        Camera.serial,
        Camera.use,
        Camera.custody,
        Camera.custody_at,
        Site.code,
        Site.stage,
        CameraReport.battery_percent,
        CameraReport.clock_offset_s,
        CameraReport.fault,
        CameraReport.unoffloaded,
        CameraReport.last_seen_at,
    )
    .join(CameraReport, CameraReport.camera_id == Camera.id, isouter=True)
    .join(Dock, Dock.id == Camera.home_dock_id, isouter=True)
    .join(Site, Site.id == Dock.site_id, isouter=True)
)


def _blocked(session: Session, policy: Policy, reasons: _Reasons) -> dict[str, int]:
    """Cameras that may not go out, with the first thing in the way; what a report says is looked at only in stock."""
    by_custody = _STANDING.where(Camera.custody.not_in((*_OF_STOCK, Custody.ISSUED)))
    doubtful = _STANDING.where(Camera.custody.in_(_OF_STOCK), _may_be_blocked(policy))
    found: dict[str, int] = {}
    for statement in (by_custody, doubtful):
        for row in session.execute(statement.order_by(Camera.custody_at.desc()).limit(MOST - len(found))):
            kind = IssueKind.PERSONAL if row.use is Use.PERSONAL else IssueKind.POOL
            if in_the_way := blocks(_standing(row), kind, policy):
                found[row.serial] = reasons.number(row.serial, in_the_way[0])
    return found


def _may_be_blocked(policy: Policy) -> sa.ColumnElement[bool]:
    """What ``readiness.blocks`` can find fault with, and more: the decision itself is made there."""
    forbidden = [stage for stage in Stage if not allows_cameras(stage)]
    return sa.or_(
        Camera.custody == Custody.RETURNING,
        CameraReport.unoffloaded > 0,
        CameraReport.fault.is_not(None),
        CameraReport.battery_percent < policy.minimum_charge_percent,
        sa.func.abs(CameraReport.clock_offset_s) > policy.clock_tolerance.total_seconds(),
        Site.stage.in_(forbidden),
    )


def _standing(row: Any) -> Standing:
    report = None
    if row.last_seen_at is not None:
        report = Report(row.last_seen_at, row.battery_percent, row.clock_offset_s, row.fault, row.unoffloaded)
    return Standing(row.serial, row.custody, row.custody_at, None, row.code, row.stage, report)


def _officers(session: Session, reasons: _Reasons, now: datetime) -> dict[str, int]:
    """Leavers, and whoever's training does not cover today, the newest in the register first."""
    has_left = Person.leaves_on < local_day(now)
    barred = sa.select(Person.collar, has_left.label("has_left")).where(sa.or_(has_left, lapsed_on(now.date())))
    rows = session.execute(barred.order_by(Person.id.desc()).limit(MOST)).all()
    left = reasons.of(15, "{} has left; there is no issue to a leaver.") if rows else 0
    untrained = reasons.of(4, "The training of {} is not current.") if rows else 0
    return {row.collar: left if row.has_left else untrained for row in rows}


def _out(session: Session) -> dict[str, list[str]]:
    statement = (
        sa.select(Camera.serial, Person.collar, Allocation.kind)
        .join(Camera, Camera.id == Allocation.camera_id)
        .join(Person, Person.id == Allocation.person_id)
        .where(Allocation.returned_at.is_(None))
        .order_by(Allocation.id.desc())
        .limit(MOST)
    )
    return {
        row.serial: [row.collar, "p" if row.kind is IssueKind.PERSONAL else "l"] for row in session.execute(statement)
    }


def _tags(session: Session, serials: list[str]) -> dict[str, str]:
    """The asset tags of the cameras that the list knows, since a clerk may scan either."""
    tagged = sa.select(Camera.asset_tag, Camera.serial).where(
        Camera.serial == sa.any_(sa.literal(serials, sa.ARRAY(sa.Text(collation="C")))), Camera.asset_tag.is_not(None)
    )
    return {row.asset_tag: row.serial for row in session.execute(tagged)}


def _any_reported(session: Session) -> bool:
    return session.scalars(sa.select(CameraReport.camera_id).limit(1)).first() is not None


def _shapes(session: Session) -> dict[str, str]:
    """What identifiers look like, by kind; a look that two kinds share tells nothing and is left out."""
    kinds: dict[str, set[str]] = {}
    for kind, column, key in (
        ("officer", Person.collar, Person.id),
        ("camera", Camera.serial, Camera.id),
        ("camera", Camera.asset_tag, Camera.id),
        ("dock", Dock.serial, Dock.id),
        ("taser", Taser.serial, Taser.id),
        # No page can tell what these mean; they must not pass for what it can.
        ("kit", Kit.code, Kit.id),
        ("part", KitPart.barcode, KitPart.id),
        ("operation", Reservation.code, Reservation.id),
    ):
        newest = sa.select(column).where(column.is_not(None)).order_by(key.desc()).limit(_LOOKED_AT)
        for identifier in session.scalars(newest):
            kinds.setdefault(shape(str(identifier)), set()).add(kind)
    certain = {look: of.copy().pop() for look, of in kinds.items() if len(of) == 1}
    return dict(list(certain.items())[:_MOST_SHAPES])


def shape(identifier: str) -> str:
    """What an identifier looks like: the letters it begins with, and 9 or A for every digit or letter after them."""
    begins = re.match(r"[^\W\d_]*", identifier)
    head = begins.group() if begins else ""
    return head + _LETTER.sub("A", _DIGIT.sub("9", identifier[len(head) :]))
