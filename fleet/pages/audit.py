"""``/audit``: searching the log of everything that happened."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint
from sqlalchemy.orm import Session

from fleet.audit import service
from fleet.audit.service import Search
from fleet.audit.views import AuditQuery
from fleet.auth.permissions import Permission
from fleet.pages.listing import Column, Listing
from fleet.paging import Page, Paging

pages = Blueprint("audit_pages", __name__)


def _find(session: Session, filters: Mapping[str, Any], paging: Paging, **_: Any) -> Page:
    # The log has one order: that of what happened, newest first.
    return service.find(session, Search(**filters), paging)


def _count(session: Session, filters: Mapping[str, Any]) -> int:
    return service.count(session, Search(**filters))


LIST = Listing(
    path="/audit", title="Log", one="entry", many="entries", view=Permission.AUDIT_VIEW, query=AuditQuery,
    find=_find, count=_count, sorts=["at"], descending=True,
    columns=[
        Column("at", show="when"), Column("event", show="event"), Column("subject_key", "About", show="subject"),
        Column("officer", to="person"), Column("actor", show="who"), Column("facts", show="facts"),
    ],
    exported=["id", "at", "actor", "role", "event", "subject_kind", "subject_key", "officer", "facts"],
)  # fmt: skip
LIST.add_to(pages)
