"""The armourer's day in a real browser, by scanner alone; a station's calls are made here, over HTTP."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from fleet.actors import Role
from fleet.tasers.models import TaserModel
from fleet.web import Service
from tests.browser.scanner import scan
from tests.browser.test_fleet_pages import signed_in
from tests.browser.watched import NARROW, watched
from tests.factories import unique
from tests.live import LiveServer
from tests.pairings.conftest import Armoury, Pair, armoury_of
from tests.pairings.paper import unb64


@pytest.fixture
def armoury(app: Service) -> Armoury:
    return armoury_of(app)


@pytest.fixture
def desk(page: Page, app: Service, live: LiveServer) -> Page:
    """The armoury's page with an armourer signed in."""
    signed_in(page, app, live, Role.ARMOURER).goto(f"{live.url}/armoury")
    return page


def step(armoury: Armoury, pair: Pair, number: int, name: str, state: str = "done") -> None:
    said = {"number": number, "step": name, "state": state, "at": "2026-11-25T08:00:00Z"}
    assert armoury.station("POST", f"/stations/jobs/{pair.job}/steps", said).status_code == 200


def scanned(desk: Page, armoury: Armoury, pair: Pair) -> None:
    """The armourer's two scans, and the station that takes the job."""
    # The register has several stations by now; this armourer says which is on the desk.
    desk.get_by_text("Commission a device, read a log, or choose the station").click()
    desk.get_by_label("At which station").select_option(armoury.station.name)
    desk.get_by_label("Scan a Taser or a camera").focus()
    scan(desk, pair.taser.taser)
    expect(desk.get_by_label("Scan the camera")).to_be_focused()
    scan(desk, pair.camera.serial)
    expect(desk.get_by_text("Waiting for the station")).to_be_visible()
    job = armoury.station.next()
    assert job is not None
    pair.job, pair.pairing = job["id"], job["pairing"]


def test_scan_scan_paired_and_tested(desk: Page, armoury: Armoury) -> None:
    pair = armoury.commissioned()
    desk.reload()
    scanned(desk, armoury, pair)
    expect(desk.get_by_text("Being paired")).to_be_visible()

    step(armoury, pair, 1, "connect-taser")
    expect(desk.get_by_text("Connect taser")).to_be_visible()
    step(armoury, pair, 2, "connect-camera", "begun")
    expect(desk.get_by_text("Connect camera")).to_be_visible()
    answer = armoury.station.permit(pair.job, pair.taser, pair.camera)
    pair.permit = unb64((answer.json or {})["permit"])
    assert armoury.station.receipts(pair.job, pair.permit, pair.taser, pair.camera).status_code == 200
    expect(desk.get_by_text("Arm and arc now")).to_be_visible()

    assert armoury.tested(pair, pair.job).status_code == 200
    armoury.station.end(pair.job)

    expect(desk.get_by_text("Paired and tested")).to_be_visible()
    # The next scan needs no hand on the mouse.
    expect(desk.get_by_label("Scan a Taser or a camera")).to_be_focused()
    desk.get_by_role("link", name=f"Pairing {pair.pairing}").click()
    expect(desk.get_by_role("heading", level=1)).to_contain_text(pair.taser.taser)
    expect(desk.get_by_text("Pairing active")).to_be_visible()


def bad_level(armoury: Armoury) -> tuple[str, str]:
    return armoury.make.taser(sppm=unique("SP")), armoury.make.camera(encryption="aes256")


def an_x26(armoury: Armoury) -> tuple[str, str]:
    return armoury.make.taser(model=TaserModel.X26), armoury.make.camera()


def bad_clock(armoury: Armoury) -> tuple[str, str]:
    pair = armoury.commissioned()
    armoury.make.report(pair.camera.serial, clock_offset_s=-75.0)
    return pair.taser.taser, pair.camera.serial


@pytest.mark.parametrize(
    ("rule", "devices", "says", "mends"),
    [
        (1, bad_level, "has not reported its encryption level itself", "Armourer, by commissioning it"),
        (2, an_x26, "is an X26, which cannot pair", "Nobody; use an X2"),
        (13, bad_clock, "is off by -75 s", "Armourer"),
    ],
)
def test_a_refusal_names_its_rule_what_was_found_and_who_mends_it(
    page: Page,
    app: Service,
    live: LiveServer,
    armoury: Armoury,
    rule: int,
    devices: Callable[[Armoury], tuple[str, str]],
    says: str,
    mends: str,
) -> None:
    taser, camera = devices(armoury)
    signed_in(page, app, live, Role.ARMOURER).goto(f"{live.url}/armoury")

    scan(page, taser)
    # A scanner waits for nobody.
    scan(page, camera)

    alert = page.get_by_role("alert")
    for text in (says, f"This is rule {rule}.", camera, f"Who can mend it: {mends}."):
        expect(alert).to_contain_text(text)
    # It begins anew with the next scan.
    expect(page.get_by_label("Scan a Taser or a camera")).to_be_focused()


def test_the_switch_that_is_off_refuses_and_says_so_before(desk: Page, armoury: Armoury) -> None:
    pair = armoury.commissioned()
    armoury.it("POST", "/pairings/switch", {"on": False, "reason": "a recall"})
    try:
        desk.reload()
        expect(desk.get_by_text("Pairing is switched off for the whole force (rule 1)")).to_be_visible()
        scan(desk, pair.taser.taser)
        scan(desk, pair.camera.serial)
        expect(desk.get_by_role("alert")).to_contain_text("The force has not switched pairing on.")
        expect(desk.get_by_role("alert")).to_contain_text("Who can mend it: IT.")
    finally:
        armoury.it("POST", "/pairings/switch", {"on": True, "reason": "the recall is over"})


def test_what_a_device_reports_at_the_station_refuses_and_is_said_at_the_desk(desk: Page, armoury: Armoury) -> None:
    pair = armoury.commissioned()
    desk.reload()
    scanned(desk, armoury, pair)
    pair.camera.clock_off_s = 300

    assert armoury.station.permit(pair.job, pair.taser, pair.camera).status_code == 409
    armoury.station.end(pair.job, "refused")

    expect(desk.get_by_text("Not paired: not agreed")).to_be_visible()
    expect(desk.locator("#live")).to_contain_text("This is rule 13.")


@pytest.mark.parametrize("width", [360, 1280])
def test_no_page_of_the_armoury_is_wider_than_the_screen(
    browser: Browser, app: Service, live: LiveServer, armoury: Armoury, width: int
) -> None:
    pair = armoury.active()
    long = armoury.make.taser(serial=unique("W" * 40), sppm=unique("S" * 40))
    body: dict[str, Any] = {"items": [{
        "sppm": unique("S" * 40), "counter": 1, "kind": "arc", "at": "2026-11-25T08:00:00Z", "source": "monitor",
        "evidence": "",
    }]}  # fmt: skip
    taken = armoury.station("POST", "/activations", body).json or {}
    paths = ["/armoury", f"/armoury?taser={long}", f"/armoury?pairing={pair.pairing}", "/pairings", "/station-jobs"]
    paths += [f"/pairings/{pair.pairing}", "/stations", f"/stations/{armoury.station.name}", "/pairings/switch/OFF"]
    paths += ["/activations", f"/activations/{taken['items'][0]['id']}", f"/tasers/{long}"]
    with watched(browser, {**NARROW, "width": width}) as page:
        signed_in(page, app, live)
        for path in paths:
            page.goto(live.url + path)
            overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert overflow == 0, path
