"""The registers of people, sites, docks, Tasers and cameras, alike over HTTP."""

from typing import Any

import pytest

from fleet.actors import Role
from fleet.identifiers import canonical
from fleet.sites.stages import Stage
from fleet.web import Service
from tests.conftest import Api, api_of
from tests.factories import Factory, unique

# What is sent to make one of each, what is answered beside that, and what is then changed.
KINDS: dict[str, dict[str, Any]] = {
    "cameras": {
        "key": "serial",
        "new": {"model": "body-2", "use": "pool", "phase": 1, "firmware": "1.10", "encryption": "aes128"},
        "filled": {
            "custody": "in_stock",
            "holder": None,
            "asset_tag": None,
            "site": None,
            "desired": {},
            "pairings": [],
        },
        "change": {"use": "reserve", "firmware": None, "bluetooth": "legacy"},
    },
    "people": {
        "key": "collar",
        "new": {"name": "Jo Ní Riain", "team": "Response A", "function": "response", "trained_until": "2030-01-31"},
        "filled": {"site": None},
        "change": {"team": "Response B", "trained_until": None},
    },
    "sites": {
        "key": "code",
        "new": {"name": "Ash Lane", "kind": "station", "address": "1 Ash Lane\nAshby", "nte": True},
        "filled": {"stage": "candidate"},
        "change": {"name": "Ash Lane South", "nte": False},
    },
    "docks": {"key": "serial", "new": {"bays": 6}, "filled": {"site": None}, "change": {"bays": 1}},
    "tasers": {
        "key": "serial",
        "new": {"model": "x2", "firmware": "04.034", "bluetooth": "legacy"},
        "filled": {"sppm": None, "home_site": None, "holder": None},
        "change": {"firmware": "04.036"},
    },
}
EVERY_KIND = pytest.mark.parametrize("kind", list(KINDS))


def register(api: Api, kind: str, **more: Any) -> tuple[str, Any]:
    """Make one; its identifier as it was sent, and the answer."""
    identifier = unique("r")
    return identifier, api("POST", f"/{kind}", {KINDS[kind]["key"]: identifier, **KINDS[kind]["new"], **more})


@EVERY_KIND
def test_what_is_registered_can_be_read(api: Api, kind: str) -> None:
    identifier, made = register(api, kind)
    expected = {KINDS[kind]["key"]: identifier.upper()} | KINDS[kind]["new"] | KINDS[kind]["filled"]

    read = api("GET", f"/{kind}/{identifier}")

    assert (made.status_code, read.status_code) == (201, 200)
    assert made.json == read.json
    assert made.json is not None
    assert expected.items() <= made.json.items()
    assert made.headers["Location"].endswith(f"/api/v1/{kind}/{identifier.upper()}")


@EVERY_KIND
def test_identifiers_are_compared_without_case(api: Api, kind: str) -> None:
    identifier, made = register(api, kind)

    answers = [api("GET", f"/{kind}/{spelled}").json for spelled in (identifier.lower(), identifier.upper())]

    assert answers == [made.json, made.json]


@EVERY_KIND
def test_what_is_registered_already_is_a_conflict_in_any_case(api: Api, kind: str) -> None:
    identifier, _ = register(api, kind)

    answer = api("POST", f"/{kind}", {KINDS[kind]["key"]: f" {identifier.lower()} ", **KINDS[kind]["new"]})

    assert (answer.status_code, answer.content_type) == (409, "application/problem+json")
    assert (answer.json or {})["found"] == {"taken": KINDS[kind]["key"]}


@EVERY_KIND
def test_a_change_is_made_and_the_rest_stays(api: Api, kind: str) -> None:
    identifier, made = register(api, kind)

    answer = api("PATCH", f"/{kind}/{identifier}", KINDS[kind]["change"], If_Match=made.headers["ETag"])

    assert answer.status_code == 200
    assert answer.json == {**made.json, **KINDS[kind]["change"]}
    assert api("GET", f"/{kind}/{identifier}").json == answer.json


