"""Reservations and suggestions as the API takes and gives them."""

import marshmallow as ma

from fleet.api import LONGEST_NAME, Flag, Identifier, Instant, ListQuery, Schema, Text, Word
from fleet.cameras.states import Model
from fleet.custody.models import ReservationState

_MOST_CAMERAS = 10_000


class ReservationQuery(ListQuery):
    state = Word(ReservationState)
    q = ma.fields.String()


class ReservationChange(Schema):
    """Where a model, a site or a dock is named, only such cameras of the pool count."""

    name = Text(longest=LONGEST_NAME)
    count = ma.fields.Integer(strict=True, validate=ma.validate.Range(1, _MOST_CAMERAS))
    model = Word(Model, allow_none=True)
    site = Identifier(allow_none=True)
    dock = Identifier(allow_none=True)
    begins_at = Instant()
    ends_at = Instant()
    public_order = Flag()
    contact = Text(allow_none=True, longest=LONGEST_NAME)
    officers = ma.fields.List(
        Identifier(), validate=ma.validate.Length(max=_MOST_CAMERAS), metadata={"description": "collar numbers"}
    )

    @ma.validates("name")
    def _is_there(self, name: str | None, **_: object) -> None:
        if not name:
            raise ma.ValidationError("An operation has a name.")


class NewReservation(ReservationChange):
    code = Identifier(required=True, metadata={"description": "what the counter scans, such as OP-PELKIN"})
    name = Text(required=True, longest=LONGEST_NAME)
    count = ma.fields.Integer(required=True, strict=True, validate=ma.validate.Range(1, _MOST_CAMERAS))
    begins_at = Instant(required=True)
    ends_at = Instant(required=True)


class ReservationSchema(Schema):
    code = Identifier()
    name = ma.fields.String()
    count = ma.fields.Integer()
    model = Word(Model, allow_none=True)
    site = Identifier(allow_none=True)
    dock = Identifier(allow_none=True)
    begins_at = Instant()
    ends_at = Instant()
    public_order = ma.fields.Boolean()
    contact = ma.fields.String(allow_none=True)
    officers = ma.fields.List(ma.fields.String())
    state = Word(ReservationState)
    created_by = ma.fields.String()
    out = ma.fields.Integer()
    back = ma.fields.Integer()
    to_come = ma.fields.Integer()


class Cancellation(Schema):
    reason = Text(required=True)


class SuggestionSchema(Schema):
    serial = ma.fields.String()
    model = Word(Model)
    battery_percent = ma.fields.Integer(allow_none=True)
    home_dock = ma.fields.String(allow_none=True)
    in_stock_since = Instant()
    last_time = ma.fields.Boolean()


class Suggestions(Schema):
    items = ma.fields.List(ma.fields.Nested(SuggestionSchema))
