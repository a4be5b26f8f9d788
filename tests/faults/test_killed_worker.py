"""Web processes are killed in a loop under load: what was answered is there once, the rest wholly or not at all.

Sixteen clients issue and return without a pause: some through the API with idempotency keys, some without, and some as
a counter's page brings what waited on it. Afterwards allocations, custody and the log must tell one story of each.
"""

import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from fleet.embedded import Databases
from fleet.web import Service
from tests.conftest import SECRET_KEY, Api
from tests.factories import Factory
from tests.faults.load import Clerk, clerks, counters, require_nothing_lost_or_half_done, working
from tests.live import LiveServer

KILLS = 10
FALLS = 3


@pytest.fixture
def served(postgres: Databases, var: Path, tmp_path: Path) -> Iterator[LiveServer]:
    """A service of the test's own, over the shared register."""
    with LiveServer(postgres, var, tmp_path, FLEET_WEB_WORKERS="2", FLEET_SECRET_KEY=SECRET_KEY) as server:
        yield server


@pytest.fixture
def staff(app: Service, make: Factory) -> list[Clerk]:
    return [*clerks(make, keyed=6, unkeyed=4), *counters(app, make, 6)]


def workers(served: LiveServer) -> list[psutil.Process]:
    return psutil.Process(served.process.pid).children()


def require_all_is_well(app: Service, staff: list[Clerk]) -> None:
    assert sum(clerk.lost for clerk in staff) > 0
    for clerk in staff:
        require_nothing_lost_or_half_done(app, clerk)
        assert set(clerk.statuses) <= ({200, 201} if clerk.keyed else {200, 201, 409})


def test_killed_workers_lose_nothing_and_repeat_nothing(
    served: LiveServer, app: Service, api: Api, staff: list[Clerk]
) -> None:
    with working(staff, served.url, api.token):
        for turn in range(KILLS):
            victims = workers(served)
            victim = victims[turn % len(victims)]
            victim.send_signal(signal.SIGKILL)
            psutil.wait_procs([victim], 30)
            for clerk in staff:
                clerk.wait_for_an_act()

    require_all_is_well(app, staff)


def test_a_service_killed_whole_and_started_again_loses_nothing_and_repeats_nothing(
    served: LiveServer, app: Service, api: Api, staff: list[Clerk]
) -> None:
    with working(staff, served.url, api.token):
        for _ in range(FALLS):
            served.kill()
            served.start()
            for clerk in staff:
                clerk.wait_for_an_act()

    require_all_is_well(app, staff)


def test_a_master_killed_alone_takes_its_workers_with_it_and_nothing_is_lost(
    served: LiveServer, app: Service, api: Api, staff: list[Clerk]
) -> None:
    with working(staff, served.url, api.token):
        left = workers(served)
        served.process.kill()
        served.process.wait(30)
        # Orphans notice within seconds that nobody watches over them any more, and free the port.
        psutil.wait_procs(left, 30)
        served.start()
        for clerk in staff:
            clerk.wait_for_an_act()

    require_all_is_well(app, staff)
