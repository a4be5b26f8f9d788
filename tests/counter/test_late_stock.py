"""What a counter did without a line meets the stock as it does with one: stocktakes, kits and operations."""

from datetime import timedelta
from typing import Any

import pytest

from fleet.clock import iso
from fleet.counter.block_list import make as make_list
from fleet.counter.models import Outcome
from fleet.counter.scans import State
from fleet.sites.stages import Stage
from tests.conftest import Api
from tests.counter.conftest import Counters, meant
from tests.counter.desk import AtCounter
from tests.factories import Factory, unique


@pytest.fixture
def site(make: Factory) -> str:
    return make.site(stage=Stage.DOCKS_FITTED)


def scans(api: Api, number: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api("GET", f"/stocktakes/{number}/scans").json["items"]
    return found


def test_a_return_counts_in_the_stocktake_that_was_open_when_it_was_made(
    counters: Counters, api: Api, make: Factory, site: str
) -> None:
    serial, collar = make.issued(make.camera(home_dock=make.dock(site=site)))
    number = api("POST", "/stocktakes", {"site": site, "name": "The store"}).json["id"]
    made = counters.now
    counters.later(hours=2)

    kept = counters.bring("return", meant(serial, holder=collar), made)

    assert kept.answer["detail"].endswith("; counted in the stocktake of The store")
    (scan,) = scans(api, number)
    assert (scan["serial"], scan["judgment"], scan["scanned_at"]) == (serial, "returned", iso(made))
    assert scan["scanned_by"] == f"account:{counters.clerk}"


def test_a_stocktake_does_not_see_what_came_back_before_it_was_opened(
    counters: Counters, api: Api, make: Factory, site: str
) -> None:
    serial, collar = make.issued(make.camera(home_dock=make.dock(site=site)))
    number = api("POST", "/stocktakes", {"site": site}).json["id"]

    kept = counters.bring("return", meant(serial, holder=collar), counters.now - timedelta(hours=1))

    assert kept.outcome is Outcome.DONE
    assert scans(api, number) == []


def test_a_return_into_another_sites_dock_is_misplaced_there(
    counters: Counters, api: Api, make: Factory, site: str
) -> None:
    serial, collar = make.issued(make.camera(home_dock=make.dock(site=make.site(stage=Stage.DOCKS_FITTED))))
    number = api("POST", "/stocktakes", {"site": site}).json["id"]

    counters.bring("return", meant(serial, holder=collar) | {"dock": make.dock(site=site)}, counters.now)

    assert [scan["judgment"] for scan in scans(api, number)] == ["misplaced"]


def test_a_stocktake_that_was_closed_meanwhile_stays_as_it_is(
    counters: Counters, api: Api, make: Factory, site: str
) -> None:
    serial, collar = make.issued(make.camera(home_dock=make.dock(site=site)))
    number = api("POST", "/stocktakes", {"site": site}).json["id"]
    made = counters.now
    counters.later(hours=1)
    api("POST", f"/stocktakes/{number}/close", {})

    kept = counters.bring("return", meant(serial, holder=collar), made)

    assert (kept.outcome, scans(api, number)) == (Outcome.DONE, [])


@pytest.fixture
def kit(api: Api, make: Factory) -> dict[str, Any]:
    """A kit with a cable that has a barcode and a mount that has none."""
    parts = [{"kind": "cable", "barcode": unique("CAB")}, {"kind": "mount"}]
    found: dict[str, Any] = api("POST", "/kits", {"code": unique("KIT"), "camera": make.camera(), "parts": parts}).json
    return found


@pytest.fixture
def kit_out(counter: AtCounter, make: Factory, kit: dict[str, Any]) -> dict[str, Any]:
    collar = make.officer()
    counter.scan(collar, kit["code"])
    return kit | {"holder": collar}


def states(api: Api, kit: dict[str, Any]) -> list[str]:
    return [part["state"] for part in api("GET", f"/kits/{kit['code']}").json["parts"]]


def brought(counters: Counters, text: str, **state: Any) -> dict[str, Any]:
    """What a scan came to that the page could not tell the meaning of."""
    body = {"scan": text, "repeated": False, "state": State(**state)}
    return counters.bring("scan", body, counters.later(seconds=5)).answer


def test_a_kits_code_that_a_page_took_for_a_camera_issues_all_of_the_kit(
    counters: Counters, api: Api, make: Factory, kit: dict[str, Any]
) -> None:
    collar = make.officer()

    kept = counters.bring("issue", meant(kit["code"], collar), counters.now)

    assert kept.answer["detail"].endswith(f"mount (kit {kit['code']})")
    assert counters.holder(kit["camera"]) == collar
    assert states(api, kit) == ["with-officer", "with-officer"]


@pytest.mark.parametrize("scanned", ["code", "camera"])
def test_a_kit_that_came_back_is_checked_off_part_by_part(
    counters: Counters, api: Api, kit_out: dict[str, Any], scanned: str
) -> None:
    code, cable = kit_out["code"], kit_out["parts"][0]["barcode"]

    kept = counters.bring("return", meant(kit_out[scanned], holder=kit_out["holder"]), counters.later(minutes=5))
    part = brought(counters, cable, kit=kept.answer["state"]["kit"])
    whole = brought(counters, code, kit=part["state"]["kit"])

    assert kept.answer["detail"].endswith(f"Scan its parts (cable {cable}, mount), or {code} when all are here")
    assert part["detail"] == f"{cable} is here. Still to come: mount. Scan “missing” when it is."
    assert (whole["title"], whole["state"]["kit"]) == (f"{code} is complete", None)
    assert (counters.holder(kit_out["camera"]), states(api, kit_out)) == (None, ["in-kit", "in-kit"])


def test_what_did_not_come_back_with_its_kit_is_missing(counters: Counters, api: Api, kit_out: dict[str, Any]) -> None:
    cable = kit_out["parts"][0]["barcode"]
    kept = counters.bring("return", meant(kit_out["camera"], holder=kit_out["holder"]), counters.later(minutes=5))
    brought(counters, cable, kit=kept.answer["state"]["kit"])

    answer = brought(counters, "missing", kit=kit_out["code"])

    assert (answer["title"], answer["detail"]) == (f"{kit_out['code']} is not complete", "Missing: mount.")
    assert states(api, kit_out) == ["in-kit", "missing"]


def test_what_only_the_service_can_tell_the_meaning_of_has_no_look_of_its_own(
    counters: Counters, api: Api, make: Factory
) -> None:
    # A code that looks like a camera's serial.
    camera = make.camera(serial=unique("LOOK"))
    api("POST", "/kits", {"code": unique("LOOK"), "camera": make.camera()})

    with counters.app.database.transaction() as session:
        listed = make_list(session, policy=counters.policy, now=counters.now)

    looks = {look for look in listed.shapes if look.startswith("LOOK")}
    assert camera.startswith("LOOK")
    assert looks == set()


def test_an_issue_for_an_operation_carries_the_operation(
    counters: Counters, api: Api, make: Factory, site: str
) -> None:
    serial, collar = make.camera(home_dock=make.dock(site=site)), make.officer()
    begins, ends = counters.now - timedelta(hours=2), counters.now + timedelta(hours=48)
    wanted = {"code": unique("OP"), "name": "Op Pelkin", "count": 1, "site": site}
    made = api("POST", "/reservations", wanted | {"begins_at": iso(begins), "ends_at": iso(ends)})
    assert made.status_code == 201, made.text
    body = meant(serial, collar) | {"operation": wanted["code"]}

    kept = counters.bring("issue", body, counters.now)

    assert kept.answer["detail"] == f"{serial} to {collar}, pool, for {wanted['code']}"
    assert kept.answer["due_back"] == made.json["ends_at"]
    assert counters.holder(serial) == collar
    assert api("GET", f"/reservations/{wanted['code']}").json["out"] == 1
