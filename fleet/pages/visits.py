"""``/visits``: what was issued in each visit to the counter, how it was acknowledged, and its receipt."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from fleet.auth.permissions import Permission
from fleet.clock import utc_now
from fleet.pages import forms, words
from fleet.pages.listing import Column, Listing
from fleet.paging import Page, Paging
from fleet.visits import book, outbox, receipts, schemas, signature
from fleet.visits import service as book_keeping
from fleet.visits import terms as versions
from fleet.web import allow, caller, service

pages = Blueprint("visits_pages", __name__)


def _find(session: Session, filters: Mapping[str, Any], paging: Paging, **_: Any) -> Page:
    # Visits have one order: the newest first.
    found = book.find(session, filters, paging)
    return Page([visit | {"cameras": ", ".join(visit["cameras"])} for visit in found.items], found.after)


LIST = Listing(
    path="/visits", title="Visits", one="visit", many="visits", view=Permission.VISIT_VIEW, query=schemas.VisitQuery,
    find=_find, count=book.count, sorts=["begun_at"], descending=True,
    columns=[
        Column("begun_at", show="when", to="visit", by="id"), Column("collar", "Officer", to="person"),
        Column("name"), Column("cameras", "Issued"), Column("clerk", show="who"),
        Column("method", "Acknowledged", show="word", empty="Not yet"),
    ],
    exported=["id", "begun_at", "collar", "name", "cameras", "clerk", "method", "acknowledged_at"],
)  # fmt: skip
LIST.add_to(pages)


@pages.get("/visits/<string:key>")
@allow(Permission.VISIT_VIEW)
def visit(key: str) -> str:
    """One visit, which prints as its receipt."""
    session, _ = caller()
    return render_template("visits/visit.html", **shown(session, key), own=False, errors={})


@pages.get("/visits/<string:key>/receipt.pdf")
@allow(Permission.VISIT_VIEW)
def receipt(key: str) -> Response:
    """The receipt as a file."""
    return file_of(book.get(caller()[0], key))


@pages.post("/visits/<string:key>/receipt")
@allow(Permission.VISIT_VIEW)
def send(key: str) -> ResponseReturnValue:
    """Send the receipt to the officer's recorded address."""
    session, actor = caller()
    mails, now = service().fleet_settings.policy.mails, utc_now()
    refused = forms.attempt(lambda: outbox.queue(session, actor, key, mails=mails, now=now))
    if refused is not None:
        return _again(session, key, forms.errors_of(refused), refused.status)
    flash("The receipt is sent within a minute or two.", "success")
    return redirect(f"/visits/{key}", 303)


@pages.post("/visits/<string:key>/disputes")
@allow(Permission.VISIT_VIEW)
def dispute(key: str) -> ResponseReturnValue:
    """Say what is wrong with a visit."""
    session, _ = caller()
    refused = forms.attempt(lambda: disputed(key))
    if refused is not None:
        return _again(session, key, forms.errors_of(refused), refused.status)
    flash("It is noted beside the visit, for good.", "success")
    return redirect(f"/visits/{key}", 303)


def _again(session: Session, key: str, errors: dict[str, str], status: int) -> ResponseReturnValue:
    typed = {"note": request.form.get("note", "")}
    return render_template("visits/visit.html", **shown(session, key), own=False, errors=errors, typed=typed), status


def disputed(key: str) -> None:
    """Note what was typed beside a visit."""
    said = {"note": request.form.get("note", "").replace("\r\n", "\n")}
    values = forms.read(schemas.NewDispute(), said)
    book_keeping.dispute(*caller(), key, values.get("note"), now=utc_now())


def shown(session: Session, key: str) -> dict[str, Any]:
    """What a visit's page shows."""
    found = book.get(session, key)
    return {
        "visit": found,
        "facts": list(receipts.facts(found, words.when)),
        "terms": versions.present(session, now=utc_now()) if found["method"] is None else None,
        "path": signature.path(found["strokes"]) if found["strokes"] else None,
        "pad": {"width": signature.WIDTH, "height": signature.HEIGHT},
        "has_mail": service().fleet_settings.policy.mails,
        "is_due": found["method"] is None and bool(found["cameras"]),
    }


def file_of(found: Mapping[str, Any]) -> Response:
    """A visit's receipt as a file to keep."""
    response = Response(receipts.pdf(found, now=utc_now()), mimetype="application/pdf")
    response.headers["Content-Disposition"] = f'inline; filename="receipt-{found["id"][:8]}.pdf"'
    return response
