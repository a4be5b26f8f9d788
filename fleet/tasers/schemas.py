"""Tasers as the API takes and gives them."""

import marshmallow as ma

from fleet.api import LONGEST_NAME, Identifier, Instant, ListQuery, Schema, Text, Word
from fleet.cameras.states import Bluetooth
from fleet.tasers.models import TaserModel
from fleet.tasers.states import TaserCustody


class TaserQuery(ListQuery):
    model = Word(TaserModel)
    custody = Word(TaserCustody)
    site = Identifier()
    holder = Identifier()
    sppm = ma.fields.String(validate=ma.validate.OneOf(["fitted", "missing"]))
    log = ma.fields.String(validate=ma.validate.OneOf(["nearly-full"]))
    q = ma.fields.String()


class TaserChange(Schema):
    sppm = Identifier(allow_none=True)
    firmware = Text(allow_none=True, longest=LONGEST_NAME)
    bluetooth = Word(Bluetooth, allow_none=True)
    home_site = Identifier(allow_none=True)
    holder = Identifier(allow_none=True)


class NewTaser(TaserChange):
    serial = Identifier(required=True)
    model = Word(TaserModel, required=True)


class TaserSchema(NewTaser):
    custody = Word(TaserCustody)
    custody_at = Instant(allow_none=True)
    levels_reported_at = Instant(allow_none=True)
    battery_percent = ma.fields.Integer(allow_none=True)
    clock_offset_s = ma.fields.Float(allow_none=True)
    clock_set = ma.fields.Boolean(allow_none=True)
    log_entries = ma.fields.Integer(allow_none=True)
    log_read_at = Instant(allow_none=True)
    last_seen_at = Instant(allow_none=True)
    revoked_at = Instant(allow_none=True)


class TaserMove(Schema):
    custody = Word(TaserCustody, required=True)
    note = Text(allow_none=True, load_default=None)
