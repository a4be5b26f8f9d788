"""Issue, return, undo: the acts that change who has a camera.

Locks are always taken camera first, then officers, and of two officers in the order of their collar numbers, then
reservations in the order of their numbers, so that two counters never wait for each other in a circle.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from fleet import audit
from fleet.actors import Actor
from fleet.audit import Event, Subject
from fleet.auth.permissions import Permission, require
from fleet.cameras.service import record_report
from fleet.cameras.states import NEXT_CUSTODY, Custody, Use
from fleet.clock import end_of, local_day
from fleet.custody import reservations
from fleet.custody.entitlement import officer_blocks
from fleet.custody.entries import issue_entry, move_entry, return_entry
from fleet.custody.models import Condition, IssueKind, Purpose
from fleet.custody.readiness import Block, Standing, after_return, blocks
from fleet.custody.records import (
    AllocationNow,
    CameraNow,
    Held,
    Officer,
    add_allocation,
    end_allocation,
    has_reported,
    held_by,
    is_excepted,
    lock_camera,
    lock_officer,
    lock_officers,
    open_allocation,
    put_camera,
    rest_active,
    standing_of,
    wake_resting,
)
from fleet.custody.reservations import ReservationNow
from fleet.errors import Conflict, Evidence, Invalid
from fleet.settings import Policy
from fleet.tasers import pairings
from fleet.tasers.states import STANDING, Because


class CameraNotReady(Conflict):
    """The camera cannot be issued now."""


class TrainingLapsed(Conflict):
    """The officer's training does not cover today (rule 4)."""


class HasLeft(Conflict):
    """The officer's last day is over (rule 15)."""


class AlreadyHolds(Conflict):
    """The officer has a camera of this kind (rule 7)."""


class HistoryStands(Conflict):
    """What was done can no longer be undone; a new act is needed (rule 9)."""


# The rule that gives helmet-mounted work a Flex 2.
_HELMET = 6


@dataclass(frozen=True)
class Issue:
    """What a clerk asks for. ``due_back`` is None for the policy's loan, or for a personal issue without end.

    ``purpose`` is what the camera is for, where a rule asks (rule 6). ``operation`` is the code of the reservation that
    it is for; an officer who is on one need not say so.
    """

    serial: str
    collar: str
    kind: IssueKind
    due_back: datetime | None = None
    override_reason: str | None = None
    purpose: Purpose | None = None
    operation: str | None = None


def kind_of(use: Use | None) -> IssueKind:
    """What an issue of a camera is when nobody says: personal for a personal camera, a loan for any other."""
    return IssueKind.PERSONAL if use is Use.PERSONAL else IssueKind.POOL


def issue(session: Session, actor: Actor, wanted: Issue, *, policy: Policy, now: datetime) -> AllocationNow:
    """Put a ready camera into a trained officer's hands (rules 3, 4, 6, 7, 8, 10, 13, 15).

    ``now`` and ``due_back`` are aware instants. Camera and officer stay locked until the caller's transaction ends,
    so two counters cannot issue one camera, nor one officer two.

    Raises:
        NotFound: no such camera or officer.
        Invalid: due back in the past, or an override without a reason.
        Forbidden: an override by somebody who may not.
        NotReserved: the operation does not run now.
        CameraNotReady, TrainingLapsed, HasLeft, AlreadyHolds: with the rule, what was found and who can mend it.
    """
    if wanted.due_back is not None and wanted.due_back <= now:
        raise Invalid("It would be due back before it is issued.", fields={"due_back": ["is in the past"]})
    camera = lock_camera(session, wanted.serial)
    standing = standing_of(session, camera)
    officer = lock_officer(session, wanted.collar)
    excepted = wanted.purpose is not None and is_excepted(session, officer, _HELMET, local_day(now))
    in_the_way = issue_blocks(standing, camera, officer, wanted, excepted=excepted, policy=policy, now=now)
    ruling = reservations.NO_RULING
    if standing.reserved or wanted.operation is not None:
        until = due_of(wanted, officer, None, policy, now)
        asked = (wanted.kind, wanted.operation)
        ruling = reservations.rule_on(session, camera, officer, *asked, until=until, policy=policy, now=now)
    _require_clear(session, actor, camera, officer, in_the_way + ruling.blocks, wanted.override_reason, now)
    held = held_by(session, officer)
    require_free_hands(officer, held, wanted.kind)
    due_back = due_of(wanted, officer, ruling.operation, policy, now)
    if any(other.active for other in held):
        rest_active(session, officer)
    return _issued(session, actor, camera, officer, wanted, due_back, ruling.operation, now)


