"""The fleet pages in a real browser: lists that follow what is typed, and every page on a phone and by keyboard."""

import re

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from fleet.actors import Role
from fleet.web import Service
from tests.accounts import cookie_of, new_account
from tests.browser.watched import watched
from tests.factories import Factory, unique
from tests.live import LiveServer

PHONE = ViewportSize(width=360, height=740)


def signed_in(page: Page, app: Service, live: LiveServer, role: Role = Role.ADMIN) -> Page:
    page.context.add_cookies([{**cookie_of(app, new_account(app, role)), "url": live.url}])
    return page


def test_a_list_follows_what_is_typed(page: Page, app: Service, live: LiveServer, make: Factory) -> None:
    site = make.site()
    wanted, other = (make.dock(site=site) for _ in range(2))
    signed_in(page, app, live).goto(f"{live.url}/docks?site={site}")
    expect(page.locator("#results-count")).to_have_text("2 docks")

    page.get_by_label("Serial").press_sequentially(wanted)

    expect(page.locator("#results-count")).to_have_text("1 dock")
    expect(page.get_by_role("link", name=wanted)).to_be_visible()
    expect(page.get_by_role("link", name=other)).to_have_count(0)
    expect(page.get_by_label("Serial")).to_be_focused()
    expect(page).to_have_url(re.compile(rf"q={wanted}"))
    expect(page.get_by_role("link", name="Export as CSV")).to_have_attribute("href", re.compile(rf"q={wanted}"))


@pytest.mark.page_errors("htmx:sendAbort", "htmx:afterRequest")
def test_a_choice_and_a_bad_value_are_answered_in_place(page: Page, app: Service, live: LiveServer) -> None:
    signed_in(page, app, live).goto(f"{live.url}/cameras")
    page.get_by_label("Model").select_option("flex-2")
    expect(page).to_have_url(re.compile("model=flex-2"))

    page.get_by_label("Phase").fill("x")
    page.get_by_label("Phase").press("Enter")
    expect(page.get_by_role("alert").filter(has_text="Phase must be a whole number.")).to_be_visible()

    page.get_by_label("Phase").fill("2")
    page.get_by_label("Phase").press("Enter")
    expect(page.get_by_text("must be a whole number")).to_have_count(0)


def test_without_scripts_a_search_has_a_button(browser: Browser, app: Service, live: LiveServer, make: Factory) -> None:
    serial = make.camera()
    context = browser.new_context(java_script_enabled=False)
    try:
        page = signed_in(context.new_page(), app, live)
        page.goto(f"{live.url}/cameras")
        page.get_by_label("Serial, or its last digits").fill(serial)
        page.get_by_role("button", name="Search").click()
        expect(page.get_by_role("link", name=serial)).to_be_visible()
    finally:
        context.close()


def test_a_camera_is_added_changed_and_moved_by_keyboard_alone(page: Page, app: Service, live: LiveServer) -> None:
    serial = unique("K")
    signed_in(page, app, live).goto(f"{live.url}/cameras/new")
    page.get_by_label("Serial").focus()
    page.keyboard.type(serial)
    page.keyboard.press("Tab")
    page.keyboard.type("Flex")
    page.keyboard.press("Enter")
    if page.url.endswith("/new"):
        page.get_by_role("button", name="Save").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text(serial)

    page.get_by_role("link", name="Move it").press("Enter")
    page.get_by_label("Custody").focus()
    page.keyboard.type("Quar")
    page.get_by_role("button", name="Move").press("Enter")

    expect(page.get_by_text(f"{serial} is quarantined now.")).to_be_visible()


@pytest.mark.parametrize("width", [PHONE["width"], 1280])
def test_no_page_is_wider_than_the_screen(
    browser: Browser, app: Service, live: LiveServer, make: Factory, width: int
) -> None:
    site = make.site(stage="live")
    dock = make.dock(site=site)
    serial, collar = make.issued(make.camera(serial=unique("W" * 40), home_dock=dock))
    taser = make.taser(holder=collar)
    paths = ["/", "/cameras", f"/cameras/{serial}", f"/cameras/{serial}/edit", "/cameras/new", "/people", "/sites"]
    paths += [f"/people/{collar}", f"/sites/{site}", "/docks", f"/docks/{dock}", "/tasers", f"/tasers/{taser}"]
    with watched(browser, ViewportSize(width=width, height=740)) as page:
        signed_in(page, app, live)
        for path in [*paths, "/audit", "/me"]:
            page.goto(live.url + path)
            overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert overflow == 0, path
