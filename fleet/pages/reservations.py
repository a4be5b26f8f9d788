"""``/reservations``: cameras of the pool kept for operations, how many are out, back and still to come."""

import re
from collections.abc import Mapping
from typing import Any

import marshmallow as ma
from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from fleet.api import Identifier
from fleet.audit import Subject
from fleet.auth.permissions import Permission
from fleet.clock import LOCAL, utc_now
from fleet.custody import planning
from fleet.custody import reservation_schemas as schemas
from fleet.errors import FleetError
from fleet.pages import forms
from fleet.pages.barcodes import code_128
from fleet.pages.listing import Column, Listing
from fleet.pages.records import Record
from fleet.paging import Page, Paging
from fleet.web import allow, caller

pages = Blueprint("reservations_pages", __name__)
_BETWEEN = re.compile(r"[\s,;]+")


class _Typed(ma.fields.List[Any]):
    """Collar numbers, as somebody types them one after the other."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        return super()._deserialize([text for text in _BETWEEN.split(value) if text], attr, data, **kwargs)


class ReservationForm(schemas.ReservationChange):
    officers = _Typed(Identifier(), allow_none=True)


class NewReservationForm(schemas.NewReservation):
    officers = _Typed(Identifier(), allow_none=True)


def _find(session: Session, filters: Mapping[str, Any], paging: Paging, *, sort: str, descending: bool) -> Page:
    return planning.find(session, filters, paging, now=utc_now(), sort=sort, descending=descending)


def _count(session: Session, filters: Mapping[str, Any]) -> int:
    return planning.count(session, filters, now=utc_now())


def _get(session: Session, code: str) -> dict[str, Any]:
    """As a form's fields hold it: local times, and officers in a line."""
    found = planning.get(session, code, now=utc_now())
    for name in ("begins_at", "ends_at"):
        found[name] = f"{found[name].astimezone(LOCAL):%Y-%m-%dT%H:%M}"
    return found | {"officers": ", ".join(found["officers"])}


LIST = Listing(
    path="/reservations", title="Reservations", one="reservation", many="reservations", view=Permission.CAMERA_VIEW,
    query=schemas.ReservationQuery, find=_find, count=_count, sorts=list(planning.SORTS), descending=True,
    add=Permission.STOCK_MANAGE, search="Code or name of the operation",
    columns=[
        Column("code", to="reservation"), Column("name"), Column("state", show="word"), Column("count", "Reserved"),
        Column("out"), Column("back"), Column("to_come", "Still to come"), Column("begins_at", "From", show="when"),
        Column("ends_at", "Until", show="when"),
    ],
    exported=(
        "code", "name", "state", "count", "model", "site", "dock", "begins_at", "ends_at", "out", "back", "to_come",
        "contact",
    ),
)  # fmt: skip
LIST.add_to(pages)

Record(
    path="/reservations", one="reservation", key="code", subject=Subject.RESERVATION, edit=Permission.STOCK_MANAGE,
    new=NewReservationForm, change=ReservationForm, get=_get, register=planning.make, revise=planning.revise,
    hints={
        "code": "Short, such as OP-PELKIN: the counter scans it to issue for the operation.",
        "model": "Only such cameras; left empty, any.",
        "site": "Only cameras at home at this site; the same for a dock.",
        "officers": "Collar numbers, one after the other. What is issued to them is issued for the operation.",
        "begins_at": "Local time, as the end.",
    },
    labels={
        "name": "Name of the operation", "count": "How many cameras", "begins_at": "From", "ends_at": "Until",
        "officers": "For which officers",
    },
    blank="Any",
).add_to(pages)  # fmt: skip


@pages.get("/reservations/<identifier:code>")
@allow(Permission.CAMERA_VIEW)
def reservation(code: str) -> ResponseReturnValue:
    """One reservation, and its barcode for the counter."""
    return _page(code)


@pages.post("/reservations/<identifier:code>/cancel")
@allow(Permission.STOCK_MANAGE)
def cancel(code: str) -> ResponseReturnValue:
    """Call it off, or end it early."""

    def act() -> None:
        said = forms.read(schemas.Cancellation(), request.form)
        planning.cancel(*caller(), code, said["reason"], now=utc_now())

    refused = forms.attempt(act)
    if refused is not None:
        return _page(code, refused)
    flash(f"Reservation {code} is over. What is out for it is due back now.", "success")
    return redirect(url_for(".reservation", code=code), 303)


def _page(code: str, refused: FleetError | None = None) -> ResponseReturnValue:
    session, _ = caller()
    now = utc_now()
    shown = {
        "reservation": planning.get(session, code, now=now),
        "out": planning.out_for(session, code),
        "barcode": code_128(code) if code.isascii() else None,
        "now": now,
    }
    errors, status = forms.errors_of(refused), refused.status if refused else 200
    return render_template("stock/reservation.html", **shown, typed=request.form, errors=errors), status