def issue_blocks(
    standing: Standing,
    camera: CameraNow,
    officer: Officer,
    wanted: Issue,
    *,
    excepted: bool,
    policy: Policy,
    now: datetime,
) -> list[Block]:
    """Everything about camera and officer that is in the way of an issue; pure. ``excepted`` is of rule 6."""
    of_officer = officer_blocks(officer, camera, wanted.purpose, is_excepted=excepted, now=now)
    return [*blocks(standing, wanted.kind, policy), *of_officer]


def due_of(
    wanted: Issue, officer: Officer, operation: ReservationNow | None, policy: Policy, now: datetime
) -> datetime | None:
    """When an issue is due back: as wanted, else at its operation's end, after the policy's loan, or never.

    A leaver's is due on their last day at the latest (rule 15).
    """
    due_back = wanted.due_back
    if due_back is None and operation is not None:
        due_back = operation.ends_at
    elif due_back is None and wanted.kind is IssueKind.POOL:
        due_back = now + policy.pool_loan
    if officer.leaves_on is None:
        return due_back
    return min(due_back or end_of(officer.leaves_on), end_of(officer.leaves_on))


def _issued(
    session: Session,
    actor: Actor,
    camera: CameraNow,
    officer: Officer,
    wanted: Issue,
    due_back: datetime | None,
    operation: ReservationNow | None,
    now: datetime,
) -> AllocationNow:
    code, event = operation.code if operation else None, Event.CAMERA_ISSUED
    more = {"purpose": wanted.purpose, "operation": code}
    made = hand_over(session, actor, camera, officer, wanted.kind, due_back, event, now=now, more=more)
    if operation is not None:
        reservations.note_loan(session, operation, made.id)
    return dataclasses.replace(made, operation=code)


def _require_clear(
    session: Session,
    actor: Actor,
    camera: CameraNow,
    officer: Officer,
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
        raise refusal(camera, officer, standing[0])
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


def refusal(camera: CameraNow, officer: Officer, block: Block) -> Conflict:
    """The error that refuses an issue for what is in its way."""
    found = {name: audit.as_json(value) for name, value in block.found.items()}
    if block.rule == 4:  # noqa: PLR2004 - the rule's number in the domain
        # An untrained officer who asked for a camera is something a supervisor will want to read about.
        evidence = Evidence(Event.ISSUE_REFUSED, Subject.CAMERA, camera.serial, officer.collar)
        return TrainingLapsed(block.what, rule=4, found=found, mend=block.mend, evidence=evidence)
    if block.rule == 15:  # noqa: PLR2004 - the rule's number in the domain
        return HasLeft(block.what, rule=15, found=found, mend=block.mend)
    return CameraNotReady(block.what, rule=block.rule, found=found, mend=block.mend)


def require_free_hands(officer: Officer, held: list[Held], kind: IssueKind, *, may_rest: bool = False) -> None:
    """One personal camera and one loan at most; and no personal camera while a loan is out (rule 7).

    ``may_rest`` lets a personal camera come back beside the loan, to rest until the loan is back.
    """
    for other in held:
        if other.kind is kind or (other.active and kind is IssueKind.PERSONAL and not may_rest):
            what = f"{officer.collar} already has {other.serial} ({other.kind})."
            found = {"camera": other.serial, "kind": str(other.kind)}
            raise AlreadyHolds(what, rule=7, found=found, mend="the officer, by returning it")


def hand_over(
    session: Session,
    actor: Actor,
    camera: CameraNow,
    officer: Officer,
    kind: IssueKind,
    due_back: datetime | None,
    event: Event,
    *,
    now: datetime,
    continues: AllocationNow | None = None,
    active: bool = True,
    more: Mapping[str, Any] | None = None,
) -> AllocationNow:
    """Open an allocation and log it as ``event``. Every check is the caller's, who holds the locks.

    What the camera is paired with while somebody else had it is suspended.
    """
    if camera.paired:
        pairings.cameras_given(session, actor, {camera.id: officer.id}, now=now)
    camera = put(session, camera, Custody.ISSUED, now=now)
    allocation = add_allocation(
        session,
        camera,
        officer,
        kind,
        issued_at=now,
        due_back=due_back,
        active=active,
        continues_id=continues.id if continues else None,
    )
    audit.write(session, actor, issue_entry(event, allocation, more), at=now)
    return allocation


def put(session: Session, camera: CameraNow, to: Custody, *, now: datetime) -> CameraNow:
    """Change a camera's custody along the table of transitions.

    Raises:
        HistoryStands: the table has no such step.
    """
    if to not in NEXT_CUSTODY[camera.custody]:
        raise HistoryStands(f"A camera does not go from {camera.custody} to {to}.", rule=9)
    return put_camera(session, camera, to, now=now)


def take_back(
    session: Session,
    actor: Actor,
    serial: str,
    condition: Condition,
    *,
    note: str | None = None,
    policy: Policy,
    now: datetime,
) -> AllocationNow:
    """Take a camera back from whoever has it; a faulty one is quarantined (rule 8).

    Raises:
        NotFound: no such camera.
        CameraNotReady: rule 7: nobody has it.
    """
    camera = lock_camera(session, serial)
    allocation = open_allocation(session, camera)
    if allocation is None:
        raise not_out(camera)
    to = after_return(condition is Condition.GOOD, allocation.kind, has_reported(session, camera), policy)
    allocation = close(session, allocation, condition, note, to, now=now)
    audit.write(session, actor, return_entry(allocation, condition, note, to), at=now)
    return allocation


def not_out(camera: CameraNow) -> CameraNotReady:
    """The refusal to take back what nobody has."""
    what = f"{camera.serial} is not out; it is {camera.custody.replace('_', ' ')}."
    return CameraNotReady(what, rule=7, found={"custody": str(camera.custody)}, mend="store")


def close(
    session: Session, allocation: AllocationNow, condition: Condition, note: str | None, to: Custody, *, now: datetime
) -> AllocationNow:
    """End an allocation, put the camera where it belongs now, and wake the officer's other camera."""
    camera = put(session, allocation.camera, to, now=now)
    ended = end_allocation(session, allocation, condition, note, now=now)
    wake_resting(session, allocation.person)
    return dataclasses.replace(ended, camera=camera)


def take_over(session: Session, actor: Actor, wanted: Issue, *, policy: Policy, now: datetime) -> AllocationNow:
    """Return a camera from its holder and issue it to another officer: two entries, both or neither.

    Raises:
        As ``take_back`` and ``issue``.
    """
    before = open_allocation(session, lock_camera(session, wanted.serial))
    if before is not None:
        lock_officers(session, before.person.collar, wanted.collar)
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
        (Custody.RECOVERED, Custody.QUARANTINED),
    }
)


