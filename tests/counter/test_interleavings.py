"""Properties: any interleaving of counters' queues with acts elsewhere ends in a history that the rules allow.

Every act is kept once; every one that was refused is on the list of exceptions, and no other is.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from fleet.actors import Role
from fleet.audit import Event
from fleet.audit.models import AuditEntry
from fleet.cameras.states import Custody
from fleet.counter.models import Outcome
from fleet.custody.models import Allocation
from fleet.errors import Conflict
from fleet.people.models import Person
from fleet.web import Service
from tests.accounts import new_account
from tests.counter.conftest import Counters, act_id, meant
from tests.factories import Factory

COUNTERS, CAMERAS, OFFICERS = range(3), range(3), range(3)
# What the log has of an act that was done. A camera that came back meanwhile needs no taking over.
DONE_BY = {
    "issue": [[Event.CAMERA_ISSUED]],
    "return": [[Event.CAMERA_RETURNED]],
    "take-over": [[Event.CAMERA_RETURNED, Event.CAMERA_ISSUED], [Event.CAMERA_ISSUED]],
}

counter_numbers, camera_numbers, officer_numbers = map(st.sampled_from, (COUNTERS, CAMERAS, OFFICERS))


@dataclass
class Waiting:
    """An act that a page keeps: what it is, and when it was made."""

    kind: str
    body: dict[str, Any]
    made_at: datetime
    id: str = field(default_factory=act_id)


class OfflineMachine(RuleBasedStateMachine):
    """Three counters without a line, each with a queue of its own, beside one that has a line."""

    app: ClassVar[Service]

    @initialize()
    def begin(self) -> None:
        make = Factory(self.app.database)
        self.counters = Counters(self.app, make, new_account(self.app, Role.STORE))
        self.cameras = [make.camera() for _ in CAMERAS]
        # The last officer's training has lapsed: some acts must be refused by rule 4.
        self.officers = [make.officer() for _ in OFFICERS[:-1]] + [make.officer(trained_until=None)]
        self.queues: list[list[Waiting]] = [[] for _ in COUNTERS]
        self.sent: list[Waiting] = []

    def _scan(self, counter: int, kind: str, body: dict[str, Any]) -> None:
        self.queues[counter].append(Waiting(kind, body, self.counters.later(seconds=20)))

    @rule(counter=counter_numbers, camera=camera_numbers, officer=officer_numbers)
    def issue_without_a_line(self, counter: int, camera: int, officer: int) -> None:
        self._scan(counter, "issue", meant(self.cameras[camera], self.officers[officer]))

    @rule(counter=counter_numbers, camera=camera_numbers, holder=st.none() | officer_numbers)
    def return_without_a_line(self, counter: int, camera: int, holder: int | None) -> None:
        believed = None if holder is None else self.officers[holder]
        self._scan(counter, "return", meant(self.cameras[camera], holder=believed))

    @rule(counter=counter_numbers, camera=camera_numbers, officer=officer_numbers, holder=officer_numbers)
    def take_over_without_a_line(self, counter: int, camera: int, officer: int, holder: int) -> None:
        body = meant(self.cameras[camera], self.officers[officer], holder=self.officers[holder])
        self._scan(counter, "take-over", body)

    @precondition(lambda self: any(self.queues))
    @rule(data=st.data())
    def undo_without_a_line(self, data: st.DataObject) -> None:
        """The last act of a queue is taken out of it and said to be undone; it may have been sent all the same."""
        queue = data.draw(st.sampled_from([queue for queue in self.queues if queue]))
        last = queue[-1]
        if last.kind == "withdraw":
            return
        if data.draw(st.booleans()):
            self._bring(last)
        queue.pop()
        body = {"of": last.id, "kind": last.kind, "camera": last.body["camera"], "officer": last.body["officer"]}
        queue.append(Waiting("withdraw", body, self.counters.later(seconds=5)))

    @rule(camera=camera_numbers, officer=officer_numbers)
    def issue_elsewhere(self, camera: int, officer: int) -> None:
        self.counters.later(seconds=20)
        try:
            self.counters.issue(self.cameras[camera], self.officers[officer])
        except Conflict:
            return

    @rule(camera=camera_numbers)
    def return_elsewhere(self, camera: int) -> None:
        self.counters.later(seconds=20)
        try:
            self.counters.take_back(self.cameras[camera])
        except Conflict:
            return

    @precondition(lambda self: any(self.queues))
    @rule(data=st.data(), again=st.booleans())
    def the_line_is_back_for_a_moment(self, data: st.DataObject, again: bool) -> None:
        """The first of a queue arrives; its answer may be lost, so that it comes once more."""
        queue = data.draw(st.sampled_from([queue for queue in self.queues if queue]))
        self._bring(queue[0])
        if not again:
            queue.pop(0)

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def an_old_one_comes_again(self, data: st.DataObject) -> None:
        self._bring(data.draw(st.sampled_from(self.sent)))

    def _bring(self, act: Waiting) -> None:
        self.counters.later(seconds=1)
        self.counters.bring(act.kind, act.body, act.made_at, id=act.id)
        if act not in self.sent:
            self.sent.append(act)

    def teardown(self) -> None:
        if not hasattr(self, "queues"):
            return
        for queue in self.queues:
            for act in queue:
                self._bring(act)
        self._every_act_is_there_once()
        for serial in self.cameras:
            self._history_is_allowed(serial)
        for collar in self.officers:
            self._has_one_loan(collar)

    def _every_act_is_there_once(self) -> None:
        kept = {act.id: act for act in self.counters.kept(*(sent.id for sent in self.sent))}
        assert set(kept) == {sent.id for sent in self.sent}
        excepted = {exception.act_number for exception in self.counters.exceptions(*kept)}
        log = [entry for serial in self.cameras for entry in self.counters.log(serial)]
        for sent in self.sent:
            act = kept[sent.id]
            of_act = [entry.event for entry in log if entry.facts.get("act") == act.id]
            assert (act.number in excepted) == (act.outcome is Outcome.REFUSED)
            if act.outcome is Outcome.REFUSED:
                assert Event.COUNTER_ACT_REFUSED in of_act
                assert not set(of_act) & {Event.CAMERA_ISSUED, Event.CAMERA_RETURNED}
            elif act.outcome is Outcome.DONE and act.kind != "withdraw":
                assert of_act in DONE_BY[act.kind]
            elif act.outcome is Outcome.WITHDRAWN:
                assert of_act == []

    def _history_is_allowed(self, serial: str) -> None:
        """One holder at a time, in the order in which it was done, and custody says the same."""
        before = None
        for allocation in self.counters.allocations(serial):
            assert before is None or (before.returned_at is not None and before.returned_at <= allocation.issued_at)
            assert allocation.returned_at is None or allocation.issued_at <= allocation.returned_at
            before = allocation
        is_out = before is not None and before.returned_at is None
        assert is_out == (self.counters.custody(serial) is Custody.ISSUED)

    def _has_one_loan(self, collar: str) -> None:
        held = sa.select(Allocation).join(Person).where(Person.collar == collar, Allocation.returned_at.is_(None))
        wrongly = sa.select(AuditEntry).where(AuditEntry.officer == collar, AuditEntry.event == Event.CAMERA_ISSUED)
        with self.app.database.transaction() as session:
            assert len(session.scalars(held).all()) <= 1
            if collar == self.officers[-1]:
                assert session.scalars(wrongly).all() == []


@pytest.mark.parametrize("long", [False, True])
def test_any_interleaving_ends_in_a_history_that_the_rules_allow(app: Service, long: bool) -> None:
    machine = type("Machine", (OfflineMachine,), {"app": app})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=15 if long else 60,
            stateful_step_count=40 if long else 12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
