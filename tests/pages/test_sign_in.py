"""Signing in and out, and one's own password, as a browser does them."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from fleet.actors import Role
from fleet.auth import accounts
from fleet.gate import COOKIE_TOKEN
from fleet.idempotency import IdempotencyKey
from fleet.pages.sign_in import local_path
from fleet.web import Service
from tests.conftest import TESTER
from tests.factories import unique

OWN = "correct horse battery staple"


@pytest.fixture
def client(app: Service) -> FlaskClient:
    """A browser at an address of its own, so that no test reaches another's limit."""
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = unique("host")
    return client


@pytest.fixture
def account(app: Service) -> tuple[str, str]:
    """A new account's name and one-time password."""
    name = unique("a").lower()
    with app.database.transaction() as session:
        return name, accounts.create(session, TESTER, name=name, role=Role.ADMIN, now=datetime.now(UTC))


def enter(client: FlaskClient, name: str, password: str, **more: str) -> TestResponse:
    return client.post("/sign-in", data={"name": name, "password": password, **more})


def with_own_password(client: FlaskClient, account: tuple[str, str]) -> str:
    """Signed in with ``OWN``; answers the name."""
    enter(client, *account)
    assert client.post("/password", data={"new_password": OWN}).status_code == 303
    return account[0]


def token_of(client: FlaskClient) -> str | None:
    with client.session_transaction() as cookie:
        token: str | None = cookie.get(COOKIE_TOKEN)
        return token


def test_a_page_asks_for_a_sign_in_and_goes_on_to_it(client: FlaskClient, account: tuple[str, str]) -> None:
    with_own_password(client, account)
    client.post("/sign-out")
    asked = client.get("/accounts?role=admin")
    assert asked.headers["Location"] == "/sign-in?next=/accounts%3Frole%3Dadmin"
    assert 'name="next" value="/accounts?role=admin"' in client.get(asked.headers["Location"]).text
    done = enter(client, account[0], OWN, next="/accounts?role=admin")
    assert (done.status_code, done.headers["Location"]) == (303, "/accounts?role=admin")
    assert client.get("/accounts").status_code == 200


def test_a_form_sent_too_late_leads_to_the_front_page_after_signing_in(client: FlaskClient) -> None:
    assert client.post("/accounts/new").headers["Location"] == "/sign-in?next=/"


ELSEWHERE = [
    "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example",
    "https:evil.example", "javascript:alert(1)", "/\t/evil.example", "\t//evil.example", "/\n/evil.example",
    "/\x00/evil.example", " //evil.example", "evil.example", "/\u2028/evil.example", "/" + "x" * 3_000, "", None,
]  # fmt: skip


@pytest.mark.parametrize("path", ELSEWHERE)
def test_nothing_but_a_path_of_this_service_is_gone_on_to(path: str | None) -> None:
    assert local_path(path) == "/"


@pytest.mark.parametrize("path", ["/", "/cameras?q=%2F%2Fevil", "/cameras/X%2F1", "/accounts/siân"])
def test_a_path_of_this_service_is_gone_on_to(path: str) -> None:
    assert local_path(path) == path


def test_every_cause_of_failure_gets_one_answer(app: Service, client: FlaskClient, account: tuple[str, str]) -> None:
    name, password = account
    wrong = enter(client, name, "not it")
    unknown = enter(client, unique("nobody"), "not it")
    with app.database.transaction() as session:
        accounts.lock(session, TESTER, name, reason="test", now=datetime.now(UTC))
    locked = enter(client, name, password)
    assert {wrong.status_code, unknown.status_code, locked.status_code} == {401}
    typed = re.compile(r'(value|content)="[^"]*"')
    assert len({typed.sub("", answer.text) for answer in (wrong, unknown, locked)}) == 1
    assert token_of(client) is None


def test_too_many_failures_are_told_when_to_come_back(client: FlaskClient, account: tuple[str, str]) -> None:
    for _ in range(5):
        assert enter(client, account[0], "not it").status_code == 401
    refused = enter(client, *account)
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert "Too many" in refused.text


@pytest.mark.parametrize("typed", [{}, {"name": "jo"}, {"password": "x"}, {"name": " ", "password": "x"}])
def test_an_empty_form_is_no_attempt(client: FlaskClient, typed: dict[str, str]) -> None:
    for _ in range(7):
        assert client.post("/sign-in", data=typed).status_code == 422


@pytest.mark.parametrize("name", ["\x00", "\ud7ff\uffff", "x" * 100_000, "'; DROP TABLE account; --", "{{ 7 * 7 }}"])
def test_nonsense_for_a_name_fails_like_any_other(client: FlaskClient, name: str) -> None:
    answer = enter(client, name, "x")
    assert answer.status_code == 401
    assert "49" not in answer.text or "49" in name


