"""Pages as somebody who is signed in sees them, in this process."""

import html
import re
from dataclasses import dataclass
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from fleet.actors import Role
from fleet.web import Service
from tests.accounts import cookie_of, new_account


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
    name = new_account(app, role, collar)
    cookie = cookie_of(app, name)
    client = app.test_client()
    client.set_cookie(cookie["name"], cookie["value"])
    return Person(client, name)


@pytest.fixture
def admin(app: Service) -> Person:
    return signed_in(app, Role.ADMIN)
