"""Tasers as the API takes and gives them."""

import marshmallow as ma

from fleet.api import LONGEST_NAME, Identifier, ListQuery, Schema, Text, Word
from fleet.cameras.states import Bluetooth
from fleet.tasers.models import TaserModel


class TaserQuery(ListQuery):
    model = Word(TaserModel)
    site = Identifier()
    holder = Identifier()
    sppm = ma.fields.String(validate=ma.validate.OneOf(["fitted", "missing"]))
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
    pass
