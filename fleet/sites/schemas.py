"""Sites and docks as the API takes and gives them."""

import marshmallow as ma

from fleet.api import Flag, Identifier, ListQuery, Schema, Text, Word
from fleet.sites.models import MOST_BAYS
from fleet.sites.stages import Stage


class SiteQuery(ListQuery):
    stage = Word(Stage)
    nte = Flag()
    kind = ma.fields.String()
    q = ma.fields.String()


class SiteChange(Schema):
    name = Text(allow_none=True)
    kind = Text(allow_none=True)
    address = Text(allow_none=True)
    nte = Flag()


class NewSite(SiteChange):
    code = Identifier(required=True)
    stage = Word(Stage, allow_none=True)


class SiteSchema(NewSite):
    pass


class StageReached(Schema):
    stage = Word(Stage, required=True)
    note = Text(allow_none=True, load_default=None)


class DockQuery(ListQuery):
    site = Identifier()
    placed = Flag()
    q = ma.fields.String()


class DockChange(Schema):
    site = Identifier(allow_none=True)
    bays = ma.fields.Integer(strict=True, validate=ma.validate.Range(1, MOST_BAYS))


class NewDock(DockChange):
    serial = Identifier(required=True)


class DockSchema(NewDock):
    pass
