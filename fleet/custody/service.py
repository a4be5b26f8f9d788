"""Issue, return, undo: the acts that change who has a camera.

Locks are always taken camera first, then officers, so that two counters never wait for each other in a circle.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet import audit
from fleet.actors import Actor
from fleet.audit import Event, Subject
from fleet.auth.permissions import Permission, require
from fleet.cameras.models import Camera, CameraReport
from fleet.cameras.service import CAMERAS, record_report
from fleet.cameras.states import NEXT_CUSTODY, Custody
from fleet.custody.models import Allocation, Condition, IssueKind
from fleet.custody.readiness import Block, Report, Standing, after_return, blocks
from fleet.errors import Conflict, Evidence, Invalid
from fleet.people.models import Person
from fleet.people.service import PEOPLE
from fleet.settings import Policy
from fleet.sites.models import Dock, Site


class CameraNotReady(Conflict):
    """The camera cannot be issued now."""


class TrainingLapsed(Conflict):
    """The officer's training does not cover today (rule 4)."""


class AlreadyHolds(Conflict):
    """The officer has a camera of this kind (rule 7)."""


class HistoryStands(Conflict):
    """What was done can no longer be undone; a new act is needed (rule 9)."""


@dataclass(frozen=True)
class Issue:
    """What a clerk asks for. ``due_back`` is None for the policy's loan, or for a personal issue without end."""

    serial: str
    collar: str
    kind: IssueKind
    due_back: datetime | None = None
    override_reason: str | None = None


def issue(session: Session, actor: Actor, wanted: Issue, *, policy: Policy, now: datetime) -> Allocation:
    """Put a ready camera into a trained officer's hands (rules 3, 4, 7, 8, 10, 13).

    ``now`` and ``due_back`` are aware instants. Camera and officer stay locked until the caller's transaction ends,
    so two counters cannot issue one camera, nor one officer two.

    Raises:
        NotFound: no such camera or officer.
        Invalid: due back in the past, or an override without a reason.
        Forbidden: an override by somebody who may not.
        CameraNotReady, TrainingLapsed, AlreadyHolds: with the rule, what was found and who can mend it.
    """
    if wanted.due_back is not None and wanted.due_back <= now:
        raise Invalid("It would be due back before it is issued.", fields={"due_back": ["is in the past"]})
    camera = CAMERAS.lock(session, wanted.serial)
    in_the_way = blocks(standing_of(session, camera), wanted.kind, policy)
    officer = PEOPLE.lock(session, wanted.collar)
    in_the_way += _training_blocks(officer, now)
    _require_clear(session, actor, camera, officer, in_the_way, wanted.override_reason, now)
    require_free_hands(session, officer, wanted.kind)
    due_back = wanted.due_back
    if due_back is None and wanted.kind is IssueKind.POOL:
        due_back = now + policy.pool_loan
    return hand_over(session, actor, camera, officer, wanted.kind, due_back, Event.CAMERA_ISSUED, now=now)


def _training_blocks(officer: Person, now: datetime) -> list[Block]:
    if officer.is_trained(now.date()):
        return []
    until = officer.trained_until
    detail = f"ended on {until:%d %B %Y}" if until else "is not on record"
    found = {"trained_until": until.isoformat() if until else None}
    return [Block(4, f"The training of {officer.collar} {detail}.", "supervisor", found, can_override=True)]


def _require_clear(
    session: Session,
    actor: Actor,
    camera: Camera,
    officer: Person,
    in_the_way: list[Block],
    override_reason: str | None,
    now: datetime,
) -> None:
    """Refuse with the first block; or log which were overridden, by whom and why."""
    if override_reason is not None:
        require(actor, Permission.CUSTODY_OVERRIDE)
        if not override_reason.strip():
            raise Invalid("An override needs a reason.", fields={"override_reason": ["is empty"]})
    standing = [block for block in in_the_way if override_reason is None or not block.can_override]
    if standing:
        raise _refusal(camera, officer, standing[0])
    for block in in_the_way:
        audit.record(
            session,
            actor,
            Event.RULE_OVERRIDDEN,
            (Subject.CAMERA, camera.serial),
            at=now,
            officer=officer.collar,
            rule=block.rule,
            found=audit.plain(block.found),
            reason=override_reason,
        )


