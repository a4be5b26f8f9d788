"""Kits and operations at the counter's page, with a line and without one."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page

from fleet.clock import iso
from fleet.sites.stages import Stage
from fleet.web import Service
from tests.browser.counters import all_sent, cut, expect_answer, holder, mend
from tests.browser.scanner import scan
from tests.conftest import Api
from tests.factories import Factory, unique


@pytest.fixture
def kit(api: Api, make: Factory) -> dict[str, Any]:
    """A kit with a cable that has a barcode and a mount that has none."""
    parts = [{"kind": "cable", "barcode": unique("CAB")}, {"kind": "mount"}]
    found: dict[str, Any] = api("POST", "/kits", {"code": unique("KIT"), "camera": make.camera(), "parts": parts}).json
    return found


def states(api: Api, kit: dict[str, Any]) -> list[str]:
    return [part["state"] for part in api("GET", f"/kits/{kit['code']}").json["parts"]]


def issue(page: Page, kit: dict[str, Any], collar: str) -> None:
    for text in (collar, kit["code"]):
        scan(page, text)
    expect_answer(page, "good", "Issued", f"(kit {kit['code']})")
    scan(page, "done")
    expect_answer(page, "info", "Next")


def test_a_kit_is_checked_off_by_its_part_and_then_its_code(
    counter: Page, api: Api, make: Factory, kit: dict[str, Any]
) -> None:
    code, cable = kit["code"], kit["parts"][0]["barcode"]
    issue(counter, kit, make.officer())

    scan(counter, code)
    expect_answer(counter, "good", "Returned", f"Scan its parts (cable {cable}, mount)")
    scan(counter, cable)
    expect_answer(counter, "info", f"Part of {code}", "Still to come: mount")
    scan(counter, code)
    expect_answer(counter, "good", f"{code} is complete")

    assert states(api, kit) == ["in-kit", "in-kit"]


@pytest.mark.page_errors("Failed to load resource", "net::ERR")
@pytest.mark.parametrize("scanned", ["code", "camera"])
def test_a_kit_that_came_back_without_a_line_is_checked_off_when_it_is_back(
    counter: Page, app: Service, api: Api, make: Factory, kit: dict[str, Any], scanned: str
) -> None:
    cable = kit["parts"][0]["barcode"]
    issue(counter, kit, make.officer())
    cut(counter)

    for text in (kit[scanned], cable):
        scan(counter, text)
    expect_answer(counter, "caution", "Kept, not checked", cable)
    mend(counter)
    all_sent(counter)
    scan(counter, "missing")
    expect_answer(counter, "caution", f"{kit['code']} is not complete", "Missing: mount.")

    assert holder(app, kit["camera"]) is None
    assert states(api, kit) == ["in-kit", "missing"]


@pytest.mark.page_errors("Failed to load resource", "net::ERR")
def test_what_is_missing_of_a_kit_can_be_said_without_a_line(
    counter: Page, api: Api, make: Factory, kit: dict[str, Any]
) -> None:
    issue(counter, kit, make.officer())
    cut(counter)

    for text in (kit["camera"], "missing"):
        scan(counter, text)
    mend(counter)
    all_sent(counter)

    expect_answer(counter, "good", "Returned", "Scan its parts")
    assert states(api, kit) == ["missing", "missing"]


@pytest.mark.page_errors("Failed to load resource", "net::ERR")
def test_what_is_issued_without_a_line_is_for_the_operation_that_was_scanned(
    counter: Page, app: Service, api: Api, make: Factory
) -> None:
    site = make.site(stage=Stage.DOCKS_FITTED)
    serial, collar = make.camera(home_dock=make.dock(site=site)), make.officer()
    now = datetime.now(UTC)
    wanted = {"code": unique("OP"), "name": "Op Pelkin", "count": 1, "site": site}
    times = {"begins_at": iso(now - timedelta(hours=1)), "ends_at": iso(now + timedelta(hours=8))}
    assert api("POST", "/reservations", wanted | times).status_code == 201
    scan(counter, wanted["code"])
    expect_answer(counter, "info", "Op Pelkin")
    cut(counter)

    for text in (collar, serial):
        scan(counter, text)
    expect_answer(counter, "good", "Issued", serial)
    mend(counter)
    all_sent(counter)

    assert holder(app, serial) == collar
    assert api("GET", f"/reservations/{wanted['code']}").json["out"] == 1
