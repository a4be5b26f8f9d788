"""Acknowledging without a line: what is given waits behind what was issued, and is carried out once, in order."""

import pytest
from playwright.sync_api import Page, Route, expect

from fleet.web import Service
from tests.browser.counters import (
    COMPLAINTS,
    able_to_go_on,
    all_sent,
    cut,
    exceptions,
    expect_answer,
    mend,
    ready,
    waiting,
)
from tests.browser.scanner import scan
from tests.browser.test_acknowledge import ZIGZAG, draw, visits_of
from tests.factories import Factory
from tests.visits.conftest import PIN, new_pin

pytestmark = pytest.mark.page_errors(*COMPLAINTS)


def test_an_attestation_and_a_signature_wait_with_their_issues_and_arrive_in_order(
    counter: Page, app: Service, make: Factory
) -> None:
    first, second = (make.officer(), make.camera()), (make.officer(), make.camera())
    cut(counter)

    for text in (*first, "attest", *second, "sign"):
        scan(counter, text)
    draw(counter, ZIGZAG)
    counter.get_by_role("button", name="Acknowledge").click()
    expect_answer(counter, "good", "Acknowledged", "by signature. It waits for the line.")
    waiting(counter, 4)
    assert visits_of(app, first[0]) == visits_of(app, second[0]) == []
    mend(counter)
    all_sent(counter)

    told = [
        (visit["method"], visit["cameras"]) for officer in (first[0], second[0]) for visit in visits_of(app, officer)
    ]
    assert told == [("attestation", [first[1]]), ("signature", [second[1]])]
    assert exceptions(app, first[1]) == exceptions(app, second[1]) == []


def test_a_tab_that_is_closed_meanwhile_loses_no_signature(counter: Page, app: Service, make: Factory) -> None:
    collar, serial = make.officer(), make.camera()
    cut(counter)
    for text in (collar, serial, "sign"):
        scan(counter, text)
    draw(counter, ZIGZAG)
    counter.get_by_role("button", name="Acknowledge").click()
    # The page says so once it is on the disk; the count of what waits comes a moment before.
    expect(counter.locator("#counter-word")).to_have_text("Acknowledged")

    context, address = counter.context, counter.url
    counter.close()
    again = context.new_page()
    again.goto(address)
    ready(again)
    waiting(again, 2)
    mend(again)
    all_sent(again)

    [visit] = visits_of(app, collar)
    assert (visit["method"], visit["cameras"]) == ("signature", [serial])


def test_a_pin_is_not_kept_for_later_and_the_officer_signs_instead(counter: Page, app: Service, make: Factory) -> None:
    collar, serial = make.officer(), make.camera()
    new_pin(app, collar)
    cut(counter)
    for text in (collar, serial, "pin", PIN):
        scan(counter, text)
    expect_answer(counter, "bad", "Refused", "A PIN cannot be checked without a line")

    scan(counter, "attest")
    expect_answer(counter, "good", "Acknowledged")
    stored = counter.evaluate(
        """async () => {
            const open = indexedDB.open("fleet-counter");
            const database = await new Promise((resolve) => { open.onsuccess = () => resolve(open.result); });
            const all = await Promise.all([...database.objectStoreNames].map((name) => new Promise((resolve) => {
                const asked = database.transaction(name).objectStore(name).getAll();
                asked.onsuccess = () => resolve(asked.result);
            })));
            database.close();
            return JSON.stringify(all);
        }"""
    )
    assert PIN not in stored
    mend(counter)
    all_sent(counter)

    assert [visit["method"] for visit in visits_of(app, collar)] == ["attestation"]


def test_an_answer_that_is_lost_is_no_second_acknowledgement(counter: Page, app: Service, make: Factory) -> None:
    collar, serial = make.officer(), make.camera()
    for text in (collar, serial, "sign"):
        scan(counter, text)
    expect_answer(counter, "good", "Issued", serial)
    draw(counter, ZIGZAG)

    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    counter.route("**/counter/acknowledgements", lose, times=1)
    counter.get_by_role("button", name="Acknowledge").click()
    expect_answer(counter, "good", "Acknowledged", "by signature")
    all_sent(counter)

    [visit] = visits_of(app, collar)
    assert visit["method"] == "signature"
    assert exceptions(app, serial) == []


def test_one_visit_goes_on_from_line_to_no_line_and_has_one_acknowledgement(
    counter: Page, app: Service, make: Factory
) -> None:
    collar, personal, loan = make.officer(), make.camera(), make.camera()
    for text in (collar, "personal", personal):
        scan(counter, text)
    expect_answer(counter, "good", "Issued", personal)
    able_to_go_on(counter, personal)
    cut(counter)
    for text in ("pool", loan, "attest"):
        scan(counter, text)
    waiting(counter, 2)
    mend(counter)
    all_sent(counter)

    [visit] = visits_of(app, collar)
    assert (visit["method"], visit["cameras"]) == ("attestation", [personal, loan])
