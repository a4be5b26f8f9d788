"""A scheduler as in production, but for leases of two seconds. ``python -m tests.webhooks.sender``."""

import os
from datetime import timedelta

from fleet.app import create_app
from fleet.jobs import scheduler
from fleet.jobs.table import JOBS
from fleet.settings import Settings
from fleet.webhooks import delivery


def main() -> None:
    delivery.LEASE = timedelta(seconds=2)  # type: ignore[misc]
    delivery.PAUSES = (timedelta(seconds=1),) * 50  # type: ignore[misc, assignment]
    wanted = {"seal", "webhooks"}
    scheduler.run(create_app(Settings.from_env(os.environ)), [job for job in JOBS if job.name in wanted])


if __name__ == "__main__":
    main()
