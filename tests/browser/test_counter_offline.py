"""The counter when the network drops: what is scanned is kept, sent once when the line is back, and never lost."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Page, Route, expect

from fleet.actors import Role
from fleet.audit.models import AuditEntry
from fleet.auth.models import Account, WebSession
from fleet.cameras.models import Camera
from fleet.cameras.states import Custody
from fleet.counter.models import CounterAct, CounterException
from fleet.custody import service as custody
from fleet.custody.models import Allocation
from fleet.embedded import Databases
from fleet.web import Service
from tests.accounts import badge_of, cookie_of, new_account
from tests.browser import chromium
from tests.browser.scanner import scan
from tests.browser.test_counter import events, expect_answer, holder, open_counter
from tests.browser.watched import WIDE, watched
from tests.conftest import SECRET_KEY
from tests.factories import Factory, now
from tests.live import LiveServer

# Without a line the browser complains of every request that fails, and a refusal is an answer with an error's status.
COMPLAINTS = ("Failed to load resource", "net::ERR", "status of")
pytestmark = pytest.mark.page_errors(*COMPLAINTS)
SENT_WITHIN_MS = 25_000

KEPT = """async (name) => {
    const open = indexedDB.open("fleet-counter");
    const database = await new Promise((resolve) => { open.onsuccess = () => resolve(open.result); });
    const get = database.transaction("kept").objectStore("kept").get(name);
    const found = await new Promise((resolve) => { get.onsuccess = () => resolve(get.result); });
    database.close();
    return found ?? null;
}"""


def ready(page: Page) -> Page:
    expect(page.locator("#counter[data-ready=true]")).to_be_attached()
    return page


def able_to_go_on(page: Page, *known: str) -> Page:
    """The page once it could do without a line: a worker controls it, and the block list has the cameras ``known``."""
    page.evaluate("async () => { await navigator.serviceWorker.ready; }")
    page.wait_for_function("navigator.serviceWorker.controller !== null")
    for _ in range(30):
        register = page.evaluate(KEPT, "register")
        if register and all(serial in {**register["list"]["out"], **register["list"]["cameras"]} for serial in known):
            return page
        page.wait_for_timeout(500)
        ready_again(page)
    raise AssertionError(f"the block list never has {known}")


def ready_again(page: Page) -> None:
    page.reload()
    ready(page)


def cut(page: Page) -> None:
    page.context.set_offline(True)


def mend(page: Page) -> None:
    page.context.set_offline(False)


def all_sent(page: Page) -> None:
    expect(page.locator("html")).to_have_attribute("data-waiting", "0", timeout=SENT_WITHIN_MS)


def waiting(page: Page, number: int) -> None:
    expect(page.locator("html")).to_have_attribute("data-waiting", str(number))


@pytest.fixture
def counter(page: Page, app: Service, live: LiveServer, make: Factory) -> Page:
    # The service must have seen what the force's identifiers look like before the page asks.
    out, _ = make.issued()
    return able_to_go_on(open_counter(page, app, live), out)


def acts(app: Service, *cameras: str) -> list[tuple[str, str, str | None]]:
    """The acts on these cameras that the service keeps, in the order in which they came: kind, outcome, camera."""
    wanted = sa.select(CounterAct).where(CounterAct.camera.in_(cameras)).order_by(CounterAct.number)
    with app.database.transaction() as session:
        return [(act.kind, str(act.outcome), act.camera) for act in session.scalars(wanted)]


def exceptions(app: Service, camera: str) -> list[CounterException]:
    """The open exceptions about a camera."""
    wanted = sa.select(CounterException).join(CounterAct, CounterAct.number == CounterException.act_number)
    wanted = wanted.where(CounterAct.camera == camera, CounterException.settled_at.is_(None))
    with app.database.transaction() as session:
        return list(session.scalars(wanted))


def issued_at(app: Service, camera: str) -> datetime:
    wanted = sa.select(Allocation.issued_at).join(Camera).where(Camera.serial == camera)
    with app.database.transaction() as session:
        return session.scalars(wanted.order_by(Allocation.id.desc()).limit(1)).one()


def logged(app: Service, camera: str, event: str) -> tuple[str, dict[str, Any]]:
    """Who did it, and the facts of the camera's only entry of this event."""
    wanted = sa.select(AuditEntry).where(AuditEntry.subject_key == camera, AuditEntry.event == event)
    with app.database.transaction() as session:
        entry = session.scalars(wanted).one()
        return entry.actor, entry.facts


