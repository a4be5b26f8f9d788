"""``/accounts`` and ``/tokens``: who may sign in, and which machines may call.

What can be used to get in (a one-time password, a badge, a token) is in the answer to the form that asked for it and
nowhere else: not in an address, not in the cookie that carries messages from page to page.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import marshmallow as ma
from flask import Blueprint, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue

from fleet import idempotency
from fleet.actors import Role
from fleet.api import Identifier, ListQuery, Schema, Text, Word, answer_page
from fleet.auth import accounts, names
from fleet.auth.models import AccountState
from fleet.auth.permissions import Permission
from fleet.clock import utc_now
from fleet.errors import FleetError, Invalid
from fleet.pages import forms
from fleet.pages.barcodes import code_128
from fleet.pages.listing import Column, Listing
from fleet.people import sign_ins
from fleet.web import allow, caller

pages = Blueprint("accounts_pages", __name__)
_TOKEN_DAYS = 365
_HUMANS = ma.validate.OneOf([str(role) for role in Role if role not in accounts.MACHINES])


class AccountQuery(ListQuery):
    role = ma.fields.String(validate=_HUMANS)
    state = Word(AccountState)
    q = ma.fields.String()


class AccountChange(Schema):
    role = ma.fields.String(required=True, validate=_HUMANS)
    collar = Identifier(allow_none=True, load_default=None)


class NewAccount(AccountChange):
    name = Text(required=True)


class WhySchema(Schema):
    reason = Text(required=True)


class NewToken(Schema):
    name = Text(required=True)
    role = Word(Role, required=True)
    days = ma.fields.Integer(load_default=_TOKEN_DAYS, validate=ma.validate.Range(1, 3_650))


Listing(
    path="/accounts", title="Accounts", one="account", many="accounts", view=Permission.ACCOUNT_MANAGE,
    query=AccountQuery, find=accounts.find, count=accounts.count, sorts=["name", "created_at"],
    columns=[Column("name", to="account"), Column("role", "Role", "word"), Column("collar", "Officer", to="person"),
             Column("state", "State", "word"), Column("created_at", "Made", "when")],
    exported=["name", "role", "collar", "state", "created_at"],
    search="Name or collar number", add=Permission.ACCOUNT_MANAGE,
).add_to(pages)  # fmt: skip


@pages.get("/accounts/new")
@allow(Permission.ACCOUNT_MANAGE)
def new() -> ResponseReturnValue:
    """The form for a new account."""
    return _new_form(None, 200)


@pages.post("/accounts/new")
@allow(Permission.ACCOUNT_MANAGE)
def create() -> ResponseReturnValue:
    """Make an account and show its one-time password."""
    made: list[tuple[str, str]] = []
    error = forms.attempt(lambda: made.append(_created()))
    if error is not None:
        return _new_form(error, error.status)
    name, password = made[0]
    return _once("one-time password", password, about=name, href=f"/accounts/{name}")


def _created() -> tuple[str, str]:
    asked = forms.read(NewAccount(), request.form)
    role, collar = Role(asked["role"]), asked["collar"]
    name = names.new_account_name(asked["name"])
    return name, sign_ins.create(*caller(), name=name, role=role, collar=collar, now=utc_now())


def _new_form(error: FleetError | None, status: int) -> tuple[str, int]:
    fields = forms.fields_of(NewAccount, hints={"collar": "An officer’s account belongs to one."})
    errors = forms.errors_of(error)
    page = render_template(
        "record_form.html",
        heading="Add an account",
        fields=fields,
        errors=errors,
        typed=request.form,
        back="/accounts",
        version=None,
    )
    return page, status


@pages.get("/accounts/<name>")
@allow(Permission.ACCOUNT_MANAGE)
def account(name: str) -> ResponseReturnValue:
    """An account, its last sign-ins, and what can be done to it."""
    return _account(name, None, 200)


def _account(name: str, error: FleetError | None, status: int) -> tuple[str, int]:
    session, actor = caller()
    shown = accounts.shown(session, name)
    page = render_template(
        "accounts/account.html",
        account=shown,
        own=actor.name == f"account:{shown['name']}",
        sign_ins=accounts.last_sign_ins(session, shown["name"]),
        roles=_HUMANS.choices,
        errors=forms.errors_of(error),
        failed=request.path.rpartition("/")[2],
        typed=request.form,
    )
    return page, status


@pages.post("/accounts/<name>")
@allow(Permission.ACCOUNT_MANAGE)
def revise(name: str) -> ResponseReturnValue:
    """Change its role and whose it is."""
    return _done(name, lambda: _revised(name), "The account is changed, and signed out wherever it was signed in.")


def _revised(name: str) -> None:
    asked = forms.read(AccountChange(), request.form)
    sign_ins.revise(*caller(), name, role=Role(asked["role"]), collar=asked["collar"], now=utc_now())


@pages.post("/accounts/<name>/lock")
@allow(Permission.ACCOUNT_MANAGE)
def lock(name: str) -> ResponseReturnValue:
    """Keep it from being used."""
    return _done(
        name, lambda: accounts.lock(*caller(), name, reason=_reason(), now=utc_now()), "The account is locked."
    )


@pages.post("/accounts/<name>/unlock")
@allow(Permission.ACCOUNT_MANAGE)
def unlock(name: str) -> ResponseReturnValue:
    """Let it be used again."""
    act = lambda: accounts.unlock(*caller(), name, reason=_reason(), now=utc_now())  # noqa: E731
    return _done(name, act, "The account is unlocked.")


@pages.post("/accounts/<name>/close")
@allow(Permission.ACCOUNT_MANAGE)
def close(name: str) -> ResponseReturnValue:
    """Close a leaver's account."""
    return _done(
        name, lambda: accounts.close(*caller(), name, reason=_reason(), now=utc_now()), "The account is closed."
    )


