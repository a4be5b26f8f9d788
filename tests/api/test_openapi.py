"""The description of the API is valid OpenAPI 3 and knows every route, who may call it and what comes back."""

import re
from typing import Any

import pytest

from fleet.api import PREFIX
from fleet.web import PUBLIC, Service, access_of
from tests.conftest import Api
from tests.factories import Factory, unique

VERBS = {"get", "post", "patch", "put", "delete"}
Described = dict[str, Any]

# What is not JSON: C2SP's formats, and lines of JSON.
FILES = {
    "/api/v1/audit/checkpoint": "text/plain",
    "/api/v1/audit/tile/{path}": "application/octet-stream",
    "/api/v1/audit/export": "application/jsonl",
}


@pytest.fixture
def description(api: Api) -> Described:
    answer = api.client.get(f"{PREFIX}/openapi.json")
    assert answer.status_code == 200
    assert answer.json is not None
    found: Described = answer.json
    return found


def operations(description: Described) -> list[tuple[str, str, Described]]:
    return [
        (path, verb, operation)
        for path, item in description["paths"].items()
        for verb, operation in item.items()
        if verb in VERBS
    ]


def everything(node: Any) -> list[Described]:
    """Every object in a document."""
    if isinstance(node, list):
        return [found for item in node for found in everything(item)]
    if isinstance(node, dict):
        return [node] + [found for item in node.values() for found in everything(item)]
    return []


def test_anybody_may_read_it(description: Described) -> None:
    assert re.fullmatch(r"3\.0\.\d", description["openapi"])
    assert description["info"]["title"]
    assert description["info"]["version"] == "v1"


def test_it_knows_every_route_of_the_api(app: Service, description: Described) -> None:
    routes = {
        (re.sub(r"<(?:\w+(?:\([^)]*\))?:)?(\w+)>", r"{\1}", rule.rule), verb.lower())
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(PREFIX) and rule.rule != f"{PREFIX}/openapi.json"
        for verb in rule.methods or ()
        if verb.lower() in VERBS
    }

    assert {(path, verb) for path, verb, _ in operations(description)} == routes


def test_every_route_that_is_not_public_needs_a_bearer_token(app: Service, description: Described) -> None:
    public = {rule.rule for rule in app.url_map.iter_rules() if access_of(app.view_functions[rule.endpoint]) == PUBLIC}
    assert description["security"] == [{"bearer": []}]
    assert description["components"]["securitySchemes"] == {"bearer": {"type": "http", "scheme": "bearer"}}
    open_to_all = {path for path, _, operation in operations(description) if "security" in operation}
    assert open_to_all == {"/api/v1/stations/enrol"} == open_to_all & public
    assert all(operation.get("security", []) == [] for _, _, operation in operations(description))


def test_every_reference_leads_somewhere(description: Described) -> None:
    for node in everything(description):
        if isinstance(reference := node.get("$ref"), str):
            at = description
            for part in reference.removeprefix("#/").split("/"):
                assert part in at, reference
                at = at[part]


def test_every_part_of_a_path_is_described(description: Described) -> None:
    for path, item in description["paths"].items():
        named = {parameter["name"] for parameter in item.get("parameters", []) if parameter["in"] == "path"}
        assert named == set(re.findall(r"{(\w+)}", path)), path
        assert all(parameter["required"] for parameter in item.get("parameters", []))


def test_every_route_says_what_it_does_and_answers(description: Described) -> None:
    for path, verb, operation in operations(description):
        assert operation["summary"], (path, verb)
        good = [status for status in operation["responses"] if status.startswith("2")]
        assert len(good) == 1, (path, verb)
        wanted = {FILES.get(path, "application/json"), "application/pdf"}
        assert wanted & operation["responses"][good[0]]["content"].keys(), path


def test_every_refusal_is_described_as_problem_details(description: Described) -> None:
    for path, verb, operation in operations(description):
        bad = {status: answer for status, answer in operation["responses"].items() if not status.startswith("2")}
        assert {"401", "403", "503", "default"} <= set(bad), (path, verb)
        assert ("404" in bad) == ("{" in path), (path, verb)
        assert ("409" in bad) == (verb != "get"), (path, verb)
        assert {"412", "428"} <= set(bad) or verb != "patch", (path, verb)
        assert all(list(answer["content"]) == ["application/problem+json"] for answer in bad.values())


def test_the_headers_of_a_write_are_described(description: Described) -> None:
    for path, verb, operation in operations(description):
        taken = {each["name"] for each in operation.get("parameters", []) if each["in"] == "header"}
        expected = {"Idempotency-Key"} if verb != "get" else set()
        assert taken == expected | ({"If-Match"} if verb == "patch" else set()), (path, verb)


def test_a_thing_of_the_register_has_its_tag_described(description: Described) -> None:
    one = description["paths"][f"{PREFIX}/cameras/{{identifier}}"]

    assert "ETag" in one["get"]["responses"]["200"]["headers"]
    assert "ETag" in one["patch"]["responses"]["200"]["headers"]


def test_an_answer_has_just_the_members_described(api: Api, make: Factory, description: Described) -> None:
    made = {
        "Camera": f"/cameras/{make.camera()}",
        "Person": f"/people/{make.officer()}",
        "Site": f"/sites/{make.site()}",
        "Dock": f"/docks/{make.dock()}",
        "Taser": f"/tasers/{make.taser()}",
    }

    for name, path in made.items():
        assert set(api("GET", path).json or {}) == set(description["components"]["schemas"][name]["properties"]), name


def test_a_problem_has_only_members_described(api: Api, make: Factory, description: Described) -> None:
    serial, _ = make.issued()
    known = description["components"]["schemas"]["Problem"]

    for answer in (
        api("POST", f"/cameras/{serial}/issue", {"collar": make.officer(), "kind": "pool"}),
        api("GET", f"/cameras/{unique('NONE')}"),
        api("POST", "/cameras", {}),
    ):
        assert set(known["required"]) <= set(answer.json or {}) <= set(known["properties"])
