"""Clients that issue and return without a pause, and what must be true of the register afterwards."""

import secrets
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import sqlalchemy as sa

from fleet.actors import Role
from fleet.audit import Event
from fleet.audit.models import AuditEntry
from fleet.cameras.models import Camera
from fleet.cameras.states import Custody
from fleet.counter.models import CounterAct
from fleet.custody.models import Allocation
from fleet.web import Service
from tests.accounts import cookie_of, new_account
from tests.factories import Factory, unique

# Nothing waits for the clock; this only ends a test whose server never comes back.
PATIENCE_S = 60.0


@dataclass
class Clerk:
    """One client with a camera and an officer of its own: issue, return, issue, …

    A ``keyed`` clerk repeats an act with its idempotency key until it is answered. The other has no key: it never
    knows whether an act without an answer was done, and goes on with the next.
    """

    serial: str
    collar: str
    keyed: bool
    done: list[dict[str, Any]] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    lost: int = 0
    problems: list[httpx.Response] = field(default_factory=list)
    acted: threading.Event = field(default_factory=threading.Event)

    def work(self, url: str, token: str, until: threading.Event) -> None:
        """Act until told to stop; a keyed clerk finishes what it began."""
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=f"{url}/api/v1/cameras/{self.serial}", headers=headers, timeout=30) as client:
            while not until.is_set():
                self._act(client, "issue", {"collar": self.collar, "kind": "pool"})
                self._act(client, "return", {"condition": "good"})

    def _act(self, client: httpx.Client, act: str, body: dict[str, str]) -> None:
        headers = {"Idempotency-Key": unique("k")} if self.keyed else {}
        for _ in range(5_000):
            answer = self._send(client, act, body, headers)
            if answer is not None and answer.is_success:
                self.done.append(answer.json() | {"act": act})
                self.acted.set()
            if not self.keyed or (answer is not None and answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR):
                return
        raise AssertionError(f"{act} of {self.serial} is never answered")

    def _send(
        self, client: httpx.Client, act: str, body: dict[str, str], headers: dict[str, str]
    ) -> httpx.Response | None:
        try:
            answer = client.post(f"/{act}", json=body, headers=headers)
        except httpx.TransportError:
            self.lost += 1
            threading.Event().wait(0.02)  # nobody listens while a worker is replaced
            return None
        self.statuses[answer.status_code] += 1
        if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            self.problems.append(answer)
        return answer

    def acknowledged(self, app: Service) -> list[tuple[int, str]]:
        """What was answered: the number of the allocation, and what was done to it."""
        del app
        return [(one["id"], one["act"]) for one in self.done]

    def wait_for_an_act(self) -> None:
        """Until the next act that is acknowledged."""
        self.acted.clear()
        assert self.acted.wait(PATIENCE_S), f"no act of {self.serial} succeeds"


