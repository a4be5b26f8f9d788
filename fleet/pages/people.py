"""``/people``: officers, their training, and the kit they have and had."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, flash, redirect, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from fleet.audit import Subject
from fleet.auth.permissions import Permission, is_permitted
from fleet.clock import utc_now
from fleet.custody import holdings
from fleet.lifecycle import cases
from fleet.pages import forms
from fleet.pages.listing import Column, Listing, older
from fleet.pages.records import Record
from fleet.paging import Page, Paging
from fleet.people import pins, schemas, service
from fleet.tasers import register as tasers
from fleet.web import allow, caller

pages = Blueprint("people_pages", __name__)


def _today(filters: Mapping[str, Any]) -> dict[str, Any]:
    return {**filters, "today": utc_now().date()}


def _find(session: Session, filters: Mapping[str, Any], paging: Paging, *, sort: str, descending: bool) -> Page:
    return service.find(session, _today(filters), paging, sort=sort, descending=descending)


def _count(session: Session, filters: Mapping[str, Any]) -> int:
    return service.count(session, _today(filters))


LIST = Listing(
    path="/people", title="Officers", one="officer", many="officers", view=Permission.PERSON_VIEW,
    query=schemas.PersonQuery, find=_find, count=_count, sorts=list(service.SORTS), add=Permission.PERSON_EDIT,
    labels="officers", search="Collar number or name",
    columns=[
        Column("collar", to="person"), Column("name"), Column("team"), Column("function", show="word"),
        Column("site", to="site"), Column("trained_until", show="training"),
    ],
)  # fmt: skip
LIST.add_to(pages)

RECORD = Record(
    path="/people", one="officer", key="collar", subject=Subject.PERSON, edit=Permission.PERSON_EDIT,
    new=schemas.NewPerson, change=schemas.PersonChange, get=service.get, register=service.register,
    revise=service.revise,
    hints={
        "site": "The code of the site where they are based.",
        "trained_until": "The last day that their training covers.",
        "email": "Where receipts go. Only to this address.",
        "team": "A team that is not known yet is added.",
    },
)  # fmt: skip
RECORD.add_to(pages)


@pages.get("/people/<identifier:collar>")
@allow(Permission.PERSON_VIEW)
def person(collar: str) -> str:
    """One officer: training, kit, and every camera they ever had."""
    session, actor = caller()
    now = utc_now()
    return render_template(
        "people/person.html",
        person=service.get(session, collar),
        kit=holdings.kit(session, collar),
        tasers=tasers.held_by(session, collar),
        departure=cases.departure_of(session, collar, now=now),
        exceptions=cases.exceptions_of(session, collar, now=now),
        history=older(f"cameras of {collar}", lambda page: holdings.held_before(session, collar, page)),
        pin=pins.standing(session, collar) if is_permitted(actor, Permission.PIN_RESET) else "none",
        now=now,
    )


@pages.post("/people/<identifier:collar>/pin/reset")
@allow(Permission.PIN_RESET)
def reset_pin(collar: str) -> ResponseReturnValue:
    """Take an officer's PIN away, locked or not."""
    refused = forms.attempt(lambda: pins.reset(*caller(), collar, now=utc_now()))
    if refused is not None:
        raise refused
    flash(f"The PIN of {collar} is taken away. They choose another under My kit.", "success")
    return redirect(f"/people/{collar}", 303)
