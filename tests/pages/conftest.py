"""Pages as somebody who is signed in sees them, in this process."""

import html
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from fleet.actors import Role
from fleet.auth import accounts
from fleet.auth.service import open_session
from fleet.gate import COOKIE_TOKEN
from fleet.web import Service
from tests.conftest import TESTER
from tests.factories import now


@dataclass
class Person:
    """A browser with somebody signed in."""

    client: FlaskClient
    name: str

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def post(self, path: str, **typed: Any) -> TestResponse:
        return self.client.post(path, data=typed)

    def reads(self, path: str) -> str:
        """The page's text, without its tags."""
        response = self.get(path)
        assert response.status_code == 200, response.text
        return text_of(response)


def text_of(response: TestResponse) -> str:
    """A page's text as it is read: no tags, entities resolved, blanks folded."""
    without_tags = re.sub(r"<[^>]*>", " ", response.text)
    return " ".join(html.unescape(without_tags).split())


def signed_in(app: Service, role: Role, collar: str | None = None) -> Person:
    """Somebody of a role, past the change of a first password, signed in."""
    name = f"{role}-{secrets.token_hex(4)}"
    with app.database.transaction() as session:
        accounts.create(session, TESTER, name=name, role=role, collar=collar, now=now())
        account = accounts.get(session, name)
        account.one_time_until = None
        token = open_session(session, account.id, lasts=timedelta(hours=1), now=now())
    client = app.test_client()
    with client.session_transaction() as cookie:
        cookie[COOKIE_TOKEN] = token
    return Person(client, name)


@pytest.fixture
def as_role(app: Service) -> Callable[..., Person]:
    """Somebody of a role, over the shared register."""
    return lambda role, collar=None: signed_in(app, role, collar)


@pytest.fixture
def admin(app: Service) -> Person:
    return signed_in(app, Role.ADMIN)
