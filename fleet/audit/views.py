"""``/audit``."""

from typing import Any

import marshmallow as ma
from flask_smorest import Blueprint

from fleet.api import Identifier, Instant, ListQuery, Schema, Word, answer_page, page_of
from fleet.audit import Event, Subject
from fleet.audit.service import Search, find
from fleet.web import allow, caller

audit = Blueprint("audit", __name__, description="The log of everything that happened")


class AuditQuery(ListQuery):
    event = Word(Event)
    actor = ma.fields.String()
    officer = Identifier()
    subject_kind = Word(Subject)
    subject_key = ma.fields.String()
    since = Instant()
    until = Instant()


class AuditEntrySchema(Schema):
    id = ma.fields.Integer()
    at = Instant()
    actor = ma.fields.String()
    role = ma.fields.String(allow_none=True)
    event = Word(Event)
    subject_kind = Word(Subject)
    subject_key = ma.fields.String()
    officer = ma.fields.String(allow_none=True)
    facts = ma.fields.Dict()
    position = ma.fields.Integer(
        allow_none=True, metadata={"description": "place in the sealed log; null: not proven yet"}
    )
    erased = ma.fields.Function(
        lambda entry: sorted((entry["erased"] or {}).get("commitments", {})),
        metadata={"type": "array", "items": {"type": "string"}, "description": "fields that were erased by law"},
    )


@audit.route("/audit")
@allow("audit.view")
@audit.arguments(AuditQuery, location="query")
@audit.response(200, page_of(AuditEntrySchema))
def entries(query: dict[str, Any]) -> dict[str, Any]:
    """The log's entries, newest first."""
    session, _ = caller()
    search = Search(**{name: value for name, value in query.items() if name not in {"limit", "cursor"}})
    return answer_page("audit", query, lambda page: find(session, search, page))
