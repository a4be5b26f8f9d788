"""Acknowledging at the counter and afterwards: by keypad, by hand, by the clerk; and what is printed of it."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Locator, Page, expect

from fleet.people.models import Person
from fleet.visits import book
from fleet.visits.models import Visit
from fleet.web import Service
from tests.browser.counters import expect_answer, open_counter, refusals
from tests.browser.scanner import scan
from tests.browser.watched import NARROW, watched
from tests.factories import Factory
from tests.live import LiveServer
from tests.visits.conftest import PIN, new_pin


@pytest.fixture
def counter(page: Page, app: Service, live: LiveServer) -> Page:
    return open_counter(page, app, live)


def visits_of(app: Service, collar: str) -> list[dict[str, Any]]:
    """An officer's visits, the newest first."""
    with app.database.transaction() as session:
        statement = sa.select(Visit.key).join(Person, Person.id == Visit.person_id).where(Person.collar == collar)
        keys = session.scalars(statement.order_by(Visit.id.desc())).all()
        return [book.get(session, key) for key in keys]


def issue(counter: Page, make: Factory) -> tuple[str, str]:
    """A camera issued to an officer by two scans."""
    collar, serial = make.officer(), make.camera()
    scan(counter, collar)
    scan(counter, serial)
    expect_answer(counter, "good", "Issued", serial)
    return collar, serial


def draw(page: Page, points: list[tuple[float, float]]) -> None:
    """Draw a line over the pad with the mouse; points are parts of its width and height.

    What comes in above the pad moves it, also out of sight: it is scrolled to, and looked up for each point.
    """
    pad = page.locator("#acknowledge-pad")
    pad.scroll_into_view_if_needed()
    for at, (x, y) in enumerate(points):
        box = pad.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=4)
        if at == 0:
            page.mouse.down()
    page.mouse.up()


ZIGZAG = [(0.1, 0.5), (0.2, 0.2), (0.3, 0.8), (0.4, 0.2), (0.5, 0.8), (0.7, 0.4)]


def test_a_whole_visit_by_scanner_and_keypad_alone(counter: Page, app: Service, make: Factory) -> None:
    collar, serial = make.officer(), make.camera()
    new_pin(app, collar)

    for text in (collar, serial, "*PIN*"):
        scan(counter, text)
    expect(counter.locator("#counter-box")).to_have_attribute("type", "password")
    scan(counter, PIN)

    expect_answer(counter, "good", "Acknowledged", f"{collar} has 1 camera, by PIN.")
    expect(counter.locator("#counter-box")).to_have_attribute("type", "text")
    expect(counter.locator("#acknowledge")).to_be_hidden()
    expect(counter.locator("#counter-officer")).to_have_text("Nobody yet.")
    assert [(visit["method"], visit["cameras"]) for visit in visits_of(app, collar)] == [("pin", [serial])]
    assert PIN not in counter.content()
    assert PIN not in counter.evaluate("JSON.stringify(sessionStorage)")


def test_a_queue_at_full_speed_is_attested_one_by_one(counter: Page, app: Service, make: Factory) -> None:
    queue = [(make.officer(), make.camera()) for _ in range(5)]

    for collar, serial in queue:
        for text in (collar, serial, "attest"):
            scan(counter, text)

    expect(counter.locator("#counter-list li")).to_have_count(15)
    for collar, serial in queue:
        [visit] = visits_of(app, collar)
        assert (visit["method"], visit["cameras"]) == ("attestation", [serial])


@refusals
def test_a_wrong_pin_is_said_and_the_visit_goes_on(counter: Page, app: Service, make: Factory) -> None:
    collar, _ = issue(counter, make)
    new_pin(app, collar)

    scan(counter, "pin")
    scan(counter, "739164")
    expect_answer(counter, "bad", "Refused", "not the officer’s PIN")
    scan(counter, "pin")
    scan(counter, PIN)

    expect_answer(counter, "good", "Acknowledged", collar)


def test_whoever_was_asked_for_a_pin_and_goes_on_scans_as_ever(counter: Page, app: Service, make: Factory) -> None:
    issue(counter, make)
    scan(counter, "pin")

    collar, serial = issue(counter, make)

    expect(counter.locator("#counter-box")).to_have_attribute("type", "text")
    assert visits_of(app, collar)[0]["cameras"] == [serial]


def test_a_signature_is_drawn_with_the_mouse_and_shown_again(
    counter: Page, app: Service, live: LiveServer, make: Factory
) -> None:
    collar, _ = issue(counter, make)

    scan(counter, "sign")
    draw(counter, ZIGZAG)
    counter.get_by_role("button", name="Acknowledge").click()

    expect_answer(counter, "good", "Acknowledged", "by signature")
    [visit] = visits_of(app, collar)
    assert visit["method"] == "signature"
    assert len(visit["strokes"][0]) > 10
    counter.goto(f"{live.url}/visits/{visit['id']}")
    expect(counter.get_by_role("img", name=f"Signature of {collar}")).to_be_visible()
    assert counter.locator(".acknowledge__ink").get_attribute("d") == counter.evaluate(
        "strokes => strokes.map(s => s.map((p, n) => `${n ? 'L' : 'M'}${p.join(' ')}`).join(' ')).join(' ')",
        visit["strokes"],
    )


