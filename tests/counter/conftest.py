"""Counters without a line, at the service's own function, with a clock of their own."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from fleet.actors import Actor, Role
from fleet.audit.models import AuditEntry
from fleet.auth.service import account_actor
from fleet.cameras.models import Camera
from fleet.cameras.states import Custody
from fleet.counter import late
from fleet.counter.acts import Kept, Sent
from fleet.counter.clerks import Clerk
from fleet.counter.models import CounterAct, CounterException
from fleet.counter.scans import Mode
from fleet.custody import service as custody
from fleet.custody.models import Allocation, IssueKind
from fleet.people.models import Person
from fleet.settings import Policy
from fleet.web import Service
from tests.accounts import new_account
from tests.counter.desk import AtCounter
from tests.factories import Factory


def act_id() -> str:
    return secrets.token_hex(16)


@dataclass
class Counters:
    """What pages bring, at the instant ``now``, each act in a transaction of its own."""

    app: Service
    make: Factory
    clerk: str
    policy: Policy = field(default_factory=Policy)
    # Ahead of the factory's clock, so that what it makes lies in the past.
    now: datetime = field(default_factory=lambda: datetime.now(UTC) + timedelta(minutes=1))

    def later(self, **by: float) -> datetime:
        self.now += timedelta(**by)
        return self.now

    @property
    def sender(self) -> Actor:
        return account_actor(self.clerk, Role.STORE, None)

    def bring(self, kind: str, body: Mapping[str, Any], made_at: datetime, **more: Any) -> Kept:
        """An act arrives now that was made at ``made_at``; ``body`` as its schema loads it, which JSON may not hold."""
        raw = {name: value for name, value in body.items() if name != "state"}
        sent = Sent(more.pop("id", None) or act_id(), kind, raw, made_at, late=True)
        signed = {"clerk": None, "is_signed": False, "sender": self.sender} | more
        sender = signed.pop("sender")
        with self.app.database.transaction() as session:
            return late.receive(
                session, sender, sent, lambda: body, browser=1, policy=self.policy, now=self.now, **signed
            )

    def clerk_of(self, name: str, since: datetime) -> Clerk:
        return Clerk(name, False, 1, since)

    def issue(self, serial: str, collar: str) -> None:
        """At another counter, which has a line."""
        wanted = custody.Issue(serial, collar, IssueKind.POOL)
        with self.app.database.transaction() as session:
            custody.issue(session, self.make.actor, wanted, policy=self.policy, now=self.now)

    def take_back(self, serial: str) -> None:
        with self.app.database.transaction() as session:
            custody.take_back(
                session, self.make.actor, serial, custody.Condition.GOOD, policy=self.policy, now=self.now
            )

    def holder(self, serial: str) -> str | None:
        held = sa.select(Person.collar).join(Allocation).join(Camera)
        with self.app.database.transaction() as session:
            return session.scalars(held.where(Camera.serial == serial, Allocation.returned_at.is_(None))).one_or_none()

    def custody(self, serial: str) -> Custody:
        with self.app.database.transaction() as session:
            return session.scalars(sa.select(Camera.custody).where(Camera.serial == serial)).one()

    def allocations(self, serial: str) -> list[Allocation]:
        """Oldest first."""
        had = sa.select(Allocation).join(Camera).where(Camera.serial == serial).order_by(Allocation.id)
        with self.app.database.transaction() as session:
            return list(session.scalars(had))

    def log(self, serial: str) -> list[AuditEntry]:
        """Oldest first, without the registration."""
        said = sa.select(AuditEntry).where(AuditEntry.subject_key == serial).order_by(AuditEntry.id)
        with self.app.database.transaction() as session:
            return list(session.scalars(said))[1:]

    def kept(self, *ids: str) -> list[CounterAct]:
        wanted = sa.select(CounterAct).where(CounterAct.id.in_(ids)).order_by(CounterAct.number)
        with self.app.database.transaction() as session:
            return list(session.scalars(wanted))

    def exceptions(self, *ids: str) -> list[CounterException]:
        wanted = sa.select(CounterException).join(CounterAct, CounterAct.number == CounterException.act_number)
        with self.app.database.transaction() as session:
            return list(session.scalars(wanted.where(CounterAct.id.in_(ids))))


def meant(
    camera: str, officer: str | None = None, *, holder: str | None = None, mode: Mode = Mode.NORMAL
) -> dict[str, Any]:
    """What a page told its clerk that a scan does, as the schema loads it."""
    return {"camera": camera, "officer": officer, "mode": mode, "dock": None, "holder": holder}


@pytest.fixture
def counters(app: Service, make: Factory) -> Counters:
    return Counters(app, make, new_account(app, Role.STORE))


@pytest.fixture
def counter(app: Service) -> AtCounter:
    return AtCounter(app)
