"""PostgreSQL stops under load and starts again: 503 with Retry-After meanwhile, then normal, and nothing is lost."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from fleet import embedded, migrate
from fleet.app import create_app
from fleet.web import Service
from tests.conftest import Api, api_of, settings_for
from tests.factories import Factory
from tests.faults.load import PATIENCE_S, clerks, require_nothing_lost_or_half_done, working
from tests.live import LiveServer

PROBLEM = "application/problem+json"


@dataclass
class Postgres:
    """A server of the test's own, which it may stop."""

    var: Path
    databases: embedded.Databases
    starts: ExitStack

    def stop(self, how: signal.Signals) -> None:
        """End it without a word to its clients, and wait until all of it is gone."""
        pid = int((self.var / "postgres" / "postmaster.pid").read_text().split()[0])
        postmaster = psutil.Process(pid)
        family = [postmaster, *postmaster.children(recursive=True)]
        os.kill(pid, how)
        _, left = psutil.wait_procs(family, PATIENCE_S)
        assert left == []

    def start(self) -> None:
        again = self.starts.enter_context(embedded.running(self.var))
        assert again == self.databases


@contextmanager
def serving(folder: Path) -> Iterator[tuple[Postgres, Service]]:
    """A server with an empty register, and the service over it in this process."""
    with ExitStack() as starts:
        databases = starts.enter_context(embedded.running(folder / "var"))
        migrate.upgrade(databases.owner)
        app = create_app(settings_for(databases, folder / "var"))
        app.config.update(WTF_CSRF_ENABLED=False)
        try:
            yield Postgres(folder / "var", databases, starts), app
        finally:
            app.database.dispose()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[tuple[Postgres, Service]]:
    with serving(tmp_path) as both:
        yield both


def test_load_through_two_outages_loses_nothing_and_leaves_nothing_half_done(
    own: tuple[Postgres, Service], tmp_path: Path
) -> None:
    postgres, app = own
    staff = clerks(Factory(app.database), keyed=4, unkeyed=3)
    api = api_of(app)

    with (
        LiveServer(postgres.databases, postgres.var, tmp_path, FLEET_WEB_WORKERS="2") as live,
        working(staff, live.url, api.token),
    ):
        for how in (signal.SIGQUIT, signal.SIGKILL):
            postgres.stop(how)
            refused = httpx.get(f"{live.url}/readyz", headers={"Accept": "application/json"}, timeout=30)
            assert (refused.status_code, refused.headers["Content-Type"]) == (503, PROBLEM)
            postgres.start()
            for clerk in staff:
                clerk.wait_for_an_act()

    app.database.dispose()  # this process slept through the outages
    for clerk in staff:
        require_nothing_lost_or_half_done(app, clerk)
        assert set(clerk.statuses) <= ({200, 201, 503} if clerk.keyed else {200, 201, 409, 503})
        assert clerk.lost == 0
    problems = [answer for clerk in staff for answer in clerk.problems]
    assert problems
    assert {answer.headers["Content-Type"] for answer in problems} == {PROBLEM}
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in problems)
    assert "unforeseen error" not in live.log()


def test_after_an_outage_no_connection_of_before_is_tried(own: tuple[Postgres, Service]) -> None:
    postgres, app = own
    api, serial = api_of(app), Factory(app.database).camera()
    warm(app, api, serial)

    postgres.stop(signal.SIGQUIT)
    during = [api("GET", f"/cameras/{serial}"), api("PATCH", f"/cameras/{serial}", {"phase": 2}, If_Match='"1"')]
    postgres.start()
    after = [api("GET", f"/cameras/{serial}").status_code for _ in range(12)]
    after += [api("PATCH", f"/cameras/{serial}", {"phase": 2}, If_Match="*").status_code for _ in range(12)]

    assert [(answer.status_code, answer.content_type) for answer in during] == [(503, PROBLEM)] * 2
    assert all(answer.headers["Retry-After"] for answer in during)
    assert set(after) == {200}


def warm(app: Service, api: Api, serial: str) -> None:
    """Leave several idle connections of each kind in the pool."""
    with ExitStack() as held:
        for _ in range(4):
            held.enter_context(app.database.transaction()).connection()
            held.enter_context(app.database.reading()).connection()
    assert api("GET", f"/cameras/{serial}").status_code == 200


def test_what_needs_no_database_is_answered_without_one(own: tuple[Postgres, Service]) -> None:
    postgres, app = own
    client = app.test_client()

    postgres.stop(signal.SIGQUIT)

    assert client.get("/healthz").status_code == 200
    assert "fleet_database_up 0.0" in client.get("/metrics").text
    assert client.get("/api/v1/openapi.json").status_code == 200
    page = client.get("/", headers={"Accept": "text/html"}, follow_redirects=True)
    assert page.status_code in {200, 503}
    assert page.content_type.startswith("text/html")