@EVERY_KIND
def test_a_change_is_logged_with_what_was_and_is(api: Api, kind: str) -> None:
    identifier, made = register(api, kind)
    api("PATCH", f"/{kind}/{identifier}", KINDS[kind]["change"], If_Match=made.headers["ETag"])

    log = (api("GET", f"/audit?subject_key={identifier.upper()}").json or {})["items"]

    assert [entry["event"].split(".")[1] for entry in log] == ["changed", "registered"]
    logged = {name.removesuffix("_id"): pair for name, pair in log[0]["facts"]["changed"].items()}
    assert logged == {name: [made.json[name], value] for name, value in KINDS[kind]["change"].items()}
    assert all(entry["actor"].startswith("token:") and entry["role"] == "admin" for entry in log)


@EVERY_KIND
def test_what_identifies_is_not_changed(api: Api, kind: str) -> None:
    identifier, made = register(api, kind)

    answer = api("PATCH", f"/{kind}/{identifier}", {KINDS[kind]["key"]: "OTHER"}, If_Match=made.headers["ETag"])

    assert answer.status_code == 422


@pytest.mark.parametrize(
    ("kind", "field", "maker"),
    [
        ("cameras", "home_dock", "dock"),
        ("people", "site", "site"),
        ("docks", "site", "site"),
        ("tasers", "home_site", "site"),
        ("tasers", "holder", "officer"),
    ],
)
def test_a_thing_names_another_whatever_the_case(api: Api, make: Factory, kind: str, field: str, maker: str) -> None:
    other = getattr(make, maker)()

    identifier, made = register(api, kind, **{field: other.lower()})
    taken_off = api("PATCH", f"/{kind}/{identifier}", {field: None}, If_Match=made.headers["ETag"])

    assert made.json[field] == other
    assert (taken_off.json or {})[field] is None


@pytest.mark.parametrize(("kind", "field"), [("cameras", "asset_tag"), ("tasers", "sppm")])
def test_what_is_on_one_is_not_on_another(api: Api, kind: str, field: str) -> None:
    value = unique("U")
    register(api, kind, **{field: value})
    identifier, made = register(api, kind)

    doubled = register(api, kind, **{field: value.lower()})[1]
    moved = api("PATCH", f"/{kind}/{identifier}", {field: value}, If_Match=made.headers["ETag"])

    assert (doubled.status_code, moved.status_code) == (409, 409)
    assert doubled.json["found"] == (moved.json or {})["found"] == {"taken": field}
    assert (api("GET", f"/{kind}/{identifier}").json or {})[field] is None


def test_an_unusual_serial_is_never_an_error(api: Api) -> None:
    for serial in ("1", "Ärger-9", "#7", "A.B.C", "カメラ１", "x" * 64):
        assert api("POST", "/cameras", {"serial": f"{unique('')}{serial}"[-64:], "model": "flex-2"}).status_code == 201


@pytest.mark.parametrize("odd", ["é", "e\u0301", "#", "?", "%", "%41", " ", "+", "&", ";", "ß"])
def test_an_odd_identifier_is_found_where_its_location_says(api: Api, odd: str) -> None:
    made = api("POST", "/cameras", {"serial": f"{unique('O')}{odd}1", "model": "flex-2"})

    read = api.client.get(made.headers["Location"], headers={"Authorization": f"Bearer {api.token}"})

    assert (made.status_code, read.status_code) == (201, 200)
    assert read.json == made.json


def test_an_identifier_with_a_slash_is_found_and_acted_on(api: Api, make: Factory) -> None:
    serial = make.camera(serial=f"{unique('O')}/7")

    read = api("GET", f"/cameras/{serial}")
    issued = api("POST", f"/cameras/{serial}/issue", {"collar": make.officer(), "kind": "pool"})
    told = api("GET", f"/cameras/{serial}/history")

    assert (read.status_code, issued.status_code, told.status_code) == (200, 201, 200)
    assert (read.json or {})["serial"] == (issued.json or {})["serial"] == serial


