"""The counter when answers are slow or lost and pages are loaded again: what waits is done once, as it was meant."""

import pytest
from playwright.sync_api import Page, Route, expect

from fleet.web import Service
from tests.browser.counters import events, expect_answer, holder, open_counter
from tests.browser.scanner import scan
from tests.factories import Factory
from tests.live import LiveServer


@pytest.fixture
def counter(page: Page, app: Service, live: LiveServer) -> Page:
    return open_counter(page, app, live)


@pytest.mark.page_errors("net::ERR_FAILED")
def test_a_scan_whose_answer_is_lost_is_sent_again_and_done_once(counter: Page, app: Service, make: Factory) -> None:
    collar, serial = make.officer(), make.camera()
    lost: list[str] = []

    def lose_the_first_answer(route):  # type: ignore[no-untyped-def]
        if serial in (route.request.post_data or "") and not lost:
            lost.append(route.fetch().text())
            route.abort()
        else:
            route.continue_()

    counter.route("**/counter/scans", lose_the_first_answer)
    scan(counter, collar)
    scan(counter, serial)

    expect_answer(counter, "good", "Issued", serial)
    assert len(lost) == 1
    assert events(app, serial) == ["camera.issued"]


def test_a_reload_finds_the_visit_as_it_was(counter: Page, app: Service, make: Factory) -> None:
    collar, serial = make.officer(), make.camera()

    scan(counter, collar)
    expect_answer(counter, "info", f"Officer {collar}")
    counter.reload()
    expect(counter.locator("#counter[data-ready=true]")).to_be_attached()
    scan(counter, serial)

    expect_answer(counter, "good", "Issued", serial)
    assert holder(app, serial) == collar


@pytest.mark.page_errors("status of 503")
def test_a_scan_that_waits_through_an_outage_keeps_its_officer_and_its_words(
    counter: Page, app: Service, make: Factory
) -> None:
    collar, serial = make.officer(), make.camera()
    scan(counter, collar)
    expect_answer(counter, "info", f"Officer {collar}")
    bodies: list[str] = []

    def be_away(route: Route) -> None:
        bodies.append(route.request.post_data or "")
        if len(bodies) < 3:
            route.fulfill(status=503, body="{}")
        else:
            route.continue_()

    counter.route("**/counter/scans", be_away)
    scan(counter, serial)
    expect(counter.locator("#counter-waiting")).to_contain_text("sent again")

    expect_answer(counter, "good", "Issued", serial)
    assert len(set(bodies)) == 1
    assert holder(app, serial) == collar


@pytest.mark.page_errors("status of 503")
def test_scans_that_wait_outlive_a_reload(counter: Page, app: Service, make: Factory) -> None:
    collar, serial = make.officer(), make.camera()
    scan(counter, collar)
    expect_answer(counter, "info", f"Officer {collar}")
    counter.route("**/counter/scans", lambda route: route.fulfill(status=503, body="{}"))
    scan(counter, serial)
    expect(counter.locator("#counter-waiting")).to_be_visible()

    counter.unroute("**/counter/scans")
    counter.reload()

    expect_answer(counter, "good", "Issued", serial)
    assert events(app, serial) == ["camera.issued"]


def test_a_visit_does_not_come_back_after_its_minute(counter: Page, make: Factory) -> None:
    collar = make.officer()
    counter.clock.install()
    scan(counter, collar)
    expect_answer(counter, "info", f"Officer {collar}")

    counter.goto(counter.url.replace("/counter", "/cameras"))
    counter.clock.fast_forward("02:00")
    counter.go_back()
    counter.reload()

    expect(counter.locator("#counter[data-ready=true]")).to_be_attached()
    expect(counter.locator("#counter-officer")).to_have_text("Nobody yet.")


def test_another_clerk_finds_nobodys_visit(counter: Page, app: Service, live: LiveServer, make: Factory) -> None:
    collar = make.officer()
    scan(counter, collar)
    expect_answer(counter, "info", f"Officer {collar}")

    counter.context.clear_cookies()
    open_counter(counter, app, live)

    expect(counter.locator("#counter-officer")).to_have_text("Nobody yet.")
