"""``/activations``."""

from typing import Any

import marshmallow as ma

from fleet.api import Blueprint, Identifier, Instant, ListQuery, Schema, Word, answer_page, page_of
from fleet.auth.permissions import Permission
from fleet.capture import service
from fleet.capture.models import ActivationKind, Outcome, Source
from fleet.capture.service import Item
from fleet.clock import utc_now
from fleet.pairings.schemas import Binary
from fleet.web import allow, caller

activations = Blueprint("activations", __name__, description="Activations of Tasers, and whether each was filmed")

_MOST_ITEMS = 500
_LONGEST_EVIDENCE = 16_384
_LAST_COUNTER = 2**62


class ActivationQuery(ListQuery):
    taser = Identifier()
    kind = Word(ActivationKind)
    outcome = Word(Outcome)
    since = Instant()
    until = Instant()
    q = ma.fields.String()


class ActivationSchema(Schema):
    id = ma.fields.Integer()
    taser = Identifier(allow_none=True)
    sppm = Identifier()
    counter = ma.fields.Integer()
    kind = Word(ActivationKind)
    at = Instant()
    outcome = Word(Outcome, metadata={"description": "captured, or why not; unknown while nobody has said"})
    received_at = Instant()


class AccountSchema(Schema):
    source = Word(Source)
    reporter = ma.fields.String()
    camera = Identifier(allow_none=True)
    heard_at = Instant(allow_none=True)
    verified = ma.fields.Boolean(metadata={"description": "whether its signature holds"})
    received_at = Instant()
    evidence = Binary()


class OneActivation(ActivationSchema):
    accounts = ma.fields.List(ma.fields.Nested(AccountSchema))


class NewActivation(Schema):
    sppm = Identifier(required=True)
    counter = ma.fields.Integer(required=True, strict=True, validate=ma.validate.Range(0, _LAST_COUNTER))
    kind = Word(ActivationKind, required=True)
    at = Instant(required=True)
    source = Word(Source, required=True)
    heard_at = Instant(load_default=None, allow_none=True)
    camera = Identifier(load_default=None, allow_none=True)
    evidence = Binary(required=True, longest=_LONGEST_EVIDENCE)


class NewActivations(Schema):
    items = ma.fields.List(
        ma.fields.Nested(NewActivation), required=True, validate=ma.validate.Length(min=1, max=_MOST_ITEMS)
    )


class TakenSchema(Schema):
    id = ma.fields.Integer()
    new = ma.fields.Boolean()


class TakenList(Schema):
    items = ma.fields.List(ma.fields.Nested(TakenSchema))


@activations.route("/activations")
@allow(Permission.ACTIVATION_VIEW)
@activations.arguments(ActivationQuery, location="query")
@activations.response(200, page_of(ActivationSchema))
def find(query: dict[str, Any]) -> dict[str, Any]:
    """Activations, the latest first."""
    session, _ = caller()
    return answer_page("activations", query, lambda page: service.find(session, query, page))


@activations.route("/activations", methods=["POST"])
@allow(Permission.ACTIVATION_REPORT)
@activations.arguments(NewActivations)
@activations.response(200, TakenList)
def take(body: dict[str, Any]) -> dict[str, Any]:
    """Report activations; each counts once by its magazine and counter, however often it is told."""
    session, actor = caller()
    return {"items": service.take(session, actor, [Item(**item) for item in body["items"]], now=utc_now())}


@activations.route("/activations/<int:number>")
@allow(Permission.ACTIVATION_VIEW)
@activations.response(200, OneActivation)
def get(number: int) -> dict[str, Any]:
    """One activation with each source's account of it."""
    session, _ = caller()
    return service.get(session, number)
