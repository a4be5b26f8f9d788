"""Whose an act is that was made without a line, and who may open a counter then."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Page, expect

from fleet.actors import Role
from fleet.auth.models import Account, WebSession
from fleet.web import Service
from tests.accounts import badge_of, cookie_of, new_account
from tests.browser.counters import (
    COMPLAINTS,
    KEPT,
    SENT_WITHIN_MS,
    all_sent,
    cut,
    expect_answer,
    holder,
    logged,
    mend,
    ready_again,
)
from tests.browser.scanner import scan
from tests.browser.watched import WIDE, watched
from tests.factories import Factory
from tests.live import LiveServer

pytestmark = pytest.mark.page_errors(*COMPLAINTS)


def test_acts_that_wait_are_their_own_clerks_whoever_opens_the_counter(
    counter: Page, app: Service, make: Factory
) -> None:
    clerk, other = counter.locator("#counter-clerk").inner_text(), new_account(app, Role.STORE)
    badge = badge_of(app, other)
    collar, serial = make.officer(), make.camera()
    cut(counter)
    for text in (collar, serial):
        scan(counter, text)
    expect_answer(counter, "good", "Issued", serial)
    with app.database.transaction() as session:
        account = sa.select(Account.id).where(Account.name == clerk).scalar_subquery()
        locked = sa.update(WebSession).where(WebSession.account_id == account).values(locked_at=datetime.now(UTC))
        session.execute(locked)

    mend(counter)
    expect(counter.locator("#counter-locked-text")).to_contain_text("1 act waits", timeout=SENT_WITHIN_MS)
    assert holder(app, serial) is None
    scan(counter, badge)
    all_sent(counter)

    actor, facts = logged(app, serial, "camera.issued")
    assert (actor, facts["sent_by"]) == (f"account:{clerk}", f"account:{other}")


def test_a_session_that_ended_meanwhile_keeps_the_acts_until_somebody_signs_in(
    counter: Page, app: Service, live: LiveServer, make: Factory
) -> None:
    clerk = counter.locator("#counter-clerk").inner_text()
    collar, serial = make.officer(), make.camera()
    cut(counter)
    for text in (collar, serial):
        scan(counter, text)
    expect_answer(counter, "good", "Issued", serial)
    with app.database.transaction() as session:
        account = sa.select(Account.id).where(Account.name == clerk).scalar_subquery()
        session.execute(sa.delete(WebSession).where(WebSession.account_id == account))

    mend(counter)
    expect(counter.locator("#counter-locked-text")).to_contain_text("Sign in again", timeout=SENT_WITHIN_MS)
    expect(counter.locator("#counter-locked-text")).to_contain_text("1 act waits")
    counter.context.add_cookies([{**cookie_of(app, clerk), "url": live.url}])
    ready_again(counter)
    all_sent(counter)

    assert holder(app, serial) == collar
    assert logged(app, serial, "camera.issued")[0] == f"account:{clerk}"


def test_without_a_line_a_badge_that_this_browser_knows_opens_the_counter(
    counter: Page, app: Service, make: Factory
) -> None:
    name, stranger = new_account(app, Role.STORE), new_account(app, Role.STORE)
    badge, unknown = badge_of(app, name), badge_of(app, stranger)
    scan(counter, badge)
    expect(counter.locator("#counter-clerk")).to_have_text(name)
    counter.wait_for_function(f"({KEPT})('clerks').then((clerks) => clerks !== null)")
    collar, serial = make.officer(), make.camera()
    cut(counter)
    counter.get_by_role("button", name="Lock").click()
    expect(counter.locator("#counter-locked")).to_be_visible()

    scan(counter, unknown)
    expect(counter.locator("#counter-word")).to_have_text("Not known")
    expect(counter.locator("#counter-locked")).to_be_visible()
    scan(counter, badge)
    expect(counter.locator("#counter-locked")).to_be_hidden()
    for text in (collar, serial):
        scan(counter, text)
    expect_answer(counter, "good", "Issued", serial)
    assert badge[6:] not in str(counter.evaluate(KEPT, "clerks"))
    mend(counter)
    all_sent(counter)

    assert logged(app, serial, "camera.issued")[0] == f"account:{name}"


def test_another_clerk_who_loads_the_page_without_a_line_is_locked_out(
    browser: Browser, counter: Page, app: Service, live: LiveServer
) -> None:
    counter.get_by_role("button", name="Lock").click()
    expect(counter.locator("#counter-locked")).to_be_visible()
    cut(counter)

    ready_again(counter)

    expect(counter.locator("#counter-locked")).to_be_visible()
    with watched(browser, WIDE, COMPLAINTS) as stranger:
        stranger.context.set_offline(True)
        with pytest.raises(Exception, match="ERR_INTERNET_DISCONNECTED"):
            stranger.goto(f"{live.url}/counter")
