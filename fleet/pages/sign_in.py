"""``/sign-in``, ``/sign-out`` and ``/password``."""

from datetime import timedelta

from flask import Blueprint, flash, g, redirect, render_template, request
from flask import session as cookie
from flask.typing import ResponseReturnValue

from fleet.auth import service as auth
from fleet.auth import sign_in as passwords
from fleet.auth.permissions import Permission
from fleet.auth.secret import LEAST_PASSWORD
from fleet.clock import utc_now
from fleet.errors import FleetError, Invalid, Unauthenticated
from fleet.gate import COOKIE_TOKEN
from fleet.pages import forms
from fleet.web import allow, caller, public, service

pages = Blueprint("sign_in_pages", __name__)
_LONGEST_PATH = 2_000
_REFUSED = (
    "The name or the password is not right, or the account may not be used just now. "
    "If you are sure of both, ask an administrator."
)


def local_path(text: str | None) -> str:
    """A path of this service to go on to, or the front page: never another host, however a browser reads it.

    Browsers take a backslash for a slash, drop tabs and line ends, and read two slashes as a host (WHATWG URL, 4.4).
    """
    if not text or len(text) > _LONGEST_PATH or not text.isprintable():
        return "/"
    if not text.startswith("/") or text.startswith("//") or "\\" in text:
        return "/"
    return text


@pages.get("/sign-in")
@public
def ask() -> ResponseReturnValue:
    """The form."""
    return _form({}, 200)


@pages.post("/sign-in")
@public
def sign_in() -> ResponseReturnValue:
    """Open a session. A browser that brought one loses it, and every trace of it in its cookie."""
    name, password = request.form.get("name", "").strip(), request.form.get("password", "")
    if missing := _missing(name, password):
        return _form(missing, 422)
    outcome = passwords.sign_in(
        service().database, name=name, password=password, address=_address(), lasts=_lasts(), now=utc_now()
    )
    if outcome.token is None:
        return _form({"": _REFUSED}, 401)
    _enter(outcome.token)
    return redirect("/password" if outcome.must_change else local_path(request.form.get("next")), 303)


def _missing(name: str, password: str) -> dict[str, str]:
    asked = {"name": (name, "Enter your name."), "password": (password, "Enter your password.")}
    return {field: problem for field, (typed, problem) in asked.items() if not typed}


def _form(errors: dict[str, str], status: int) -> tuple[str, int]:
    onward = local_path(request.values.get("next"))
    return render_template("auth/sign_in.html", errors=errors, name=request.form.get("name", ""), next=onward), status


def _address() -> str:
    return request.remote_addr or "unknown"


def _lasts() -> timedelta:
    return timedelta(hours=service().fleet_settings.session_hours)


def _enter(token: str) -> None:
    before = cookie.get(COOKIE_TOKEN)
    cookie.clear()
    cookie[COOKIE_TOKEN] = token
    if before is not None:
        session, _ = caller()
        auth.sign_out(session, before, now=utc_now())


@pages.post("/sign-out")
@public
def sign_out() -> ResponseReturnValue:
    """End the session. Public, since whoever may do nothing else may leave."""
    session, _ = caller()
    auth.sign_out(session, cookie.get(COOKIE_TOKEN, ""), now=utc_now())
    cookie.clear()
    return redirect("/sign-in", 303)


@pages.get("/password")
@allow(Permission.OWN_ACCOUNT)
def password() -> ResponseReturnValue:
    """The form for a password of one's own."""
    return _password_form(None, 200)


@pages.post("/password")
@allow(Permission.OWN_ACCOUNT)
def change_password() -> ResponseReturnValue:
    """Change it. Every session of the account ends, and this browser gets a new one."""
    made: list[passwords.Outcome] = []
    error = forms.attempt(lambda: made.append(_changed()))
    if isinstance(error, Invalid):
        return _password_form(error, 422)
    if error is not None:
        raise error
    if made[0].token is None and g.signed_in.must_change:
        raise Unauthenticated("Your account was changed meanwhile. Sign in again.")
    if made[0].token is None:
        problem = "The current password is not right."
        return _password_form(Invalid(problem, fields={"current_password": [problem]}), 422)
    _enter(made[0].token)
    flash("Your password is changed. Every other browser you were signed in with is signed out.", "success")
    return redirect("/", 303)


def _changed() -> passwords.Outcome:
    _, actor = caller()
    database, lasts, now = service().database, _lasts(), utc_now()
    new = request.form.get("new_password", "")
    if g.signed_in.must_change:
        return passwords.choose_password(database, actor, new=new, lasts=lasts, now=now)
    current = request.form.get("current_password", "")
    return passwords.change_password(
        database, actor, current=current, new=new, address=_address(), lasts=lasts, now=now
    )


def _password_form(error: FleetError | None, status: int) -> tuple[str, int]:
    errors = forms.errors_of(error)
    must_change = g.signed_in.must_change
    page = render_template("auth/password.html", errors=errors, must_change=must_change, minimum_length=LEAST_PASSWORD)
    return page, status
