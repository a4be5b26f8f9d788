"""A barcode scanner, which to the page is a keyboard that types very fast and ends with Enter."""

from playwright.sync_api import Page

# What a common USB scanner leaves between two keys.
MILLISECONDS_A_KEY = 8


def scan(page: Page, text: str) -> None:
    """Send ``text`` and Enter as real keys to whatever has the focus, as a scanner knows nothing of fields."""
    page.keyboard.type(text, delay=MILLISECONDS_A_KEY)
    page.keyboard.press("Enter")
