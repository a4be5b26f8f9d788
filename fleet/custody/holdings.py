"""The fleet as it is read: each camera with who has it, where it belongs, and what it last said."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import Session, aliased

from fleet.audit import Event
from fleet.audit.models import AuditEntry
from fleet.cameras.models import Camera, CameraReport
from fleet.cameras.service import CAMERAS
from fleet.cameras.states import Custody, Model
from fleet.custody.models import Allocation, IssueKind
from fleet.db import Prepared, begins, has_word_like, row_dict
from fleet.paging import Page, Paging, capped_count
from fleet.people.models import Person
from fleet.people.service import PEOPLE, lapsed_on
from fleet.sites.models import Dock, Site
from fleet.tasers.models import Pairing, Taser

# What an answer that a person reads through may hold; a broader search is narrowed by typing on.
_MOST_MATCHES = 1_000
_SITS_IN = aliased(Dock, name="sits_in")
OPEN = sa.and_(Allocation.camera_id == Camera.id, Allocation.returned_at.is_(None))

CAMERA_ROWS = (
    sa.select(
        Camera.serial,
        Camera.asset_tag,
        Camera.model,
        Camera.use,
        Camera.phase,
        Camera.custody,
        Camera.custody_at,
        Person.collar.label("holder"),
        Allocation.kind,
        Allocation.issued_at,
        Allocation.due_back,
        Dock.serial.label("home_dock"),
        _SITS_IN.serial.label("dock"),
        Site.code.label("site"),
        Camera.firmware,
        Camera.encryption,
        Camera.bluetooth,
        Camera.levels_reported_at,
        Camera.desired,
        CameraReport.battery_percent,
        CameraReport.clock_offset_s,
        CameraReport.fault,
        CameraReport.unoffloaded,
        CameraReport.last_seen_at,
        Camera.warranty_until,
        Camera.revoked_at,
        Camera.version,
    )
    .join(Allocation, OPEN, isouter=True)
    .join(Person, Person.id == Allocation.person_id, isouter=True)
    .join(Dock, Dock.id == Camera.home_dock_id, isouter=True)
    .join(Site, Site.id == Dock.site_id, isouter=True)
    .join(CameraReport, CameraReport.camera_id == Camera.id, isouter=True)
    .join(_SITS_IN, _SITS_IN.id == CameraReport.dock_id, isouter=True)
)


class Attention(StrEnum):
    """Why somebody should look at a camera."""

    ANY = "any"
    OVERDUE = "overdue"
    QUARANTINED = "quarantined"
    MISSING = "missing"
    UNCHECKED = "unchecked"
    FAULT = "fault"
    DUE_SOON = "due-soon"
    UNTRAINED = "untrained"
    TRAINING_ENDS = "training-ends"


# Soon enough to ask for a camera before its loan ends, and to book a course before training does.
_SOON = timedelta(hours=2)
_TRAINING_NOTICE = timedelta(days=30)
_GONE = (Custody.MISSING, Custody.LOST, Custody.STOLEN)


def _attention(why: Attention, now: datetime) -> sa.ColumnElement[bool]:
    conditions: dict[Attention, sa.ColumnElement[bool]] = {
        Attention.OVERDUE: Allocation.due_back < now,
        Attention.QUARANTINED: Camera.custody == Custody.QUARANTINED,
        Attention.MISSING: Camera.custody.in_(_GONE),
        Attention.UNCHECKED: Camera.custody == Custody.RETURNING,
        Attention.FAULT: CameraReport.fault.is_not(None),
    }
    if why is Attention.ANY:
        return sa.or_(*conditions.values())
    # The rest is about the holder, or not due yet: nothing is the matter with the camera.
    conditions[Attention.DUE_SOON] = Allocation.due_back.between(now, now + _SOON)
    conditions[Attention.UNTRAINED] = sa.and_(Allocation.id.is_not(None), lapsed_on(now.date()))
    last_day = now.date() + _TRAINING_NOTICE
    conditions[Attention.TRAINING_ENDS] = sa.and_(
        Allocation.id.is_not(None), Person.trained_until.between(now.date(), last_day)
    )
    return conditions[why]


_EXACT: dict[str, Any] = {
    "model": Camera.model,
    "use": Camera.use,
    "custody": Camera.custody,
    "firmware": Camera.firmware,
    "encryption": Camera.encryption,
    "bluetooth": Camera.bluetooth,
    "phase": Camera.phase,
}
# Each has an index of its own. No key is ever NULL, which would lose its row from the second page on.
SORTS: dict[str, list[sa.ColumnElement[Any]]] = {
    "serial": [Camera.serial.expression],
    "asset_tag": [sa.func.coalesce(Camera.asset_tag, sa.literal_column("''")), Camera.serial.expression],
    "custody": [Camera.custody.expression, Camera.serial.expression],
    "model": [Camera.model.expression, Camera.serial.expression],
}


def find(
    session: Session,
    filters: Mapping[str, Any],
    paging: Paging,
    *,
    now: datetime,
    sort: str = "serial",
    descending: bool = False,
) -> Page:
    """Cameras by the filters of ``conditions``, in the order of one of ``SORTS``."""
    statement = CAMERA_ROWS.where(*conditions(session, filters, now=now))
    return paging.page(session, statement, SORTS[sort], descending=descending)


def count(session: Session, filters: Mapping[str, Any], *, now: datetime) -> int:
    """How many cameras ``find`` has for these filters, as far as ``capped_count`` counts."""
    return capped_count(session, CAMERA_ROWS.where(*conditions(session, filters, now=now)))


def conditions(session: Session, filters: Mapping[str, Any], *, now: datetime) -> list[sa.ColumnElement[bool]]:
    """What the filters mean: exact values, ``site`` and ``holder`` by identifier, ``attention``, and ``q``.

    ``q`` finds serials that begin or end with it, asset tags, holders' collar numbers and sites that begin with it.
    """
    found = [column == filters[name] for name, column in _EXACT.items() if filters.get(name) is not None]
    if (code := filters.get("site")) is not None:
        docks = sa.select(Dock.id).join(Site, Site.id == Dock.site_id).where(Site.code == code)
        found.append(Camera.home_dock_id == sa.any_(_ids(session, docks)))
    if (collar := filters.get("holder")) is not None:
        found.append(Camera.id == sa.any_(_ids(session, _cameras_of(Person.collar == collar))))
    if (why := filters.get("attention")) is not None:
        found.append(_attention(why, now))
    if text := (filters.get("q") or "").strip():
        found.append(_matches(session, text))
    return found


def _ids(session: Session, statement: sa.Select[int]) -> sa.BindParameter[Any]:
    """The numbers a statement finds, as one array: the planner then knows how few they are."""
    numbers = list(session.scalars(statement.limit(_MOST_MATCHES)))
    return sa.literal(numbers, sa.ARRAY(sa.BigInteger))


def _cameras_of(who: sa.ColumnElement[bool]) -> sa.Select[int]:
    held = sa.select(Allocation.camera_id).join(Person, Person.id == Allocation.person_id)
    return held.where(who, Allocation.returned_at.is_(None))


def _matches(session: Session, text: str) -> sa.ColumnElement[bool]:
    wanted = text.upper()
    at_sites = sa.select(Dock.id).join(Site, Site.id == Dock.site_id)
    at_sites = at_sites.where(begins(Site.code, wanted) | has_word_like(Site.name, text))
    return sa.or_(
        begins(Camera.serial, wanted),
        begins(sa.func.reverse(Camera.serial, type_=sa.Text(collation="C")), wanted[::-1]),
        begins(Camera.asset_tag, wanted),
        Camera.id == sa.any_(_ids(session, _cameras_of(begins(Person.collar, wanted)))),
        Camera.home_dock_id == sa.any_(_ids(session, at_sites)),
    )


def _pairings() -> sa.ColumnElement[Any]:
    """A camera's pairings that are not revoked, the newest first, as the API gives them with the camera."""
    said = {"id": Pairing.id, "taser": Taser.serial, "sppm": Pairing.sppm, "state": Pairing.state}
    pairs = [part for name, value in (said | {"because": Pairing.because}).items() for part in (name, value)]
    built = sa.func.jsonb_build_object(*pairs)
    all_of_them = sa.func.coalesce(sa.func.jsonb_agg(aggregate_order_by(built, Pairing.id.desc())), sa.text("'[]'"))
    live = sa.select(all_of_them).join(Taser, Taser.id == Pairing.taser_id)
    return live.where(Pairing.camera_id == Camera.id, sa.text("pairing.state <> 'revoked'")).scalar_subquery()


