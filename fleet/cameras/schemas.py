"""Cameras as the API takes and gives them."""

import marshmallow as ma

from fleet.api import LONGEST_NAME, Identifier, Instant, Schema, Text, Word
from fleet.cameras.states import Bluetooth, Custody, Encryption, Fault, Model, Use


class CameraChange(Schema):
    asset_tag = Identifier(allow_none=True)
    use = Word(Use, allow_none=True)
    phase = ma.fields.Integer(strict=True, allow_none=True, validate=ma.validate.Range(1, 99))
    home_dock = Identifier(allow_none=True)
    firmware = Text(allow_none=True, longest=LONGEST_NAME)
    encryption = Word(Encryption, allow_none=True)
    bluetooth = Word(Bluetooth, allow_none=True)
    warranty_until = ma.fields.Date(allow_none=True)


class NewCamera(CameraChange):
    serial = Identifier(required=True)
    model = Word(Model, required=True)


class CameraSchema(NewCamera):
    custody = Word(Custody)
    custody_at = Instant()
    holder = Identifier(allow_none=True)
    kind = ma.fields.String(allow_none=True)
    due_back = Instant(allow_none=True)
    dock = Identifier(allow_none=True)
    site = Identifier(allow_none=True)
    desired = ma.fields.Dict()
    battery_percent = ma.fields.Integer(allow_none=True)
    clock_offset_s = ma.fields.Float(allow_none=True)
    fault = Word(Fault, allow_none=True)
    unoffloaded = ma.fields.Integer(allow_none=True)
    last_seen_at = Instant(allow_none=True)
    revoked_at = Instant(allow_none=True)
    pairings = ma.fields.List(ma.fields.Dict(), dump_default=list)
