"""``/stations``: the computers at the armouries that carry pairings out."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from fleet import idempotency
from fleet.auth.permissions import Permission
from fleet.clock import utc_now
from fleet.errors import FleetError, Invalid
from fleet.pages import forms, words
from fleet.pages.acts import Act, Rows
from fleet.pages.listing import Column, Listing
from fleet.paging import Page, Paging
from fleet.pairings import schemas, stations
from fleet.web import allow, caller

pages = Blueprint("stations_pages", __name__)


def _find(session: Session, filters: Mapping[str, Any], paging: Paging, *, sort: str, descending: bool) -> Page:
    return stations.find(session, filters, paging, now=utc_now(), sort=sort, descending=descending)


def _count(session: Session, filters: Mapping[str, Any]) -> int:
    return stations.count(session, filters, now=utc_now())


Listing(
    path="/stations", title="Stations", one="station", many="stations", view=Permission.STATION_MANAGE,
    query=schemas.StationQuery, find=_find, count=_count, sorts=list(stations.SORTS), add=Permission.STATION_MANAGE,
    columns=[
        Column("name", to="station"), Column("site", to="site"), Column("state", show="word"),
        Column("last_seen_at", "Last seen", show="when"),
        Column("credential_until", "Credential until", show="when"),
    ],
    exported=["name", "site", "state", "enrolled_at", "credential_until", "last_seen_at", "revoked_at",
              "revoke_reason", "created_at"],
    empty="Add one, and type its code into the computer beside the armoury’s Bluetooth adapter.",
).add_to(pages)  # fmt: skip


@pages.get("/stations/new")
@allow(Permission.STATION_MANAGE)
def new() -> ResponseReturnValue:
    """The form for a new station."""
    return _form(None)


@pages.post("/stations/new")
@allow(Permission.STATION_MANAGE)
def create() -> ResponseReturnValue:
    """Add a station and show its enrolment code."""
    made: list[tuple[str, str]] = []
    refused = forms.attempt(lambda: made.append(_created()))
    return _form(refused) if refused is not None else _once(*made[0])


def _created() -> tuple[str, str]:
    values = forms.read(schemas.NewStation(), request.form)
    return values["name"], stations.register(*caller(), values, now=utc_now())


def _form(refused: FleetError | None) -> ResponseReturnValue:
    hints = {"name": "What people call it, such as the armoury’s name.", "site": "The code of the site of it."}
    page = render_template(
        "record_form.html", heading="Add a station", fields=forms.fields_of(schemas.NewStation, hints=hints),
        typed=request.form, errors=forms.errors_of(refused), back="/stations", version=None,
    )  # fmt: skip
    return page, refused.status if refused else 200


def _once(name: str, code: str) -> str:
    """The page that shows a code. It is never kept as the answer to a repeated request."""
    if idempotency.applies(request):
        raise Invalid(f"This page takes no {idempotency.HEADER}, since its answer is not kept.")
    href = url_for("stations_pages.station", name=name)
    return render_template("accounts/once.html", what="enrolment code", secret=code, about=name, href=href)


@pages.get("/stations/<identifier:name>")
@allow(Permission.STATION_MANAGE)
def station(name: str) -> ResponseReturnValue:
    """One station."""
    return _page(name, None)


def _page(name: str, refused: FleetError | None) -> ResponseReturnValue:
    session, _ = caller()
    shown = stations.get(session, name, now=utc_now())
    page = render_template("armoury/station.html", station=shown, errors=forms.errors_of(refused))
    return page, refused.status if refused else 200


@pages.post("/stations/<identifier:name>/code")
@allow(Permission.STATION_MANAGE)
def new_code(name: str) -> ResponseReturnValue:
    """Make another enrolment code and show it."""
    made: list[str] = []
    refused = forms.attempt(lambda: made.append(stations.new_code(*caller(), name, now=utc_now())))
    return _page(name, refused) if refused is not None else _once(name, made[0])


def _about(name: str) -> Rows:
    session, _ = caller()
    shown = stations.get(session, name, now=utc_now())
    return [
        {"key": "State", "value": words.word(shown["state"])},
        {"key": "Site", "value": shown["site"]},
        {"key": "Last seen", "value": words.when(shown["last_seen_at"]) or "Never"},
    ]


def _revoke(name: str, said: dict[str, Any]) -> str:
    stations.revoke(*caller(), name, said["reason"], now=utc_now())
    return f"{name} is revoked. Devices stop trusting it at their next contact."


Act(
    path="/stations/<identifier:key>/revoke", name="revoke", permission=Permission.STATION_MANAGE,
    schema=schemas.StationRevocation, heading="Revoke station {}", button="Revoke it for good", kind="warning",
    says="It can do nothing any more from this moment on, and never will again. What it had begun goes to another.",
    do=_revoke, about=_about, back=lambda name: url_for("stations_pages.station", name=name),
    hints={"reason": "Stolen, replaced, sold: what an auditor will want to know."},
).add_to(pages)  # fmt: skip
