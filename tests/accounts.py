"""Accounts whose browsers are signed in."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from fleet.actors import Role
from fleet.auth import accounts
from fleet.auth.models import Account
from fleet.auth.service import open_session
from fleet.gate import COOKIE_TOKEN
from fleet.web import Service
from tests.factories import Factory

SESSION_LASTS = timedelta(hours=1)


def new_account(app: Service, role: Role, collar: str | None = None) -> str:
    """The name of a new account with a password of its own choice, which nobody knows."""
    name = f"{role}-{secrets.token_hex(4)}"
    actor = Factory(app.database).actor
    with app.database.transaction() as session:
        accounts.create(session, actor, name=name, role=role, collar=collar, now=datetime.now(UTC))
        session.execute(sa.update(Account).where(Account.name == name).values(one_time_until=None))
    return name


def cookie_of(app: Service, name: str) -> dict[str, Any]:
    """The cookie of a browser in which this account has just signed in, as Playwright and test clients take it."""
    with app.database.transaction() as session:
        account_id = session.scalars(sa.select(Account.id).where(Account.name == name)).one()
        token = open_session(session, account_id, lasts=SESSION_LASTS, now=datetime.now(UTC))
    serializer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
    return {"name": app.config["SESSION_COOKIE_NAME"], "value": serializer.dumps({COOKIE_TOKEN: token})}


def badge_of(app: Service, name: str) -> str:
    """A new badge of an account."""
    with app.database.transaction() as session:
        return accounts.issue_badge(session, Factory(app.database).actor, name, now=datetime.now(UTC))
