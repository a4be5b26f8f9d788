"""Officers as the API takes and gives them."""

import marshmallow as ma

from fleet.api import LONGEST_NAME, Identifier, ListQuery, Schema, Text, Word
from fleet.people.addresses import EmailAddress
from fleet.people.models import Function


class PersonQuery(ListQuery):
    team = ma.fields.String()
    function = Word(Function)
    site = Identifier()
    training = ma.fields.String(validate=ma.validate.OneOf(["current", "lapsed"]))
    q = ma.fields.String()


class PersonChange(Schema):
    name = Text(allow_none=True)
    team = Text(allow_none=True, longest=LONGEST_NAME)
    function = Word(Function, allow_none=True)
    site = Identifier(allow_none=True)
    trained_until = ma.fields.Date(allow_none=True)
    email = EmailAddress(allow_none=True)


class NewPerson(PersonChange):
    collar = Identifier(required=True)


class PersonSchema(NewPerson):
    leaves_on = ma.fields.Date(allow_none=True)
