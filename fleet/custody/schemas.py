"""Issue, return and history as the API takes and gives them."""

from typing import Any

import marshmallow as ma

from fleet.api import Identifier, Instant, ListQuery, Schema, Text, Word
from fleet.cameras.schemas import CameraChange
from fleet.cameras.states import Bluetooth, Custody, Encryption, Model, Use
from fleet.custody.holdings import Attention
from fleet.custody.models import Condition, IssueKind, Purpose


class CameraQuery(ListQuery):
    model = Word(Model)
    use = Word(Use)
    custody = Word(Custody)
    site = Identifier()
    holder = Identifier()
    firmware = ma.fields.String()
    encryption = Word(Encryption)
    bluetooth = Word(Bluetooth)
    phase = ma.fields.Integer(validate=ma.validate.Range(1, 99))
    attention = Word(Attention)
    q = ma.fields.String()


class CameraPatch(CameraChange):
    """``custody`` and ``holder`` are refused by rule 9 unless they are what they are already."""

    custody = Word(Custody)
    holder = Identifier(allow_none=True)


class IssueRequest(Schema):
    collar = Identifier(required=True)
    kind = Word(IssueKind, required=True)
    due_back = Instant(allow_none=True, load_default=None)
    override_reason = Text(load_default=None)
    purpose = Word(Purpose, allow_none=True, load_default=None)
    operation = Identifier(allow_none=True, load_default=None)


class ReturnRequest(Schema):
    condition = ma.fields.String(
        required=True, validate=ma.validate.OneOf([str(Condition.GOOD), str(Condition.FAULTY)])
    )
    note = Text(allow_none=True, load_default=None)

    @ma.post_load
    def _made(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {**data, "condition": Condition(data["condition"])}


class CustodyMove(Schema):
    custody = Word(Custody, required=True)
    note = Text(allow_none=True, load_default=None)


class AllocationSchema(Schema):
    id = ma.fields.Integer()
    serial = ma.fields.String(attribute="camera.serial")
    collar = ma.fields.String(attribute="person.collar")
    kind = Word(IssueKind)
    issued_at = Instant()
    due_back = Instant(allow_none=True)
    active = ma.fields.Boolean()
    returned_at = Instant(allow_none=True)
    condition = Word(Condition, allow_none=True)
    note = ma.fields.String(allow_none=True)
    operation = ma.fields.String(allow_none=True)
    custody = Word(Custody, attribute="camera.custody")


class HistoryEntry(Schema):
    id = ma.fields.Integer()
    at = Instant()
    actor = ma.fields.String()
    event = ma.fields.String()
    collar = ma.fields.String(attribute="officer", allow_none=True)
    facts = ma.fields.Dict()
