"""``/counter``: one box that takes any scan."""

from typing import Any

import marshmallow as ma
from flask import Blueprint, current_app, g, render_template, request
from itsdangerous import BadData, URLSafeSerializer

from fleet.api import Identifier, Instant, Schema, Word, json_of
from fleet.auth import service as auth
from fleet.auth.permissions import Permission
from fleet.clock import utc_now
from fleet.counter.scans import Act, Answer, Counter, LastAct, Mode, State, Tone, bare
from fleet.errors import CounterLocked, Invalid
from fleet.identifiers import BADGE_PREFIX
from fleet.web import allow, caller, service

pages = Blueprint("counter_pages", __name__)
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


class StateSchema(Schema):
    officer = Identifier(load_default=None, allow_none=True)
    mode = Word(Mode, load_default=Mode.NORMAL)
    dock = Identifier(load_default=None, allow_none=True)
    issued = ma.fields.List(Identifier(), load_default=list, validate=ma.validate.Length(max=_LONGEST_VISIT))
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
    clerk = ma.fields.String()


@pages.get("/counter")
@allow(Permission.COUNTER_USE)
def counter() -> str:
    """The page; everything else happens without another load of it."""
    session, _ = caller()
    if not g.signed_in.is_locked:
        # From now on this browser is a counter, which locks when it is left alone.
        auth.note_act(session, g.signed_in.session_id, utc_now())
    policy = service().fleet_settings.policy
    return render_template(
        "counter/counter.html",
        clerk=_clerk(),
        locked=g.signed_in.is_locked,
        idle_s=int(policy.counter_idle.total_seconds()),
        undo_s=int(policy.undo_window.total_seconds()),
        modes=list(Mode),
    )


@pages.post("/counter/scans")
@allow(Permission.COUNTER_USE)
def scan() -> dict[str, Any]:
    """One scan and its answer. Sent again with its ``Idempotency-Key``, it gets the same answer."""
    asked = _asked()
    text = bare(asked["scan"])
    if text.upper().startswith(BADGE_PREFIX):
        return _answered(_badge(text, asked["state"]))
    if g.signed_in.is_locked:
        raise CounterLocked("This counter is locked. Scan your badge.", mend="a clerk, by scanning a badge")
    session, actor = caller()
    now = utc_now()
    at_counter = Counter(session, actor, policy=service().fleet_settings.policy, now=now)
    return _answered(at_counter.scan(text, asked["state"], repeated=asked["repeated"], answers=asked["answers"]))


@pages.post("/counter/lock")
@allow(Permission.COUNTER_USE)
def lock() -> dict[str, Any]:
    """Lock the counter until a badge is scanned."""
    session, actor = caller()
    auth.lock_counter(session, actor, g.signed_in.session_id, now=utc_now())
    return {"locked": True}


def _asked() -> dict[str, Any]:
    try:
        loaded: dict[str, Any] = ScanSchema().load(json_of(request))
    except ma.ValidationError as error:
        raise Invalid("This scan cannot be used.", fields=dict(error.messages_dict)) from error
    return loaded


def _badge(text: str, state: State) -> Answer:
    session, actor = caller()
    account = auth.change_clerk(session, actor, g.signed_in.session_id, text.upper(), now=utc_now())
    g.clerk = account.name
    # The next clerk finds the counter's mode as it was, but nobody's visit and no dock.
    state = State(mode=state.mode)
    return Answer(Tone.INFO, f"Clerk {account.name}", "The counter is yours. Scan an officer or a camera.", state)


def _answered(answer: Answer) -> dict[str, Any]:
    dumped: dict[str, Any] = AnswerSchema().dump({**vars(answer), "state": vars(answer.state), "clerk": _clerk()})
    return dumped


def _clerk() -> str:
    _, actor = caller()
    name: str = g.get("clerk") or actor.name.removeprefix("account:")
    return name