_ONE = Prepared(CAMERA_ROWS.add_columns(_pairings().label("pairings")).where(Camera.serial == sa.bindparam("serial")))


def get(session: Session, serial: str) -> dict[str, Any]:
    """One camera as plain data.

    Raises:
        NotFound
    """
    row = _ONE.one(session, serial=serial)
    if row is None:
        raise CAMERAS.not_found(serial)
    return row


_CUSTODY_EVENTS = (
    Event.CAMERA_ISSUED,
    Event.CAMERA_RETURNED,
    Event.CAMERA_CHECKED,
    Event.CAMERA_MOVED,
    Event.ISSUE_UNDONE,
    Event.RETURN_UNDONE,
    Event.RULE_OVERRIDDEN,
    Event.ISSUE_REFUSED,
    Event.CAMERA_REGISTERED,
    Event.COUNTER_ACT_REFUSED,
    Event.COUNTER_ACT_WITHDRAWN,
    Event.COUNTER_ACT_SETTLED,
    Event.CAMERA_MISSING,
    Event.CAMERA_LOST,
    Event.CAMERA_STOLEN,
    Event.CAMERA_RECOVERED,
    Event.CAMERA_REVOKED,
    Event.BREACH_ASSESSED,
    Event.BREACH_OVERDUE,
    Event.REPAIR_SENT,
    Event.REPAIR_RETURNED,
    Event.REPAIR_OVERDUE,
    Event.HOLD_PLACED,
    Event.HOLD_RELEASED,
    Event.CAMERA_RETIRED,
    Event.CAMERA_SANITISED,
    Event.DISPOSAL_PROPOSED,
    Event.DISPOSAL_DECLINED,
    Event.DISPOSAL_CONFIRMED,
    Event.LOAN_RECALLED,
    Event.PAIRINGS_SUSPENDED,
    Event.CAMERA_DUE_CHANGED,
    Event.STOCKTAKE_DISCREPANCY,
)