@refusals
def test_a_touch_is_no_signature_and_clearing_begins_anew(counter: Page, app: Service, make: Factory) -> None:
    collar, _ = issue(counter, make)
    counter.get_by_role("button", name="Sign", exact=True).click()

    counter.get_by_role("button", name="Acknowledge").click()
    expect(counter.get_by_role("alert").filter(has_text="Nothing was drawn")).to_be_visible()
    draw(counter, [(0.5, 0.5), (0.51, 0.5)])
    counter.get_by_role("button", name="Acknowledge").click()
    expect(counter.get_by_role("alert").filter(has_text="too short to be a signature")).to_be_visible()
    counter.get_by_role("button", name="Clear").click()
    expect(counter.locator("#acknowledge-pad")).to_have_attribute("aria-label", "Signature: empty")
    draw(counter, ZIGZAG)
    counter.get_by_role("button", name="Acknowledge").click()

    expect_answer(counter, "good", "Acknowledged", collar)


@pytest.fixture
def tablet(browser: Browser, app: Service, live: LiveServer) -> Iterator[Page]:
    """A counter on a narrow screen that is touched."""
    with watched(browser, NARROW, (), has_touch=True) as page:
        yield open_counter(page, app, live)


class Finger:
    """One finger on a screen. Playwright's own taps do not know of touches that are sent past it."""

    def __init__(self, page: Page) -> None:
        self._session = page.context.new_cdp_session(page)

    def _send(self, kind: str, *places: dict[str, float]) -> None:
        self._session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": list(places)})

    def tap(self, what: Locator) -> None:
        self.draw(what, [(0.5, 0.5)])

    def draw(self, on: Locator, points: list[tuple[float, float]]) -> None:
        """Put the finger down, go from point to point, and lift it; points are parts of width and height."""
        on.scroll_into_view_if_needed()
        box = on.bounding_box()
        assert box is not None
        first, *rest = [{"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]} for x, y in points]
        self._send("touchStart", first)
        for place in rest:
            self._send("touchMove", place)
            # At a hand's speed: lifted in full flight the finger would set the page flying, and the next tap stop it.
            on.page.wait_for_timeout(30)
        on.page.wait_for_timeout(200 if rest else 0)
        self._send("touchEnd")


def test_a_signature_is_drawn_with_a_finger_on_a_narrow_screen(tablet: Page, app: Service, make: Factory) -> None:
    collar, _ = issue(tablet, make)
    finger = Finger(tablet)
    finger.tap(tablet.get_by_role("button", name="Sign", exact=True))
    pad = tablet.locator("#acknowledge-pad")
    expect(pad).to_be_visible()

    finger.draw(pad, ZIGZAG * 2)
    finger.tap(tablet.get_by_role("button", name="Acknowledge"))

    expect_answer(tablet, "good", "Acknowledged", "by signature")
    assert visits_of(app, collar)[0]["method"] == "signature"
    overflow = tablet.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow == 0


def test_the_clerk_attests_with_a_reason_by_keyboard_alone(counter: Page, app: Service, make: Factory) -> None:
    collar, _ = issue(counter, make)

    counter.get_by_role("button", name="Clerk attests").focus()
    counter.keyboard.press("Enter")
    expect(counter.get_by_label("Why does the officer not acknowledge?")).to_be_focused()
    counter.keyboard.type("The screen is broken.")
    counter.keyboard.press("Enter")

    expect_answer(counter, "good", "Acknowledged", "by the clerk")
    assert visits_of(app, collar)[0]["reason"] == "The screen is broken."


def test_what_one_officer_drew_is_not_there_for_the_next(counter: Page, make: Factory) -> None:
    issue(counter, make)
    scan(counter, "sign")
    draw(counter, ZIGZAG)

    scan(counter, "done")
    issue(counter, make)

    expect(counter.locator("#acknowledge-sign")).to_be_hidden()
    expect(counter.locator("#acknowledge-ink")).to_have_attribute("d", "")


def test_a_visit_left_open_is_acknowledged_on_its_own_page(
    counter: Page, app: Service, live: LiveServer, make: Factory
) -> None:
    collar, serial = issue(counter, make)
    new_pin(app, collar)
    counter.goto(f"{live.url}/visits?officer={collar}&acknowledged=false")
    expect(counter.locator("#results-count")).to_have_text("1 visit")

    counter.get_by_role("row", name=re.compile(serial)).get_by_role("link").first.click()
    counter.get_by_role("button", name="PIN", exact=True).click()
    counter.get_by_label("The officer’s PIN").fill(PIN)
    counter.get_by_role("button", name="Acknowledge").click()

    expect(counter.get_by_text("by the officer’s own PIN")).to_be_visible()
    assert visits_of(app, collar)[0]["method"] == "pin"


def test_a_receipt_prints_without_what_is_for_the_screen(
    counter: Page, app: Service, live: LiveServer, make: Factory
) -> None:
    collar, serial = issue(counter, make)
    scan(counter, "attest")
    expect_answer(counter, "good", "Acknowledged")
    counter.goto(f"{live.url}/visits/{visits_of(app, collar)[0]['id']}")

    counter.emulate_media(media="print")

    expect(counter.get_by_text("Something here is wrong")).to_be_hidden()
    expect(counter.get_by_text("Receipt by e-mail")).to_be_hidden()
    expect(counter.get_by_text(serial)).to_be_visible()
    expect(counter.get_by_text("by the clerk, in the officer’s place")).to_be_visible()
    assert counter.pdf(format="A4").startswith(b"%PDF-")
