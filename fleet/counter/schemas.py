"""Exceptions as the API takes and gives them."""

import marshmallow as ma

from fleet.api import Identifier, Instant, ListQuery, Schema, Text, Word
from fleet.counter.models import Settlement


class ExceptionQuery(ListQuery):
    q = ma.fields.String()
    state = ma.fields.String(validate=ma.validate.OneOf(["open", "settled"]))
    clerk = ma.fields.String()


class ExceptionSchema(Schema):
    number = ma.fields.Integer()
    kind = ma.fields.String()
    camera = ma.fields.String(allow_none=True)
    officer = ma.fields.String(allow_none=True)
    clerk = ma.fields.String()
    sender = ma.fields.String()
    made_at = Instant()
    received_at = Instant()
    clock_offset_s = ma.fields.Float(allow_none=True)
    rule = ma.fields.Integer(allow_none=True)
    problem = ma.fields.String()
    mend = ma.fields.String(allow_none=True)
    settled_at = Instant(allow_none=True)
    settled_by = ma.fields.String(allow_none=True)
    settlement = Word(Settlement, allow_none=True)
    reason = ma.fields.String(allow_none=True)


class SettleRequest(Schema):
    """``officer`` is who has the camera in fact, where the register is put right; none, it is in the store."""

    settlement = Word(Settlement, required=True)
    reason = Text(required=True)
    officer = Identifier(allow_none=True, load_default=None)
