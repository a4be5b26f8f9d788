"""Kits: one barcode for a camera and its parts, over the API and at the counter."""

from typing import Any

import pytest

from fleet.actors import Role
from fleet.audit import Event
from fleet.cameras.states import Model
from fleet.web import Service
from tests.conftest import Api
from tests.counter.desk import AtCounter
from tests.custody.conftest import Desk
from tests.factories import Factory, unique
from tests.pages.conftest import signed_in


@pytest.fixture
def counter(app: Service) -> AtCounter:
    return AtCounter(app)


@pytest.fixture
def desk(app: Service, make: Factory) -> Desk:
    return Desk(app, make)


@pytest.fixture
def kit(api: Api, make: Factory) -> dict[str, Any]:
    """A kit with a cable that has a barcode and a mount that has none."""
    parts = [{"kind": "cable", "barcode": unique("CAB")}, {"kind": "mount"}]
    answer = api("POST", "/kits", {"code": unique("KIT"), "camera": make.camera(), "parts": parts})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json
    return found


def states(api: Api, code: str) -> list[str]:
    return [part["state"] for part in api("GET", f"/kits/{code}").json["parts"]]


def test_a_kit_is_issued_and_returned_as_one(api: Api, desk: Desk, make: Factory, kit: dict[str, Any]) -> None:
    code, collar = kit["code"], make.officer()

    assert api("POST", f"/kits/{code}/issue", {"collar": collar}).status_code == 201
    assert states(api, code) == ["with-officer", "with-officer"]
    assert api("GET", f"/kits/{code}").json["holder"] == collar
    assert api("POST", f"/kits/{code}/return", {}).status_code == 200
    assert states(api, code) == ["in-kit", "in-kit"]
    assert desk.events(code) == [Event.KIT_MADE, Event.KIT_ISSUED, Event.KIT_RETURNED]


def test_a_missing_part_is_noted_in_the_return_and_logged(
    api: Api, desk: Desk, make: Factory, kit: dict[str, Any]
) -> None:
    code, mount = kit["code"], kit["parts"][1]["id"]
    api("POST", f"/kits/{code}/issue", {"collar": make.officer()})

    answer = api("POST", f"/kits/{code}/return", {"note": "Wet", "missing": [mount]})

    assert answer.json["note"] == "Wet; missing: mount"
    assert states(api, code) == ["in-kit", "missing"]
    assert desk.log(code)[-1].facts["part"] == "mount"


def test_a_refusal_leaves_camera_and_parts_where_they_are(api: Api, make: Factory, kit: dict[str, Any]) -> None:
    untrained = make.officer(trained_until=None)

    assert api("POST", f"/kits/{kit['code']}/issue", {"collar": untrained}).json["rule"] == 4
    assert states(api, kit["code"]) == ["in-kit", "in-kit"]
    missing = {"missing": [kit["parts"][0]["id"]]}
    assert api("POST", f"/kits/{kit['code']}/return", missing).status_code == 422


def test_a_camera_and_a_barcode_are_in_one_kit_only(api: Api, make: Factory, kit: dict[str, Any]) -> None:
    other = {"code": unique("KIT"), "camera": make.camera()}
    taken = {"parts": [{"kind": "cable", "barcode": kit["parts"][0]["barcode"]}]}

    assert api("POST", "/kits", {**other, "camera": kit["camera"]}).status_code == 409
    assert api("POST", "/kits", {**other, **taken}).status_code == 409
    assert api("POST", "/kits", {**other, "code": kit["code"]}).status_code == 409


def test_a_kit_that_is_out_is_neither_changed_nor_dissolved(api: Api, make: Factory, kit: dict[str, Any]) -> None:
    code = kit["code"]
    api("POST", f"/kits/{code}/issue", {"collar": make.officer()})

    assert api("PATCH", f"/kits/{code}", {"parts": []}, If_Match="*").status_code == 409
    assert api("POST", f"/kits/{code}/dissolve", {}).status_code == 409
    assert api("PATCH", f"/kits/{code}", {"name": "Van 3"}, If_Match="*").json["name"] == "Van 3"