def _reason() -> str:
    reason: str = forms.read(WhySchema(), request.form)["reason"]
    return reason


def _done(name: str, act: Callable[[], None], said: str) -> ResponseReturnValue:
    error = forms.attempt(act)
    if error is not None:
        return _account(name, error, error.status)
    flash(said, "success")
    return redirect(f"/accounts/{name}", 303)


@pages.post("/accounts/<name>/password")
@allow(Permission.ACCOUNT_MANAGE)
def reset_password(name: str) -> ResponseReturnValue:
    """Give it a new one-time password and show that."""
    password = accounts.reset_password(*caller(), name, now=utc_now())
    return _once("one-time password", password, about=name, href=f"/accounts/{name}")


@pages.post("/accounts/<name>/badge")
@allow(Permission.ACCOUNT_MANAGE)
def issue_badge(name: str) -> ResponseReturnValue:
    """Give it a new badge and show that, to be printed."""
    badge = accounts.issue_badge(*caller(), name, now=utc_now())
    return _once("badge", badge, about=name, href=f"/accounts/{name}", barcode=code_128(badge))


@pages.post("/accounts/<name>/badge/withdraw")
@allow(Permission.ACCOUNT_MANAGE)
def withdraw_badge(name: str) -> ResponseReturnValue:
    """Make a lost badge useless."""
    return _done(name, lambda: accounts.withdraw_badge(*caller(), name, now=utc_now()), "The badge is withdrawn.")


def _once(what: str, secret: str, **more: Any) -> str:
    """The page that shows what lets somebody in. It is never kept as the answer to a repeated request."""
    if idempotency.applies(request):
        raise Invalid(f"This page takes no {idempotency.HEADER}, since its answer is not kept.")
    return render_template("accounts/once.html", what=what, secret=secret, **more)


@pages.get("/tokens")
@allow(Permission.TOKEN_MANAGE)
def tokens() -> ResponseReturnValue:
    """Every token, and the form for a new one."""
    return _tokens(None, 200)


@pages.post("/tokens")
@allow(Permission.TOKEN_MANAGE)
def create_token() -> ResponseReturnValue:
    """Make a token and show it."""
    made: list[tuple[str, str]] = []
    error = forms.attempt(lambda: made.append(_token_made()))
    if error is not None:
        return _tokens(error, error.status)
    name, token = made[0]
    return _once("token", token, about=name, href="/tokens")


def _token_made() -> tuple[str, str]:
    asked = forms.read(NewToken(), request.form)
    lasts = timedelta(days=asked["days"])
    token = accounts.create_token(*caller(), name=asked["name"], role=asked["role"], lasts=lasts, now=utc_now())
    return asked["name"], token


def _tokens(error: FleetError | None, status: int) -> tuple[str, int]:
    session, _ = caller()
    query = {"limit": 50, "cursor": request.args.get("cursor")}
    found = answer_page("page tokens", query, lambda paging: accounts.find_tokens(session, paging))
    fields = forms.fields_of(NewToken, hints={"days": f"How long it lasts: {_TOKEN_DAYS} unless you say otherwise."})
    page = render_template(
        "accounts/tokens.html",
        found=found,
        fields=fields,
        errors=forms.errors_of(error),
        typed=request.form,
        now=utc_now(),
    )
    return page, status


@pages.post("/tokens/revoke")
@allow(Permission.TOKEN_MANAGE)
def revoke_token() -> ResponseReturnValue:
    """Make a token useless."""
    name = request.form.get("name", "")
    accounts.revoke_token(*caller(), name, now=utc_now())
    flash("The token is revoked.", "success")
    return redirect("/tokens", 303)
