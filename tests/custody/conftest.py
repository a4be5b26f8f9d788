"""The custody services with a clock of their own, and what the register and the log say afterwards."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from fleet.actors import Actor, command_line
from fleet.audit import Event
from fleet.audit.models import AuditEntry
from fleet.cameras.models import Camera
from fleet.cameras.states import Custody
from fleet.custody import service, undo
from fleet.custody.models import Allocation, Condition, IssueKind
from fleet.people.models import Person
from fleet.settings import Policy
from fleet.web import Service
from tests.factories import Factory


@dataclass
class Desk:
    """Acts on custody at the instant ``now``, each in a transaction of its own."""

    app: Service
    make: Factory
    actor: Actor = field(default_factory=lambda: command_line("clerk"))
    policy: Policy = field(default_factory=Policy)
    # Ahead of the factory's clock, so that what it makes lies in the past.
    now: datetime = field(default_factory=lambda: datetime.now(UTC) + timedelta(minutes=1))

    def later(self, **by: float) -> datetime:
        """Let time pass."""
        self.now += timedelta(**by)
        return self.now

    def allow(self, **policy: Any) -> None:
        """Decide something for the force."""
        self.policy = replace(self.policy, **policy)

    def issue(self, serial: str, collar: str, kind: IssueKind = IssueKind.POOL, **wanted: Any) -> int:
        """Issue, and answer the allocation's number."""
        with self.app.database.transaction() as session:
            asked = service.Issue(serial, collar, kind, **wanted)
            return service.issue(session, self.actor, asked, policy=self.policy, now=self.now).id

    def take_over(self, serial: str, collar: str, kind: IssueKind = IssueKind.POOL) -> int:
        with self.app.database.transaction() as session:
            asked = service.Issue(serial, collar, kind)
            return service.take_over(session, self.actor, asked, policy=self.policy, now=self.now).id

    def take_back(self, serial: str, condition: Condition = Condition.GOOD) -> int:
        with self.app.database.transaction() as session:
            return service.take_back(session, self.actor, serial, condition, policy=self.policy, now=self.now).id

    def undo_issue(self, allocation: int) -> None:
        with self.app.database.transaction() as session:
            undo.undo_issue(session, self.actor, allocation, policy=self.policy, now=self.now)

    def undo_return(self, allocation: int) -> int:
        with self.app.database.transaction() as session:
            return undo.undo_return(session, self.actor, allocation, policy=self.policy, now=self.now).id

    def undo_take_over(self, issued: int, returned: int) -> int:
        with self.app.database.transaction() as session:
            done = undo.undo_take_over(session, self.actor, issued, returned, policy=self.policy, now=self.now)
            return done.id

    def move(self, serial: str, to: Custody, note: str | None = None) -> None:
        with self.app.database.transaction() as session:
            service.move(session, self.actor, serial, to, note=note, now=self.now)

    def report(self, serial: str, **said: Any) -> None:
        with self.app.database.transaction() as session:
            service.take_report(session, self.actor, serial, said, policy=self.policy, now=self.now)

    def custody(self, serial: str) -> Custody:
        with self.app.database.transaction() as session:
            return session.scalars(sa.select(Camera.custody).where(Camera.serial == serial)).one()

    def holders(self, serial: str) -> list[str]:
        """Everybody who has the camera now."""
        held = sa.select(Person.collar).join(Allocation).join(Camera)
        with self.app.database.transaction() as session:
            return list(session.scalars(held.where(Camera.serial == serial, Allocation.returned_at.is_(None))))

    def kit(self, collar: str) -> dict[str, bool]:
        """What an officer has: serial → whether it is the active one."""
        held = sa.select(Camera.serial, Allocation.active).join(Allocation).join(Person)
        with self.app.database.transaction() as session:
            rows = session.execute(held.where(Person.collar == collar, Allocation.returned_at.is_(None)))
            return {row.serial: row.active for row in rows}

    def allocation(self, number: int) -> Allocation:
        with self.app.database.transaction() as session:
            return session.get_one(Allocation, number)

    def history(self, serial: str) -> list[int]:
        """The numbers of a camera's allocations, oldest first."""
        with self.app.database.transaction() as session:
            had = sa.select(Allocation.id).join(Camera).where(Camera.serial == serial)
            return list(session.scalars(had.order_by(Allocation.id)))

    def log(self, subject: str) -> list[AuditEntry]:
        """What the log says about a thing, oldest first, without its registration."""
        said = sa.select(AuditEntry).where(AuditEntry.subject_key == subject).order_by(AuditEntry.id)
        with self.app.database.transaction() as session:
            entries = session.scalars(said).all()
        return [entry for entry in entries if entry.event is not Event.CAMERA_REGISTERED]

    def events(self, subject: str) -> list[Event]:
        return [entry.event for entry in self.log(subject)]


@pytest.fixture
def desk(app: Service, make: Factory) -> Desk:
    return Desk(app, make)
