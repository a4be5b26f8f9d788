"""``/me``: the kit of whoever is signed in, their receipts, and their PIN."""

from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from fleet.auth import sign_in
from fleet.auth.permissions import Permission
from fleet.clock import utc_now
from fleet.custody import holdings
from fleet.errors import FleetError, Invalid
from fleet.pages import forms, visits
from fleet.people import pins
from fleet.people import service as people
from fleet.tasers import register as tasers
from fleet.visits import book
from fleet.web import allow, caller, service

pages = Blueprint("me_pages", __name__)


@pages.get("/me")
@allow(Permission.OWN_KIT_VIEW)
def me() -> str:
    """What I have, and when it is due back."""
    session, actor = caller()
    own = own_kit(session, actor.collar)
    return render_template(
        "me/me.html",
        collar=actor.collar,
        own=own,
        visits=book.recent_of(session, actor.collar) if own and actor.collar else [],
        pin=pins.standing(session, actor.collar) if own and actor.collar else "none",
        now=utc_now(),
    )


def own_kit(session: Session, collar: str | None) -> dict[str, object] | None:
    """An officer's record, cameras and Tasers; None for an account that belongs to no officer of the register."""
    if collar is None or not people.is_known(session, collar):
        return None
    return {
        "person": people.get(session, collar),
        "kit": holdings.kit(session, collar),
        "tasers": tasers.held_by(session, collar),
    }


@pages.get("/me/visits/<string:key>")
@allow(Permission.OWN_KIT_VIEW)
def visit(key: str) -> str:
    """What was issued to me in a visit to the counter."""
    return render_template("visits/visit.html", **_own(key), own=True, errors={})


@pages.get("/me/visits/<string:key>/receipt.pdf")
@allow(Permission.OWN_KIT_VIEW)
def receipt(key: str) -> Response:
    """My receipt as a file."""
    return visits.file_of(_own(key)["visit"])


@pages.post("/me/visits/<string:key>/disputes")
@allow(Permission.OWN_KIT_VIEW)
def dispute(key: str) -> ResponseReturnValue:
    """Say that something about a visit of mine is wrong."""
    found = _own(key)
    refused = forms.attempt(lambda: visits.disputed(key))
    if refused is not None:
        typed = {"note": request.form.get("note", "")}
        errors = forms.errors_of(refused)
        return render_template("visits/visit.html", **found, own=True, errors=errors, typed=typed), refused.status
    flash("It is noted beside the visit, for good.", "success")
    return redirect(f"/me/visits/{key}", 303)


def _own(key: str) -> dict[str, Any]:
    session, actor = caller()
    shown = visits.shown(session, key)
    book.require_of(shown["visit"], actor.collar)
    return shown


@pages.get("/me/pin")
@allow(Permission.OWN_ACCOUNT)
def ask_pin() -> str:
    """The form."""
    return _pin_form({})


@pages.post("/me/pin")
@allow(Permission.OWN_ACCOUNT)
def choose_pin() -> ResponseReturnValue:
    """Set my PIN. The password is asked for, since a browser that was left signed in must not be able to."""
    refused = _chosen()
    if refused is not None:
        return _pin_form(forms.errors_of(refused)), refused.status
    flash("Your PIN is set.", "success")
    return redirect("/me", 303)


def _chosen() -> FleetError | None:
    session, actor = caller()
    pin, now = request.form.get("pin", ""), utc_now()
    try:
        collar = _officer(session, actor.collar)
        _require_good(pin, collar)
        typed, address = request.form.get("password", ""), request.remote_addr or "unknown"
        if not sign_in.confirm(service().database, actor, password=typed, address=address, now=now):
            raise Invalid("This is not your password.", fields={"password": ["This is not your password."]})
    except FleetError as error:
        return error
    return forms.attempt(lambda: pins.choose(session, actor, collar, pin, now=now))


def _officer(session: Session, collar: str | None) -> str:
    if collar is None or not people.is_known(session, collar):
        raise Invalid("This account belongs to no officer.")
    return collar


def _require_good(pin: str, collar: str) -> None:
    if (problem := pins.weakness(pin, collar=collar)) is not None:
        raise Invalid(problem, fields={"pin": [problem]})
    if request.form.get("again") != pin:
        raise Invalid("The two differ.", fields={"again": ["The two PINs differ. Type the same twice."]})


def _pin_form(errors: dict[str, str]) -> str:
    session, actor = caller()
    known = actor.collar is not None and people.is_known(session, actor.collar)
    standing = pins.standing(session, actor.collar) if known and actor.collar else None
    digits = pins.LEAST_DIGITS, pins.MOST_DIGITS
    return render_template("me/pin.html", collar=actor.collar, standing=standing, digits=digits, errors=errors)
