"""The counter as a store clerk uses it: real keys at a scanner's speed, in a real browser, against real processes."""

import re
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Page, Route, expect

from fleet.actors import Role
from fleet.audit.models import AuditEntry
from fleet.web import Service
from tests.accounts import badge_of, new_account
from tests.browser.counters import events, expect_answer, holder, open_counter, refusals
from tests.browser.scanner import scan
from tests.browser.watched import WIDE, watched
from tests.factories import Factory, unique
from tests.live import LiveServer


@pytest.fixture
def counter(page: Page, app: Service, live: LiveServer) -> Page:
    return open_counter(page, app, live)


def test_officer_then_camera_issues_at_once(counter: Page, app: Service, make: Factory) -> None:
    collar, serial = make.officer(), make.camera()

    scan(counter, collar)
    scan(counter, serial)

    expect_answer(counter, "good", "Issued", f"{serial} to {collar}, pool, due back")
    assert holder(app, serial) == collar
    expect(counter.locator("#counter-kit")).to_contain_text(serial)


def test_a_camera_that_is_out_returns_with_one_scan(counter: Page, app: Service, make: Factory) -> None:
    serial, collar = make.issued()

    scan(counter, serial)

    expect_answer(counter, "good", "Returned", f"{serial} from {collar}")
    assert holder(app, serial) is None


def test_ten_officers_in_a_row_without_a_pause_all_leave_with_their_camera(
    counter: Page, app: Service, make: Factory
) -> None:
    queue = [(make.officer(), make.camera()) for _ in range(10)]

    for collar, serial in queue:
        scan(counter, collar)
        scan(counter, serial)

    expect_answer(counter, "good", "Issued", queue[-1][1])
    expect(counter.locator("#counter-list li")).to_have_count(20)
    assert [holder(app, serial) for _, serial in queue] == [collar for collar, _ in queue]
    assert [events(app, serial) for _, serial in queue] == [["camera.issued"]] * 10


def test_an_asset_tag_in_small_letters_finds_its_camera(counter: Page, app: Service, make: Factory) -> None:
    tag = unique("TAG")
    collar, serial = make.officer(), make.camera(asset_tag=tag)

    scan(counter, collar.lower())
    scan(counter, tag.lower())

    expect_answer(counter, "good", "Issued", serial)
    assert holder(app, serial) == collar


@refusals
def test_an_unknown_scan_is_refused_in_red_and_in_words(counter: Page) -> None:
    scan(counter, "NOSUCHTHING")

    expect_answer(counter, "bad", "Not known", "NOSUCHTHING")


@refusals
def test_an_officer_without_training_is_refused_with_the_rule(counter: Page, app: Service, make: Factory) -> None:
    collar, serial = make.officer(trained_until=None), make.camera()

    scan(counter, collar)
    expect_answer(counter, "caution", f"{collar}: no current training")
    scan(counter, serial)

    expect_answer(counter, "bad", "Refused", "rule 4")
    expect(counter.locator("#counter-mend")).to_contain_text("supervisor")
    assert holder(app, serial) is None


def test_a_label_read_twice_changes_nothing(counter: Page, app: Service, make: Factory) -> None:
    collar, serial = make.officer(), make.camera()

    scan(counter, collar)
    scan(counter, serial)
    scan(counter, serial)

    expect_answer(counter, "caution", "Scanned twice", "Nothing was done")
    assert holder(app, serial) == collar
    assert events(app, serial) == ["camera.issued"]


def test_a_camera_just_issued_in_this_visit_is_not_returned(counter: Page, app: Service, make: Factory) -> None:
    collar, serial = make.officer(), make.camera()

    for text in (collar, serial, collar, serial):
        scan(counter, text)

    expect_answer(counter, "caution", "Issued already")
    assert holder(app, serial) == collar


def test_after_the_visit_the_camera_returns(counter: Page, app: Service, make: Factory) -> None:
    collar, serial = make.officer(), make.camera()

    for text in (collar, serial, "done", serial):
        scan(counter, text)

    expect_answer(counter, "good", "Returned", serial)
    assert holder(app, serial) is None


def test_a_camera_that_is_out_to_another_is_taken_over_by_one_more_scan(
    counter: Page, app: Service, make: Factory
) -> None:
    serial, before = make.issued()
    after = make.officer()

    scan(counter, after)
    scan(counter, serial)
    expect_answer(counter, "caution", f"Out to {before}", "once more")
    assert holder(app, serial) == before
    scan(counter, serial)

    expect_answer(counter, "good", f"Taken over from {before}")
    assert holder(app, serial) == after
    assert events(app, serial) == ["camera.issued", "camera.returned", "camera.issued"]


def test_undo_reverses_the_last_act_as_an_act_of_its_own(counter: Page, app: Service, make: Factory) -> None:
    collar, serial = make.officer(), make.camera()

    for text in (collar, serial, "undo"):
        scan(counter, text)

    expect_answer(counter, "good", "Undone", serial)
    assert holder(app, serial) is None
    assert events(app, serial) == ["camera.issued", "camera.issue-undone"]


def test_undo_of_a_return_and_of_a_take_over_give_the_camera_back(counter: Page, app: Service, make: Factory) -> None:
    returned, first = make.issued()
    taken, before = make.issued()

    for text in (returned, "*UNDO*"):
        scan(counter, text)
    expect_answer(counter, "good", "Undone", f"{returned} is with {first} again")
    for text in (make.officer(), taken, taken, "undo"):
        scan(counter, text)

    expect_answer(counter, "good", "Undone", f"{taken} is with {before} again")
    assert (holder(app, returned), holder(app, taken)) == (first, before)


