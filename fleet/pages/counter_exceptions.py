"""``/counter/exceptions``: acts of a counter without a line that the service refused, until somebody settles each."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue

from fleet.auth.permissions import Permission
from fleet.clock import utc_now
from fleet.counter import exceptions
from fleet.counter.exceptions import Decision
from fleet.counter.models import Settlement
from fleet.counter.schemas import ExceptionQuery, SettleRequest
from fleet.custody import holdings
from fleet.errors import FleetError
from fleet.pages import forms, words
from fleet.pages.listing import Column, Listing
from fleet.web import allow, caller, service

pages = Blueprint("counter_exceptions", __name__)

LIST = Listing(
    path="/counter/exceptions", title="Exceptions of the counter", one="exception", many="exceptions",
    view=Permission.COUNTER_USE, query=ExceptionQuery, find=exceptions.find, count=exceptions.count,
    sorts=["number"], descending=True, search="Camera or officer",
    empty="Whatever counters did without a line, the service has accepted.",
    columns=[
        Column("number", "Exception", to="counter-act"), Column("made_at", "Made", show="when"),
        Column("kind", "What", show="word"), Column("camera", to="camera"), Column("officer", to="person"),
        Column("clerk", show="who"), Column("problem", "Why refused"), Column("settled_at", "Settled", show="when"),
    ],
    exported=[
        "number", "made_at", "received_at", "kind", "camera", "officer", "clerk", "sender", "rule", "problem",
        "settled_at", "settled_by", "settlement", "reason",
    ],
)  # fmt: skip
LIST.add_to(pages)

_WAYS = {
    Settlement.DONE_AGAIN: "Do it now after all, as it was meant",
    Settlement.PUT_RIGHT: "The register is wrong: put it right",
    Settlement.DISMISSED: "Leave the register as it is",
}


@pages.get("/counter/exceptions/<int:number>")
@allow(Permission.COUNTER_USE)
def exception(number: int) -> ResponseReturnValue:
    """One exception: what was done, why it was refused, what the register says now, and how to settle it."""
    return _page(number)


@pages.post("/counter/exceptions/<int:number>/settle")
@allow(Permission.STOCK_MANAGE)
def settle(number: int) -> ResponseReturnValue:
    """Settle it; or show it again with what refused, and what was typed."""

    def act() -> None:
        decision = Decision(**forms.read(SettleRequest(), request.form))
        exceptions.settle(*caller(), number, decision, policy=service().fleet_settings.policy, now=utc_now())

    refused = forms.attempt(act)
    if refused is not None:
        return _page(number, refused)
    flash(f"Exception {number} is settled.", "success")
    return redirect("/counter/exceptions?state=open", 303)


def _page(number: int, refused: FleetError | None = None) -> ResponseReturnValue:
    session, _ = caller()
    found = exceptions.get(session, number)
    shown: dict[str, Any] = {
        "exception": found,
        "camera": holdings.get(session, found["camera"]) if found["camera"] else None,
        "ways": [(str(way), text) for way, text in _WAYS.items()],
        "meant": _meant(found),
        "typed": request.form,
        "errors": forms.errors_of(refused),
    }
    return render_template("counter/exception.html", **shown), refused.status if refused else 200


def _meant(found: dict[str, Any]) -> str:
    """What the clerk was told, in a sentence."""
    body = found["body"]
    what = found["camera"] or body.get("camera") or body.get("scan") or "something"
    told = {
        "issue": f"{what} was issued to {found['officer']}.",
        "return": f"{what} was returned{' from ' + found['officer'] if found['officer'] else ''}.",
        "take-over": f"{what} was taken over by {body.get('officer')} from {body.get('holder')}.",
        "undo": "The act before was undone.",
        "withdraw": "An act that waited was undone.",
        "live": f"{what} was scanned; the line went before the answer came.",
        "scan": f"{what} was scanned, and could not be checked.",
    }
    return told.get(found["kind"], f"{words.word(found['kind'])}.")
