"""The counter's page as tests use it, with a line and without one, and what the service makes of it."""

from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from fleet.actors import Role
from fleet.audit.models import AuditEntry
from fleet.cameras.models import Camera
from fleet.counter.models import CounterAct, CounterException
from fleet.custody.models import Allocation
from fleet.people.models import Person
from fleet.web import Service
from tests.accounts import cookie_of, new_account
from tests.live import LiveServer

# Without a line the browser complains of every request that fails, and a refusal is an answer with an error's status.
COMPLAINTS = ("Failed to load resource", "net::ERR", "status of")
SENT_WITHIN_MS = 25_000
refusals = pytest.mark.page_errors("status of 4")

KEPT = """async (name) => {
    const open = indexedDB.open("fleet-counter");
    const database = await new Promise((resolve) => { open.onsuccess = () => resolve(open.result); });
    const get = database.transaction("kept").objectStore("kept").get(name);
    const found = await new Promise((resolve) => { get.onsuccess = () => resolve(get.result); });
    database.close();
    return found ?? null;
}"""


def open_counter(page: Page, app: Service, live: LiveServer, name: str | None = None) -> Page:
    """A counter where ``name``, or somebody new of the store, is signed in."""
    name = name or new_account(app, Role.STORE)
    page.context.add_cookies([{**cookie_of(app, name), "url": live.url}])
    page.goto(f"{live.url}/counter")
    expect(page.locator("#counter[data-ready=true]")).to_be_attached()
    return page


def expect_answer(page: Page, tone: str, word: str, detail: str = "") -> None:
    """The large answer: its colour, its words, and a part of its sentence."""
    expect(page.locator("#counter-word")).to_have_text(word)
    expect(page.locator("#counter-detail")).to_contain_text(detail)
    expect(page.locator("#counter-answer")).to_have_class(f"counter__answer counter__answer--{tone}")


def holder(app: Service, serial: str) -> str | None:
    with app.database.transaction() as session:
        statement = sa.select(Person.collar).join(Allocation, Allocation.person_id == Person.id)
        statement = statement.join(Camera, Camera.id == Allocation.camera_id)
        return session.scalars(statement.where(Camera.serial == serial, Allocation.returned_at.is_(None))).one_or_none()


def events(app: Service, serial: str) -> list[str]:
    """The camera's entries in the log since it was registered, oldest first."""
    with app.database.transaction() as session:
        statement = sa.select(AuditEntry.event).where(AuditEntry.subject_key == serial).order_by(AuditEntry.id)
        return [str(event) for event in session.scalars(statement)][1:]


def ready(page: Page) -> Page:
    expect(page.locator("#counter[data-ready=true]")).to_be_attached()
    return page


def ready_at(page: Page, address: str) -> Page:
    page.goto(address)
    return ready(page)


def able_to_go_on(page: Page, *known: str) -> Page:
    """The page once it could do without a line: a worker controls it, and the block list has the cameras ``known``.

    On a busy machine a process of the service makes the list anew once a minute only.
    """
    page.evaluate("async () => { await navigator.serviceWorker.ready; }")
    page.wait_for_function("navigator.serviceWorker.controller !== null")
    for _ in range(200):
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
