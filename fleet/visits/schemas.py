"""Visits, acknowledgements and terms as the API takes and gives them."""

from typing import Any

import marshmallow as ma

from fleet.api import Flag, Identifier, Instant, ListQuery, Schema, Text, Word
from fleet.custody.models import IssueKind
from fleet.people.pins import MOST_DIGITS
from fleet.visits import signature, terms
from fleet.visits.models import MailState, Method
from fleet.visits.service import Given

_KEY = ma.validate.Regexp(r"^[0-9a-f]{32}\Z", error="Must be 32 hexadecimal digits in small letters.")
_MOST_ISSUES = 200


class VisitKey(ma.fields.String):
    """A page's name for a visit."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validate=_KEY, **kwargs)


class Strokes(ma.fields.Raw):
    """A signature as it was drawn: lists of ``[x, y]``."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> list[signature.Stroke]:
        try:
            return signature.read(value)
        except signature.NoSignature as error:
            raise ma.ValidationError(str(error)) from error


class GivenSchema(Schema):
    """How a visit is acknowledged; each method has what belongs to it and nothing else."""

    method = Word(Method, required=True)
    pin = ma.fields.String(validate=ma.validate.Length(1, MOST_DIGITS), load_only=True)
    strokes = Strokes(
        metadata={
            "description": f"strokes of [x, y], whole numbers up to {signature.WIDTH} and {signature.HEIGHT}",
            "type": "array",
            "items": {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}},
        }
    )
    reason = Text(longest=200)
    terms = ma.fields.Integer(
        strict=True,
        load_default=None,
        allow_none=True,
        validate=ma.validate.Range(1, terms.HIGHEST),
        metadata={"description": "the version that was shown"},
    )

    @ma.validates_schema
    def _has_what_belongs_to_it(self, data: dict[str, Any], **_: Any) -> None:
        wanted = {Method.PIN: "pin", Method.SIGNATURE: "strokes", Method.ATTESTATION: "reason"}
        needed = wanted[data["method"]]
        wrong = {
            name: ["Does not belong to this method."] for name in wanted.values() if name != needed and name in data
        }
        if not data.get(needed):
            wrong[needed] = ["Missing data for required field."]
        if wrong:
            raise ma.ValidationError(wrong)

    @ma.post_load
    def _made(self, data: dict[str, Any], **_: Any) -> Given:
        return Given(**data)


class VisitQuery(ListQuery):
    officer = Identifier()
    method = Word(Method)
    acknowledged = Flag()


class NewVisit(Schema):
    id = VisitKey(required=True)
    collar = Identifier(required=True)
    allocations = ma.fields.List(
        ma.fields.Integer(strict=True, validate=ma.validate.Range(1, 2**62)),
        required=True,
        validate=ma.validate.Length(1, _MOST_ISSUES),
    )


class VisitSchema(Schema):
    id = ma.fields.String()
    collar = ma.fields.String()
    clerk = ma.fields.String()
    begun_at = Instant()
    cameras = ma.fields.List(ma.fields.String())
    method = Word(Method, allow_none=True)
    acknowledged_at = Instant(allow_none=True)


class VisitIssueSchema(Schema):
    id = ma.fields.Integer()
    serial = ma.fields.String()
    kind = Word(IssueKind)
    issued_at = Instant()
    due_back = Instant(allow_none=True)
    returned_at = Instant(allow_none=True)
    undone = ma.fields.Boolean()
    entry = ma.fields.Integer(allow_none=True)


class DisputeSchema(Schema):
    id = ma.fields.Integer()
    at = Instant()
    actor = ma.fields.String()
    note = ma.fields.String()


class MailSchema(Schema):
    state = Word(MailState)
    queued_at = Instant()
    sent_at = Instant(allow_none=True)
    address = ma.fields.String(allow_none=True)
    tries = ma.fields.Integer()
    problem = ma.fields.String(allow_none=True)


class WholeVisitSchema(VisitSchema):
    issued = ma.fields.List(ma.fields.Nested(VisitIssueSchema))
    acknowledged_by = ma.fields.String(allow_none=True)
    reason = ma.fields.String(allow_none=True)
    strokes = ma.fields.Raw(allow_none=True)
    terms_version = ma.fields.Integer(allow_none=True)
    terms_sha256 = ma.fields.String(allow_none=True)
    entry = ma.fields.Integer(attribute="entry_id", allow_none=True)
    disputes = ma.fields.List(ma.fields.Nested(DisputeSchema))
    mail = ma.fields.List(ma.fields.Nested(MailSchema))


class NewDispute(Schema):
    note = Text(required=True)


class NewTerms(Schema):
    text = Text(required=True, longest=terms.LONGEST)
    valid_from = Instant(load_default=None, allow_none=True)
    after = ma.fields.Integer(
        required=True,
        strict=True,
        validate=ma.validate.Range(0, terms.HIGHEST - 1),
        metadata={"description": "the newest version that you have read; 0 for none"},
    )


class TermsSchema(Schema):
    version = ma.fields.Integer()
    text = ma.fields.String()
    sha256 = ma.fields.String()
    valid_from = Instant()
    published_at = Instant()
    published_by = ma.fields.String()