def _refusal(camera: Camera, officer: Person, block: Block) -> Conflict:
    found = {name: audit.as_json(value) for name, value in block.found.items()}
    if block.rule == 4:  # noqa: PLR2004 - the rule's number in the domain
        # An untrained officer who asked for a camera is something a supervisor will want to read about.
        evidence = Evidence(Event.ISSUE_REFUSED, Subject.CAMERA, camera.serial, officer.collar)
        return TrainingLapsed(block.what, rule=4, found=found, mend=block.mend, evidence=evidence)
    return CameraNotReady(block.what, rule=block.rule, found=found, mend=block.mend)


def require_free_hands(session: Session, officer: Person, kind: IssueKind, *, may_rest: bool = False) -> None:
    """One personal camera and one loan at most; and no personal camera while a loan is out (rule 7).

    ``may_rest`` lets a personal camera come back beside the loan, to rest until the loan is back.
    """
    for held in open_allocations(session, officer):
        if held.kind is kind or (held.active and kind is IssueKind.PERSONAL and not may_rest):
            what = f"{officer.collar} already has {held.camera.serial} ({held.kind})."
            found = {"camera": held.camera.serial, "kind": str(held.kind)}
            raise AlreadyHolds(what, rule=7, found=found, mend="the officer, by returning it")


def open_allocations(session: Session, officer: Person) -> list[Allocation]:
    """What an officer has now."""
    statement = sa.select(Allocation).where(Allocation.person_id == officer.id, Allocation.returned_at.is_(None))
    return list(session.scalars(statement.options(sa.orm.joinedload(Allocation.camera))))


def hand_over(
    session: Session,
    actor: Actor,
    camera: Camera,
    officer: Person,
    kind: IssueKind,
    due_back: datetime | None,
    event: Event,
    *,
    now: datetime,
    continues: Allocation | None = None,
    active: bool = True,
) -> Allocation:
    """Open an allocation and log it as ``event``. Every check is the caller's, who holds the locks."""
    if active:
        _rest_active(session, officer)
    allocation = Allocation(
        camera=camera,
        person=officer,
        kind=kind,
        issued_at=now,
        due_back=due_back,
        active=active,
        continues_id=continues.id if continues else None,
    )
    put(camera, Custody.ISSUED, now)
    session.add(allocation)
    session.flush()
    audit.record(
        session,
        actor,
        event,
        (Subject.CAMERA, camera.serial),
        at=now,
        officer=officer.collar,
        kind=kind,
        due_back=due_back,
        allocation=allocation.id,
    )
    return allocation


def _rest_active(session: Session, officer: Person) -> None:
    """A loan makes the personal camera inactive until the loan is back (rule 7)."""
    active = sa.update(Allocation).where(Allocation.person_id == officer.id, Allocation.active)
    session.execute(active.values(active=False).execution_options(synchronize_session="fetch"))


def put(camera: Camera, to: Custody, now: datetime) -> None:
    """Change a camera's custody along the table of transitions.

    Raises:
        HistoryStands: the table has no such step.
    """
    if to not in NEXT_CUSTODY[camera.custody]:
        raise HistoryStands(f"A camera does not go from {camera.custody} to {to}.", rule=9)
    camera.custody = to
    camera.custody_at = now


