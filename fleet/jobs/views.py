"""``/jobs``: what runs by itself, and how it went."""

from dataclasses import asdict
from typing import Any

import marshmallow as ma

from fleet.api import Blueprint, Instant, ListQuery, Schema, Word, answer_page, page_of
from fleet.auth.permissions import Permission
from fleet.clock import utc_now
from fleet.jobs import history
from fleet.jobs.models import Outcome
from fleet.jobs.table import JOBS
from fleet.web import allow, caller

jobs = Blueprint("jobs", __name__, description="Jobs: what the service does by itself, and how that went")


class RunSchema(Schema):
    id = ma.fields.Integer()
    job = ma.fields.String()
    day = ma.fields.Date(allow_none=True, metadata={"description": "the local day that a daily job ran for"})
    started_at = Instant()
    finished_at = Instant(allow_none=True)
    seconds = ma.fields.Float(allow_none=True, metadata={"description": "how long the run took"})
    outcome = Word(Outcome)
    result = ma.fields.Dict(metadata={"description": "what it did, counted; empty when there was nothing to do"})
    error = ma.fields.String(allow_none=True)
    runs = ma.fields.Integer(metadata={"description": "runs in a row that found nothing to do are one item"})


class JobSchema(Schema):
    name = ma.fields.String()
    says = ma.fields.String(metadata={"description": "what it does, in a sentence"})
    runs = ma.fields.String(metadata={"description": "how often it runs"})
    next_at = Instant()
    last = ma.fields.Nested(RunSchema, allow_none=True)


class ProcessSchema(Schema):
    host = ma.fields.String()
    pid = ma.fields.Integer()
    started_at = Instant()
    seen_at = Instant()
    active_since = Instant(allow_none=True)


class JobsSchema(Schema):
    active = ma.fields.Nested(ProcessSchema, allow_none=True, metadata={"description": "null when nobody runs jobs"})
    standing_by = ma.fields.List(ma.fields.Nested(ProcessSchema))
    items = ma.fields.List(ma.fields.Nested(JobSchema))
    next = ma.fields.String(allow_none=True)


@jobs.route("/jobs")
@allow(Permission.JOB_VIEW)
@jobs.response(200, JobsSchema)
def overview() -> dict[str, Any]:
    """Every job with its last run and its next, and the processes that run them."""
    session, _ = caller()
    items = history.overview(session, JOBS, now=utc_now())
    return asdict(history.processes(session)) | {"items": items, "next": None}


@jobs.route("/jobs/<name>/runs")
@allow(Permission.JOB_VIEW)
@jobs.arguments(ListQuery, location="query")
@jobs.response(200, page_of(RunSchema))
def past(query: dict[str, Any], name: str) -> dict[str, Any]:
    """A job's runs, newest first."""
    session, _ = caller()
    job = history.named(JOBS, name)
    return answer_page(f"runs of {job.name}", query, lambda page: history.runs_of(session, job.name, page))
