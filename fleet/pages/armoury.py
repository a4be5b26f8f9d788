"""``/armoury``: pair by scanning an X2 and a camera, watch it happen, and see what waits."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import marshmallow as ma
from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from fleet.api import Identifier, Schema, Text
from fleet.auth.permissions import Permission
from fleet.clock import utc_now
from fleet.errors import FleetError
from fleet.pages import forms
from fleet.pages.pairings import live
from fleet.paging import Paging
from fleet.pairings import jobs, scans, service, stations, switch
from fleet.pairings.service import Wanted
from fleet.pairings.states import JobKind
from fleet.tasers import register as tasers
from fleet.tasers.states import PairingState
from fleet.web import allow, caller
from fleet.web import service as running

pages = Blueprint("armoury_pages", __name__)

_SHOWN = 10
# What a scan is for. Pairing is what scanner and Enter do; the others are chosen first.
ACTS = {
    JobKind.PAIR: "Pair a Taser with a camera",
    JobKind.COMMISSION: "Commission a device",
    JobKind.READ_LOG: "Read a Taser’s log",
}


class Scan(Schema):
    """What is scanned, what was scanned before it, and what for."""

    scanned = Text(required=True)
    act = ma.fields.String(load_default=str(JobKind.PAIR), validate=ma.validate.OneOf([str(act) for act in ACTS]))
    taser = Identifier(load_default=None)
    camera = Identifier(load_default=None)
    station = Identifier(load_default=None)


@pages.get("/armoury")
@allow(Permission.PAIRING_VIEW)
def armoury() -> ResponseReturnValue:
    """The scan, the pairing that is being made, and what waits."""
    return _page(request.args, None)


@pages.post("/armoury")
@allow(Permission.PAIRING_MANAGE)
def scan() -> ResponseReturnValue:
    """Take a scan: the first device is remembered, the second makes a pairing of the two."""
    done: list[dict[str, Any]] = []
    refused = forms.attempt(lambda: done.append(_scanned(forms.read(Scan(), request.form))))
    # What was refused is at an end: the next scan begins anew.
    chosen = {name: request.form.get(name, "") for name in ("act", "station")}
    kept = chosen if refused is not None else {name: str(value) for name, value in done[0].items() if value}
    if "HX-Request" in request.headers:
        return render_template("armoury/state.html", **_state(kept, refused))
    if refused is not None:
        return _page(kept, refused)
    return redirect(f"/armoury?{urlencode(kept)}", 303)


def _scanned(said: Mapping[str, Any]) -> dict[str, Any]:
    """Carry out a scan, and answer what the page is to remember."""
    session, actor = caller()
    found = scans.recognise(session, said["scanned"])
    kept = {"act": said["act"], "station": said["station"]}
    if said["act"] != JobKind.PAIR:
        asked = {str(found.kind): found.serial, "station": said["station"]}
        number = service.ask(session, actor, JobKind(said["act"]), asked, now=utc_now())
        return kept | {"job": number}
    devices = {"taser": said["taser"], "camera": said["camera"], str(found.kind): found.serial}
    if devices["taser"] is None or devices["camera"] is None:
        return kept | devices
    policy = running().fleet_settings.policy
    wanted = Wanted(devices["taser"], devices["camera"], said["station"])
    return kept | {"pairing": service.authorise(session, actor, wanted, policy=policy, now=utc_now())}


def _state(kept: Mapping[str, str], refused: FleetError | None) -> dict[str, Any]:
    """What the last scan came to, and what is scanned next."""
    session, _ = caller()
    number = kept.get("pairing", "")
    is_number = number.isdecimal() and len(number) < len(str(2**31))
    asks = "Scan a Taser or a camera"
    if kept.get("taser") or kept.get("camera"):
        asks = "Scan the camera" if kept.get("taser") else "Scan the Taser"
    return {
        "kept": kept,
        "asks": asks,
        "pairing": live(session, int(number)) if is_number else None,
        "errors": forms.errors_of(refused),
    }


def _page(kept: Mapping[str, str], refused: FleetError | None) -> ResponseReturnValue:
    session, _ = caller()
    page = render_template(
        "armoury/armoury.html",
        acts=[(str(act), text) for act, text in ACTS.items()],
        stations=stations.names(session, now=utc_now()),
        switch=switch.state(session),
        **_state(kept, refused),
        **_waiting(),
    )
    return page, refused.status if refused else 200


def _waiting() -> dict[str, Any]:
    """What the armoury has to do."""
    session, _ = caller()
    few = Paging(_SHOWN)
    return {
        "queue": jobs.waiting(session, limit=50),
        "suspended": service.find(session, {"state": PairingState.SUSPENDED}, few).items,
        "untested": service.find(session, {"state": PairingState.AGREED}, few).items,
        "full": tasers.nearly_full(session, limit=_SHOWN),
        "spares": tasers.spares(session),
    }


@pages.get("/armoury/queue")
@allow(Permission.PAIRING_VIEW)
def queue() -> str:
    """What stations are doing and are to do, for the page to keep up to date."""
    session, _ = caller()
    return render_template("armoury/queue.html", queue=jobs.waiting(session, limit=50))
