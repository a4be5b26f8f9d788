"""What each bulk act refuses and does. The rules are the single acts' own; only reading and writing is for many."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from fleet import audit
from fleet.actors import Actor
from fleet.audit import Entry, Event, Subject
from fleet.auth.permissions import Permission
from fleet.cameras.states import Custody, Use
from fleet.custody import entries, many, reservations, service
from fleet.custody.many import Facts, Opening
from fleet.custody.models import Condition, IssueKind
from fleet.custody.readiness import after_return
from fleet.custody.records import Held, Officer
from fleet.custody.service import Issue
from fleet.errors import FleetError, Invalid, NotFound
from fleet.settings import Policy
from fleet.sites.service import DOCKS
from fleet.stock.states import BulkVerb
from fleet.tasers import pairings

# What an act is to do: with all of its cameras, and with one of them.
Wanted = Mapping[str, Any]


@dataclass(frozen=True)
class Doer:
    """Who does it, in which transaction, by which policy, when."""

    session: Session
    actor: Actor
    policy: Policy
    now: datetime


@dataclass(frozen=True)
class Task:
    """One camera of an act: all that is known of it, and what is wanted of this one."""

    facts: Facts
    wanted: Wanted


class Verb:
    """One kind of bulk act. Made once for each preview or slice, so it may remember what it let pass."""

    permission = Permission.STOCK_MANAGE

    def __init__(self, doer: Doer, wanted: Wanted) -> None:
        self.doer = doer
        self.wanted = wanted

    def prepare(self, tasks: Sequence[Task], *, lock: bool) -> None:
        """Read, and lock, what else the decision needs."""

    def refusal(self, task: Task) -> FleetError | None:
        """What refuses it for this camera; None, nothing does."""
        raise NotImplementedError

    def carry_out(self, tasks: Sequence[Task]) -> None:
        """Do it with all of these, none of which is refused, and log each."""
        raise NotImplementedError

    def log(self, said: Sequence[Entry]) -> None:
        audit.record_many(self.doer.session, self.doer.actor, said, at=self.doer.now)


class Return(Verb):
    """``condition`` and ``note``, for all."""

    permission = Permission.CAMERA_RETURN

    def prepare(self, tasks: Sequence[Task], *, lock: bool) -> None:
        if lock:
            collars = {task.facts.allocation.person.collar for task in tasks if task.facts.allocation}
            many.officers_of(self.doer.session, collars, lock=True)

    def refusal(self, task: Task) -> FleetError | None:
        return service.not_out(task.facts.camera) if task.facts.allocation is None else None

    def carry_out(self, tasks: Sequence[Task]) -> None:
        condition, note = Condition(self.wanted["condition"]), self.wanted.get("note")
        out = [(task.facts, task.facts.allocation) for task in tasks if task.facts.allocation]
        allocations = [allocation for _, allocation in out]
        is_good, policy = condition is Condition.GOOD, self.doer.policy
        to = {
            facts.camera.id: after_return(is_good, allocation.kind, facts.has_reported, policy)
            for facts, allocation in out
        }
        many.put_each(self.doer.session, to, now=self.doer.now)
        many.end_all(self.doer.session, allocations, condition, note, now=self.doer.now)
        self.log([entries.return_entry(one, condition, note, to[one.camera.id]) for one in allocations])


class Move(Verb):
    """``custody`` and ``note``, for all: the steps that are done by hand."""

    permission = Permission.CAMERA_EDIT

    def refusal(self, task: Task) -> FleetError | None:
        camera = task.facts.camera
        return service.no_step(camera.serial, camera.custody, Custody(self.wanted["custody"]))

    def carry_out(self, tasks: Sequence[Task]) -> None:
        to, note = Custody(self.wanted["custody"]), self.wanted.get("note")
        cameras = [task.facts.camera for task in tasks]
        many.put_each(self.doer.session, {camera.id: to for camera in cameras}, now=self.doer.now)
        self.log([entries.move_entry(camera.serial, camera.custody, to, note) for camera in cameras])


class IssueEach(Verb):
    """``collar``, and perhaps ``kind`` and ``due_back``, for each camera of its own.

    Where a reservation is of such cameras, whether one may go depends on those that went before, so each is issued
    while it is judged, by the single act; a preview takes all of that back.
    """

    permission = Permission.CAMERA_ISSUE

    def prepare(self, tasks: Sequence[Task], *, lock: bool) -> None:
        self._issued: set[str] = set()
        session = self.doer.session
        is_reserved = any(task.facts.standing.reserved for task in tasks)
        self._there = reservations.overlapping(session, self.doer.now, None) if is_reserved else []
        collars = {task.wanted["collar"] for task in tasks}
        self._officers: dict[str, Officer] = many.officers_of(session, collars, lock=lock)
        self._held: dict[str, list[Held]] = many.held_by_each(session, self._officers.values())

    def refusal(self, task: Task) -> FleetError | None:
        officer = self._officers.get(task.wanted["collar"])
        if officer is None:
            return NotFound(f"There is no person {task.wanted['collar']}.", mend="store")
        wanted, camera = self._issue(task), task.facts.camera
        if self._is_reserved(task.facts):
            return self._issue_now(wanted)
        if wanted.due_back is not None and wanted.due_back <= self.doer.now:
            return Invalid("It would be due back before it is issued.")
        policy, now = self.doer.policy, self.doer.now
        standing = task.facts.standing
        blocks = service.issue_blocks(standing, camera, officer, wanted, excepted=False, policy=policy, now=now)
        if blocks:
            return service.refusal(camera, officer, blocks[0])
        try:
            service.require_free_hands(officer, self._held[officer.collar], wanted.kind)
        except service.AlreadyHolds as error:
            return error
        # The next line of the file sees what this one gives the officer.
        self._held[officer.collar].append(Held(camera.serial, wanted.kind, active=True))
        return None

    def _is_reserved(self, facts: Facts) -> bool:
        model, use = facts.camera.model, facts.camera.use
        return use is Use.POOL and any(one.fits(model, facts.site_id, facts.home_dock_id) for one in self._there)

    def _issue_now(self, wanted: Issue) -> FleetError | None:
        session, actor = self.doer.session, self.doer.actor
        try:
            with session.begin_nested():
                service.issue(session, actor, wanted, policy=self.doer.policy, now=self.doer.now)
        except FleetError as error:
            return error
        self._issued.add(wanted.serial)
        return None

    def _issue(self, task: Task) -> Issue:
        said, camera = task.wanted, task.facts.camera
        usual = service.kind_of(camera.use)
        due_back = datetime.fromisoformat(said["due_back"]) if said.get("due_back") else None
        return Issue(camera.serial, said["collar"], IssueKind(said.get("kind") or usual), due_back)

    def carry_out(self, tasks: Sequence[Task]) -> None:
        openings = []
        for task in tasks:
            if task.facts.camera.serial in self._issued:
                continue
            wanted = self._issue(task)
            officer = self._officers[wanted.collar]
            due_back = service.due_of(wanted, officer, None, self.doer.policy, self.doer.now)
            openings.append(Opening(task.facts.camera, officer, wanted.kind, due_back))
        custodies = {one.camera.id: Custody.ISSUED for one in openings}
        given = {one.camera.id: one.officer.id for one in openings}
        pairings.cameras_given(self.doer.session, self.doer.actor, given, now=self.doer.now)
        many.put_each(self.doer.session, custodies, now=self.doer.now)
        made = many.open_all(self.doer.session, openings, now=self.doer.now)
        self.log([entries.issue_entry(Event.CAMERA_ISSUED, one) for one in made])


class DueBack(Verb):
    """``due_back``, for all that are out."""

    def refusal(self, task: Task) -> FleetError | None:
        if task.facts.allocation is None:
            return service.not_out(task.facts.camera)
        if self._due() <= self.doer.now:
            return Invalid("It would be due back in the past.")
        return None

    def _due(self) -> datetime:
        return datetime.fromisoformat(self.wanted["due_back"])

    def carry_out(self, tasks: Sequence[Task]) -> None:
        out = [task.facts.allocation for task in tasks if task.facts.allocation]
        many.set_due(self.doer.session, out, self._due())
        event, due = Event.CAMERA_DUE_CHANGED, audit.as_json(self._due())
        self.log(
            [
                Entry(
                    event,
                    (Subject.CAMERA, one.camera.serial),
                    one.person.collar,
                    {"changed": {"due_back": [audit.as_json(one.due_back), due]}},
                )
                for one in out
            ]
        )


class WriteDown(Verb):
    """What is written about a camera: its ``home_dock``, or its ``use``."""

    permission = Permission.CAMERA_EDIT
    column = ""

    def refusal(self, task: Task) -> FleetError | None:
        if self.was(task) == self.wanted[self.column]:
            name = self.column.replace("_", " ")
            return Invalid(f"The {name} of {task.facts.camera.serial} is {self.was(task)} already.")
        return None

    def was(self, task: Task) -> str | None:
        """What is written now."""
        raise NotImplementedError

    def changed(self, task: Task, name: str) -> Entry:
        pair = [self.was(task), self.wanted[self.column]]
        subject = (Subject.CAMERA, task.facts.camera.serial)
        return Entry(Event.CAMERA_CHANGED, subject, facts={"changed": {name: pair}})


class HomeDock(WriteDown):
    column = "home_dock"

    def was(self, task: Task) -> str | None:
        return task.facts.home_dock

    def carry_out(self, tasks: Sequence[Task]) -> None:
        dock = DOCKS.id_of(self.doer.session, self.wanted["home_dock"], "home_dock")
        many.write_down(self.doer.session, [task.facts.camera for task in tasks], home_dock_id=dock)
        self.log([self.changed(task, "home_dock_id") for task in tasks])


class ChangeUse(WriteDown):
    column = "use"

    def was(self, task: Task) -> str | None:
        use = task.facts.camera.use
        return None if use is None else str(use)

    def carry_out(self, tasks: Sequence[Task]) -> None:
        many.write_down(self.doer.session, [task.facts.camera for task in tasks], use=Use(self.wanted["use"]))
        self.log([self.changed(task, "use") for task in tasks])


VERBS: dict[BulkVerb, Callable[[Doer, Wanted], Verb]] = {
    BulkVerb.RETURN: Return,
    BulkVerb.MOVE: Move,
    BulkVerb.ISSUE: IssueEach,
    BulkVerb.HOME_DOCK: HomeDock,
    BulkVerb.USE: ChangeUse,
    BulkVerb.DUE_BACK: DueBack,
}
