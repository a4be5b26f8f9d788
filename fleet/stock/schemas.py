"""Stocktakes as the API takes and gives them."""

import marshmallow as ma

from fleet.api import LONGEST_NAME, Identifier, Instant, ListQuery, Schema, Text, Word
from fleet.cameras.states import Custody, Model, Use
from fleet.stock.states import Judgment, Settlement, StocktakeState
from fleet.stock.stocktakes import MOST_SCANS


class StocktakeQuery(ListQuery):
    state = Word(StocktakeState)
    site = Identifier()


class NewStocktake(Schema):
    """Where, and by which filters of the camera list, something should be; no filter means everything."""

    name = Text(longest=LONGEST_NAME, load_default=None)
    site = Identifier(load_default=None)
    dock = Identifier(load_default=None)
    model = Word(Model, load_default=None)
    use = Word(Use, load_default=None)
    custody = Word(Custody, load_default=None)


class StocktakeSchema(Schema):
    id = ma.fields.Integer()
    name = ma.fields.String()
    site = Identifier(allow_none=True)
    dock = Identifier(allow_none=True)
    filters = ma.fields.Dict()
    state = Word(StocktakeState)
    opened_at = Instant()
    opened_by = ma.fields.String()
    ended_at = Instant(allow_none=True)
    ended_by = ma.fields.String(allow_none=True)
    reason = ma.fields.String(allow_none=True)
    counts = ma.fields.Dict(allow_none=True, metadata={"description": "of this moment while it is open"})


class Scans(Schema):
    scans = ma.fields.List(
        ma.fields.String(), required=True, validate=ma.validate.Length(1, MOST_SCANS),
        metadata={"description": "serials or asset tags, as scanned"},
    )  # fmt: skip


class OutcomeSchema(Schema):
    scan = ma.fields.String()
    serial = ma.fields.String(allow_none=True)
    judgment = Word(Judgment)
    is_first = ma.fields.Boolean()
    by = ma.fields.String()
    at = Instant()


class ScansAnswer(Schema):
    scans = ma.fields.List(ma.fields.Nested(OutcomeSchema))
    counts = ma.fields.Dict()


class MissingQuery(ListQuery):
    unsettled = ma.fields.Boolean(load_default=False)


class MissingSchema(Schema):
    serial = ma.fields.String()
    asset_tag = ma.fields.String(allow_none=True)
    model = Word(Model)
    custody = Word(Custody)
    holder = ma.fields.String(allow_none=True)
    home_dock = ma.fields.String(allow_none=True)
    settled = Word(Settlement, allow_none=True)
    note = ma.fields.String(allow_none=True)
    settled_by = ma.fields.String(allow_none=True)


class ScansQuery(ListQuery):
    judgment = Word(Judgment, load_default=None)


class ScanSchema(Schema):
    scan = ma.fields.String()
    serial = ma.fields.String(allow_none=True)
    model = Word(Model, allow_none=True)
    custody = Word(Custody, allow_none=True)
    holder = ma.fields.String(allow_none=True)
    home_dock = ma.fields.String(allow_none=True)
    site = ma.fields.String(allow_none=True)
    judgment = Word(Judgment)
    times = ma.fields.Integer()
    scanned_at = Instant()
    scanned_by = ma.fields.String()


class SettlementRequest(Schema):
    """``cameras`` left out: all that are missing and not settled yet."""

    cameras = ma.fields.List(Identifier(), load_default=None, validate=ma.validate.Length(1, MOST_SCANS))
    settled = ma.fields.String(
        required=True, validate=ma.validate.OneOf([str(Settlement.FOUND), str(Settlement.UNABLE_TO_LOCATE)])
    )
    note = Text(allow_none=True, load_default=None)


class SettlementAnswer(Schema):
    settled = ma.fields.Integer()
    counts = ma.fields.Dict()


class Nothing(Schema):
    """An act that needs no more words."""


class Abandonment(Schema):
    reason = Text(required=True)
