"""A stocktake as two people make it: real keys at a scanner's speed on two pages at once, against real processes."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from fleet.actors import Role
from fleet.sites.stages import Stage
from fleet.web import Service
from tests.accounts import cookie_of, new_account
from tests.browser.scanner import scan
from tests.browser.watched import NARROW, WIDE, watched
from tests.conftest import Api
from tests.factories import Factory
from tests.live import LiveServer


@pytest.fixture
def shelf(make: Factory) -> tuple[str, list[str]]:
    """A dock with four cameras."""
    dock = make.dock(site=make.site(stage=Stage.DOCKS_FITTED))
    return dock, sorted(make.camera(home_dock=dock) for _ in range(4))


def opened(page: Page, app: Service, live: LiveServer, number: int) -> Page:
    name = new_account(app, Role.STORE)
    page.context.add_cookies([{**cookie_of(app, name), "url": live.url}])
    page.goto(f"{live.url}/stocktakes/{number}")
    expect(page.locator("#stocktake[data-ready=true]")).to_be_attached()
    return page


@pytest.fixture
def other_page(browser: Browser) -> Iterator[Page]:
    with watched(browser, NARROW, ()) as page:
        yield page


def expect_answer(page: Page, tone: str, word: str, detail: str = "") -> None:
    expect(page.locator("#stocktake-word")).to_have_text(word)
    expect(page.locator("#stocktake-detail")).to_contain_text(detail)
    expect(page.locator("#stocktake-answer")).to_have_class(f"counter__answer counter__answer--{tone} stocktake-answer")


def expect_count(page: Page, name: str, number: int) -> None:
    counted = page.locator(".stocktake-counts__one", has=page.get_by_text(name, exact=True))
    expect(counted.locator("dd")).to_have_text(str(number))


def test_two_people_scan_a_room_settle_and_close_it(
    page: Page, other_page: Page, app: Service, live: LiveServer, api: Api, make: Factory, shelf: tuple[str, list[str]]
) -> None:
    dock, (first, second, third, gone) = shelf
    elsewhere = make.camera(home_dock=make.dock(site=make.site()))
    number = api("POST", "/stocktakes", {"dock": dock}).json["id"]
    one, other = opened(page, app, live, number), opened(other_page, app, live, number)

    scan(one, first)
    expect_answer(one, "good", "Seen", first)
    scan(other, first)
    expect_answer(other, "caution", "Scanned already", first)
    scan(other, second)
    scan(one, third)
    scan(other, elsewhere)
    expect_answer(other, "caution", "Misplaced", elsewhere)
    for seen_by in (one, other):
        expect_count(seen_by, "Seen", 3)
        expect_count(seen_by, "Misplaced", 1)
        expect_count(seen_by, "Not settled", 1)

    one.get_by_label(f"Choose {gone}").check()
    one.get_by_label("Unable to locate").check()
    one.get_by_role("button", name="Settle those chosen").click()
    expect(one.get_by_text("1 camera was settled as unable to locate.")).to_be_visible()
    one.get_by_role("button", name="Close the stocktake").click()
    expect(one.get_by_text("It never changes again")).to_be_visible()
    assert api("GET", f"/stocktakes/{number}").json["counts"]["unable_to_locate"] == 1
    assert api("GET", f"/cameras/{gone}").json["custody"] == "missing"


@pytest.mark.page_errors("net::ERR", "Failed to load")
def test_a_scan_whose_answer_is_lost_is_sent_again_and_counts_once(
    page: Page, app: Service, live: LiveServer, api: Api, shelf: tuple[str, list[str]]
) -> None:
    dock, (serial, *_) = shelf
    number = api("POST", "/stocktakes", {"dock": dock}).json["id"]
    opened(page, app, live, number)
    lost: list[str] = []

    def lose_first(route: Route) -> None:
        if lost:
            route.continue_()
            return
        lost.append(route.request.headers["idempotency-key"])
        route.fetch()
        route.abort()

    page.route("**/scans", lose_first)
    scan(page, serial)

    expect_answer(page, "good", "Seen", serial)
    expect_count(page, "Scanned again", 0)


def test_typing_into_a_form_stays_there(
    page: Page, app: Service, live: LiveServer, api: Api, shelf: tuple[str, list[str]]
) -> None:
    number = api("POST", "/stocktakes", {"dock": shelf[0]}).json["id"]
    opened(page, app, live, number)

    page.get_by_label("Where, or what was tried").click()
    page.keyboard.type("in the safe")

    expect(page.get_by_label("Where, or what was tried")).to_have_value("in the safe")
    expect(page.locator("#stocktake-box")).to_have_value("")


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_nothing_lies_beside_the_page(
    browser: Browser, app: Service, live: LiveServer, api: Api, shelf: tuple[str, list[str]], width: dict[str, int]
) -> None:
    number = api("POST", "/stocktakes", {"dock": shelf[0]}).json["id"]
    with watched(browser, width, ()) as page:
        opened(page, app, live, number)

        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