def test_a_mode_stays_and_shows_on_a_banner(counter: Page, app: Service, make: Factory) -> None:
    cameras = [make.issued()[0] for _ in range(2)]

    scan(counter, "faulty")
    expect(counter.locator("#counter-banner")).to_contain_text("Mode: faulty")
    for serial in cameras:
        scan(counter, serial)
    expect_answer(counter, "good", "Returned, faulty", "quarantined")
    scan(counter, "normal")

    expect(counter.locator("#counter-banner")).to_be_hidden()
    assert [holder(app, serial) for serial in cameras] == [None, None]


def test_a_scan_made_while_focus_is_elsewhere_is_caught_and_presses_no_button(
    counter: Page, app: Service, make: Factory
) -> None:
    collar, serial = make.officer(), make.camera()

    counter.locator("#counter-sound").focus()
    scan(counter, collar)
    counter.locator("#counter-lock").focus()
    scan(counter, serial)

    expect_answer(counter, "good", "Issued", serial)
    expect(counter.locator("#counter-sound")).to_have_text("Sound: on")
    expect(counter.locator("#counter-locked")).to_be_hidden()
    assert holder(app, serial) == collar


def test_a_dock_says_where_returned_cameras_go(counter: Page, app: Service, make: Factory) -> None:
    serial, _ = make.issued()
    dock = make.dock()

    scan(counter, dock)
    scan(counter, serial)

    expect(counter.locator("#counter-banner")).to_contain_text(f"Docking into {dock}")
    expect_answer(counter, "good", "Returned")


def test_a_badge_changes_the_clerk_and_unlocks_the_counter(counter: Page, app: Service, make: Factory) -> None:
    other = new_account(app, Role.STORE)
    badge = badge_of(app, other)
    collar, serial = make.officer(), make.camera()

    counter.get_by_role("button", name="Lock").click()
    expect(counter.locator("#counter-locked")).to_be_visible()
    scan(counter, badge)
    expect(counter.locator("#counter-locked")).to_be_hidden()
    expect(counter.locator("#counter-clerk")).to_have_text(other)
    scan(counter, collar)
    scan(counter, serial)

    expect_answer(counter, "good", "Issued", serial)
    with app.database.transaction() as session:
        actor = sa.select(AuditEntry.actor).where(AuditEntry.subject_key == serial, AuditEntry.event == "camera.issued")
        assert session.scalars(actor).one() == f"account:{other}"


@refusals
def test_a_locked_counter_takes_no_scan_but_a_badge(counter: Page, app: Service, make: Factory) -> None:
    serial, collar = make.issued()

    counter.get_by_role("button", name="Lock").click()
    expect(counter.locator("#counter-locked")).to_be_visible()
    scan(counter, serial)
    counter.reload()

    expect(counter.locator("#counter-locked")).to_be_visible()
    assert holder(app, serial) == collar
    counter.goto(counter.url.replace("/counter", "/cameras"))
    expect(counter).to_have_url(re.compile("/counter$"))


@pytest.fixture
def two_counters(browser: Browser, app: Service, live: LiveServer) -> Iterator[tuple[Page, Page]]:
    with watched(browser, WIDE, ("status of 4",)) as one, watched(browser, WIDE, ("status of 4",)) as other:
        yield open_counter(one, app, live), open_counter(other, app, live)


def test_two_counters_and_one_camera_end_with_one_holder(
    two_counters: tuple[Page, Page], app: Service, make: Factory
) -> None:
    serial, officers = make.camera(), [make.officer(), make.officer()]
    for page, collar in zip(two_counters, officers, strict=True):
        scan(page, collar)
        expect_answer(page, "info", f"Officer {collar}")

    for page in two_counters:
        page.keyboard.type(serial)
    for page in two_counters:
        page.keyboard.press("Enter")

    words = []
    for page in two_counters:
        expect(page.locator("#counter-list li")).to_have_count(2)
        words.append(page.locator("#counter-word").inner_text())
    issued, other = sorted(words)
    assert issued == "Issued"
    assert other.startswith("Out to")
    assert events(app, serial) == ["camera.issued"]


def hold_back(page: Page, text: str) -> list[Route]:
    """Keep the answer to the first scan of ``text`` back, until the test lets it go on."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        if text in (route.request.post_data or "") and not held:
            held.append(route)
        else:
            route.continue_()

    page.route("**/counter/scans", hold)
    return held


def test_a_label_read_twice_before_the_question_is_on_screen_takes_nothing_over(
    counter: Page, app: Service, make: Factory
) -> None:
    serial, before = make.issued()
    scan(counter, make.officer())
    expect(counter.locator("#counter-list li")).to_have_count(1)
    held = hold_back(counter, serial)

    scan(counter, serial)
    scan(counter, serial)
    held[0].continue_()

    expect_answer(counter, "caution", "Scanned twice")
    assert holder(app, serial) == before
    scan(counter, serial)
    expect_answer(counter, "good", f"Taken over from {before}")


@refusals
def test_a_scan_that_met_the_lock_is_done_after_the_badge(counter: Page, app: Service, make: Factory) -> None:
    serial, _ = make.issued()
    badge = badge_of(app, new_account(app, Role.STORE))
    counter.evaluate(
        """fetch("/counter/lock", {method: "POST",
           headers: {"X-CSRFToken": document.querySelector("meta[name=csrf-token]").content}})"""
    )

    scan(counter, serial)
    expect(counter.locator("#counter-locked")).to_be_visible()
    scan(counter, badge)

    expect_answer(counter, "good", "Returned", serial)
    assert holder(app, serial) is None
