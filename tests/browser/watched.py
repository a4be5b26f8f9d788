"""Pages that tell on themselves."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, ConsoleMessage, Page, ViewportSize, WebError

WIDE = ViewportSize(width=1280, height=900)
NARROW = ViewportSize(width=375, height=800)


@contextmanager
def watched(
    browser: Browser, viewport: ViewportSize, allowed: tuple[str, ...] = (), *, has_touch: bool = False
) -> Iterator[Page]:
    """A page with no cookies. One that logs an error or throws fails when it ends; ``allowed`` texts may occur."""
    context = browser.new_context(viewport=viewport, locale="en-GB", timezone_id="Europe/London", has_touch=has_touch)
    complaints: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(f"console: {message.text} ({message.location.get('url')})")

    def on_error(event: WebError) -> None:
        complaints.append(f"uncaught: {event.error.stack or event.error.message}")

    context.on("console", on_console)
    context.on("weberror", on_error)
    try:
        yield context.new_page()
    finally:
        context.close()
    unexpected = [text for text in complaints if not any(part in text for part in allowed)]
    assert not unexpected, "\n".join(["the page complained:", *unexpected])
