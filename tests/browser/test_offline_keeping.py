"""What a browser keeps of the counter: no scan is lost with a tab, a browser or a disk; nobody is kept."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from fleet.actors import Role
from fleet.web import Service
from tests.accounts import cookie_of, new_account
from tests.browser import chromium
from tests.browser.counters import (
    COMPLAINTS,
    able_to_go_on,
    all_sent,
    cut,
    events,
    expect_answer,
    holder,
    issued_at,
    logged,
    mend,
    open_counter,
    ready,
    ready_again,
    ready_at,
    waiting,
)
from tests.browser.scanner import scan
from tests.factories import Factory
from tests.live import LiveServer

pytestmark = pytest.mark.page_errors(*COMPLAINTS)


def test_the_page_loads_cold_without_a_line_and_its_acts_keep_clerk_and_time(
    counter: Page, app: Service, make: Factory
) -> None:
    collar, serial = make.officer(), make.camera()
    clerk = counter.locator("#counter-clerk").inner_text()
    address = counter.url
    counter.close()
    context = counter.context
    context.set_offline(True)

    cold = context.new_page()
    cold.goto(address)
    ready(cold)
    expect(cold.locator("#counter-clerk")).to_have_text(clerk)
    expect(cold.locator("#counter-line")).to_contain_text("No line to the service")
    for text in (collar, serial):
        scan(cold, text)
    expect_answer(cold, "good", "Issued", serial)
    made = datetime.now(UTC)
    cold.wait_for_timeout(3_000)
    mend(cold)
    all_sent(cold)

    actor, facts = logged(app, serial, "camera.issued")
    assert actor == f"account:{clerk}"
    assert abs(datetime.fromisoformat(facts["made_at"]) - made) < timedelta(seconds=2)
    assert abs(issued_at(app, serial) - made) < timedelta(seconds=2)


def test_a_tab_that_is_closed_loses_nothing_also_when_it_opens_without_a_line(
    counter: Page, app: Service, make: Factory
) -> None:
    collar, serial, context, address = make.officer(), make.camera(), counter.context, counter.url
    cut(counter)
    for text in (collar, serial):
        scan(counter, text)
    expect_answer(counter, "good", "Issued", serial)

    counter.close()
    again = ready_at(context.new_page(), address)
    waiting(again, 1)
    again.close()
    context.set_offline(False)
    once_more = ready_at(context.new_page(), address)
    all_sent(once_more)

    assert holder(app, serial) == collar
    assert events(app, serial) == ["camera.issued"]


@contextmanager
def profile(browser: Browser, folder: Path) -> Iterator[Page]:
    """A browser of its own with its profile in a folder, as after the laptop was switched on again."""
    found = chromium.find()
    context = browser.browser_type.launch_persistent_context(
        folder,
        executable_path=found.program,
        args=chromium.ARGUMENTS,
        env={**os.environ, **found.environ},
        locale="en-GB",
        timezone_id="Europe/London",
    )
    try:
        yield context.pages[0]
    finally:
        context.close()


def test_the_whole_browser_closed_and_opened_again_loses_nothing(
    browser: Browser, app: Service, live: LiveServer, make: Factory, tmp_path: Path
) -> None:
    out, _ = make.issued()
    collar, serial = make.officer(), make.camera()
    with profile(browser, tmp_path) as page:
        able_to_go_on(open_counter(page, app, live), out)
        cut(page)
        for text in (out, collar, serial):
            scan(page, text)
        expect_answer(page, "good", "Issued", serial)
        waiting(page, 2)

    with profile(browser, tmp_path) as page:
        cut(page)
        ready_at(page, f"{live.url}/counter")
        waiting(page, 2)
        mend(page)
        # The session's cookie went with the browser: somebody signs in again, and the acts are still the first clerk's.
        page.context.add_cookies([{**cookie_of(app, new_account(app, Role.STORE)), "url": live.url}])
        ready_at(page, f"{live.url}/counter")
        all_sent(page)

    assert (holder(app, out), holder(app, serial)) == (None, collar)
    actor, facts = logged(app, serial, "camera.issued")
    assert actor != facts["sent_by"]


def test_a_browser_that_cannot_keep_anything_says_so_and_works_on(
    page: Page, app: Service, live: LiveServer, make: Factory
) -> None:
    page.add_init_script("IDBFactory.prototype.open = () => { throw new DOMException('', 'InvalidStateError'); };")
    open_counter(page, app, live)
    expect(page.locator("#counter-kept")).to_contain_text("This browser cannot keep what is scanned")

    collar, serial = make.officer(), make.camera()
    for text in (collar, serial):
        scan(page, text)
    expect_answer(page, "good", "Issued", serial)
    cut(page)
    scan(page, "return")
    scan(page, serial)
    mend(page)
    all_sent(page)

    assert events(app, serial) == ["camera.issued", "camera.returned"]


def test_a_disk_that_is_full_is_said_and_what_waits_is_kept_once_there_is_room(
    counter: Page, app: Service, make: Factory
) -> None:
    collar, serial = make.officer(), make.camera()
    cut(counter)
    counter.evaluate(
        """() => {
            const begin = IDBDatabase.prototype.transaction;
            IDBDatabase.prototype.transaction = function (names, mode, options) {
                const transaction = begin.call(this, names, mode, options);
                if (mode === "readwrite" && window.isFull) queueMicrotask(() => transaction.abort());
                return transaction;
            };
            window.isFull = true;
        }"""
    )

    for text in (collar, serial):
        scan(counter, text)
    expect(counter.locator("#counter-kept")).to_contain_text("Do not close this page")
    waiting(counter, 1)
    counter.evaluate("window.isFull = false")
    counter.wait_for_timeout(6_000)
    ready_again(counter)
    waiting(counter, 1)
    mend(counter)
    all_sent(counter)

    assert holder(app, serial) == collar


def test_what_the_browser_keeps_of_the_page_is_nobodys(counter: Page) -> None:
    clerk = counter.locator("#counter-clerk").inner_text()
    kept = counter.evaluate(
        """async () => {
            const found = {};
            for (const name of await caches.keys()) {
                const cache = await caches.open(name);
                for (const request of await cache.keys()) {
                    found[request.url] = await (await cache.match(request)).text();
                }
            }
            return found;
        }"""
    )

    shell = next(text for address, text in kept.items() if address.endswith("/counter/shell"))
    assert "csrf" not in shell
    assert not any(clerk in text for text in kept.values())
    assert {re.sub(r".*/", "", address) for address in kept} >= {
        "counter.mjs",
        "counter-queue.mjs",
        "fleet.css",
        "shell",
    }
