"""Bad input gets an answer that says what is wrong with it: problem details (RFC 9457), and never a 500."""

import io
import json
from typing import Any

import pytest
from werkzeug.test import TestResponse

from fleet.actors import Role
from fleet.web import Service
from tests.conftest import Api, api_of
from tests.factories import Factory, unique

PROBLEM = "application/problem+json"
LISTS = ["/cameras", "/people", "/sites", "/docks", "/tasers", "/audit"]
LONG = "".join(chr(0x4E00 + number * 7919 % 20_000) for number in range(1_000))


def send(
    api: Api, method: str, path: str, body: bytes = b"", content_type: str | None = "application/json"
) -> TestResponse:
    """A request with exactly these bytes."""
    headers = {"Authorization": f"Bearer {api.token}"}
    return api.client.open(api.prefix + path, method=method, data=body, content_type=content_type, headers=headers)


def problem(answer: TestResponse, status: int) -> dict[str, Any]:
    """The problem details, whose every required member is there."""
    assert (answer.status_code, answer.content_type) == (status, PROBLEM), answer.get_data(as_text=True)
    assert answer.json is not None
    assert answer.json["status"] == status
    assert all(answer.json[name] for name in ("type", "title", "detail"))
    found: dict[str, Any] = answer.json
    return found


def test_a_path_that_is_not_there_is_a_problem(api: Api) -> None:
    problem(send(api, "GET", "/nothing"), 404)


@pytest.mark.parametrize("kind", ["cameras", "people", "sites", "docks", "tasers"])
def test_a_thing_that_is_not_there_is_named(api: Api, kind: str) -> None:
    wanted = unique("NONE")

    found = problem(send(api, "GET", f"/{kind}/{wanted}"), 404)

    assert wanted in found["detail"]


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/cameras"), ("PUT", "/cameras/X1"), ("POST", "/audit")])
def test_a_verb_that_is_not_there_is_a_problem_that_names_the_others(api: Api, method: str, path: str) -> None:
    answer = send(api, method, path)

    problem(answer, 405)
    assert "GET" in answer.headers["Allow"]


def test_without_a_token_there_is_no_answer_and_the_caller_is_told_how(api: Api) -> None:
    answer = api.client.get("/api/v1/cameras")

    problem(answer, 401)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "given", ["Bearer", "Bearer ", "Bearer no-such-token", "Bearer a\u00e9", "Basic YTpi", "nonsense"]
)
def test_a_token_that_is_none_is_refused(api: Api, given: str) -> None:
    problem(api.client.get("/api/v1/cameras", headers={"Authorization": given}), 401)


def test_what_a_role_may_not_do_is_refused_with_who_may(app: Service, make: Factory) -> None:
    answer = api_of(app, Role.AUDITOR)("POST", "/cameras", {"serial": unique("X"), "model": "body-2"})

    assert "store" in problem(answer, 403)["mend"]


def test_ten_megabytes_of_json_are_too_much(api: Api) -> None:
    body = b'{"serial": "' + b"X" * 10_000_000 + b'"}'

    problem(send(api, "POST", "/cameras", body), 413)


def test_ten_megabytes_of_unknown_length_are_too_much(api: Api) -> None:
    environ = {"wsgi.input_terminated": True, "CONTENT_LENGTH": None, "HTTP_TRANSFER_ENCODING": "chunked"}
    headers = {"Authorization": f"Bearer {api.token}"}

    answer = api.client.open(
        "/api/v1/cameras",
        method="POST",
        input_stream=io.BytesIO(b"[" + b" " * 10_000_000),
        content_type="application/json",
        headers=headers,
        environ_overrides=environ,
    )

    problem(answer, 413)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "text/html; charset=utf-8", None])
