"""Bulk acts as the API takes and gives them."""

from typing import Any

import marshmallow as ma

from fleet.api import Identifier, Instant, ListQuery, Schema, Text, Word
from fleet.cameras.states import Custody, Use
from fleet.clock import iso
from fleet.custody.models import Condition, IssueKind
from fleet.custody.schemas import CameraQuery
from fleet.stock.bulk import MOST_CAMERAS
from fleet.stock.states import BulkOutcome, BulkVerb

_MOVES = (Custody.QUARANTINED, Custody.IN_STOCK, Custody.COMMISSIONED)


def _kept(data: dict[str, Any]) -> dict[str, Any]:
    """As JSON keeps it, without what was not said."""
    kept = {name: iso(value) if name == "due_back" and value else value for name, value in data.items()}
    return {name: value if isinstance(value, str) else str(value) for name, value in kept.items() if value is not None}


class _Wanted(Schema):
    @ma.post_load
    def _made(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return _kept(data)


class WantedReturn(_Wanted):
    condition = ma.fields.String(
        load_default=str(Condition.GOOD),
        validate=ma.validate.OneOf([str(Condition.GOOD), str(Condition.FAULTY)]),
    )
    note = Text(allow_none=True, load_default=None)


class WantedMove(_Wanted):
    custody = ma.fields.String(required=True, validate=ma.validate.OneOf([str(custody) for custody in _MOVES]))
    note = Text(allow_none=True, load_default=None)


class WantedHomeDock(_Wanted):
    home_dock = Identifier(required=True)


class WantedUse(_Wanted):
    use = Word(Use, required=True)


class WantedDueBack(_Wanted):
    due_back = Instant(required=True)


class WantedIssue(_Wanted):
    """Nothing for all: each camera has its own officer."""


WANTED: dict[BulkVerb, type[Schema]] = {
    BulkVerb.RETURN: WantedReturn,
    BulkVerb.MOVE: WantedMove,
    BulkVerb.ISSUE: WantedIssue,
    BulkVerb.HOME_DOCK: WantedHomeDock,
    BulkVerb.USE: WantedUse,
    BulkVerb.DUE_BACK: WantedDueBack,
}


class IssueLine(_Wanted):
    serial = Identifier(required=True)
    collar = Identifier(required=True)
    kind = Word(IssueKind, allow_none=True, load_default=None)
    due_back = Instant(allow_none=True, load_default=None)


class NewBulkAct(Schema):
    """What is to be done (``wanted`` depends on the verb), and with which cameras: one of the last three."""

    verb = Word(BulkVerb, required=True)
    wanted = ma.fields.Dict(load_default=dict)
    filters = ma.fields.Nested(CameraQuery(exclude=("limit", "cursor")))
    cameras = ma.fields.List(Identifier(), validate=ma.validate.Length(1, MOST_CAMERAS))
    issues = ma.fields.List(ma.fields.Nested(IssueLine), validate=ma.validate.Length(1, MOST_CAMERAS))

    @ma.validates_schema
    def _is_one(self, data: dict[str, Any], **_: Any) -> None:
        named = [name for name in ("filters", "cameras", "issues") if name in data]
        wants = ["issues"] if data.get("verb") is BulkVerb.ISSUE else ["filters", "cameras"]
        if len(named) != 1 or named[0] not in wants:
            raise ma.ValidationError(f"Name the cameras by {' or '.join(wants)}, and by nothing else.", wants[0])

    @ma.post_load
    def _made(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        try:
            return {**data, "wanted": WANTED[data["verb"]]().load(data["wanted"])}
        except ma.ValidationError as error:
            raise ma.ValidationError({"wanted": error.messages}) from error


class BulkActSchema(Schema):
    id = ma.fields.Integer()
    verb = Word(BulkVerb)
    wanted = ma.fields.Dict()
    asked_at = Instant()
    asked_by = ma.fields.String()
    begun_at = Instant(allow_none=True)
    ended_at = Instant(allow_none=True)
    counts = ma.fields.Dict()


class BulkItemsQuery(ListQuery):
    outcome = Word(BulkOutcome, load_default=None)


class BulkItemSchema(Schema):
    line = ma.fields.Integer()
    serial = ma.fields.String()
    wanted = ma.fields.Dict()
    outcome = Word(BulkOutcome)
    rule = ma.fields.Integer(allow_none=True)
    what = ma.fields.String(allow_none=True)
    mend = ma.fields.String(allow_none=True)