def test_two_spellings_of_one_accent_are_one_identifier(api: Api, make: Factory) -> None:
    start = unique("O")
    serial = make.camera(serial=canonical(f"{start}\u00e9"))

    assert (api("GET", f"/cameras/{start}e\u0301").json or {}).get("serial") == serial
    assert api("POST", "/cameras", {"serial": f"{start}e\u0301", "model": "body-2"}).status_code == 409


def test_rule_2_an_x26_has_no_magazine(api: Api) -> None:
    identifier, made = register(api, "tasers", model="x26")

    new = register(api, "tasers", model="x26", sppm=unique("P"))[1]
    fitted = api("PATCH", f"/tasers/{identifier}", {"sppm": unique("P")}, If_Match=made.headers["ETag"])

    assert (new.status_code, new.json["rule"]) == (409, 2)
    assert (fitted.status_code, (fitted.json or {})["rule"]) == (409, 2)


def test_a_team_is_made_once(api: Api) -> None:
    team = unique("Team ")

    one, other = (register(api, "people", team=team)[0].upper() for _ in range(2))

    listed = (api("GET", f"/people?team={team}").json or {})["items"]
    assert [person["collar"] for person in listed] == [one, other]


# Sites come live in order (rule 3).


def test_rule_3_a_site_comes_live_step_by_step(api: Api, make: Factory) -> None:
    code = make.site()

    for stage in (
        "surveyed",
        "network_upgrade",
        "network_ready",
        "space_confirmed",
        "docks_fitted",
        "accepted",
        "live",
    ):
        answer = api("POST", f"/sites/{code.lower()}/stage", {"stage": stage, "note": f"now {stage}"})
        assert (answer.status_code, (answer.json or {})["stage"]) == (200, stage)
        assert answer.headers["ETag"] == api("GET", f"/sites/{code}").headers["ETag"]

    log = (api("GET", f"/audit?subject_key={code}&event=site.stage-reached").json or {})["items"]
    assert len(log) == 7
    assert log[0]["facts"] == {"stage": "live", "was": "accepted", "note": "now live"}


@pytest.mark.parametrize(
    ("reached", "wanted", "missing"),
    [
        (Stage.CANDIDATE, "live", ["surveyed", "network_ready", "space_confirmed", "docks_fitted", "accepted"]),
        (Stage.SURVEYED, "docks_fitted", ["network_ready", "space_confirmed"]),
        (Stage.NETWORK_UPGRADE, "space_confirmed", ["network_ready"]),
        (Stage.SURVEYED, "surveyed", []),
        (Stage.LIVE, "surveyed", []),
    ],
)
def test_rule_3_a_missing_step_is_a_conflict_that_names_it(
    api: Api, make: Factory, reached: Stage, wanted: str, missing: list[str]
) -> None:
    code = make.site(stage=reached)

    answer = api("POST", f"/sites/{code}/stage", {"stage": wanted})

    assert (answer.status_code, answer.content_type) == (409, "application/problem+json")
    assert answer.json is not None
    assert (answer.json["rule"], answer.json["mend"]) == (3, "estates")
    assert answer.json["found"] == {"stage": str(reached), "missing": missing}
    assert (api("GET", f"/sites/{code}").json or {})["stage"] == str(reached)


def test_rule_3_a_new_site_is_a_candidate_unless_somebody_may_record_history(app: Service) -> None:
    estates, admin = api_of(app, Role.ESTATES), api_of(app)

    answers = [api("POST", "/sites", {"code": unique("S"), "stage": "live"}) for api in (estates, admin)]

    assert [answer.status_code for answer in answers] == [403, 201]


@pytest.mark.parametrize("body", [{}, {"stage": "open"}, {"stage": None}, {"stage": "surveyed", "by": "me"}])
def test_an_unusable_stage_is_refused(api: Api, make: Factory, body: dict[str, Any]) -> None:
    assert api("POST", f"/sites/{make.site()}/stage", body).status_code == 422


def test_a_stage_is_not_written(api: Api, make: Factory) -> None:
    code = make.site()

    answer = api("PATCH", f"/sites/{code}", {"stage": "live"}, If_Match=api("GET", f"/sites/{code}").headers["ETag"])

    assert answer.status_code == 422
