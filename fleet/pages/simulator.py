"""``/simulator``: what officers and armourers do with their hands, for the demonstration's simulated devices."""

from pathlib import Path

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from fleet.auth.permissions import Permission
from fleet.clock import utc_now
from fleet.demonstration import simulator
from fleet.errors import Conflict, NotFound
from fleet.web import allow
from fleet.web import service as running

pages = Blueprint("simulator_pages", __name__)

# What can be done to a pair: the order, the button's words, and in which of its states it is offered.
ACTS = {
    "fire": "Fire",
    "test": "Function test",
    "safe": "Make safe",
    "pairing-mode": "Pairing mode",
    "stop": "Stop recording",
    "cancel": "Cancel (false start)",
    "camera-off": "Switch camera off",
    "camera-on": "Switch camera on",
    "walk-off": "Walk out of range",
    "walk-back": "Come back",
    "dock": "Put on dock",
    "undock": "Lift from dock",
    "swap": "Swap battery",
}
_ALWAYS = ("fire", "test", "swap")


def _folder() -> Path:
    settings = running().fleet_settings
    if not settings.demonstration:
        raise NotFound("Nothing is simulated here.")
    return settings.var / simulator.FOLDER


@pages.get("/simulator")
@allow(Permission.PAIRING_VIEW)
def page() -> ResponseReturnValue:
    """The simulated officers."""
    return render_template("simulator/simulator.html", **_shown())


@pages.get("/simulator/state")
@allow(Permission.PAIRING_VIEW)
def state() -> ResponseReturnValue:
    """The part of the page that is brought up to date every second."""
    return render_template("simulator/state.html", **_shown())


def _shown() -> dict[str, object]:
    found = simulator.state(_folder(), now=utc_now())
    offered = {} if found is None else {pair["number"]: _offered(pair) for pair in found["pairs"]}
    return {"simulation": found, "offered": offered}


def _offered(pair: dict[str, object]) -> list[tuple[str, str]]:
    """What makes sense to do now."""
    acts = [*_ALWAYS]
    acts += ["safe"] if pair["safety"] == "armed" else []
    acts += ["undock"] if pair["docked"] else ["dock"]
    acts += ["walk-back"] if pair["away"] else ["walk-off"]
    if pair["mode"] == "off":
        acts += [] if pair["docked"] else ["camera-on"]
    else:
        acts += ["camera-off", "pairing-mode"]
    acts += ["stop", "cancel"] if pair["mode"] == "recording" else []
    return [(act, text) for act, text in ACTS.items() if act in acts]


@pages.post("/simulator/<int:number>/<act>")
@allow(Permission.PAIRING_VIEW)
def do(number: int, act: str) -> ResponseReturnValue:
    """Do something to a pair."""
    folder = _folder()
    if act not in ACTS:
        raise NotFound(f"Nobody can {act}.")
    if simulator.state(folder, now=utc_now()) is None:
        raise Conflict("The simulation does not run. It is a process of make run.")
    simulator.order(folder, act, number, now=utc_now())
    return ("", 204) if request.headers.get("HX-Request") else redirect("/simulator", 303)
