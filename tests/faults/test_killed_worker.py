"""Web processes are killed under load: what is repeated with its key is neither lost nor done twice."""

import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from fleet.embedded import Databases
from fleet.web import Service
from tests.conftest import Api
from tests.factories import Factory
from tests.faults.load import clerks, require_nothing_lost_or_half_done, working
from tests.live import LiveServer

KILLS = 6


@pytest.fixture
def served(postgres: Databases, var: Path, tmp_path: Path) -> Iterator[LiveServer]:
    """A service of the test's own, over the shared register."""
    with LiveServer(postgres, var, tmp_path, FLEET_WEB_WORKERS="2") as server:
        yield server


def workers(served: LiveServer) -> list[psutil.Process]:
    return psutil.Process(served.process.pid).children()


def test_a_killed_worker_loses_nothing_and_repeats_nothing(
    served: LiveServer, app: Service, api: Api, make: Factory
) -> None:
    staff = clerks(make, keyed=4, unkeyed=2)

    with working(staff, served.url, api.token):
        for turn in range(KILLS):
            victims = workers(served)
            victim = victims[turn % len(victims)]
            victim.send_signal(signal.SIGKILL)
            psutil.wait_procs([victim], 30)
            for clerk in staff:
                clerk.wait_for_an_act()

    assert sum(clerk.lost for clerk in staff) > 0
    for clerk in staff:
        require_nothing_lost_or_half_done(app, clerk)
        assert set(clerk.statuses) <= ({200, 201} if clerk.keyed else {200, 201, 409})
