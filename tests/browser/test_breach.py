"""A breach assessed in a real browser: refused with what is missing, nothing typed lost, kept in versions."""

from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from fleet.actors import Role
from fleet.clock import LOCAL
from fleet.web import Service
from tests.browser.test_fleet_pages import signed_in
from tests.browser.watched import watched
from tests.factories import Factory
from tests.lifecycle.conftest import Office
from tests.live import LiveServer


def at(hours: float) -> str:
    """A local time so many hours ago, as the browser's field takes it."""
    return (datetime.now(LOCAL) - timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M")


@pytest.mark.page_errors("422")
def test_the_story_of_a_breach(page: Page, app: Service, live: LiveServer, make: Factory) -> None:
    serial, collar = make.issued(make.camera(encryption="aes128"))
    make.report(serial, unoffloaded=7)
    signed_in(page, app, live, Role.SUPERVISOR).goto(f"{live.url}/cameras/{serial}")

    # Whoever finds it missing says when, where and how; an empty form says what it needs.
    page.get_by_role("link", name="Report it missing").click()
    page.get_by_label("Circumstances").fill("Not in the car after the shift")
    page.get_by_role("button", name="Report it missing").click()
    expect(page.get_by_role("alert")).to_contain_text("Noticed missing is missing.")
    expect(page.get_by_label("Circumstances")).to_have_value("Not in the car after the shift")
    page.get_by_label("Noticed missing").fill(at(30))
    page.get_by_label("Last seen where").fill("Car 12")
    page.get_by_label("Last seen by whom").fill(collar)
    page.get_by_role("button", name="Report it missing").click()

    # It was reported after more than a day, so the page says late; nobody holds it any more.
    page.get_by_role("link", name="Its loss").click()
    expect(page.get_by_text("Reported late")).to_be_visible()
    expect(page.get_by_text("nobody has assessed it yet")).to_be_visible()

    page.get_by_role("button", name="Assess the breach").click()
    expect(page.get_by_text("7, as it said on")).to_be_visible()
    expect(page.get_by_text("AES-128")).to_be_visible()
    page.get_by_label("What recordings may be on it").fill("Seven of the late shift")
    page.get_by_label("Who may be affected").fill("Two victims of burglary")
    page.get_by_label("The risk to the people recorded").select_option("high")
    page.get_by_label("What was done").fill("Searched the car")
    page.get_by_role("button", name="Put it on record").click()

    summary = page.locator(".govuk-error-summary")
    expect(summary).to_be_focused()
    summary.get_by_role("link", name="Decided by is missing.").click()
    expect(page.get_by_label("Decided by")).to_be_focused()
    page.keyboard.type("Superintendent of the day")
    page.get_by_role("button", name="Put it on record").click()

    # A high risk, and the Commissioner neither told nor a reason given.
    expect(page.get_by_role("alert")).to_contain_text("or why not.")
    for label, typed in (
        ("What recordings may be on it", "Seven of the late shift"),
        ("Who may be affected", "Two victims of burglary"),
        ("What was done", "Searched the car"),
        ("Decided by", "Superintendent of the day"),
        ("The risk to the people recorded", "high"),
    ):
        expect(page.get_by_label(label)).to_have_value(typed)
    told = at(1)
    page.get_by_label("Information Commissioner told").fill(told)
    page.get_by_role("button", name="Put it on record").click()
    expect(page.get_by_text("Version 1 of the assessment is on record.")).to_be_visible()

    # More is known: the next version begins with the last, and the last stays.
    page.get_by_role("button", name="Assess it again").click()
    expect(page.get_by_label("Information Commissioner told")).to_have_value(told)
    page.get_by_label("What was done").fill("Found in a hedge")
    page.get_by_role("button", name="Put it on record").click()
    expect(page.get_by_role("heading", name="Version 2")).to_be_visible()
    page.get_by_text("Version 1,").click()
    expect(page.get_by_text("Searched the car")).to_be_visible()


def test_two_supervisors_dispose_of_a_camera_by_keyboard(
    browser: Browser, app: Service, live: LiveServer, make: Factory
) -> None:
    serial, office = make.camera(), Office(app, make)
    office.now -= timedelta(minutes=2)
    office.retire(serial)
    office.sanitise(serial)
    address = f"{live.url}/retirements/{serial}"

    with watched(browser, ViewportSize(width=1280, height=900), ("409",)) as first:
        signed_in(first, app, live, Role.SUPERVISOR).goto(address)
        first.get_by_label("How it is disposed of").focus()
        first.keyboard.type("Destr")
        first.get_by_role("button", name="Propose").press("Enter")
        expect(first.get_by_text("somebody else confirms it")).to_be_visible()
        expect(first.get_by_role("button", name="Confirm the disposal")).to_have_count(0)
    with watched(browser, ViewportSize(width=360, height=740)) as second:
        signed_in(second, app, live, Role.SUPERVISOR).goto(address)
        second.get_by_role("button", name="Confirm the disposal").press("Enter")
        expect(second.get_by_text(f"{serial} is disposed of.")).to_be_visible()


def test_no_page_of_cases_is_wider_than_the_screen(
    browser: Browser, app: Service, live: LiveServer, make: Factory
) -> None:
    office, wide = Office(app, make), "W" * 60
    office.now -= timedelta(minutes=1, seconds=30)
    lost, mended, held, retired = (make.camera() for _ in range(4))
    loss = office.lose(lost)
    office.assess(loss, recordings=wide, measures=wide)
    office.send(mended, fault=wide, supplier=wide, rma=wide, expected_back=office.today)
    office.hold(held)
    office.retire(retired)
    office.sanitise(retired, wide)
    collar = make.officer(function="firearms", team=wide, name=wide)
    office.exempt(collar, 5)
    office.depart(collar, 3, note=wide)
    paths = [f"/losses/{loss}", f"/losses/{loss}/assess", f"/losses/{loss}/decide", f"/losses/{loss}/recover"]
    paths += [f"/retirements/{retired}", f"/people/{collar}", f"/people/{collar}/exception", "/stores"]
    paths += [f"/cameras/{mended}/repair/return", f"/cameras/{held}/release", f"/people/{collar}/departure/withdraw"]
    paths += [f"/{name}" for name in ("losses", "repairs", "holds", "retirements", "departures", "exceptions")]
    for width in (360, 1280):
        with watched(browser, ViewportSize(width=width, height=740)) as page:
            signed_in(page, app, live)
            for path in paths:
                assert (answer := page.goto(live.url + path)) is not None
                assert answer.ok, path
                overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
                assert overflow == 0, (path, width)