def history(session: Session, serial: str, paging: Paging) -> Page:
    """What happened to a camera's custody, newest first, as the log has it.

    Raises:
        NotFound
    """
    CAMERAS.get(session, serial)
    statement = sa.select(
        AuditEntry.id, AuditEntry.at, AuditEntry.actor, AuditEntry.event, AuditEntry.officer, AuditEntry.facts
    ).where(
        AuditEntry.subject_kind == CAMERAS.subject,
        AuditEntry.subject_key == serial,
        AuditEntry.event.in_(_CUSTODY_EVENTS),
    )
    return paging.newest_first(session, statement, AuditEntry.id)


_KIT = Prepared(
    sa.select(
        Camera.serial, Camera.model, Allocation.kind, Allocation.issued_at, Allocation.due_back, Allocation.active
    )
    .join(Camera, Camera.id == Allocation.camera_id)
    .join(Person, Person.id == Allocation.person_id)
    .where(Person.collar == sa.bindparam("collar"), Allocation.returned_at.is_(None))
    .order_by(Allocation.issued_at)
)


def kit(session: Session, collar: str) -> list[dict[str, Any]]:
    """The cameras an officer has now."""
    rows = _KIT.all(session, collar=collar)
    return [row | {"model": Model(row["model"]), "kind": IssueKind(row["kind"])} for row in rows]


def held_before(session: Session, collar: str, paging: Paging) -> Page:
    """The cameras an officer had and has, newest first.

    Raises:
        NotFound
    """
    officer = PEOPLE.get(session, collar)
    statement = sa.select(
        Camera.serial,
        Camera.model,
        Allocation.kind,
        Allocation.issued_at,
        Allocation.returned_at,
        Allocation.condition,
        Allocation.note,
    ).join(Camera, Camera.id == Allocation.camera_id)
    return paging.newest_first(session, statement.where(Allocation.person_id == officer.id), Allocation.id)


def counts(session: Session, wanted: Iterable[Attention], *, now: datetime) -> dict[Attention, int]:
    """How many cameras ``find`` has for each reason to look, in one statement: the front page."""
    whys = list(wanted)
    if not whys:
        return {}
    counted = [_counted(why, now).label(str(why)) for why in whys]
    row = session.execute(sa.select(*counted)).one()
    return dict(zip(whys, row, strict=True))


def _counted(why: Attention, now: datetime) -> sa.ScalarSelect[int]:
    rows = CAMERA_ROWS.where(_attention(why, now))
    return rows.with_only_columns(sa.func.count()).scalar_subquery()


def levels(session: Session) -> dict[str, dict[str, int]]:
    """How many cameras are at each version of ``firmware`` and level of ``encryption`` and ``bluetooth``.

    What nobody has recorded is left out. At a million cameras this reads the whole register once.
    """
    columns = (Camera.firmware, Camera.encryption, Camera.bluetooth)
    sets = sa.func.grouping_sets(*(sa.tuple_(column) for column in columns))
    rows = session.execute(sa.select(*columns, sa.func.count()).group_by(sets)).all()
    found: dict[str, dict[str, int]] = {column.key: {} for column in columns}
    for *values, number in rows:
        for column, value in zip(columns, values, strict=True):
            if value is not None:
                found[column.key][str(value)] = number
    return found


def is_empty(session: Session) -> bool:
    """Whether the register has no camera at all."""
    return session.scalars(sa.select(Camera.id).limit(1)).first() is None


def due_within(session: Session, *, now: datetime, hours: int, limit: int = 10) -> list[dict[str, Any]]:
    """The loans that are overdue or fall due soon, the longest overdue first."""
    statement = CAMERA_ROWS.where(Allocation.due_back < now + timedelta(hours=hours))
    rows = session.execute(statement.order_by(Allocation.due_back, Camera.serial).limit(limit))
    return [row_dict(row) for row in rows]


def in_bays(session: Session, dock: str) -> list[dict[str, Any]]:
    """The cameras that sit in a dock now, by bay."""
    statement = CAMERA_ROWS.add_columns(CameraReport.bay).where(_SITS_IN.serial == dock)
    return [row_dict(row) for row in session.execute(statement.order_by(CameraReport.bay, Camera.serial))]


def homed_at(session: Session, dock: str, paging: Paging) -> Page:
    """The cameras that are expected in a dock, in order of serial."""
    return paging.page(session, CAMERA_ROWS.where(Dock.serial == dock), SORTS["serial"])