def test_dissolved_its_camera_is_free_for_another(api: Api, make: Factory, kit: dict[str, Any]) -> None:
    code = kit["code"]

    gone = api("POST", f"/kits/{code}/dissolve", {}).json

    assert (gone["camera"], gone["parts"]) == (None, [])
    assert api("POST", f"/kits/{code}/issue", {"collar": make.officer()}).status_code == 409
    assert api("POST", "/kits", {"code": unique("KIT"), "camera": kit["camera"]}).status_code == 201


def test_at_the_counter_officer_then_kit_issues_all_of_it(
    counter: AtCounter, api: Api, make: Factory, kit: dict[str, Any]
) -> None:
    collar, cable = make.officer(), kit["parts"][0]["barcode"]

    answer = counter.scan(collar, kit["code"])

    assert answer.title == "Issued"
    assert answer.detail.endswith(f", with cable {cable}, mount (kit {kit['code']})")
    assert states(api, kit["code"]) == ["with-officer", "with-officer"]


def test_at_the_counter_each_part_is_checked_off(
    counter: AtCounter, api: Api, make: Factory, kit: dict[str, Any]
) -> None:
    code, cable = kit["code"], kit["parts"][0]["barcode"]
    counter.scan(make.officer(), code, "done")

    back = counter.scan(code)
    part = counter.scan(cable)
    whole = counter.scan(code)

    assert back.detail.endswith(f"Scan its parts (cable {cable}, mount), or {code} when all are here")
    assert part.detail == f"{cable} is here. Still to come: mount. Scan “missing” when it is."
    assert (whole.title, states(api, code)) == (f"{code} is complete", ["in-kit", "in-kit"])


def test_at_the_counter_what_is_not_there_is_missing_and_may_turn_up(
    counter: AtCounter, api: Api, desk: Desk, make: Factory, kit: dict[str, Any]
) -> None:
    code, cable = kit["code"], kit["parts"][0]["barcode"]
    counter.scan(make.officer(), code, "done", kit["camera"])

    answer = counter.scan("missing")

    assert (answer.title, answer.detail) == (f"{code} is not complete", f"Missing: cable {cable}, mount.")
    assert states(api, code) == ["missing", "missing"]
    assert desk.events(code).count(Event.KIT_PART_MISSING) == 2
    counter.scan(cable)
    assert states(api, code) == ["in-kit", "missing"]


def test_after_an_undone_issue_the_kit_is_checked_in(
    counter: AtCounter, api: Api, make: Factory, kit: dict[str, Any]
) -> None:
    counter.scan(make.officer(), kit["code"], "undo", "done", kit["code"])

    assert counter.scan(kit["code"]).title == f"{kit['code']} is complete"
    assert states(api, kit["code"]) == ["in-kit", "in-kit"]


def test_the_pages_make_show_change_and_dissolve_a_kit(app: Service, make: Factory) -> None:
    clerk, code, serial = signed_in(app, Role.STORE), unique("KIT"), make.camera(model=Model.FLEX_2)
    controller = unique("CTL")

    made = clerk.post("/kits/new", code=code, camera=serial, parts=f"controller {controller}\nmount")
    assert made.status_code == 303, made.text
    assert f"Controller {controller} In kit" in clerk.reads(f"/kits/{code}")
    assert code in clerk.reads(f"/kits?q={code}")
    refused = clerk.post("/kits/new", code=unique("KIT"), camera=make.camera(), parts="hammer")
    assert refused.status_code == 422
    version = clerk.get(f"/kits/{code}/edit").text.split('name="version" value="')[1].split('"')[0]
    changed = clerk.post(f"/kits/{code}/edit", camera=serial, name="Spare", parts="cable", version=version)
    assert changed.status_code == 303
    assert "Cable" in clerk.reads(f"/kits/{code}")
    assert clerk.post(f"/kits/{code}/dissolve").status_code == 303
    assert "Dissolved on" in clerk.reads(f"/kits/{code}")