def test_a_body_that_does_not_say_it_is_json_is_refused(api: Api, kind: str | None) -> None:
    problem(send(api, "POST", "/cameras", b'{"serial": "X1", "model": "body-2"}', kind), 415)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"serial": "X1"',
        b"{'serial': 'X1'}",
        b"serial=X1",
        b"\xff\xfe\x00\x01",
        b'{"serial": "\xe9"}',
        b'{"serial": "a\x00b"}',
        b"\x00",
        b'{"phase": ' + b"9" * 5_000 + b"}",
        b"[" * 100_000,
        b'{"serial":' * 100_000,
    ],
    ids=["cut", "cut later", "quotes", "form", "utf-16", "latin-1", "raw nul", "nul", "digits", "arrays", "objects"],
)
def test_what_is_not_json_is_refused(api: Api, body: bytes) -> None:
    problem(send(api, "POST", "/cameras", body), 400)


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'"text"', b"5", b"true", b"[{}]", b"{}"])
def test_json_that_is_no_camera_is_refused(api: Api, body: bytes) -> None:
    assert problem(send(api, "POST", "/cameras", body), 422)["errors"]


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"serial": None}, "serial"),
        ({"serial": ""}, "serial"),
        ({"serial": "   "}, "serial"),
        ({"serial": 5}, "serial"),
        ({"serial": ["X1"]}, "serial"),
        ({"serial": "X" * 65}, "serial"),
        ({"serial": "A\x00B"}, "serial"),
        ({"serial": "A\ud800B"}, "serial"),
        ({"serial": "A\nB"}, "serial"),
        ({"serial": "A\u202eB"}, "serial"),
        ({"model": "body-3"}, "model"),
        ({"model": {}}, "model"),
        ({"use": ""}, "use"),
        ({"phase": 0}, "phase"),
        ({"phase": 100}, "phase"),
        ({"phase": "2"}, "phase"),
        ({"phase": 1.5}, "phase"),
        ({"phase": 10**400}, "phase"),
        ({"phase": 2**63}, "phase"),
        ({"phase": float("inf")}, "phase"),
        ({"phase": float("nan")}, "phase"),
        ({"firmware": "1\x002"}, "firmware"),
        ({"firmware": LONG}, "firmware"),
        ({"firmware": 2}, "firmware"),
        ({"home_dock": "NO-SUCH-DOCK"}, "home_dock"),
        ({"colour": "black"}, "colour"),
        ({"custody": "issued"}, "custody"),
        ({"a\x00b": 1}, "a\x00b"),
        ({"\ud800": 1}, "\ud800"),
    ],
)
def test_a_camera_with_a_bad_field_is_refused_by_the_fields_name(api: Api, change: dict[str, Any], wrong: str) -> None:
    body = {"serial": unique("X"), "model": "body-2"} | change

    answer = send(api, "POST", "/cameras", json.dumps(body).encode())

    assert list(problem(answer, 422)["errors"]) == [wrong]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/people", {"collar": "A\x00"}),
        ("/people", {"collar": "C1", "name": "A\x00"}),
        ("/people", {"collar": "C1", "team": "A\x00"}),
        ("/people", {"collar": "C1", "team": LONG}),
        ("/people", {"collar": "C1", "name": LONG + "x"}),
        ("/people", {"collar": "C1", "trained_until": "2026-02-30"}),
        ("/people", {"collar": "C1", "trained_until": 20260228}),
        ("/people", {"collar": "C1", "site": "NO-SUCH-SITE"}),
        ("/sites", {"code": "S1", "address": "A\x00"}),
        ("/sites", {"code": "S1", "nte": None}),
        ("/sites", {"code": "S1", "nte": []}),
        ("/sites", {"code": "S1", "stage": "gone"}),
        ("/docks", {"serial": "D1", "bays": 0}),
        ("/docks", {"serial": "D1", "bays": 10**30}),
        ("/docks", {"serial": "D1", "site": "NO-SUCH-SITE"}),
        ("/tasers", {"serial": "T1", "model": "x3"}),
        ("/tasers", {"serial": "T1", "model": "x2", "firmware": LONG}),
        ("/tasers", {"serial": "T1", "model": "x2", "holder": "NOBODY-SUCH"}),
    ],
)
def test_the_other_registers_refuse_alike(api: Api, path: str, body: dict[str, Any]) -> None:
    assert problem(send(api, "POST", path, json.dumps(body).encode()), 422)["errors"]


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("query", ["bogus=1", "limit=0", "limit=201", "limit=-1", "limit=x", "limit=1.5", "limit="])
def test_a_list_refuses_what_it_does_not_know(api: Api, path: str, query: str) -> None:
    assert list(problem(send(api, "GET", f"{path}?{query}"), 422)["errors"]) == [query.split("=", maxsplit=1)[0]]


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/cameras", ["q", "firmware", "site", "holder", "cursor"]),
        ("/people", ["q", "team", "site"]),
        ("/sites", ["q", "kind"]),
        ("/docks", ["q", "site"]),
        ("/tasers", ["q", "site", "holder"]),
        ("/audit", ["actor", "officer", "subject_key"]),
    ],
)
def test_a_nul_in_a_filter_is_refused(api: Api, path: str, names: list[str]) -> None:
    for name in names:
        assert list(problem(send(api, "GET", f"{path}?{name}=a%00b"), 422)["errors"]) == [name]


@pytest.mark.parametrize(
    "query", ["phase=0", "phase=100", "phase=99999999999", f"phase={10**30}", f"phase={'9' * 3_000}"]
)
def test_a_number_that_no_column_holds_is_refused(api: Api, query: str) -> None:
    problem(send(api, "GET", f"/cameras?{query}"), 422)


@pytest.mark.parametrize("query", ["q=%FF", "q=%25", "q=_", "q=%5C", "q=%27", "q=" + "x" * 3_000, "q=%F4%8F%BF%BF"])
@pytest.mark.parametrize("path", ["/cameras", "/people", "/sites", "/docks", "/tasers"])
def test_a_search_for_nonsense_finds_nothing(api: Api, path: str, query: str) -> None:
    answer = send(api, "GET", f"{path}?{query}")

    assert (answer.status_code, answer.json) == (200, {"items": [], "next": None})


@pytest.mark.parametrize(
    "identifier", ["%00", "A%00B", "%FF", "%0A", "X" * 5_000, "%F0%9F%93%B7", "%5C", "%25", "%2500"]
)
@pytest.mark.parametrize("kind", ["cameras", "people", "sites", "docks", "tasers"])
def test_an_identifier_that_cannot_be_is_not_found(api: Api, kind: str, identifier: str) -> None:
    problem(send(api, "GET", f"/{kind}/{identifier}"), 404)
    problem(send(api, "GET", f"/{kind}/{identifier}/history"), 404)


@pytest.mark.parametrize("act", ["issue", "return", "custody"])
def test_an_act_on_a_camera_that_cannot_be_is_not_found(api: Api, make: Factory, act: str) -> None:
    body = {
        "issue": {"collar": make.officer(), "kind": "pool"},
        "return": {"condition": "good"},
        "custody": {"custody": "quarantined"},
    }[act]

    problem(api("POST", f"/cameras/{'X' * 300}/{act}", body), 404)


def test_a_failure_of_the_service_says_nothing_of_its_inside(app: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the password is swordfish")

    api = api_of(app)
    monkeypatch.setattr("fleet.custody.holdings.history", fail)

    found = problem(api("GET", "/cameras/X1/history"), 500)

    assert "swordfish" not in json.dumps(found)
