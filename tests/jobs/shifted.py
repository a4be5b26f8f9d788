"""A scheduler whose clock differs from the machine's by what a file says. ``python -m tests.jobs.shifted FILE``.

Everything else is as in production: the process, its threads, the lock, APScheduler.
"""

import os
import sys
import time as machine
from datetime import datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import Any, Self

import apscheduler.schedulers.base

import fleet.clock
from fleet.app import create_app
from fleet.jobs import scheduler
from fleet.jobs.job import Job, one_transaction
from fleet.jobs.triggers import Daily, Every
from fleet.settings import Settings

OFFSET = Path(sys.argv[-1])


class Shifted(datetime):
    """A clock that is wrong."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return cls.fromtimestamp(machine.time() + float(OFFSET.read_text()), tz)


def main() -> None:
    fleet.clock.datetime = Shifted  # type: ignore[misc]
    apscheduler.schedulers.base.datetime = Shifted
    counts: Any = lambda *_: {"times": 1}  # noqa: E731
    jobs = [
        Job("often", "Runs often.", Every(timedelta(seconds=1)), one_transaction(counts)),
        Job("daily", "Runs daily.", Daily(time(1, 30), timedelta(seconds=1)), one_transaction(counts)),
    ]
    scheduler.run(create_app(Settings.from_env(os.environ)), jobs)


if __name__ == "__main__":
    main()
