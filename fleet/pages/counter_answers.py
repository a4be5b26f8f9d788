"""What the counter's page sends and is answered, as JSON."""

import json
from http import HTTPStatus
from typing import Any

import marshmallow as ma
from flask import Response, current_app, g
from flask.typing import ResponseReturnValue
from itsdangerous import BadData, URLSafeSerializer

from fleet.api import Identifier, Instant, Schema, Word
from fleet.counter.acts import Kept
from fleet.counter.scans import Act, Answer, LastAct, Mode, State, Tone
from fleet.problems import MEDIA_TYPE, slug
from fleet.visits.schemas import VisitKey
from fleet.web import caller

_LONGEST_SCAN = 200
_LONGEST_VISIT = 200


class _LastActSchema(Schema):
    act = Word(Act, required=True)
    allocation = ma.fields.Integer(required=True, strict=True, validate=ma.validate.Range(1, 2**62))
    returned = ma.fields.Integer(load_default=None, allow_none=True, strict=True, validate=ma.validate.Range(1, 2**62))

    @ma.post_load
    def _made(self, data: dict[str, Any], **_: Any) -> LastAct:
        return LastAct(**data)


class SignedLastAct(ma.fields.Field[LastAct | None]):
    """The last act as the page keeps it: signed for its browser, so that nobody undoes what they did not do."""

    def _serialize(self, value: LastAct | None, *_: Any, **__: Any) -> str | None:
        return None if value is None else _signer().dumps(_LastActSchema().dump(value))

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> LastAct | None:
        try:
            loaded: LastAct = _LastActSchema().load(_signer().loads(value))
        except (BadData, ma.ValidationError, TypeError):
            return None
        return loaded


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(str(current_app.secret_key), salt=f"last act of browser {g.signed_in.session_id}")


class ActId(ma.fields.String):
    """What a page calls an act of its own: 32 hexadecimal digits, made at random."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validate=ma.validate.Regexp(r"[0-9a-f]{32}\Z"), **kwargs)


class StateSchema(Schema):
    officer = Identifier(load_default=None, allow_none=True)
    visit = VisitKey(load_default=None, allow_none=True)
    mode = Word(Mode, load_default=Mode.NORMAL)
    dock = Identifier(load_default=None, allow_none=True)
    issued = ma.fields.List(Identifier(), load_default=list, validate=ma.validate.Length(max=_LONGEST_VISIT))
    operation = Identifier(load_default=None, allow_none=True)
    kit = Identifier(load_default=None, allow_none=True)
    take_over = Identifier(load_default=None, allow_none=True)
    last_act = SignedLastAct(load_default=None, allow_none=True)

    @ma.post_load
    def _made(self, data: dict[str, Any], **_: Any) -> State:
        return State(**{**data, "issued": tuple(data["issued"])})


class ScanSchema(Schema):
    scan = ma.fields.String(required=True, validate=ma.validate.Length(1, _LONGEST_SCAN))
    repeated = ma.fields.Boolean(load_default=False)
    answers = ma.fields.Boolean(load_default=False)
    state = ma.fields.Nested(StateSchema, load_default=State)


class LiveScanSchema(ScanSchema):
    """A scan whose clerk waits for the answer. With an ``id`` it is carried out once, whenever it is sent again."""

    id = ActId(load_default=None, allow_none=True)
    made_at = Instant(load_default=None, allow_none=True)


class KitItem(Schema):
    serial = ma.fields.String()
    kind = ma.fields.String()
    due_back = Instant(allow_none=True)
    active = ma.fields.Boolean()


class AnswerSchema(Schema):
    tone = Word(Tone)
    title = ma.fields.String()
    detail = ma.fields.String()
    due_back = Instant(allow_none=True)
    kit = ma.fields.List(ma.fields.Nested(KitItem), allow_none=True)
    state = ma.fields.Nested(StateSchema)
    camera = ma.fields.String(allow_none=True)
    clerk = ma.fields.String()


def answered(answer: Answer) -> dict[str, Any]:
    """An answer as its page is told."""
    dumped: dict[str, Any] = AnswerSchema().dump({**vars(answer), "state": vars(answer.state), "clerk": clerk_name()})
    return dumped


def clerk_name() -> str:
    """The account that this browser's acts are recorded under."""
    _, actor = caller()
    name: str = g.get("clerk") or actor.name.removeprefix("account:")
    return name


def told(kept: Kept) -> ResponseReturnValue:
    """What was kept of an act, as its page is told; a refusal as the problem that it was."""
    if kept.status != HTTPStatus.OK:
        body = {"type": f"/problems#{slug(kept.answer['title'])}"} | kept.answer
        return Response(json.dumps(body), status=kept.status, content_type=MEDIA_TYPE)
    return as_answer(kept) | {"clerk": clerk_name()}


def as_answer(kept: Kept) -> dict[str, Any]:
    """A kept answer, with what its page needs to undo it."""
    last = SignedLastAct()._serialize(kept.did)
    return kept.answer | {"camera": kept.camera, "state": kept.answer.get("state", {}) | {"last_act": last}}
