"""Random acts on custody by random roles, legal or not; after each the invariants hold and a small model agrees."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from fleet.actors import Actor, Role
from fleet.audit import Event
from fleet.audit.models import AuditEntry
from fleet.auth.permissions import Permission, is_permitted, require
from fleet.cameras import service as register
from fleet.cameras.models import Camera
from fleet.cameras.states import NEXT_CUSTODY, Custody, Use
from fleet.custody import service, undo
from fleet.custody.models import Allocation, Condition, IssueKind
from fleet.errors import Conflict, Forbidden
from fleet.people import service as people
from fleet.people.models import Person
from fleet.settings import Policy
from fleet.web import Service
from tests.factories import Factory

CAMERAS, OFFICERS = range(3), range(2)
POLICY = Policy()
# Mostly those who may, or little would ever happen.
ROLES = [*[Role.ADMIN] * 6, *[Role.STORE, Role.SUPERVISOR] * 2, Role.IT, Role.AUDITOR, Role.OFFICER, Role.DOCK]
ACTED = {
    Event.CAMERA_ISSUED,
    Event.CAMERA_RETURNED,
    Event.CAMERA_CHECKED,
    Event.CAMERA_MOVED,
    Event.ISSUE_UNDONE,
    Event.RETURN_UNDONE,
}

cameras, officers, roles = st.sampled_from(CAMERAS), st.sampled_from(OFFICERS), st.sampled_from(ROLES)
kinds, conditions = st.sampled_from(IssueKind), st.sampled_from([Condition.GOOD, Condition.FAULTY])


@dataclass
class Model:
    """Who has what, and how many entries the log has of each camera: all that the register must agree with."""

    out: dict[int, tuple[int, IssueKind]] = field(default_factory=dict)
    entries: list[int] = field(default_factory=lambda: [0 for _ in CAMERAS])
    trained: list[bool] = field(default_factory=lambda: [True for _ in OFFICERS])

    def kinds_of(self, officer: int) -> set[IssueKind]:
        return {kind for holder, kind in self.out.values() if holder == officer}

    def active_of(self, officer: int) -> int | None:
        """A loan before a personal camera (rule 7)."""
        held = {kind: camera for camera, (holder, kind) in self.out.items() if holder == officer}
        return held.get(IssueKind.POOL, held.get(IssueKind.PERSONAL))

    def may_have(self, officer: int, kind: IssueKind) -> bool:
        kinds = self.kinds_of(officer)
        return kind not in kinds and not (kind is IssueKind.PERSONAL and kinds)


class CustodyMachine(RuleBasedStateMachine):
    """Every rule below is one act; ``self.model`` is changed only when the service said that it was done."""

    app: ClassVar[Service]

    @initialize()
    def register(self) -> None:
        make = Factory(self.app.database)
        self.serials = [make.camera(use=Use.POOL) for _ in CAMERAS]
        self.collars = [make.officer() for _ in OFFICERS]
        self.model = Model()
        self.now = datetime.now(UTC) + timedelta(minutes=1)
        self.issues: list[tuple[int, int]] = []  # allocation, camera
        self.returns: list[tuple[int, int]] = []
        self.closed: dict[int, tuple[Any, ...]] = {}
        self.refused_by: set[int | None] = set()

    def act(self, role: Role, permission: Permission, do: Any) -> Any:
        """Carry out an act as the API would: permission first, one transaction. None when it was refused."""
        actor = Actor(f"token:{role}", role)
        self.now += timedelta(seconds=1)
        try:
            with self.app.database.transaction() as session:
                require(actor, permission)
                done = do(session, actor)
        except Conflict as error:
            self.refused_by.add(error.rule)
            return None
        except Forbidden:
            assert not is_permitted(actor, permission) or not is_permitted(actor, Permission.CUSTODY_OVERRIDE)
            return None
        assert is_permitted(actor, permission)
        return done

    @rule(camera=cameras, officer=officers, kind=kinds, role=roles, reason=st.sampled_from([None, None, "needed"]))
    def issue(self, camera: int, officer: int, kind: IssueKind, role: Role, reason: str | None) -> None:
        wanted = service.Issue(self.serials[camera], self.collars[officer], kind, None, reason)
        allocation = self.act(
            role,
            Permission.CAMERA_ISSUE,
            lambda session, actor: service.issue(session, actor, wanted, policy=POLICY, now=self.now),
        )
        if allocation:
            assert camera not in self.model.out
            assert self.model.may_have(officer, kind)
            assert self.model.trained[officer] or reason
            self.model.out[camera] = officer, kind
            self.model.entries[camera] += 1
            self.issues.append((allocation.id, camera))

    @rule(officer=officers, order=st.permutations(CAMERAS))
    def issue_both_kinds(self, officer: int, order: list[int]) -> None:
        self.issue(order[0], officer, IssueKind.PERSONAL, Role.ADMIN, None)
        self.issue(order[1], officer, IssueKind.POOL, Role.ADMIN, None)

    @rule(camera=cameras, condition=conditions, role=roles)
    def take_back(self, camera: int, condition: Condition, role: Role) -> None:
        allocation = self.act(
            role,
            Permission.CAMERA_RETURN,
            lambda session, actor: service.take_back(
                session, actor, self.serials[camera], condition, policy=POLICY, now=self.now
            ),
        )
        if allocation:
            del self.model.out[camera]
            self.model.entries[camera] += 1
            self.returns.append((allocation.id, camera))
        else:
            assert camera not in self.model.out or not is_permitted(Actor("x", role), Permission.CAMERA_RETURN)

    @rule(camera=cameras, officer=officers, kind=kinds, role=roles)
    def take_over(self, camera: int, officer: int, kind: IssueKind, role: Role) -> None:
        wanted = service.Issue(self.serials[camera], self.collars[officer], kind)
        before = self.model.out.get(camera)
        allocation = self.act(
            role,
            Permission.COUNTER_USE,
            lambda session, actor: service.take_over(session, actor, wanted, policy=POLICY, now=self.now),
        )
        if allocation:
            assert before is not None
            self.model.out[camera] = officer, kind
            self.model.entries[camera] += 2
            self.issues.append((allocation.id, camera))

    @rule(role=roles, data=st.data())
    def undo_issue(self, role: Role, data: st.DataObject) -> None:
        if not self.issues:
            return
        number, camera = data.draw(st.sampled_from(self.issues[-3:]))
        if self.act(
            role,
            Permission.COUNTER_USE,
            lambda session, actor: undo.undo_issue(session, actor, number, policy=POLICY, now=self.now),
        ):
            del self.model.out[camera]
            self.model.entries[camera] += 1

    @rule(role=roles, data=st.data())
    def undo_return(self, role: Role, data: st.DataObject) -> None:
        if not self.returns:
            return
        number, camera = data.draw(st.sampled_from(self.returns[-3:]))
        allocation = self.act(
            role,
            Permission.COUNTER_USE,
            lambda session, actor: undo.undo_return(session, actor, number, policy=POLICY, now=self.now),
        )
        if allocation:
            assert camera not in self.model.out
            self.model.out[camera] = self.collars.index(allocation.person.collar), allocation.kind
            self.model.entries[camera] += 1
            self.issues.append((allocation.id, camera))

    @rule(camera=cameras, role=roles, to=st.sampled_from([Custody.QUARANTINED, Custody.IN_STOCK, *Custody]))
    def move(self, camera: int, role: Role, to: Custody) -> None:
        moved = self.act(
            role,
            Permission.CAMERA_EDIT,
            lambda session, actor: service.move(session, actor, self.serials[camera], to, now=self.now),
        )
        if moved:
            assert camera not in self.model.out
            self.model.entries[camera] += 1

    @rule(
        camera=cameras,
        battery=st.sampled_from([100, 80, None, 20]),
        unoffloaded=st.sampled_from([0, 0, 0, 3]),
        offset=st.sampled_from([0.0, 0.0, 0.0, 999.0]),
    )
    def report(self, camera: int, battery: int | None, unoffloaded: int, offset: float) -> None:
        said = {"battery_percent": battery, "unoffloaded": unoffloaded, "clock_offset_s": offset}
        self.now += timedelta(seconds=1)
        with self.app.database.transaction() as session:
            actor, serial = Actor("token:dock", Role.DOCK), self.serials[camera]
            before = register.CAMERAS.get(session, serial).custody
            after = service.take_report(session, actor, serial, said, policy=POLICY, now=self.now).custody
        self.model.entries[camera] += before is not after

    @rule(officer=officers, trained=st.sampled_from([True, True, False]))
    def train(self, officer: int, trained: bool) -> None:
        until = self.now.date() + timedelta(days=30 if trained else -1)
        with self.app.database.transaction() as session:
            values = {"trained_until": until}
            people.revise(
                session,
                Actor("token:supervisor", Role.SUPERVISOR),
                self.collars[officer],
                values,
                at_version=None,
                now=self.now,
            )
        self.model.trained[officer] = trained

    @rule(seconds=st.sampled_from([30, 61, 3_600]))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    # What is always so.

    @invariant()
    def the_register_agrees_with_the_model(self) -> None:
        with self.app.database.transaction() as session:
            held = self._allocations(session)
            custody = dict(
                session.execute(sa.select(Camera.serial, Camera.custody).where(Camera.serial.in_(self.serials))).all()
            )
        open_now = [row for row in held if row.returned_at is None]
        assert {(row.serial, row.collar, row.kind) for row in open_now} == {
            (self.serials[camera], self.collars[officer], kind) for camera, (officer, kind) in self.model.out.items()
        }
        assert len(open_now) == len(self.model.out)
        for number, serial in enumerate(self.serials):
            assert (custody[serial] is Custody.ISSUED) == (number in self.model.out)
        for officer, collar in enumerate(self.collars):
            active = self.model.active_of(officer)
            assert [row.serial for row in open_now if row.collar == collar and row.active] == (
                [] if active is None else [self.serials[active]]
            )
        self._require_history_to_stand([row for row in held if row.returned_at is not None])

    def _allocations(self, session: Any) -> list[Any]:
        columns = (
            Allocation.id, Camera.serial, Person.collar, Allocation.kind, Allocation.issued_at, Allocation.due_back,
            Allocation.active, Allocation.returned_at, Allocation.condition, Allocation.note, Allocation.continues_id,
        )  # fmt: skip
        rows = sa.select(*columns).select_from(Allocation).join(Camera).join(Person)
        return list(session.execute(rows.where(Camera.serial.in_(self.serials))).all())

    def _require_history_to_stand(self, closed: list[Any]) -> None:
        now = {row.id: tuple(row) for row in closed}
        assert self.closed.items() <= now.items()
        self.closed = now

    @invariant()
    def every_refusal_names_a_rule_of_custody(self) -> None:
        assert self.refused_by <= {4, 7, 8, 9, 10, 13}

    @invariant()
    def every_change_has_one_entry_and_every_entry_its_change(self) -> None:
        said = sa.select(AuditEntry).where(AuditEntry.subject_key.in_(self.serials), AuditEntry.event.in_(ACTED))
        with self.app.database.transaction() as session:
            entries = session.scalars(said.order_by(AuditEntry.id)).all()
        for number, serial in enumerate(self.serials):
            mine = [entry for entry in entries if entry.subject_key == serial]
            assert len(mine) == self.model.entries[number]
            out = None
            for entry in mine:
                if entry.event in {Event.CAMERA_ISSUED, Event.RETURN_UNDONE}:
                    assert out is None
                    out = entry.officer
                elif entry.event in {Event.CAMERA_RETURNED, Event.ISSUE_UNDONE}:
                    assert out == entry.officer
                    out = None
                else:
                    assert out is None
                if entry.event is Event.CAMERA_MOVED:
                    was, to = (Custody(word) for word in entry.facts["custody"])
                    assert to in NEXT_CUSTODY[was]
            holder = self.model.out.get(number)
            assert out == (None if holder is None else self.collars[holder[0]])


@pytest.mark.usefixtures("app")
def test_no_sequence_of_acts_puts_a_camera_in_two_places(app: Service) -> None:
    machine = type("Machine", (CustodyMachine,), {"app": app})

    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        machine,
        settings=settings(
            max_examples=20,
            stateful_step_count=40,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
