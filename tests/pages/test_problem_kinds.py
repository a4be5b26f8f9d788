"""Where the ``type`` of a problem leads, and what a page says of one."""

import re
from collections.abc import Iterator

import pytest
from flask import Flask

from fleet.errors import FleetError, TooMany
from fleet.pages.problem_kinds import kinds
from fleet.problems import answer_to, slug
from fleet.web import Service
from tests.conftest import Api


def classes(error: type[FleetError] = FleetError) -> Iterator[type[FleetError]]:
    for below in error.__subclasses__():
        # A test's own errors are not the service's.
        if below.__module__.startswith("fleet."):
            yield below
        yield from classes(below)


def ids(app: Flask) -> set[str]:
    response = app.test_client().get("/problems")
    assert response.status_code == 200
    found = re.findall(r'<section id="([^"]+)"', response.text)
    assert len(found) == len(set(found))
    return set(found)


def test_every_errors_type_is_explained(app: Service) -> None:
    explained = ids(app)

    assert {slug(error.title) for error in classes()} <= explained
    assert [kind.title for kind in kinds() if not (kind.means and kind.remedy)] == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/cameras/NO-SUCH", 404),
        ("DELETE", "/cameras", 405),
        ("POST", "/cameras", 422),
    ],
)
def test_a_refusal_of_the_api_leads_there(app: Service, api: Api, method: str, path: str, status: int) -> None:
    answer = api(method, path, json={} if method == "POST" else None)

    assert answer.status_code == status
    assert answer.json is not None
    page, _, kind = answer.json["type"].partition("#")
    assert (page, kind in ids(app)) == ("/problems", True)


def test_who_tried_too_often_is_told_once_how_long_to_wait(app: Service) -> None:
    with app.test_request_context("/sign-in", headers={"Accept": "text/html"}):
        response = app.make_response(answer_to(TooMany("Wait a quarter of an hour.", retry_after=900)))

    said = response.get_data(as_text=True)
    assert "Wait a quarter of an hour." in said
    assert "minute" not in said.partition("<h1")[2]