def move(
    session: Session, actor: Actor, serial: str, to: Custody, *, note: str | None = None, now: datetime
) -> CameraNow:
    """Change the custody of a camera that nobody has: into stock, into quarantine and out.

    Raises:
        NotFound
        HistoryStands: rule 9: not a step that is done by hand.
    """
    camera = lock_camera(session, serial)
    was = camera.custody
    if (refused := no_step(serial, was, to)) is not None:
        raise refused
    camera = put(session, camera, to, now=now)
    audit.write(session, actor, move_entry(serial, was, to, note), at=now)
    return camera


def no_step(serial: str, was: Custody, to: Custody) -> HistoryStands | None:
    """The refusal of a step that is not done by hand."""
    if (was, to) in BY_HAND:
        return None
    able = sorted(str(step) for start, step in BY_HAND if start is was)
    what = f"{serial} is {was}; by hand it can become {' or '.join(able) or 'nothing else'}."
    what += " Loss, repair, hold and the end of its life have acts of their own."
    return HistoryStands(what, rule=9, found={"custody": str(was), "possible": able})


def require_offloaded(session: Session, camera: CameraNow) -> None:
    """Refuse what rule 10 forbids while footage is on a camera, or while it is held.

    Raises:
        CameraNotReady: rule 10.
    """
    if camera.custody is Custody.HELD:
        raise CameraNotReady(f"{camera.serial} is held as evidence.", rule=10, mend="the authority that holds it")
    report = standing_of(session, camera).report
    if report is not None and report.unoffloaded:
        what = f"{camera.serial} holds {report.unoffloaded} recordings that are not offloaded. Dock it first."
        raise CameraNotReady(what, rule=10, found={"unoffloaded": report.unoffloaded}, mend="store")


def _stop_for_clock(session: Session, actor: Actor, camera: CameraNow, policy: Policy, now: datetime) -> None:
    """A camera whose clock cannot be relied on proves nothing of when it recorded (rule 13)."""
    found = blocks(standing_of(session, camera), IssueKind.POOL, policy)
    if any(block.rule == 13 for block in found):  # noqa: PLR2004 - the rule's number in the domain
        standing = [one for one in pairings.of_camera(session, camera.id) if one.state in STANDING]
        pairings.stop(session, actor, standing, Because.CLOCK, now=now)


def take_report(
    session: Session, actor: Actor, serial: str, said: dict[str, Any], *, policy: Policy, now: datetime
) -> CameraNow:
    """Take in what a camera says at a dock; one that waited for its check and passes is in stock again (rule 8)."""
    camera = lock_camera(session, serial)
    record_report(session, camera.id, said, now=now)
    if camera.paired:
        _stop_for_clock(session, actor, camera, policy, now)
    if camera.custody is Custody.RETURNING and not blocks(standing_of(session, camera), IssueKind.POOL, policy):
        camera = put(session, camera, Custody.IN_STOCK, now=now)
        audit.record(session, actor, Event.CAMERA_CHECKED, (Subject.CAMERA, serial), at=now, custody=camera.custody)
    return camera
