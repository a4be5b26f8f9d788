"""The fixtures themselves, without the service."""

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.scanner import scan
from tests.browser.watched import NARROW, watched

BOX = """<input><script>
  window.keys = [];
  addEventListener("keydown", event => keys.push([event.key, event.isTrusted]));
</script>"""
FAULTY = "<script>console.error('logged'); throw new Error('thrown')</script>"


def test_a_scan_is_trusted_keys_that_end_with_enter(page: Page) -> None:
    page.set_content(BOX)
    page.locator("input").focus()

    scan(page, "X81-042")

    assert page.locator("input").input_value() == "X81-042"
    assert page.evaluate("keys") == [[key, True] for key in (*"X81-042", "Enter")]


@pytest.mark.parametrize("complaint", ["logged", "thrown"])
def test_a_page_that_complains_fails_its_test(browser: Browser, complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint), watched(browser, NARROW) as page:
        page.set_content(FAULTY)


@pytest.mark.page_errors("logged", "thrown")
def test_a_marked_test_may_see_the_errors_it_names(narrow_page: Page) -> None:
    narrow_page.set_content(FAULTY)

    assert narrow_page.viewport_size == {"width": 375, "height": 800}
