"""Several schedulers: one is active; when it is killed, cut off or hangs, another takes its place within seconds."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.web import Service
from tests.jobs.processes import LOCK_ID, Scheduler, active, connected, holders, owner, runs, wait_until


@pytest.fixture
def two(empty: Service, tmp_path: Path) -> Iterator[tuple[Scheduler, Scheduler]]:
    """The active scheduler, and one that stands by."""
    first = Scheduler(empty, tmp_path)
    try:
        wait_until(lambda: active(empty) == first.pid)
        second = Scheduler(empty, tmp_path)
        try:
            wait_until(lambda: seen(empty) == 2)
            yield first, second
        finally:
            second.end()
    finally:
        first.end()


def seen(app: Service) -> int:
    with owner(app) as connection:
        row = connection.execute("SELECT count(*) FROM scheduler_process").fetchone()
    assert row is not None
    return int(row[0])


def cut_off(app: Service) -> None:
    """End the connection that has the lock, as a restart of PostgreSQL would."""
    with connected(app.fleet_settings.database_url) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s", [LOCK_ID]
        )


def test_one_is_active_and_the_other_stands_by(empty: Service, two: tuple[Scheduler, Scheduler]) -> None:
    wait_until(lambda: runs(empty, "tidy"))

    assert active(empty) == two[0].pid
    assert holders(empty) == 1


def test_when_the_active_one_is_killed_the_other_takes_over(empty: Service, two: tuple[Scheduler, Scheduler]) -> None:
    two[0].kill()

    assert wait_until(lambda: active(empty) == two[1].pid)
    assert holders(empty) == 1


def test_when_the_active_one_is_told_to_stop_the_other_takes_over(
    empty: Service, two: tuple[Scheduler, Scheduler]
) -> None:
    two[0].process.send_signal(signal.SIGTERM)

    assert two[0].process.wait(30) == 0, two[0].log()
    assert wait_until(lambda: active(empty) == two[1].pid)
    assert seen(empty) == 1


def test_when_the_connection_is_cut_there_is_one_active_again(empty: Service, two: tuple[Scheduler, Scheduler]) -> None:
    for _ in range(3):
        cut_off(empty)
        assert wait_until(lambda: active(empty) in {two[0].pid, two[1].pid} and holders(empty) == 1)

    assert [one.process.poll() for one in two] == [None, None]


def test_when_the_active_one_hangs_the_other_takes_over_and_it_does_not_come_back_as_active(
    empty: Service, two: tuple[Scheduler, Scheduler]
) -> None:
    two[0].process.send_signal(signal.SIGSTOP)
    wait_until(lambda: active(empty) == two[1].pid)

    two[0].process.send_signal(signal.SIGCONT)

    wait_until(lambda: "its place" in two[0].log())
    wait_until(lambda: seen(empty) == 2)
    assert holders(empty) == 1
    assert active(empty) == two[1].pid


def test_a_scheduler_that_starts_before_the_structure_is_current_waits(empty: Service, tmp_path: Path) -> None:
    with owner(empty) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    scheduler = Scheduler(empty, tmp_path)
    try:
        wait_until(lambda: seen(empty) == 1)
        assert active(empty) is None

        with owner(empty) as connection:
            newest = max(path.name[:4] for path in Path("migrations/versions").glob("0*.py"))
            connection.execute("UPDATE alembic_version SET version_num = %s", [newest])

        assert wait_until(lambda: active(empty) == scheduler.pid)
    finally:
        scheduler.end()
