"""The counter when the network drops: what is scanned waits, and is sent once when the line is back."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, Route, expect

from fleet.cameras.states import Custody
from fleet.counter.models import CounterAct
from fleet.custody import service as custody
from fleet.embedded import Databases
from fleet.web import Service
from tests.browser.counters import (
    COMPLAINTS,
    able_to_go_on,
    acts,
    all_sent,
    cut,
    events,
    exceptions,
    expect_answer,
    holder,
    issued_at,
    mend,
    open_counter,
    ready_at,
    waiting,
)
from tests.browser.scanner import scan
from tests.conftest import SECRET_KEY
from tests.factories import Factory, now
from tests.live import LiveServer

pytestmark = pytest.mark.page_errors(*COMPLAINTS)


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
