"""The services about cases with a clock of their own."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet.actors import Actor, Role
from fleet.cameras.models import Camera
from fleet.cameras.states import Custody
from fleet.clock import local_day
from fleet.lifecycle import assessments, cases, departures, exceptions, holds, losses, repairs, retirement
from fleet.lifecycle.models import DepartureKind, DisposalHow, LossState, RepairResult, Risk
from fleet.web import Service
from tests.custody.conftest import Desk
from tests.factories import Factory, unique

CIRCUMSTANCES = {"last_seen": "the locker room", "last_seen_by": "the sergeant", "circumstances": "gone after a shift"}
ASSESSMENT: dict[str, Any] = {
    "recordings": "one shift",
    "affected": "two victims",
    "risk": Risk.UNLIKELY,
    "measures": "searched",
    "psd_told_at": None,
    "ico_told_at": None,
    "ico_reason": None,
    "decided_by": "the superintendent",
}


def account(name: str = "", role: Role = Role.SUPERVISOR, collar: str | None = None) -> Actor:
    """Somebody with a sign-in, whom nobody else is."""
    return Actor(f"account:{name or unique('who').lower()}", role, collar)


@dataclass
class Office(Desk):
    """The desk, and the acts that lie beyond the counter."""

    def do(self, act: Callable[[Session], Any]) -> Any:
        with self.app.database.transaction() as session:
            return act(session)

    @property
    def today(self) -> date:
        return local_day(self.now)

    def lose(self, serial: str, *, hours_ago: float = 1, actor: Actor | None = None) -> int:
        said = losses.Report(self.now - timedelta(hours=hours_ago), **CIRCUMSTANCES)
        who = actor or self.actor
        return self.do(lambda s: losses.report(s, who, serial, said, policy=self.policy, now=self.now))  # type: ignore[no-any-return]

    def decide(self, loss: int, outcome: LossState = LossState.LOST, crime_number: str | None = None) -> None:
        self.do(lambda s: losses.decide(s, self.actor, loss, outcome, crime_number=crime_number, now=self.now))

    def recover(self, loss: int) -> None:
        said = {"where": "a hedge", "by": "a dog walker", "condition": "wet"}
        self.do(lambda s: losses.recover(s, self.actor, loss, said, now=self.now))

    def assess(self, loss: int, **said: Any) -> int:
        values = {**ASSESSMENT, **said}
        return self.do(lambda s: assessments.assess(s, self.actor, loss, values, now=self.now))  # type: ignore[no-any-return]

    def loss(self, number: int) -> dict[str, Any]:
        return self.do(lambda s: cases.loss(s, number, now=self.now))  # type: ignore[no-any-return]

    def send(self, serial: str, **sending: Any) -> int:
        wanted = repairs.Sending(**{"fault": "no sound", **sending})
        return self.do(lambda s: repairs.send(s, self.actor, serial, wanted, now=self.now))  # type: ignore[no-any-return]

    def back(self, serial: str, result: RepairResult = RepairResult.REPAIRED, replacement: str | None = None) -> int:
        return self.do(  # type: ignore[no-any-return]
            lambda s: repairs.take_back(s, self.actor, serial, result, replacement=replacement, now=self.now)
        )

    def hold(self, serial: str, actor: Actor | None = None) -> int:
        placing = holds.Placing("The coroner", "C/12", "An inquest.")
        return self.do(lambda s: holds.place(s, actor or self.actor, serial, placing, now=self.now))  # type: ignore[no-any-return]

    def release(self, serial: str, actor: Actor | None = None) -> None:
        self.do(lambda s: holds.release(s, actor or self.actor, serial, "The inquest is over.", now=self.now))

    def retire(self, serial: str) -> None:
        self.do(lambda s: retirement.retire(s, self.actor, serial, "worn out", now=self.now))

    def sanitise(self, serial: str, certificate: str = "W-1") -> None:
        said = {"method": "overwritten", "certificate": certificate, "wiped_by": "us", "wiped_on": self.today}
        self.do(lambda s: retirement.sanitise(s, self.actor, serial, said, now=self.now))

    def propose(self, serial: str, actor: Actor) -> None:
        how = DisposalHow.RECYCLED
        self.do(lambda s: retirement.propose(s, actor, serial, how, waste_note="N-1", now=self.now))

    def decline(self, serial: str, actor: Actor) -> None:
        self.do(lambda s: retirement.decline(s, actor, serial, "not yet", now=self.now))

    def confirm(self, serial: str, actor: Actor) -> None:
        self.do(lambda s: retirement.confirm(s, actor, serial, now=self.now))

    def depart(self, collar: str, days: int, kind: DepartureKind = DepartureKind.LEAVER, **where: Any) -> int:
        leaving = departures.Leaving(kind, self.today + timedelta(days=days), **where)
        return self.do(lambda s: departures.note(s, self.actor, collar, leaving, now=self.now))  # type: ignore[no-any-return]

    def withdraw(self, collar: str) -> None:
        self.do(lambda s: departures.withdraw(s, self.actor, collar, "wrong officer", now=self.now))

    def exempt(self, collar: str, rule: int, days: int = 30) -> int:
        wanted = exceptions.Wanted(rule, "desk duty", self.today + timedelta(days=days))
        return self.do(lambda s: exceptions.record(s, self.actor, collar, wanted, now=self.now))  # type: ignore[no-any-return]

    def put(self, serial: str, custody: Custody) -> None:
        """Set a custody as an import of an old register does, with no case behind it."""
        self.do(lambda s: s.execute(sa.update(Camera).where(Camera.serial == serial).values(custody=custody)))


@pytest.fixture
def office(app: Service, make: Factory) -> Office:
    return Office(app, make)