def test_strangers_requests_are_not_kept(app: Service, client: FlaskClient) -> None:
    key = unique("k")
    typed = {"name": unique("nobody"), "password": "x"}
    for _ in range(2):
        answer = client.post("/sign-in", data=typed, headers={"Idempotency-Key": key})
        assert answer.status_code == 401
        assert "Idempotency-Replayed" not in answer.headers
    with app.database.transaction() as session:
        assert session.scalars(sa.select(IdempotencyKey.key).where(IdempotencyKey.key == key)).first() is None


def test_signing_in_leaves_nothing_of_the_cookie_that_was_brought(
    app: Service, client: FlaskClient, account: tuple[str, str]
) -> None:
    with_own_password(client, account)
    before = token_of(client)
    with client.session_transaction() as cookie:
        cookie["planted"] = "by somebody else"
    enter(client, account[0], OWN)
    with client.session_transaction() as cookie:
        assert "planted" not in cookie
        assert cookie[COOKIE_TOKEN] != before
    thief = app.test_client()
    with thief.session_transaction() as cookie:
        cookie[COOKIE_TOKEN] = before
    assert thief.get("/accounts").status_code == 302


def test_signing_out_ends_the_session_at_the_service_too(
    app: Service, client: FlaskClient, account: tuple[str, str]
) -> None:
    with_own_password(client, account)
    token = token_of(client)
    assert client.post("/sign-out").headers["Location"] == "/sign-in"
    assert token_of(client) is None
    with client.session_transaction() as cookie:
        cookie[COOKIE_TOKEN] = token
    assert client.get("/accounts").headers["Location"].startswith("/sign-in")


def test_signing_out_without_being_signed_in_is_no_error(client: FlaskClient) -> None:
    assert client.post("/sign-out").status_code == 303


def test_a_one_time_password_opens_only_the_choice_of_another(client: FlaskClient, account: tuple[str, str]) -> None:
    assert enter(client, *account, next="/accounts").headers["Location"] == "/password"
    for path in ("/", "/accounts", "/me", "/counter"):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["Location"]) == (302, "/password")
    assert 'name="current_password"' not in client.get("/password").text
    chosen = client.post("/password", data={"new_password": OWN})
    assert (chosen.status_code, chosen.headers["Location"]) == (303, "/")
    assert client.get("/accounts").status_code == 200


def test_a_short_password_is_said_beside_its_field(client: FlaskClient, account: tuple[str, str]) -> None:
    enter(client, *account)
    answer = client.post("/password", data={"new_password": "short"})
    assert answer.status_code == 422
    assert 'href="#new_password"' in answer.text


def test_a_change_of_password_goes_on_signed_in_and_says_so(client: FlaskClient, account: tuple[str, str]) -> None:
    with_own_password(client, account)
    before = token_of(client)
    typed = {"current_password": OWN, "new_password": "another good password"}
    assert client.post("/password", data=typed).status_code == 303
    assert token_of(client) not in {None, before}
    page = client.get("/accounts")
    assert page.status_code == 200
    assert "Your password is changed" in page.text


def test_a_wrong_current_password_changes_nothing(client: FlaskClient, account: tuple[str, str]) -> None:
    with_own_password(client, account)
    typed = {"current_password": "not it", "new_password": "another good password"}
    answer = client.post("/password", data=typed)
    assert answer.status_code == 422
    assert 'href="#current_password"' in answer.text
    assert client.get("/accounts").status_code == 200


def test_no_page_with_a_sign_in_is_kept_by_a_browser(client: FlaskClient) -> None:
    assert client.get("/sign-in").headers["Cache-Control"] == "no-store"


def test_the_cookie_cannot_be_read_by_scripts_or_sent_from_other_sites(
    client: FlaskClient, account: tuple[str, str]
) -> None:
    set_cookie = enter(client, *account).headers["Set-Cookie"]
    assert "HttpOnly" in set_cookie
    assert "SameSite=Lax" in set_cookie


@pytest.fixture
def guarded(app: Service) -> Iterator[FlaskClient]:
    """A browser at the service as it is served: forms need their token."""
    app.config.update(WTF_CSRF_ENABLED=True)
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = unique("host")
    yield client
    app.config.update(WTF_CSRF_ENABLED=False)


def test_a_form_without_its_token_is_refused_with_what_to_do(guarded: FlaskClient, account: tuple[str, str]) -> None:
    answer = enter(guarded, *account)
    assert answer.status_code == 400
    assert "Nothing was changed" in answer.text
    assert "load the page again" in answer.text
    assert token_of(guarded) is None


def test_a_form_with_its_token_is_taken_and_its_token_ends_with_the_session(
    guarded: FlaskClient, account: tuple[str, str]
) -> None:
    found = re.search(r'name="csrf_token" value="([^"]+)"', guarded.get("/sign-in").text)
    assert found is not None
    assert enter(guarded, *account, csrf_token=found[1]).status_code == 303
    late = guarded.post("/password", data={"new_password": OWN, "csrf_token": found[1]})
    assert late.status_code == 400