@dataclass
class AtCounter(Clerk):
    """A clerk whose page brings acts that waited: each under an id of its own, sent until it is answered."""

    cookie: tuple[str, str] = ("", "")

    def work(self, url: str, token: str, until: threading.Event) -> None:
        """As the others, over the counter's own way in; ``token`` is for the API alone."""
        del token
        with httpx.Client(base_url=url, timeout=30) as client:
            headers = self._signed_in(client)
            while not until.is_set():
                self._bring(client, headers, "issue", {"camera": self.serial, "officer": self.collar, "mode": "pool"})
                self._bring(client, headers, "return", {"camera": self.serial, "holder": self.collar})

    def _signed_in(self, client: httpx.Client) -> dict[str, str]:
        name, value = self.cookie
        headers = {"Accept": "application/json", "Cookie": f"{name}={value}"}
        answer = client.get("/counter/session", headers=headers)
        # The token is bound to a secret that the renewed cookie holds.
        renewed = answer.cookies.get(name) or value
        client.cookies.clear()
        return headers | {"Cookie": f"{name}={renewed}", "X-CSRFToken": answer.json()["csrf"]}

    def _bring(self, client: httpx.Client, headers: dict[str, str], act: str, body: dict[str, str]) -> None:
        number = secrets.token_hex(16)
        made_at = datetime.now(UTC).isoformat()
        sent = {"id": number, "kind": act, "body": body, "made_at": made_at}
        for _ in range(5_000):
            answer = self._send(client, "counter/acts", sent, headers)
            if answer is not None and answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
                assert answer.json().get("outcome") == "done", answer.text
                self.done.append({"act": act, "number": number})
                self.acted.set()
                return
        raise AssertionError(f"{act} of {self.serial} is never answered")

    def acknowledged(self, app: Service) -> list[tuple[int, str]]:
        """As the counter's own record has it, which must hold every act once."""
        numbers = [one["number"] for one in self.done]
        wanted = sa.select(CounterAct.id, CounterAct.did).where(CounterAct.camera == self.serial)
        with app.database.transaction() as session:
            did = {row.id: row.did["allocation"] for row in session.execute(wanted)}
        assert set(did) == set(numbers)
        return [(did[one["number"]], one["act"]) for one in self.done]


def counters(app: Service, make: Factory, number: int) -> list[Clerk]:
    """Clerks at counters, each signed in."""
    staff: list[Clerk] = []
    for _ in range(number):
        cookie = cookie_of(app, new_account(app, Role.STORE))
        staff.append(AtCounter(make.camera(), make.officer(), True, cookie=(cookie["name"], cookie["value"])))
    return staff


def clerks(make: Factory, *, keyed: int, unkeyed: int) -> list[Clerk]:
    return [Clerk(make.camera(), make.officer(), number < keyed) for number in range(keyed + unkeyed)]


@contextmanager
def working(staff: list[Clerk], url: str, token: str) -> Iterator[None]:
    """Everybody works for as long as the block lasts; what failed in a clerk fails here."""
    until = threading.Event()
    with ThreadPoolExecutor(len(staff)) as pool:
        work: list[Future[None]] = [pool.submit(clerk.work, url, token, until) for clerk in staff]
        try:
            for clerk in staff:
                clerk.wait_for_an_act()
            yield
        finally:
            until.set()
    for one in work:
        one.result()


def require_nothing_lost_or_half_done(app: Service, clerk: Clerk) -> None:
    """The log, the allocations and the camera's custody tell one story, and every acknowledged act is in it."""
    with app.database.transaction() as session:
        said = sa.select(AuditEntry).where(AuditEntry.subject_key == clerk.serial).order_by(AuditEntry.id)
        log = [entry for entry in session.scalars(said) if entry.event is not Event.CAMERA_REGISTERED]
        had = sa.select(Allocation).join(Camera).where(Camera.serial == clerk.serial).order_by(Allocation.id)
        allocations = session.scalars(had).all()
        custody = session.scalars(sa.select(Camera.custody).where(Camera.serial == clerk.serial)).one()

    events = [entry.event for entry in log]
    assert events == [Event.CAMERA_RETURNED if place % 2 else Event.CAMERA_ISSUED for place in range(len(events))]
    of_log = [entry.facts["allocation"] for entry in log]
    told = [(number, act) for a in allocations for number, act in [(a.id, "issue"), (a.id, "return")]]
    if allocations and allocations[-1].returned_at is None:
        told.pop()
    acts = {Event.CAMERA_ISSUED: "issue", Event.CAMERA_RETURNED: "return"}
    assert [(number, acts[event]) for number, event in zip(of_log, events, strict=True)] == told
    assert (custody is Custody.ISSUED) == (len(events) % 2 == 1)

    acknowledged = clerk.acknowledged(app)
    if clerk.keyed:
        # Every act was repeated until it was answered: each is there, once, and nothing else is.
        assert acknowledged == told
    else:
        assert set(acknowledged) <= set(told)
        assert len(acknowledged) == len(set(acknowledged))
