"""Accounts with a password that the test knows, and the clock in the test's hand."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fleet.actors import Actor, Role
from fleet.auth import accounts, sign_in
from fleet.auth.service import SignedIn, recognise_browser
from fleet.web import Service
from tests.factories import Factory, unique

NOW = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)
LASTS = timedelta(hours=12)


@dataclass
class Door:
    """Everything that sign-in tests do, each in a transaction of its own, as ``actor``."""

    app: Service
    actor: Actor

    def new(self, role: Role = Role.STORE, *, now: datetime = NOW) -> tuple[str, str]:
        """A new account's name and one-time password."""
        name = unique("a").lower()
        return name, self.do(accounts.create, name=name, role=role, now=now)

    def do(self, act: Callable[..., Any], *named: Any, now: datetime = NOW, **values: Any) -> Any:
        """Carry out and commit one act of the accounts' service."""
        with self.app.database.transaction() as session:
            return act(session, self.actor, *named, now=now, **values)

    def enter(self, name: str, password: str, *, address: str | None = None, now: datetime = NOW) -> sign_in.Outcome:
        """Try to sign in, from an address that nobody else uses unless one is given."""
        address = address or unique("host")
        return sign_in.sign_in(self.app.database, name=name, password=password, address=address, lasts=LASTS, now=now)

    def token(self, name: str, password: str) -> str:
        """Sign in and answer the session's token."""
        token = self.enter(name, password).token
        assert token is not None
        return token

    def recognise(self, token: str, *, now: datetime = NOW) -> SignedIn:
        """Whose browser it is."""
        with self.app.database.transaction() as session:
            return recognise_browser(session, token, now)


@pytest.fixture
def door(app: Service) -> Door:
    return Door(app, Factory(app.database).actor)
