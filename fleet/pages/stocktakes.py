"""``/stocktakes``: begin one, scan a room, settle what is missing, close it."""

from collections.abc import Callable, Mapping
from typing import Any

import marshmallow as ma
from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from fleet.api import json_of
from fleet.auth.permissions import Permission
from fleet.clock import utc_now
from fleet.errors import FleetError, Invalid
from fleet.pages import forms, words
from fleet.pages.listing import Column, Listing, file_of, older
from fleet.paging import Page, Paging
from fleet.stock import closing, counting, schemas, stocktakes
from fleet.stock.pasted import texts_of
from fleet.stock.states import Judgment, Settlement, StocktakeState
from fleet.stock.stocktakes import Outcome
from fleet.web import allow, caller
from fleet.web import service as running

pages = Blueprint("stocktakes_pages", __name__)
_ONE = "/stocktakes/<int(max=9223372036854775807):number>"

# The lists of one stocktake, in the order in which they matter; ``missing`` is what no scan is about.
MISSING = "missing"
LISTS: dict[str, str] = {
    MISSING: "Missing",
    str(Judgment.MISPLACED): "Misplaced",
    str(Judgment.UNEXPECTED): "Unexpected",
    str(Judgment.UNKNOWN): "Unknown",
    str(Judgment.RETURNED): "Came back",
    str(Judgment.EXPECTED): "Seen",
}
_MISSING_COLUMNS = ("serial", "asset_tag", "model", "custody", "holder", "home_dock", "settled", "note", "settled_by")
_SCAN_COLUMNS = (
    "scan", "serial", "model", "custody", "holder", "home_dock", "site", "judgment", "times", "scanned_at",
    "scanned_by",
)  # fmt: skip


def _find(session: Session, filters: Mapping[str, Any], paging: Paging, *, sort: str, descending: bool) -> Page:
    del sort, descending  # newest first is the only order
    return counting.find(session, filters, paging)


LIST = Listing(
    path="/stocktakes", title="Stocktakes", one="stocktake", many="stocktakes", view=Permission.CAMERA_VIEW,
    query=schemas.StocktakeQuery, find=_find, count=counting.count, sorts=["id"], descending=True,
    add=Permission.STOCK_MANAGE,
    columns=[
        Column("id", "Number", to="stocktake"), Column("name"), Column("state", show="word"),
        Column("site", to="site"), Column("dock", to="dock"), Column("opened_at", "Opened", show="when"),
        Column("opened_by", "By", show="who"), Column("ended_at", "Ended", show="when"),
    ],
    exported=("id", "name", "state", "site", "dock", "opened_at", "opened_by", "ended_at", "ended_by", "reason"),
)  # fmt: skip
LIST.add_to(pages)

_HINTS = {
    "name": "Left empty, it is named after the place.",
    "site": "The site’s code. Everything that should lie there is counted.",
    "dock": "A dock’s serial, to count that dock alone.",
    "model": "Only such cameras; the same for use and custody.",
}


@pages.get("/stocktakes/new")
@allow(Permission.STOCK_MANAGE)
def ask_new() -> ResponseReturnValue:
    """The form that begins one."""
    return _new_form(request.args, None)


@pages.post("/stocktakes/new")
@allow(Permission.STOCK_MANAGE)
def begin() -> ResponseReturnValue:
    """Begin it and go to where it is scanned."""
    made: list[int] = []

    def act() -> None:
        wanted = forms.read(schemas.NewStocktake(), request.form)
        made.append(stocktakes.open_(*caller(), wanted, now=utc_now()))

    refused = forms.attempt(act)
    if refused is not None:
        return _new_form(request.form, refused)
    return redirect(url_for(".stocktake", number=made[0]), 303)


def _new_form(typed: Mapping[str, str], refused: FleetError | None) -> ResponseReturnValue:
    shown = {
        "heading": "Begin a stocktake",
        "fields": forms.fields_of(schemas.NewStocktake, hints=_HINTS, blank="Any"),
        "back": LIST.path,
        "version": None,
        "done": "Begin",
    }
    errors = forms.errors_of(refused)
    return render_template("record_form.html", **shown, typed=typed, errors=errors), refused.status if refused else 200


@pages.get(_ONE)
@allow(Permission.CAMERA_VIEW)
def stocktake(number: int) -> ResponseReturnValue:
    """One stocktake: while it is open, where it is scanned and settled; then its report."""
    return _page(number)


@pages.get(f"{_ONE}/live")
@allow(Permission.CAMERA_VIEW)
def live(number: int) -> str:
    """Counts and list as they are now, for the page that is open."""
    return render_template("stock/live.html", **_shown(number), partial=True)


@pages.post(f"{_ONE}/scans")
@allow(Permission.STOCK_MANAGE)
def scan(number: int) -> dict[str, Any]:
    """One scan and its answer. Sent again with its ``Idempotency-Key``, it gets the same answer."""
    try:
        said = schemas.Scans().load(json_of(request))
    except ma.ValidationError as error:
        raise Invalid("This scan cannot be used.", fields=dict(error.messages_dict)) from error
    (outcome, *_) = stocktakes.scan(*caller(), number, said["scans"], now=utc_now())
    return told(outcome)


