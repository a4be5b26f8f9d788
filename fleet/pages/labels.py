"""``/labels``: the form that prints labels, for what a list shows or for what is typed; and the counter's commands."""

import io
from typing import Any
from urllib.parse import parse_qsl, urlencode

import marshmallow as ma
from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue
from reportlab.lib.utils import simpleSplit

from fleet.auth.permissions import Permission
from fleet.clock import utc_now
from fleet.errors import FleetError, Invalid
from fleet.labels import drawing, layouts, schemas, service
from fleet.labels.drawing import Label, Symbol
from fleet.labels.layouts import Layout
from fleet.labels.service import Wanted, What
from fleet.labels.views import printed
from fleet.pages import forms, words
from fleet.pages.commands import SAYS
from fleet.web import allow, caller
from fleet.web import service as running

pages = Blueprint("labels_pages", __name__)
_NOT_FILTERS = {"limit", "cursor", "sort", "order"}
# The sheet of commands: two columns of six on A4, each far enough from the next that a scanner reads one alone.
_COMMANDS = Layout("commands", "", 95, 45, 2, 6)
_SAYS_POINTS, _SAYS_MM = 9, 90


@pages.get("/labels")
@allow(Permission.CAMERA_VIEW)
def ask() -> ResponseReturnValue:
    """The form. A list leads here with its filters."""
    what = request.args.get("what", What.CAMERAS)
    kept = {name: text for name, text in request.args.items() if name not in _NOT_FILTERS | {"what"} and text.strip()}
    comes_from_list = "what" in request.args
    typed = {"what": what, "filters": urlencode(kept) if comes_from_list else None, "layout": "a4-21", "start": "1"}
    return _form(typed, {})


@pages.post("/labels")
@allow(Permission.CAMERA_VIEW)
def print_labels() -> ResponseReturnValue:
    """The labels, or the form with what is wrong with the wish for them."""
    # A refusal here has written nothing that would have to be undone.
    try:
        return printed(_wanted())
    except Invalid as error:
        return _form(request.form.to_dict(), forms.errors_of(error)), error.status


def _wanted() -> Wanted:
    typed = request.form
    sent: dict[str, Any] = {name: typed.get(name, "").strip() for name in ("what", "layout", "symbol")}
    sent["start"] = _whole(typed.get("start", "").strip() or "1", "start")
    if sent["layout"] == layouts.ROLL:
        sent |= {name: typed.get(name, "").strip().replace(",", ".") for name in ("width_mm", "height_mm")}
    if typed.get("filters") is not None:
        sent["filters"] = dict(parse_qsl(typed["filters"]))
    else:
        sent["named"] = typed.get("named", "").replace(",", " ").split()
    try:
        wanted: Wanted = schemas.LabelsWanted().load(sent)
    except ma.ValidationError as error:
        raise Invalid("Some of what was typed cannot be used.", fields=_plain(error)) from error
    return wanted


def _whole(text: str, name: str) -> int:
    if not text.isdecimal() or len(text) > len("9999"):
        problem = f"{words.label(name)} must be a whole number."
        raise Invalid(problem, fields={name: [problem]})
    return int(text)


def _plain(error: ma.ValidationError) -> dict[str, list[str]]:
    messages: dict[str, Any] = error.normalized_messages()  # type: ignore[no-untyped-call]
    found = {}
    for name, said in messages.items():
        texts = said if isinstance(said, list) else [f"{of}: {text}" for of, text in said.items()]
        found["named" if name == "filters" or name not in request.form else name] = [str(text) for text in texts]
    if not request.form.get("named", "x").strip():
        found["named"] = ["Type or scan what to print labels for, one on a line."]
    return found


def _form(typed: dict[str, Any], errors: dict[str, str]) -> str:
    sheets = [(name, layout.says) for name, layout in layouts.SHEETS.items()]
    symbols = {Symbol.BOTH: "Code 128 and QR", Symbol.CODE_128: "Code 128 alone", Symbol.QR: "QR alone"}
    many, refused = _count(typed)
    return render_template(
        "labels/labels.html",
        typed=typed,
        errors=errors or refused,
        many=many,
        kinds=[(str(what), words.word(what)) for what in What],
        layouts=[*sheets, (layouts.ROLL, "A roll, of the size below")],
        symbols=[(str(symbol), text) for symbol, text in symbols.items()],
        sizes=(layouts.NARROWEST_MM, layouts.WIDEST_MM),
        force=running().fleet_settings.force_name,
    )


def _count(typed: dict[str, Any]) -> tuple[int | None, dict[str, str]]:
    """How many labels a list's filters come to, None for what is typed; and what is wrong with them."""
    if typed.get("filters") is None:
        return None, {}
    try:
        what = What(typed["what"])
        filters = schemas.filters_of(what, dict(parse_qsl(typed["filters"])))
        wanted = Wanted(what, layouts.SHEETS["a4-21"], filters=filters)
        return len(service.selection(caller()[0], wanted, now=utc_now())), {}
    except FleetError as error:
        return None, forms.errors_of(error)
    except (ma.ValidationError, ValueError):
        return None, {"named": "These filters are not those of a list. Go back to the list and try again."}


@pages.get("/counter/commands.pdf")
@allow(Permission.COUNTER_USE)
def commands() -> Response:
    """The counter's commands as a sheet to print."""
    made = io.BytesIO()
    found = [Label(str(word), (words.word(word), *_wrapped(says))) for word, says in SAYS.items()]
    drawing.draw(made, found, _COMMANDS, symbol=Symbol.CODE_128, title="Counter commands")
    response = Response(made.getvalue(), mimetype="application/pdf")
    response.headers["Content-Disposition"] = 'inline; filename="counter-commands.pdf"'
    return response


def _wrapped(text: str) -> list[str]:
    lines: list[str] = simpleSplit(text, "Helvetica", _SAYS_POINTS, _SAYS_MM * drawing.MM)
    return lines
