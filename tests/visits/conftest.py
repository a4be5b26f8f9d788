"""Visits to the counter, made by the counter's own scans."""

import secrets
from dataclasses import dataclass, field
from typing import Any

import pytest

from fleet.actors import Actor, Role
from fleet.counter.scans import Answer, Counter, State
from fleet.people import pins
from fleet.settings import Policy
from fleet.visits import book
from fleet.visits import service as visits
from fleet.visits.models import Method
from fleet.visits.service import Given
from fleet.web import Service
from tests.factories import Factory, now
from tests.pages.conftest import Person, signed_in

CLERK = Actor("account:clerk", Role.STORE)
PIN = "482915"
# A line up and down the pad, and one across.
STROKES = [[[100, 500], [200, 100], [300, 900], [400, 100], [500, 900]], [[100, 500], [600, 520], [900, 510]]]
ATTESTED = Given(Method.ATTESTATION, reason="The screen was broken.")


def key() -> str:
    return secrets.token_hex(16)


def new_pin(app: Service, collar: str, pin: str = PIN) -> str:
    """Give an officer a PIN."""
    with app.database.transaction() as session:
        pins.choose(session, Actor("account:own", Role.OFFICER, collar), collar, pin, now=now())
    return pin


@dataclass
class AtCounter:
    """A counter where scans are carried out one after another, each in a transaction of its own."""

    app: Service
    policy: Policy = field(default_factory=Policy)
    state: State = field(default_factory=State)

    def scan(self, text: str, visit: str | None = None, **how: Any) -> Answer:
        with self.app.database.transaction() as session:
            counter = Counter(session, CLERK, policy=self.policy, now=now())
            answer = counter.scan(text, self.state, repeated=False, visit=visit, **how)
        self.state = answer.state
        return answer

    def visit(self, make: Factory, cameras: int = 1, **officer: Any) -> tuple[str, str, list[str]]:
        """A visit with one or two issues and no acknowledgement: its key, the officer, the serials.

        Of two the first is personal, since an officer has one loan at most (rule 7).
        """
        collar, serials, name = make.officer(**officer), [make.camera() for _ in range(cameras)], key()
        self.scan(collar, visit=name)
        for mode, serial in zip(["pool"] if cameras == 1 else ["personal", "pool"], serials, strict=True):
            self.scan(mode)
            self.scan(serial)
        self.scan("normal")
        return name, collar, serials

    def acknowledge(self, name: str, given: Given) -> str:
        """Acknowledge by the service."""
        with self.app.database.transaction() as session:
            return visits.acknowledge(session, CLERK, name, given, prove=self.prove, mails=self.policy.mails, now=now())

    def prove(self, collar: str, pin: str) -> None:
        pins.prove(self.app.database, collar, pin, now=now())

    def read(self, name: str) -> dict[str, Any]:
        with self.app.database.transaction() as session:
            return book.get(session, name)


@pytest.fixture
def counter(app: Service) -> AtCounter:
    return AtCounter(app)


@pytest.fixture
def admin_page(app: Service) -> Person:
    """Pages as an administrator sees them."""
    return signed_in(app, Role.ADMIN)
