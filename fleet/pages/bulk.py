"""``/bulk``: one act on many cameras, previewed before it is carried out."""

import csv
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlencode

import marshmallow as ma
from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from fleet.auth.permissions import Permission
from fleet.clock import utc_now
from fleet.custody.schemas import CameraQuery
from fleet.errors import FleetError, Invalid
from fleet.pages import forms, words
from fleet.pages.listing import older
from fleet.stock import bulk as acts
from fleet.stock.bulk_schemas import WANTED, NewBulkAct
from fleet.stock.bulk_views import rows_of
from fleet.stock.pasted import texts_of
from fleet.stock.states import BulkOutcome, BulkVerb
from fleet.web import allow, caller
from fleet.web import service as running

pages = Blueprint("bulk_pages", __name__)
_ONE = "/bulk/<int(max=9223372036854775807):number>"

# What each verb says, in the order in which a store comes to need them.
SAYS: dict[BulkVerb, str] = {
    BulkVerb.RETURN: "Return them",
    BulkVerb.MOVE: "Move them, into quarantine or into stock",
    BulkVerb.ISSUE: "Issue each to an officer",
    BulkVerb.DUE_BACK: "Change when they are due back",
    BulkVerb.HOME_DOCK: "Give them another home dock",
    BulkVerb.USE: "Use them for something else",
}
_LINE = ("serial", "collar", "kind", "due_back")


@pages.get("/bulk/new")
@allow(Permission.STOCK_MANAGE)
def ask() -> ResponseReturnValue:
    """The form: which act, on which cameras. The camera list's filters come in the address."""
    return _form(urlencode({name: text for name, text in request.args.items() if text}), {}, None)


@pages.post("/bulk/new")
@allow(Permission.STOCK_MANAGE)
def preview() -> ResponseReturnValue:
    """Judge the act on each camera, and show that."""
    made: list[int] = []

    def act() -> None:
        body = _body()
        policy = running().fleet_settings.policy
        rows = rows_of(body)
        made.append(acts.preview(*caller(), body["verb"], body["wanted"], rows, policy=policy, now=utc_now()))

    refused = forms.attempt(act)
    if refused is not None:
        return _form(request.form.get("filters", ""), request.form, refused)
    return redirect(url_for(".act", number=made[0]), 303)


def _body() -> dict[str, Any]:
    typed = request.form
    verb = forms.read(_VerbForm(), typed)["verb"]
    wanted = forms.read(WANTED[verb](), typed, prefix=f"{verb}-")
    sent: dict[str, Any] = {"verb": str(verb), "wanted": wanted, **_cameras(verb)}
    try:
        loaded: dict[str, Any] = NewBulkAct().load(sent)
    except ma.ValidationError as error:
        raise Invalid("These cameras cannot be used.", fields={"paste": [_first(error.messages)]}) from error
    return loaded


def _first(messages: Any) -> str:
    """One of many faults, with where it is."""
    where = []
    while isinstance(messages, dict):
        name, messages = next(iter(messages.items()))
        where.append(f"line {name + 1}" if isinstance(name, int) else str(name))
    return f"{', '.join(where)}: {' '.join(messages)}"


class _VerbForm(NewBulkAct):
    class Meta:
        fields = ("verb",)
        unknown = ma.EXCLUDE

    @ma.validates_schema
    def _is_one(self, data: dict[str, Any], **_: Any) -> None:
        """The cameras are read afterwards."""

    @ma.post_load
    def _made(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return data


def _cameras(verb: BulkVerb) -> dict[str, Any]:
    file = request.files.get("file")
    content = file.read() if file else b""
    pasted = request.form.get("paste", "")
    filters = request.form.get("filters", "")
    if verb is BulkVerb.ISSUE:
        return {"issues": _lines(pasted, content)}
    if filters and not pasted.strip() and not content:
        return {
            "filters": {name: texts[0] for name, texts in parse_qs(filters).items() if name not in {"sort", "order"}}
        }
    return {"cameras": texts_of(pasted, content)}


def _lines(pasted: str, file: bytes) -> list[dict[str, str]]:
    """Lines of serial, collar number, and perhaps kind and due back."""
    try:
        text = f"{pasted}\n{file.decode('utf-8-sig')}"
    except UnicodeDecodeError as error:
        what = "This file is not text in UTF-8. Save it as CSV UTF-8."
        raise Invalid(what, fields={"file": [what]}) from error
    rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines()) if any(row)]
    if rows and rows[0][0].lower() == "serial":
        rows = rows[1:]
    if not rows:
        what = "Paste lines of serial, collar number, or choose a file of them."
        raise Invalid(what, fields={"paste": [what]})
    return [{name: cell for name, cell in zip(_LINE, row, strict=False) if cell} for row in rows]


def _form(filters: str, typed: Mapping[str, str], refused: FleetError | None) -> ResponseReturnValue:
    fields = {verb: forms.fields_of(WANTED[verb], prefix=f"{verb}-") for verb in SAYS if verb is not BulkVerb.ISSUE}
    told = _told(filters)
    errors, status = forms.errors_of(refused), refused.status if refused else 200
    shown = {"says": SAYS, "fields": fields, "filters": filters, "told": told}
    return render_template("stock/bulk_new.html", **shown, typed=typed, errors=errors), status


def _told(filters: str) -> str:
    """The filters in a line; how many cameras they find is what the preview says."""
    known = CameraQuery().fields
    parts = [f"{words.label(name)}: {texts[0]}" for name, texts in parse_qs(filters).items() if name in known]
    return ", ".join(parts)


@pages.get(_ONE)
@allow(Permission.STOCK_MANAGE)
def act(number: int) -> ResponseReturnValue:
    """One act: what would be done and what is refused, or what became of it."""
    return _page(number)


@pages.post(f"{_ONE}/carry-out")
@allow(Permission.STOCK_MANAGE)
def carry_out(number: int) -> ResponseReturnValue:
    """Do the next slice of what was previewed."""
    policy = running().fleet_settings.policy
    refused = forms.attempt(lambda: acts.carry_out(*caller(), number, policy=policy, now=utc_now()))
    if refused is not None:
        return _page(number, refused)
    session, _ = caller()
    counts = acts.get(session, number)["counts"]
    said = f"{counts['done']:,} done, {counts['changed']:,} skipped, {counts['refused']:,} refused"
    flash(f"{said}; {counts['ready']:,} to go." if counts["ready"] else f"{said}.", "success")
    return redirect(url_for(".act", number=number), 303)


def _page(number: int, refused: FleetError | None = None) -> ResponseReturnValue:
    session, _ = caller()
    found = acts.get(session, number)
    which = request.args.get("outcome", "")
    outcome = BulkOutcome(which) if which in set(BulkOutcome) else None
    kept = {"outcome": str(outcome)} if outcome else {}
    items = older(f"items of {number} {which}", lambda paging: acts.items(session, number, outcome, paging), **kept)
    shown = {
        "act": found,
        "says": SAYS[found["verb"]],
        "items": items,
        "outcome": outcome,
        "outcomes": list(BulkOutcome),
    }
    errors, status = forms.errors_of(refused), refused.status if refused else 200
    return render_template("stock/bulk.html", **shown, slice=acts.SLICE, errors=errors), status
