"""Every route says who may call it, and lets nobody else: each is called as each role, and as nobody, over HTTP.

The table below is written out by hand, so that whoever changes what a role may do has to say so twice.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from flask.testing import FlaskClient
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from fleet.actors import Role
from fleet.auth.permissions import BADGE_PERMISSIONS, ROLE_PERMISSIONS, Permission
from fleet.web import PUBLIC, Service, access_of, allow
from tests.accounts import cookie_of, new_account
from tests.conftest import new_token

API = "/api/"
MACHINES = {Role.DOCK, Role.STATION}

# st store, ar armourer, it it, es estates, su supervisor, au auditor, of officer, ad admin, do dock, sn station
TABLE = """
permission         st ar it es su au of ad do sn
camera.view        x  x  x  x  x  x  .  x  .  .
camera.edit        x  .  x  .  .  .  .  x  .  .
camera.issue       x  .  .  .  x  .  .  x  .  .
camera.return      x  .  .  .  x  .  .  x  .  .
custody.override   .  .  .  .  x  .  .  x  .  .
camera.hold        .  .  .  .  x  .  .  x  .  .
camera.retire      x  .  .  .  x  .  .  x  .  .
camera.dispose     .  .  .  .  x  .  .  x  .  .
loss.assess        .  .  .  .  x  .  .  x  .  .
exception.edit     .  .  .  .  x  .  .  x  .  .
stock.manage       x  .  .  .  x  .  .  x  .  .
terms.edit         .  .  .  .  x  .  .  x  .  .
visit.view         x  .  .  .  x  x  .  x  .  .
pin.reset          .  .  .  .  x  .  .  x  .  .
counter.use        x  .  .  .  x  .  .  x  .  .
person.view        x  x  x  x  x  x  .  x  .  .
person.edit        x  .  .  .  x  .  .  x  .  .
training.edit      .  .  .  .  x  .  .  x  .  .
site.view          x  x  x  x  x  x  .  x  .  .
site.edit          .  .  .  x  .  .  .  x  .  .
dock.edit          .  .  x  x  .  .  .  x  .  .
taser.view         x  x  x  x  x  x  .  x  .  .
taser.edit         .  x  .  .  .  .  .  x  .  .
pairing.view       .  x  x  .  x  x  .  x  .  .
pairing.manage     .  x  .  .  .  .  .  x  .  .
pairing.switch     .  .  x  .  .  .  .  x  .  .
station.manage     .  .  x  .  .  .  .  x  .  .
station.work       .  .  .  .  .  .  .  x  .  x
trust.view         .  x  x  .  .  .  .  x  x  x
activation.view    .  x  .  .  x  x  .  x  .  .
activation.report  .  .  .  .  .  .  .  x  x  x
own-kit.view       x  x  x  x  x  x  x  x  .  .
own-account        x  x  x  x  x  x  x  x  .  .
front-page         x  x  x  x  x  x  x  x  .  .
audit.view         .  .  .  .  x  x  .  x  .  .
job.view           .  .  x  .  .  x  .  x  .  .
webhook.manage     .  .  x  .  .  .  .  x  .  .
register.record    .  .  .  .  .  .  .  x  .  .
account.manage     .  .  .  .  .  .  .  x  .  .
token.manage       .  .  .  .  .  .  .  x  .  .
"""
COLUMNS = [
    Role.STORE, Role.ARMOURER, Role.IT, Role.ESTATES, Role.SUPERVISOR, Role.AUDITOR, Role.OFFICER, Role.ADMIN,
    Role.DOCK, Role.STATION,
]  # fmt: skip
# What a badge leaves of a role: the counter's own work.
OF_A_BADGE = {"counter.use", "camera.issue", "camera.return", "front-page"}


def expected() -> dict[Role, set[str]]:
    """The table as the service holds its own."""
    rows = [line.split() for line in TABLE.strip().splitlines()[1:]]
    return {role: {row[0] for row in rows if row[1 + at] == "x"} for at, role in enumerate(COLUMNS)}


def test_the_service_permits_what_the_table_says_and_nothing_else() -> None:
    assert {role: {str(held) for held in permissions} for role, permissions in ROLE_PERMISSIONS.items()} == expected()


def test_the_table_has_every_permission_and_every_role() -> None:
    assert {line.split()[0] for line in TABLE.strip().splitlines()[1:]} == {
        str(permission) for permission in Permission
    }
    assert set(COLUMNS) == set(Role)


def test_a_badge_leaves_the_counters_own_work() -> None:
    assert {str(permission) for permission in BADGE_PERMISSIONS} == OF_A_BADGE


def declared(app: Service, rule: Rule) -> str | None:
    """What a route declared, None for nothing."""
    try:
        return access_of(app.view_functions[rule.endpoint])
    except LookupError:
        return None


def undeclared(app: Service) -> list[str]:
    """Routes that say neither a permission that there is nor that they are public."""
    known = {PUBLIC, *(str(permission) for permission in Permission)}
    return [str(rule) for rule in app.url_map.iter_rules() if declared(app, rule) not in known]


def test_every_route_declares_a_permission_or_that_it_is_public(app: Service) -> None:
    assert undeclared(app) == []


def test_a_route_that_declares_nothing_or_nonsense_is_found() -> None:
    app = Service("forgetful", static_folder=None)
    app.add_url_rule("/open", view_func=lambda: "", endpoint="open")
    app.add_url_rule("/odd", view_func=allow("camera.steal")(lambda: ""), endpoint="odd")
    assert undeclared(app) == ["/open", "/odd"]


@dataclass(frozen=True)
class Call:
    """A route, one of its methods, and an address that it matches."""

    method: str
    path: str
    access: str

    @property
    def is_api(self) -> bool:
        return self.path.startswith(API)

    def __str__(self) -> str:
        return f"{self.method} {self.path} ({self.access})"


_ARGUMENTS = {"IntegerConverter": 2**40, "FloatConverter": 1.5, "UUIDConverter": "00000000-0000-0000-0000-000000000000"}


def calls(app: Service) -> Iterator[Call]:
    """Every route by every method, about things that there are none of."""
    adapter = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        converters = rule._converters
        values = {name: _ARGUMENTS.get(type(converters[name]).__name__, "NONESUCH") for name in rule.arguments}
        values |= rule.defaults or {}
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield Call(
                method,
                adapter.build(rule.endpoint, values, method=method),
                access_of(app.view_functions[rule.endpoint]),
            )


def by_token(app: Service, role: Role) -> Callable[[Call], TestResponse]:
    """Sends a call as a machine with a token of the role."""
    client, headers = app.test_client(), {"Authorization": f"Bearer {new_token(app, role)}"}
    return lambda call: client.open(
        call.path, method=call.method, headers=headers, json=None if call.method == "GET" else {}
    )


def by_browser(app: Service, role: Role) -> Callable[[Call], TestResponse]:
    """Sends a call as somebody of the role who is signed in, each time anew: some routes sign out."""
    name = new_account(app, role)

    def send(call: Call) -> TestResponse:
        client: FlaskClient = app.test_client()
        cookie = cookie_of(app, name)
        client.set_cookie(cookie["name"], cookie["value"])
        return client.open(call.path, method=call.method)

    return send


def refused(response: TestResponse) -> bool:
    """Whether an answer asks for a sign-in."""
    return response.status_code == 401 or response.headers.get("Location", "").startswith(("/sign-in?", "/password"))


def wrong(call: Call, response: TestResponse, *, permitted: bool) -> str | None:
    """What is wrong with the answer to a caller whom the service knows."""
    denied = response.status_code == 403 or refused(response)
    if response.status_code >= 500:
        return f"{call}: {response.status_code}"
    if permitted and denied and call.access != PUBLIC:
        return f"{call}: denied, though the role has the permission"
    if not permitted and response.status_code != 403:
        return f"{call}: {response.status_code}, though the role lacks the permission"
    return None


def faults(app: Service, role: Role, send: Callable[[Call], TestResponse], *, api: bool) -> list[str]:
    """Every call of the API, or of the pages, that a role was answered wrongly."""
    held = expected()[role] | {PUBLIC}
    found = [wrong(call, send(call), permitted=call.access in held) for call in calls(app) if call.is_api == api]
    return [fault for fault in found if fault is not None]


@pytest.mark.parametrize("role", list(Role))
def test_the_api_answers_a_role_as_the_table_says(app: Service, role: Role) -> None:
    assert faults(app, role, by_token(app, role), api=True) == []


@pytest.mark.parametrize("role", [role for role in Role if role not in MACHINES])
def test_the_pages_answer_a_role_as_the_table_says(app: Service, role: Role) -> None:
    assert faults(app, role, by_browser(app, role), api=False) == []


def test_nobody_is_asked_to_sign_in_everywhere_but_where_it_is_public(app: Service) -> None:
    client = app.test_client()
    for call in calls(app):
        response = client.open(call.path, method=call.method)
        assert response.status_code < 500, call
        assert refused(response) is (call.access != PUBLIC), call


def test_a_token_opens_no_page(app: Service) -> None:
    send = by_token(app, Role.ADMIN)
    assert [
        str(call) for call in calls(app) if not call.is_api and call.access != PUBLIC and not refused(send(call))
    ] == []


def test_a_browsers_cookie_opens_nothing_in_the_api(app: Service) -> None:
    send = by_browser(app, Role.ADMIN)
    assert [str(call) for call in calls(app) if call.is_api and call.access != PUBLIC and not refused(send(call))] == []
