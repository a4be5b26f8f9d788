"""``/jobs``: what the service does by itself, who runs it, and what went wrong."""

from flask import Blueprint, render_template

from fleet.auth.permissions import Permission
from fleet.clock import utc_now
from fleet.jobs import history
from fleet.jobs.table import JOBS
from fleet.pages.listing import older
from fleet.web import allow, caller

pages = Blueprint("jobs_pages", __name__)


@pages.get("/jobs")
@allow(Permission.JOB_VIEW)
def jobs() -> str:
    """Every job with its last run and its next."""
    session, _ = caller()
    now = utc_now()
    return render_template(
        "jobs/jobs.html",
        jobs=history.overview(session, JOBS, now=now),
        processes=history.processes(session),
        now=now,
    )


@pages.get("/jobs/<name>")
@allow(Permission.JOB_VIEW)
def job(name: str) -> str:
    """One job and its past runs."""
    session, _ = caller()
    wanted = history.named(JOBS, name)
    (shown,) = history.overview(session, [wanted], now=utc_now())
    past = older(f"page runs of {name}", lambda page: history.runs_of(session, wanted.name, page))
    return render_template("jobs/job.html", job=shown, past=past)
