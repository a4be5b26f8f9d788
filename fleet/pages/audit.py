"""``/audit``: searching the log of everything that happened, and what proves each entry of it."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, render_template, request
from sqlalchemy.orm import Session

from fleet.audit import proofs, service
from fleet.audit.export import Range
from fleet.audit.proof_views import ExportQuery, exported
from fleet.audit.service import Search
from fleet.audit.views import AuditQuery
from fleet.auth.permissions import Permission
from fleet.pages import forms
from fleet.pages.listing import Above, Column, Listing
from fleet.paging import Page, Paging
from fleet.web import allow, caller

pages = Blueprint("audit_pages", __name__)


def _find(session: Session, filters: Mapping[str, Any], paging: Paging, **_: Any) -> Page:
    # The log has one order: that of what happened, newest first.
    return service.find(session, Search(**filters), paging)


def _count(session: Session, filters: Mapping[str, Any]) -> int:
    return service.count(session, Search(**filters))


LIST = Listing(
    path="/audit", title="Log", one="entry", many="entries", view=Permission.AUDIT_VIEW, query=AuditQuery,
    find=_find, count=_count, sorts=["at"], descending=True, above=Above("audit/state.html", proofs.state),
    columns=[
        Column("at", show="when"), Column("event", show="event"), Column("subject_key", "About", show="subject"),
        Column("officer", to="person"), Column("actor", show="who"), Column("facts", show="facts"),
        Column("position", "Place in the log", show="place"),
    ],
    exported=[
        "id", "at", "actor", "role", "event", "subject_kind", "subject_key", "officer", "facts", "position",
    ],
)  # fmt: skip
LIST.add_to(pages)


@pages.get("/audit/<int:number>")
@allow(Permission.AUDIT_VIEW)
def entry(number: int) -> str:
    """One entry, and its proof, worked out while it is shown."""
    session, _ = caller()
    found = service.get(session, number)
    return render_template("audit/entry.html", entry=found, proof=proofs.proof_of(session, number))


@pages.get("/audit/export.jsonl")
@allow(Permission.AUDIT_VIEW)
def export() -> Response:
    """The file that proves itself, of the whole log or a range of its places."""
    typed = {name: text for name, text in request.args.items() if text.strip()}
    wanted: Any = ExportQuery()
    return exported(Range(**forms.read(wanted, typed)))
