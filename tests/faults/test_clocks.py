"""A scheduler whose clock jumps: what is frequent goes on, what is daily runs once for each day."""

import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from fleet.jobs.triggers import LOCAL
from fleet.web import Service
from tests.jobs.processes import Scheduler, runs, wait_until

OCTOBER, MARCH = date(2026, 10, 25), date(2026, 3, 29)


class Clock:
    """What the scheduler's clock shows; replaced as a whole, since it is read at any moment."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "offset"

    def shows(self, instant: datetime) -> None:
        fresh = self.file.with_suffix(".new")
        fresh.write_text(str(instant.timestamp() - time.time()))
        fresh.replace(self.file)


def local(day: date, hour: int, minute: int, *, fold: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=LOCAL, fold=fold).astimezone(UTC)


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    clock = Clock(tmp_path)
    clock.shows(local(OCTOBER, 0, 50))
    return clock


@pytest.fixture
def running(empty: Service, tmp_path: Path, clock: Clock) -> Iterator[Scheduler]:
    program = [sys.executable, "-m", "tests.jobs.shifted", str(clock.file)]
    scheduler = Scheduler(empty, tmp_path, program=program)
    try:
        yield scheduler
    finally:
        scheduler.end()


def goes_on(app: Service) -> None:
    """Wait until the frequent job ran three times more, and the daily one was asked in between."""
    before = len(runs(app, "often"))
    wait_until(lambda: len(runs(app, "often")) >= before + 3)


def days(app: Service) -> list[date]:
    return [day for _, _, day in runs(app, "daily")]


def test_across_the_october_change_and_every_jump(empty: Service, running: Scheduler, clock: Clock) -> None:
    goes_on(empty)
    assert days(empty) == [OCTOBER - timedelta(days=1)], "the day before was missed, and is caught up"

    clock.shows(local(OCTOBER, 1, 40))
    goes_on(empty)
    assert days(empty)[1:] == [OCTOBER]

    # The wall shows 1:10 and then 1:40 for the second time.
    for minute in (10, 40):
        clock.shows(local(OCTOBER, 1, minute, fold=1))
        goes_on(empty)
    assert days(empty)[1:] == [OCTOBER]

    # An hour back, which is wrong; four days ahead, which is wrong too; and right again.
    clock.shows(local(OCTOBER, 0, 40))
    goes_on(empty)
    clock.shows(local(OCTOBER + timedelta(days=4), 12, 0))
    goes_on(empty)
    clock.shows(local(OCTOBER + timedelta(days=1), 1, 20))
    goes_on(empty)
    assert days(empty)[1:] == [OCTOBER, OCTOBER + timedelta(days=4)]

    clock.shows(local(OCTOBER + timedelta(days=1), 1, 31))
    goes_on(empty)
    assert days(empty)[1:] == [OCTOBER, OCTOBER + timedelta(days=4), OCTOBER + timedelta(days=1)]


def test_across_the_march_change_and_from_a_clock_that_was_never_set(
    empty: Service, running: Scheduler, clock: Clock
) -> None:
    clock.shows(datetime(1970, 1, 2, tzinfo=UTC))
    goes_on(empty)

    clock.shows(local(MARCH, 0, 59))
    goes_on(empty)
    assert days(empty)[-1] == MARCH - timedelta(days=1)

    # Half past one is never shown on that day.
    clock.shows(local(MARCH, 2, 1))
    goes_on(empty)
    clock.shows(local(MARCH, 23, 59))
    goes_on(empty)

    assert days(empty).count(MARCH) == 1
    assert running.process.poll() is None