def standing_of(session: Session, camera: Camera) -> Standing:
    """What is known of a camera, for ``readiness.blocks``."""
    holder = (
        sa.select(Person.collar)
        .join(Allocation, Allocation.person_id == Person.id)
        .where(Allocation.camera_id == Camera.id, Allocation.returned_at.is_(None))
        .scalar_subquery()
    )
    row = session.execute(
        sa.select(
            holder.label("holder"),
            Site.code,
            Site.stage,
            CameraReport.battery_percent,
            CameraReport.clock_offset_s,
            CameraReport.fault,
            CameraReport.unoffloaded,
            CameraReport.last_seen_at,
        )
        .select_from(Camera)
        .join(Dock, Dock.id == Camera.home_dock_id, isouter=True)
        .join(Site, Site.id == Dock.site_id, isouter=True)
        .join(CameraReport, CameraReport.camera_id == Camera.id, isouter=True)
        .where(Camera.id == camera.id)
    ).one()
    report = None
    if row.last_seen_at is not None:
        report = Report(row.last_seen_at, row.battery_percent, row.clock_offset_s, row.fault, row.unoffloaded)
    return Standing(camera.serial, camera.custody, camera.custody_at, row.holder, row.code, row.stage, report)


def take_back(
    session: Session,
    actor: Actor,
    serial: str,
    condition: Condition,
    *,
    note: str | None = None,
    policy: Policy,
    now: datetime,
) -> Allocation:
    """Take a camera back from whoever has it; a faulty one is quarantined (rule 8).

    Raises:
        NotFound: no such camera.
        CameraNotReady: rule 7: nobody has it.
    """
    camera = CAMERAS.lock(session, serial)
    allocation = open_allocation(session, camera)
    if allocation is None:
        what = f"{serial} is not out; it is {camera.custody}."
        raise CameraNotReady(what, rule=7, found={"custody": str(camera.custody)}, mend="store")
    to = after_return(condition is Condition.GOOD, allocation.kind, _has_reported(session, camera), policy)
    close(session, camera, allocation, condition, note, to, now)
    audit.record(
        session,
        actor,
        Event.CAMERA_RETURNED,
        (Subject.CAMERA, serial),
        at=now,
        officer=allocation.person.collar,
        condition=condition,
        note=note,
        custody=to,
        allocation=allocation.id,
    )
    return allocation


def open_allocation(session: Session, camera: Camera) -> Allocation | None:
    """Who has a camera now, or None."""
    statement = sa.select(Allocation).where(Allocation.camera_id == camera.id, Allocation.returned_at.is_(None))
    return session.scalars(statement.options(sa.orm.joinedload(Allocation.person))).one_or_none()


def _has_reported(session: Session, camera: Camera) -> bool:
    statement = sa.select(CameraReport.camera_id).where(CameraReport.camera_id == camera.id)
    return session.scalars(statement).first() is not None


def close(
    session: Session,
    camera: Camera,
    allocation: Allocation,
    condition: Condition,
    note: str | None,
    to: Custody,
    now: datetime,
) -> None:
    """End an allocation, put the camera where it belongs now, and wake the officer's other camera."""
    put(camera, to, now)
    ended = sa.update(Allocation).where(Allocation.id == allocation.id)
    # Written out, not left to the session's idea of what changed: another counter may have changed ``active`` meanwhile.
    session.execute(ended.values(returned_at=now, condition=condition, note=note, active=False))
    # The officer's personal camera is active again once the loan is back.
    resting = sa.update(Allocation).where(
        Allocation.person_id == allocation.person_id, Allocation.returned_at.is_(None), ~Allocation.active
    )
    session.execute(resting.values(active=True).execution_options(synchronize_session="fetch"))


def take_over(session: Session, actor: Actor, wanted: Issue, *, policy: Policy, now: datetime) -> Allocation:
    """Return a camera from its holder and issue it to another officer: two entries, both or neither.

    Raises:
        As ``take_back`` and ``issue``.
    """
    CAMERAS.lock(session, wanted.serial)
    take_back(session, actor, wanted.serial, Condition.GOOD, note="handed over", policy=policy, now=now)
    return issue(session, actor, wanted, policy=policy, now=now)


