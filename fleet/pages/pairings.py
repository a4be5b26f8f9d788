"""``/pairings``, ``/station-jobs`` and the force-wide switch."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from fleet.api import Schema, Text
from fleet.auth.permissions import Permission
from fleet.clock import utc_now
from fleet.errors import FleetError, NotFound
from fleet.pages import forms, words
from fleet.pages.acts import Act, Rows
from fleet.pages.listing import Above, Column, Listing, older
from fleet.pairings import jobs, schemas, service, switch
from fleet.pairings.states import OPEN_JOBS, JobKind, JobState
from fleet.tasers.states import PairingState
from fleet.web import allow, caller

pages = Blueprint("pairings_pages", __name__)

Listing(
    path="/pairings", title="Pairings", one="pairing", many="pairings", view=Permission.PAIRING_VIEW,
    query=schemas.PairingQuery, find=service.find, count=service.count, sorts=list(service.SORTS), descending=True,
    search="Serial of the Taser, its SPPM or the camera",
    columns=[
        Column("id", "Pairing", to="pairing"), Column("taser", to="taser"), Column("sppm"),
        Column("camera", to="camera"), Column("state", show="word"), Column("because", "Why", show="word"),
        Column("tested_at", "Tested", show="when"), Column("created_at", "Begun", show="when"),
    ],
    exported=["id", "taser", "sppm", "camera", "state", "because", "taser_holder", "camera_holder", "created_at",
              "created_by", "agreed_at", "tested_at", "changed_at"],
    above=Above("pairings/switch_state.html", switch.state),
    empty="An armourer scans a Taser and a camera at the armoury.",
).add_to(pages)  # fmt: skip

Listing(
    path="/station-jobs", title="What stations did", one="job", many="jobs", view=Permission.PAIRING_VIEW,
    query=schemas.StationJobQuery, find=jobs.find, count=jobs.count, sorts=list(jobs.SORTS), descending=True,
    columns=[
        Column("created_at", "Queued", show="when"), Column("kind", show="word"), Column("taser", to="taser"),
        Column("camera", to="camera"), Column("pairing", to="pairing"), Column("station"),
        Column("state", show="word"), Column("detail"),
    ],
    exported=["id", "kind", "taser", "camera", "pairing", "station", "state", "by", "created_at", "leased_at",
              "ended_at", "detail"],
    empty="What is scanned at the armoury is carried out by a station.",
).add_to(pages)  # fmt: skip


def live(session: Session, number: int) -> dict[str, Any] | None:
    """A pairing as its live part shows it, or None where there is none of that number."""
    try:
        found = service.get(session, number)
    except NotFound:
        return None
    is_open = found["job"] is not None and found["job"]["state"] in OPEN_JOBS
    goes_on = is_open and found["state"] is not PairingState.REVOKED
    return found | {"goes_on": goes_on, "says": _says(found), "seen": _seen(found)}


_SAYS = {
    PairingState.AGREED: "Agreed, and not tested yet",
    PairingState.TESTED: "Tested",
    PairingState.ACTIVE: "Paired and tested",
    PairingState.SUSPENDED: "Suspended",
    PairingState.REVOKED: "Not paired",
}


def _says(found: dict[str, Any]) -> str:
    """What is to be done or was done, in a few words."""
    job = None if found["state"] is PairingState.REVOKED else found["job"]
    if job is not None and job["state"] is JobState.QUEUED:
        return "Waiting for the station"
    if job is not None and job["state"] is JobState.LEASED:
        is_test = job["kind"] is JobKind.TEST or found["state"] is PairingState.AGREED
        if is_test and found["state"] is not PairingState.ACTIVE:
            return "Arm and arc now"
        if found["state"] is PairingState.AUTHORISED:
            return "Being paired"
    return _SAYS.get(found["state"], "Being paired")


def _seen(found: dict[str, Any]) -> str:
    """What tells whether anything has changed since it was shown."""
    job, steps = found["job"], found["steps"]
    last = steps[-1] if steps else {"number": 0, "state": ""}
    parts = [found["state"], job and job["state"], job and job["id"], len(steps), last["number"], last["state"]]
    return "-".join(str(part) for part in parts)


@pages.get("/pairings/<int:number>/live")
@allow(Permission.PAIRING_VIEW)
def live_part(number: int) -> ResponseReturnValue:
    """The steps, for the page to keep up to date; nothing when nothing is new."""
    session, _ = caller()
    found = live(session, number)
    if found is None:
        raise NotFound(f"There is no pairing {number}.")
    if request.args.get("seen") == found["seen"]:
        return Response(status=204)
    return render_template("pairings/live.html", pairing=found)


@pages.get("/pairings/<int:number>")
@allow(Permission.PAIRING_VIEW)
def pairing(number: int) -> ResponseReturnValue:
    """One pairing: how it stands, its steps and its history."""
    return _page(number, None)


def _page(number: int, refused: FleetError | None) -> ResponseReturnValue:
    session, _ = caller()
    found = live(session, number)
    if found is None:
        raise NotFound(f"There is no pairing {number}.", found={"pairing": number})
    past = older(f"page pairing {number}", lambda part: service.history(session, number, part))
    errors = forms.errors_of(refused)
    page = render_template("pairings/pairing.html", pairing=found, past=past, errors=errors)
    return page, refused.status if refused else 200


def _done(number: int, act: Callable[[], Any], said: str) -> ResponseReturnValue:
    refused = forms.attempt(act)
    if refused is not None:
        return _page(number, refused)
    flash(said, "success")
    return redirect(f"/pairings/{number}", 303)


@pages.post("/pairings/<int:number>/test")
@allow(Permission.PAIRING_MANAGE)
def test(number: int) -> ResponseReturnValue:
    """Have a station watch a function test."""
    act = lambda: service.again(*caller(), number, JobKind.TEST, None, now=utc_now())  # noqa: E731
    return _done(number, act, "A station waits for the function test. Put both beside it, then arm and arc.")


@pages.post("/pairings/<int:number>/rekey")
@allow(Permission.PAIRING_MANAGE)
def rekey(number: int) -> ResponseReturnValue:
    """Have a station bring them together for new keys."""
    act = lambda: service.again(*caller(), number, JobKind.REKEY, None, now=utc_now())  # noqa: E731
    return _done(number, act, "A station waits for both devices, which then agree on new keys.")


@pages.post("/pairings/<int:number>/revoke")
@allow(Permission.PAIRING_MANAGE)
def revoke(number: int) -> ResponseReturnValue:
    """End it for good."""
    act = lambda: service.revoke(*caller(), number, now=utc_now())  # noqa: E731
    return _done(number, act, "It is revoked. Its history stays.")


class _Reason(Schema):
    reason = Text(required=True)


_TO = {"ON": True, "OFF": False}


def _turn(key: str, said: dict[str, Any]) -> str:
    switch.turn(*caller(), on=_TO[key], reason=said["reason"], now=utc_now())
    return f"Pairing is switched {key.lower()} for the whole force."


def _about(key: str) -> Rows:
    if key not in _TO:
        raise NotFound("The switch is on or off.")
    session, _ = caller()
    now = switch.state(session)
    rows = [{"key": "Pairing is", "value": "on" if now["on"] else "off"}]
    if now["at"] is not None:
        rows += [{"key": "Since", "value": words.when(now["at"])}, {"key": "Why", "value": now["reason"]}]
        rows.append({"key": "By", "value": words.who(now["by"])})
    return rows


Act(
    path="/pairings/switch/<identifier:key>", name="switch", permission=Permission.PAIRING_SWITCH, schema=_Reason,
    heading="Switch pairing {}", button="Switch it",
    says="For the whole force (rule 1). On, once the encryption and the security of the Bluetooth connection are in "
    "place (¶15, ¶17). Off, nothing new is paired; what is paired goes on recording activations.",
    do=_turn, about=_about, back=lambda _key: "/pairings",
    hints={"reason": "What was put in place, or what is being looked into."},
).add_to(pages)  # fmt: skip
