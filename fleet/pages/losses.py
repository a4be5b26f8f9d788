"""``/losses``: cameras that are gone, what is done about each, and what it means for the people recorded."""

from typing import Any

from flask import Blueprint, render_template, url_for

from fleet.auth.permissions import Permission
from fleet.clock import LOCAL, utc_now
from fleet.lifecycle import assessments, cases, losses, schemas
from fleet.lifecycle.models import LossState
from fleet.pages import words
from fleet.pages.acts import Act, Rows
from fleet.pages.cases import about_camera, camera_page, read_from
from fleet.pages.listing import ON_A_CAMERA, Column, Listing
from fleet.web import allow, caller
from fleet.web import service as running

pages = Blueprint("losses_pages", __name__)


Listing(
    path="/losses", title="Missing, lost and stolen cameras", one="loss", many="losses", view=Permission.CAMERA_VIEW,
    query=schemas.LossQuery, **read_from(cases.LOSSES), search="Serial, or collar number of whoever had it",
    begin=ON_A_CAMERA,
    columns=[
        Column("id", "Loss", to="loss"), Column("serial", to="camera"), Column("state", show="custody"),
        Column("collar", "Who had it", to="person"), Column("noticed_at", show="when"),
        Column("late", show="alarm"), Column("assessed", show="yes"),
        Column("assess_due_at", show="when"), Column("assess_late", show="alarm"),
    ],
    exported=[
        "id", "serial", "collar", "state", "noticed_at", "reported_at", "reported_by", "report_due_at", "late",
        "assessed", "assess_due_at", "assess_late", "last_seen", "last_seen_by", "circumstances", "unoffloaded",
        "encryption", "device_seen_at", "crime_number", "decided_at", "recovered_at", "recovered_where",
        "recovered_by", "recovered_condition",
    ],
).add_to(pages)  # fmt: skip


@pages.get("/losses/<int:number>")
@allow(Permission.CAMERA_VIEW)
def loss(number: int) -> str:
    """One loss, from the report to the recovery, with every version of its assessment."""
    session, _ = caller()
    now = utc_now()
    return render_template("lifecycle/loss.html", loss=cases.loss(session, number, now=now), now=now)


def _back(number: int) -> str:
    return url_for("losses_pages.loss", number=number)


def _report(serial: str, said: dict[str, Any]) -> str:
    policy = running().fleet_settings.policy
    losses.report(*caller(), serial, losses.Report(**said), policy=policy, now=utc_now())
    return f"{serial} is reported missing. Its breach assessment is open."


Act(
    path="/cameras/<identifier:key>/missing", name="report", permission=Permission.STOCK_MANAGE,
    schema=schemas.LossReport, heading="Report {} missing", button="Report it missing", kind="warning",
    says="Whoever has it no longer holds it from now on, and may get another. A breach assessment is opened (rule 16).",
    do=_report, about=about_camera, back=camera_page,
    hints={
        "noticed_at": "Local time. The force’s limit for reporting counts from here.",
        "last_seen": "The place, and when that was.",
        "circumstances": "What happened, where it was looked for, who was told.",
    },
).add_to(pages)  # fmt: skip


def _about(number: int) -> Rows:
    session, _ = caller()
    gone = cases.loss(session, number, now=utc_now())
    seen = f", as it said on {words.when(gone['device_seen_at'])}" if gone["device_seen_at"] else ""
    footage = "Not known: it never reported" if gone["unoffloaded"] is None else f"{gone['unoffloaded']}{seen}"
    return [
        {"key": "Camera", "value": f"{gone['serial']}, {words.word(gone['model'])}"},
        {"key": "Who had it", "value": gone["collar"] or "Nobody: it was in stock"},
        {"key": "State", "value": words.word(gone["state"])},
        {"key": "Noticed missing", "value": words.when(gone["noticed_at"])},
        {"key": "Recordings not offloaded", "value": footage},
        {"key": "Encryption", "value": words.encryption(gone["encryption"])},
        {"key": "Commissioner to be told by", "value": words.when(gone["assess_due_at"])},
    ]


def _assess(number: int, said: dict[str, Any]) -> str:
    version = assessments.assess(*caller(), number, said, now=utc_now())
    return f"Version {version} of the assessment is on record."


def _newest(number: int) -> dict[str, str]:
    session, _ = caller()
    versions = cases.loss(session, number, now=utc_now())["assessments"]
    if not versions:
        return {"after": "0"}
    instants = {name: versions[0][name] for name in ("psd_told_at", "ico_told_at")}
    local = {name: at.astimezone(LOCAL).strftime("%Y-%m-%dT%H:%M") for name, at in instants.items() if at}
    texts = {name: words.as_text(value) for name, value in versions[0].items() if name not in instants}
    return {**texts, **local, "after": texts["version"]}


Act(
    path="/losses/<int:key>/assess", name="assess", permission=Permission.LOSS_ASSESS, schema=schemas.AssessmentNote,
    heading="Breach assessment of loss {}", button="Put it on record",
    says="What is on record is never changed: saving adds a version. First, what the register knew when the "
    "camera was reported.",
    do=_assess, about=_about, back=_back, initial=_newest, kept=("after",),
    labels={
        "recordings": "What recordings may be on it", "affected": "Who may be affected",
        "risk": "The risk to the people recorded", "measures": "What was done, and is to be done",
        "decided_by": "Decided by",
    },
    hints={
        "recordings": "Of what incidents, from when to when, with or without encryption.",
        "affected": "Victims, witnesses, suspects, children, bystanders, officers; about how many.",
        "psd_told_at": "Local time. Empty while they are not told.",
        "ico_told_at": "Local time. By law within 72 hours of noticing, unless harm is unlikely.",
        "ico_reason": "Needed where there is a risk and the Commissioner is not told.",
        "decided_by": "The name and rank of whoever answers for this.",
    },
).add_to(pages)  # fmt: skip


def _decide(number: int, said: dict[str, Any]) -> str:
    outcome = LossState(said["outcome"])
    losses.decide(*caller(), number, outcome, crime_number=said["crime_number"], now=utc_now())
    return f"It is {outcome}. Its identity is revoked, and with it every pairing."


Act(
    path="/losses/<int:key>/decide", name="decide", permission=Permission.STOCK_MANAGE, schema=schemas.LossDecision,
    heading="Loss {}: lost or stolen", button="Put it on record", kind="warning",
    says="The device’s identity is revoked at once, and with it every pairing.",
    do=_decide, about=_about, back=_back, hints={"crime_number": "A theft has one."},
).add_to(pages)  # fmt: skip


def _recover(number: int, said: dict[str, Any]) -> str:
    losses.recover(*caller(), number, said, now=utc_now())
    return "It is recovered. Move it into quarantine when it is at the store."


Act(
    path="/losses/<int:key>/recover", name="recover", permission=Permission.STOCK_MANAGE, schema=schemas.Recovery,
    heading="Loss {}: recovered", button="Put it on record",
    do=_recover, about=_about, back=_back,
    labels={"where": "Where it was found", "by": "By whom", "condition": "In what condition"},
).add_to(pages)  # fmt: skip