# What a person may do by hand. The rest of the life cycle belongs to acts of its own.
BY_HAND: frozenset[tuple[Custody, Custody]] = frozenset(
    {
        (Custody.REGISTERED, Custody.COMMISSIONED),
        (Custody.COMMISSIONED, Custody.IN_STOCK),
        (Custody.IN_STOCK, Custody.QUARANTINED),
        (Custody.RETURNING, Custody.QUARANTINED),
        (Custody.QUARANTINED, Custody.IN_STOCK),
        (Custody.IN_STOCK, Custody.REPAIR),
        (Custody.QUARANTINED, Custody.REPAIR),
        (Custody.REPAIR, Custody.QUARANTINED),
        (Custody.RECOVERED, Custody.QUARANTINED),
    }
)


def move(session: Session, actor: Actor, serial: str, to: Custody, *, note: str | None = None, now: datetime) -> Camera:
    """Change the custody of a camera that nobody has: into quarantine and out, to repair and back.

    Raises:
        NotFound
        HistoryStands: rule 9: not a step that is done by hand.
        CameraNotReady: rule 10: to repair with footage that is not offloaded, or while it is held.
    """
    camera = CAMERAS.lock(session, serial)
    was = camera.custody
    if to is Custody.REPAIR:
        _require_offloaded(session, camera)
    if (was, to) not in BY_HAND:
        able = sorted(str(step) for start, step in BY_HAND if start is was)
        what = f"{serial} is {was}; by hand it can become {' or '.join(able) or 'nothing else'}."
        raise HistoryStands(what, rule=9, found={"custody": str(was), "possible": able})
    put(camera, to, now)
    session.flush()
    audit.record(session, actor, Event.CAMERA_MOVED, (Subject.CAMERA, serial), at=now, custody=[was, to], note=note)
    return camera


def _require_offloaded(session: Session, camera: Camera) -> None:
    if camera.custody is Custody.HELD:
        raise CameraNotReady(f"{camera.serial} is held as evidence.", rule=10, mend="the authority that holds it")
    report = standing_of(session, camera).report
    if report is not None and report.unoffloaded:
        what = f"{camera.serial} holds {report.unoffloaded} recordings that are not offloaded. Dock it first."
        raise CameraNotReady(what, rule=10, found={"unoffloaded": report.unoffloaded}, mend="store")


def take_report(
    session: Session, actor: Actor, serial: str, said: dict[str, Any], *, policy: Policy, now: datetime
) -> Camera:
    """Take in what a camera says at a dock; one that waited for its check and passes is in stock again (rule 8)."""
    camera = CAMERAS.lock(session, serial)
    record_report(session, camera, said, now=now)
    if camera.custody is Custody.RETURNING and not blocks(standing_of(session, camera), IssueKind.POOL, policy):
        put(camera, Custody.IN_STOCK, now)
        session.flush()
        audit.record(session, actor, Event.CAMERA_CHECKED, (Subject.CAMERA, serial), at=now, custody=camera.custody)
    return camera


def holder_now(session: Session, serial: str) -> str | None:
    """The collar number of whoever has the camera."""
    statement = (
        sa.select(Person.collar)
        .join(Allocation, Allocation.person_id == Person.id)
        .join(Camera, Camera.id == Allocation.camera_id)
        .where(Camera.serial == serial, Allocation.returned_at.is_(None))
    )
    return session.scalars(statement).one_or_none()


def without_custody(session: Session, serial: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """What may be written of ``values``: custody and holder change by acts, never by writing them down (rule 9).

    Raises:
        HistoryStands: rule 9: they differ from what is.
    """
    values = dict(values)
    camera = CAMERAS.get(session, serial)
    now_is = {"custody": camera.custody, "holder": holder_now(session, serial) if "holder" in values else None}
    for name in ("custody", "holder"):
        if name in values and values.pop(name) != now_is[name]:
            what = f"The {name} of {serial} is changed by an act (issue, return, move), not by writing it."
            raise HistoryStands(what, rule=9, found={name: str(now_is[name])}, mend="store")
    return values