_TOLD: dict[Judgment, tuple[str, str, str]] = {
    Judgment.EXPECTED: ("good", "Seen", ""),
    Judgment.RETURNED: ("good", "Seen", "It came back since the stocktake was opened."),
    Judgment.UNEXPECTED: ("caution", "Unexpected", "The register does not have it here. Put it aside."),
    Judgment.MISPLACED: ("caution", "Misplaced", "It belongs somewhere else. Put it aside."),
    Judgment.UNKNOWN: ("bad", "Unknown", "Nothing in the register is called that. Put it aside."),
}


def told(outcome: Outcome) -> dict[str, Any]:
    """What the page says of a scan."""
    tone, title, why = _TOLD[outcome.judgment]
    name = outcome.serial or outcome.scan
    if not outcome.is_first:
        by = f"{words.who(outcome.by)} at {words.clock_time(outcome.at)}"
        return {"tone": "caution", "title": "Scanned already", "detail": f"{name} was scanned by {by}. {why}".strip()}
    return {"tone": tone, "title": title, "detail": f"{name}. {why}".strip()}


@pages.post(f"{_ONE}/paste")
@allow(Permission.STOCK_MANAGE)
def paste(number: int) -> ResponseReturnValue:
    """Take in a file or a paste of serials at once."""

    def act() -> str:
        file = request.files.get("file")
        texts = texts_of(request.form.get("paste", ""), file.read() if file else b"")
        outcomes = stocktakes.scan(*caller(), number, texts, now=utc_now())
        new = sum(outcome.is_first for outcome in outcomes)
        return f"{len(outcomes):,} scans were taken in: {new:,} new, {len(outcomes) - new:,} scanned before."

    return _act(number, act)


@pages.post(f"{_ONE}/settle")
@allow(Permission.STOCK_MANAGE)
def settle(number: int) -> ResponseReturnValue:
    """Say what became of the missing cameras that were chosen, or of all that are not settled."""

    def act() -> str:
        chosen = request.form.getlist("cameras") or None
        if chosen is None and request.form.get("which") != "all":
            raise Invalid("Choose cameras.", fields={"cameras": ["Choose cameras, or all that are not settled."]})
        body = {"settled": request.form.get("settled"), "note": request.form.get("note") or None}
        said = _loaded(schemas.SettlementRequest(), body | ({"cameras": chosen} if chosen else {}))
        how = Settlement(said["settled"])
        settled = closing.settle(*caller(), number, said["cameras"], how, said["note"], now=utc_now())
        return f"{settled:,} {'camera was' if settled == 1 else 'cameras were'} settled as {words.word(how).lower()}."

    return _act(number, act)


def _loaded(schema: ma.Schema, body: Mapping[str, Any]) -> dict[str, Any]:
    try:
        loaded: dict[str, Any] = schema.load(body)
    except ma.ValidationError as error:
        fields = {name: [f"{words.label(name)}: {texts}"] for name, texts in error.messages_dict.items()}
        raise Invalid("This cannot be used.", fields=fields) from error
    return loaded


@pages.post(f"{_ONE}/close")
@allow(Permission.STOCK_MANAGE)
def close(number: int) -> ResponseReturnValue:
    """Close it into the log."""

    def act() -> str:
        closing.close(*caller(), number, policy=running().fleet_settings.policy, now=utc_now())
        return "The stocktake was closed into the log."

    return _act(number, act)


@pages.post(f"{_ONE}/abandon")
@allow(Permission.STOCK_MANAGE)
def abandon(number: int) -> ResponseReturnValue:
    """End it without a result."""

    def act() -> str:
        said = forms.read(schemas.Abandonment(), request.form, prefix="abandon-")
        closing.abandon(*caller(), number, said["reason"], now=utc_now())
        return "The stocktake was abandoned."

    return _act(number, act)


@pages.get(f"{_ONE}.csv")
@allow(Permission.CAMERA_VIEW)
def file(number: int) -> Response:
    """One of its lists as CSV."""
    session, _ = caller()
    found, which = counting.require(session, number), _which()

    def find(session: Session, paging: Paging) -> Page:
        return _listed(session, found, which, paging)

    columns = _MISSING_COLUMNS if which == MISSING else _SCAN_COLUMNS
    return file_of(f"stocktake-{number}-{which}", columns, find)


def _act(number: int, act: Callable[[], str]) -> ResponseReturnValue:
    done: list[str] = []
    refused = forms.attempt(lambda: done.append(act()))
    if refused is not None:
        return _page(number, refused)
    flash(done[0], "success")
    return redirect(url_for(".stocktake", number=number, list=request.args.get("list")), 303)


def _page(number: int, refused: FleetError | None = None) -> ResponseReturnValue:
    shown = _shown(number)
    errors = forms.errors_of(refused)
    template = "stock/stocktake.html"
    return render_template(template, **shown, typed=request.form, errors=errors), refused.status if refused else 200


def _shown(number: int) -> dict[str, Any]:
    session, _ = caller()
    found = counting.get(session, number)
    which = _which()
    page = older(f"{which} of {number}", lambda paging: _listed(session, found, which, paging), list=which)
    return {
        "stocktake": found,
        "is_open": found["state"] is StocktakeState.OPEN,
        "counts": found["counts"],
        "lists": LISTS,
        "which": which,
        "page": page,
        "abandon_fields": forms.fields_of(schemas.Abandonment, prefix="abandon-"),
    }


def _which() -> str:
    which = request.args.get("list", MISSING)
    return which if which in LISTS else MISSING


def _listed(session: Session, found: Mapping[str, Any], which: str, paging: Paging) -> Page:
    if which == MISSING:
        return counting.missing(session, found, paging)
    return counting.scans(session, found["id"], Judgment(which), paging)
