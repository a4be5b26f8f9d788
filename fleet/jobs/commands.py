"""``flask --app wsgi jobs``: the scheduler process."""

from typing import cast

import click
from flask.cli import ScriptInfo, pass_script_info

from fleet.console import Command
from fleet.jobs import scheduler
from fleet.jobs.table import JOBS
from fleet.web import Service


@click.command("jobs", cls=Command)
@pass_script_info
def jobs(info: ScriptInfo) -> None:
    """Run the service's jobs, or stand by while another process does, until Ctrl-C."""
    # The service itself, not Flask's stand-in for it: jobs run in threads that Flask knows nothing of.
    scheduler.run(cast(Service, info.load_app()), JOBS)