def test_acts_made_without_a_line_wait_and_are_sent_once_when_it_is_back(
    counter: Page, app: Service, make: Factory
) -> None:
    out, before = make.issued()
    collar, serial = make.officer(), make.camera()
    able_to_go_on(counter, out)
    cut(counter)

    for text in (out, collar, serial):
        scan(counter, text)
    expect_answer(counter, "good", "Issued", f"{serial} to {collar}")
    expect(counter.locator("#counter-line")).to_contain_text("No line to the service. 2 acts wait")
    expect(counter.locator(".counter__entry--waits")).to_have_count(2)
    assert (holder(app, serial), holder(app, out)) == (None, before)
    mend(counter)
    all_sent(counter)

    expect(counter.locator("#counter-line")).to_be_hidden()
    expect(counter.locator(".counter__entry--waits")).to_have_count(0)
    assert (holder(app, serial), holder(app, out)) == (collar, None)
    assert acts(app, serial, out) == [("return", "done", out), ("issue", "done", serial)]
    assert events(app, serial) == ["camera.issued"]


def test_a_camera_issued_elsewhere_since_the_list_was_made_is_returned_all_the_same(
    counter: Page, app: Service, make: Factory
) -> None:
    cut(counter)
    serial, _ = make.issued()
    in_stock = make.camera()

    for text in (serial, in_stock):
        scan(counter, text)
        expect_answer(counter, "caution", "Kept, not checked", text)
    mend(counter)
    all_sent(counter)

    assert holder(app, serial) is None
    assert exceptions(app, serial) == exceptions(app, in_stock) == []


def test_what_the_list_knows_is_refused_with_its_rule_and_is_not_sent(
    counter: Page, app: Service, make: Factory
) -> None:
    quarantined, untrained = make.camera(), make.officer(trained_until=None)
    with app.database.transaction() as session:
        custody.move(session, make.actor, quarantined, Custody.QUARANTINED, now=now())
    able_to_go_on(counter, quarantined)
    cut(counter)

    scan(counter, make.officer())
    scan(counter, quarantined)
    expect_answer(counter, "bad", "Refused", f"{quarantined} is quarantined. (rule 8)")
    scan(counter, untrained)
    scan(counter, make.camera())
    expect_answer(counter, "bad", "Refused", "(rule 4)")

    waiting(counter, 0)


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


def ready_at(page: Page, address: str) -> Page:
    page.goto(address)
    return ready(page)


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


def test_a_conflict_made_meanwhile_elsewhere_is_refused_and_must_be_settled(
    counter: Page, app: Service, make: Factory
) -> None:
    collar, other, serial = make.officer(), make.officer(), make.camera()
    cut(counter)
    for text in (collar, serial):
        scan(counter, text)
    expect_answer(counter, "good", "Issued", serial)
    make.issued(serial, other)

    mend(counter)
    all_sent(counter)

    expect_answer(counter, "bad", "Refused afterwards", f"{serial} is out to {other}")
    expect(counter.locator("#counter-kit")).not_to_contain_text(serial)
    expect(counter.locator("#counter-undo")).to_be_disabled()
    expect(counter.locator("#counter-exceptions")).to_be_visible()
    assert holder(app, serial) == other
    [exception] = exceptions(app, serial)
    counter.locator("#counter-exceptions-link").click()
    counter.get_by_role("link", name=str(exception.act_number), exact=True).click()
    counter.get_by_label("The register is wrong: put it right").check()
    counter.get_by_label("Who has the camera in fact").fill(collar)
    counter.get_by_label("Why").fill("seen with them")
    counter.get_by_role("button", name="Settle").click()
    expect(counter.get_by_text(f"Exception {exception.act_number} is settled.")).to_be_visible()
    assert holder(app, serial) == collar
    assert exceptions(app, serial) == []


def test_an_answer_that_is_lost_as_the_line_goes_is_no_second_act(counter: Page, app: Service, make: Factory) -> None:
    collar, serial = make.officer(), make.camera()
    scan(counter, collar)
    expect_answer(counter, "info", f"Officer {collar}")

    def do_it_and_cut(route: Route) -> None:
        route.fetch()
        cut(counter)
        route.abort()

    counter.route("**/counter/scans", do_it_and_cut)
    scan(counter, serial)
    expect_answer(counter, "good", "Issued", "It waits for the line")
    assert holder(app, serial) == collar
    counter.unroute("**/counter/scans")
    mend(counter)
    all_sent(counter)

    assert events(app, serial) == ["camera.issued"]
    assert exceptions(app, serial) == []


def test_undo_of_an_act_that_waits_is_kept_and_nothing_is_done(counter: Page, app: Service, make: Factory) -> None:
    collar, serial = make.officer(), make.camera()
    cut(counter)
    for text in (collar, serial, "undo"):
        scan(counter, text)
    expect_answer(counter, "good", "Undone", serial)
    expect(counter.locator("#counter-kit")).not_to_contain_text(serial)

    mend(counter)
    all_sent(counter)

    assert holder(app, serial) is None
    assert events(app, serial) == ["counter.act-withdrawn"]
    assert ("issue", "withdrawn", serial) in acts(app, serial)


