"""Browser fixtures. A page that logs an error or throws fails its test.

They live as long as this folder's tests and no longer: Playwright keeps an event loop running in the main thread, and
no other test could use asyncio beside it.
"""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from fleet.web import Service
from tests.browser import chromium
from tests.browser.counters import able_to_go_on, open_counter
from tests.browser.watched import NARROW, WIDE, watched
from tests.factories import Factory
from tests.live import LiveServer

# Every text contains it.
ANYTHING = ""
# How long a page may take is measured by the benchmark; here a busy machine is no failure.
expect.set_options(timeout=20_000)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    found = chromium.find()
    with pytest.MonkeyPatch.context() as patch:
        # Playwright's own Node needs a library that a bare machine does not have.
        patch.setenv("PLAYWRIGHT_NODEJS_PATH", str(chromium.NODE))
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=found.program, args=chromium.ARGUMENTS, env={**os.environ, **found.environ}
            )
            yield browser
            browser.close()


@pytest.fixture
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page as wide as a desk's screen, with no cookies."""
    with watched(browser, WIDE, _allowed(request)) as page:
        yield page


@pytest.fixture
def narrow_page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page as narrow as a phone, with no cookies."""
    with watched(browser, NARROW, _allowed(request)) as page:
        yield page


@pytest.fixture
def counter(page: Page, app: Service, live: LiveServer, make: Factory) -> Page:
    """A counter's page that can do without a line."""
    # The service must have seen what the force's identifiers look like before the page asks.
    out, _ = make.issued()
    return able_to_go_on(open_counter(page, app, live), out)


def _allowed(request: pytest.FixtureRequest) -> tuple[str, ...]:
    marker = request.node.get_closest_marker("page_errors")
    return () if marker is None else marker.args or (ANYTHING,)
