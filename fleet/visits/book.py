"""The book of visits as it is read: lists, and one visit with everything that its receipt says."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import Session

from fleet.audit import Event, Subject
from fleet.audit.models import AuditEntry
from fleet.cameras.models import Camera
from fleet.custody.models import Allocation
from fleet.custody.undo import UNDONE
from fleet.errors import NotFound
from fleet.paging import Page, Paging, capped_count
from fleet.people.models import Person
from fleet.visits import service as visits
from fleet.visits.models import Acknowledgement, ReceiptMail, Visit, VisitAllocation

_STANDS = sa.and_(VisitAllocation.visit_id == Visit.id, Allocation.note.is_distinct_from(UNDONE))
_CAMERAS = (
    sa.select(sa.func.array_agg(aggregate_order_by(Camera.serial, Allocation.id)))
    .select_from(VisitAllocation)
    .join(Allocation, Allocation.id == VisitAllocation.allocation_id)
    .join(Camera, Camera.id == Allocation.camera_id)
    .where(_STANDS)
    .correlate(Visit)
    .scalar_subquery()
)
_SOMETHING_STANDS = (
    sa.exists()
    .where(VisitAllocation.allocation_id == Allocation.id, VisitAllocation.visit_id == Visit.id)
    .where(Allocation.note.is_distinct_from(UNDONE))
    .correlate(Visit)
)
ROWS = (
    sa.select(
        Visit.key.label("id"),
        Person.collar,
        Person.name,
        Visit.clerk,
        Visit.begun_at,
        sa.func.coalesce(_CAMERAS, sa.literal([], sa.ARRAY(sa.Text))).label("cameras"),
        Acknowledgement.method,
        Visit.acknowledged_at,
    )
    .join(Person, Person.id == Visit.person_id)
    .join(Acknowledgement, Acknowledgement.visit_id == Visit.id, isouter=True)
)


def find(session: Session, filters: Mapping[str, Any], paging: Paging) -> Page:
    """Visits, newest first.

    Filters: ``officer``, ``method``, and ``acknowledged``, which False narrows to visits in which something is due.
    """
    return paging.newest_first(session, ROWS.where(*_conditions(filters)), Visit.id)


def count(session: Session, filters: Mapping[str, Any]) -> int:
    """How many visits ``find`` has, as far as ``capped_count`` counts."""
    return capped_count(session, ROWS.where(*_conditions(filters)))


def _conditions(filters: Mapping[str, Any]) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if (collar := filters.get("officer")) is not None:
        found.append(Visit.person_id == sa.select(Person.id).where(Person.collar == collar).scalar_subquery())
    if (method := filters.get("method")) is not None:
        found.append(Acknowledgement.method == method)
    if filters.get("acknowledged") is True:
        found.append(Visit.acknowledged_at.is_not(None))
    if filters.get("acknowledged") is False:
        found += [Visit.acknowledged_at.is_(None), _SOMETHING_STANDS]
    return found


_ONE = ROWS.add_columns(
    Visit.id.label("number"),
    Person.email,
    Acknowledgement.at,
    Acknowledgement.clerk.label("acknowledged_by"),
    Acknowledgement.reason,
    Acknowledgement.strokes,
    Acknowledgement.terms_version,
    sa.func.encode(Acknowledgement.terms_sha256, "hex").label("terms_sha256"),
    Acknowledgement.entry_id,
)


def get(session: Session, key: str) -> dict[str, Any]:
    """A visit with what was issued in it, how it was acknowledged, what was said against it, and every entry's number.

    Raises:
        NotFound
    """
    row = session.execute(_ONE.where(Visit.key == key)).one_or_none()
    if row is None:
        raise NotFound("There is no such visit.", found={"visit": key})
    visit = dict(row._mapping)
    entries = _entries(session, number := visit.pop("number"))
    issued = visits.issued_in(session, number)
    visit["issued"] = [one | {"entry": entries.get(one["id"]), "undone": one["note"] == UNDONE} for one in issued]
    visit["disputes"] = _disputes(session, key)
    visit["mail"] = _mail(session, number)
    return visit


def _entries(session: Session, number: int) -> dict[int, int]:
    """The log's entry of each issue in a visit, by allocation."""
    allocation = AuditEntry.facts["allocation"].as_integer()
    statement = (
        sa.select(Allocation.id, sa.func.min(AuditEntry.id))
        .select_from(VisitAllocation)
        .join(Allocation, Allocation.id == VisitAllocation.allocation_id)
        .join(Camera, Camera.id == Allocation.camera_id)
        .join(AuditEntry, sa.and_(AuditEntry.subject_kind == Subject.CAMERA, AuditEntry.subject_key == Camera.serial))
        .where(
            VisitAllocation.visit_id == number,
            AuditEntry.event == Event.CAMERA_ISSUED,
            allocation == Allocation.id,
        )
        .group_by(Allocation.id)
    )
    return {row[0]: row[1] for row in session.execute(statement)}


def _disputes(session: Session, key: str) -> list[dict[str, Any]]:
    columns = AuditEntry.id, AuditEntry.at, AuditEntry.actor, AuditEntry.facts["note"].as_string().label("note")
    statement = sa.select(*columns).where(
        AuditEntry.subject_kind == Subject.VISIT,
        AuditEntry.subject_key == key,
        AuditEntry.event == Event.VISIT_DISPUTED,
    )
    return [dict(row._mapping) for row in session.execute(statement.order_by(AuditEntry.id))]


def _mail(session: Session, number: int) -> list[dict[str, Any]]:
    columns = (
        ReceiptMail.state, ReceiptMail.queued_at, ReceiptMail.sent_at, ReceiptMail.address, ReceiptMail.tries,
        ReceiptMail.problem,
    )  # fmt: skip
    statement = sa.select(*columns).where(ReceiptMail.visit_id == number).order_by(ReceiptMail.id)
    return [dict(row._mapping) for row in session.execute(statement)]


def recent_of(session: Session, collar: str, *, limit: int = 10) -> list[dict[str, Any]]:
    """An officer's own last visits."""
    return find(session, {"officer": collar}, Paging(limit)).items


def require_of(visit: Mapping[str, Any], collar: str | None) -> None:
    """Let an officer see their own visits, and hide that there are others.

    Raises:
        NotFound
    """
    if collar is None or visit["collar"] != collar:
        raise NotFound("There is no such visit.", found={"visit": visit["id"]})