def test_undo_without_a_line_of_what_was_done_with_one_reverses_it(counter: Page, app: Service, make: Factory) -> None:
    collar, serial = make.officer(), make.camera()
    for text in (collar, serial):
        scan(counter, text)
    expect_answer(counter, "good", "Issued", serial)
    cut(counter)

    scan(counter, "undo")
    expect_answer(counter, "good", "Undone")
    mend(counter)
    all_sent(counter)

    assert holder(app, serial) is None
    assert events(app, serial) == ["camera.issued", "camera.issue-undone"]


def test_two_tabs_share_one_queue_and_each_act_is_done_once(counter: Page, app: Service, make: Factory) -> None:
    other = ready_at(counter.context.new_page(), counter.url)
    wanted = [(make.officer(), make.camera()) for _ in range(2)]
    cut(counter)
    for page, (collar, serial) in zip((counter, other), wanted, strict=True):
        page.bring_to_front()
        for text in (collar, serial):
            scan(page, text)
        expect_answer(page, "good", "Issued", serial)

    for page in (counter, other):
        waiting(page, 2)
    mend(counter)
    for page in (counter, other):
        all_sent(page)

    assert [holder(app, serial) for _, serial in wanted] == [collar for collar, _ in wanted]
    assert [events(app, serial) for _, serial in wanted] == [["camera.issued"]] * 2


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


@pytest.fixture
def own_service(postgres: Databases, var: Path, tmp_path: Path) -> Iterator[LiveServer]:
    """A service of the test's own, which it may kill."""
    with LiveServer(postgres, var, tmp_path, FLEET_WEB_WORKERS="2", FLEET_SECRET_KEY=SECRET_KEY) as server:
        yield server


def test_the_service_killed_in_the_middle_of_a_shift_loses_nothing(
    page: Page, own_service: LiveServer, app: Service, make: Factory
) -> None:
    out, _ = make.issued()
    shift = [(make.officer(), make.camera()) for _ in range(6)]
    able_to_go_on(open_counter(page, app, own_service), out)

    for place, (collar, serial) in enumerate(shift):
        if place == 3:
            own_service.kill()
        scan(page, collar)
        scan(page, serial)
    expect(page.locator("#counter-line")).to_contain_text("No line to the service", timeout=15_000)
    expect(page.locator("#counter-detail")).to_contain_text(shift[-1][1], timeout=15_000)
    own_service.start()
    all_sent(page)

    assert [holder(app, serial) for _, serial in shift] == [collar for collar, _ in shift]
    assert [events(app, serial) for _, serial in shift] == [["camera.issued"]] * len(shift)


def test_a_page_whose_clock_is_an_hour_off_gives_acts_their_true_time(
    page: Page, app: Service, live: LiveServer, make: Factory
) -> None:
    out, _ = make.issued()
    collar, serial = make.officer(), make.camera()
    page.clock.install(time=datetime.now(UTC) + timedelta(hours=1))
    able_to_go_on(open_counter(page, app, live), out)
    cut(page)
    for text in (collar, serial):
        scan(page, text)
    expect_answer(page, "good", "Issued", serial)
    made = datetime.now(UTC)

    mend(page)
    page.clock.run_for(5_000)
    all_sent(page)

    assert abs(issued_at(app, serial) - made) < timedelta(seconds=10)
    wanted = sa.select(CounterAct.clock_offset_s).where(CounterAct.camera == serial)
    with app.database.transaction() as session:
        assert session.scalars(wanted).one() == pytest.approx(-3600, abs=10)


def test_the_hour_that_october_has_twice_does_not_turn_the_order_round(
    page: Page, app: Service, live: LiveServer, make: Factory
) -> None:
    out, _ = make.issued()
    wanted = [(make.officer(), make.camera()) for _ in range(2)]
    # 1:59:30 in summer time; half a minute later it is one o'clock in winter time.
    page.clock.install(time=datetime(2026, 10, 25, 0, 59, 30, tzinfo=UTC))
    able_to_go_on(open_counter(page, app, live), out)
    cut(page)

    for collar, serial in wanted:
        for text in (collar, serial):
            scan(page, text)
        expect_answer(page, "good", "Issued", serial)
        page.clock.run_for(50_000)
    assert page.evaluate("new Date().getHours()") == 1
    mend(page)
    page.clock.run_for(10_000)
    all_sent(page)

    statement = sa.select(CounterAct.made_at).where(CounterAct.camera.in_([serial for _, serial in wanted]))
    with app.database.transaction() as session:
        first, second = session.scalars(statement.order_by(CounterAct.number))
    assert timedelta(seconds=45) < second - first < timedelta(seconds=75)


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
