"""Kits as the API takes and gives them."""

import marshmallow as ma

from fleet.api import LONGEST_NAME, Identifier, Instant, ListQuery, Schema, Text, Word
from fleet.cameras.states import Custody, Model
from fleet.custody.models import Condition
from fleet.stock.kits import MOST_PARTS
from fleet.stock.states import PartKind, PartState


class KitQuery(ListQuery):
    q = ma.fields.String()


class NewPart(Schema):
    kind = Word(PartKind, required=True)
    barcode = Identifier(allow_none=True, load_default=None)


class KitChange(Schema):
    name = Text(allow_none=True, longest=LONGEST_NAME)
    camera = Identifier()
    parts = ma.fields.List(ma.fields.Nested(NewPart), validate=ma.validate.Length(max=MOST_PARTS))


class NewKit(KitChange):
    code = Identifier(required=True, metadata={"description": "the kit's own barcode"})
    camera = Identifier(required=True)


class PartSchema(Schema):
    id = ma.fields.Integer()
    kind = Word(PartKind)
    barcode = ma.fields.String(allow_none=True)
    state = Word(PartState)


class KitSchema(Schema):
    code = Identifier()
    name = ma.fields.String(allow_none=True)
    camera = ma.fields.String(allow_none=True)
    model = Word(Model, allow_none=True)
    custody = Word(Custody, allow_none=True)
    holder = ma.fields.String(allow_none=True)
    dissolved_at = Instant(allow_none=True)
    parts = ma.fields.List(ma.fields.Nested(PartSchema), metadata={"description": "of a single kit"})


class KitIssue(Schema):
    collar = Identifier(required=True)
    due_back = Instant(allow_none=True, load_default=None)


class KitReturn(Schema):
    condition = ma.fields.String(
        load_default=str(Condition.GOOD), validate=ma.validate.OneOf([str(Condition.GOOD), str(Condition.FAULTY)])
    )
    note = Text(allow_none=True, load_default=None)
    missing = ma.fields.List(
        ma.fields.Integer(strict=True), load_default=list, metadata={"description": "numbers of parts"}
    )
