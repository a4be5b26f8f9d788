"""``/counter``: one box that takes any scan."""

import dataclasses
from typing import Any

import marshmallow as ma
from flask import Blueprint, g, render_template, request

from fleet.api import Identifier, Instant, Schema, Word
from fleet.auth import service as auth
from fleet.auth.permissions import Permission
from fleet.clock import utc_now
from fleet.custody.counter import Act, Answer, Counter, LastAct, Mode, State, Tone
from fleet.errors import CounterLocked, Invalid
from fleet.web import allow, caller, service

pages = Blueprint("counter_pages", __name__)
BADGE_PREFIX = "CLERK-"
_LONGEST_SCAN = 200
_LONGEST_VISIT = 200


class LastActSchema(Schema):
    act = Word(Act, required=True)
    allocation = ma.fields.Integer(required=True, strict=True, validate=ma.validate.Range(1, 2**62))
    returned = ma.fields.Integer(load_default=None, allow_none=True, strict=True, validate=ma.validate.Range(1, 2**62))

    @ma.post_load
    def _made(self, data: dict[str, Any], **_: Any) -> LastAct:
        return LastAct(**data)


class StateSchema(Schema):
    officer = Identifier(load_default=None, allow_none=True)
    mode = Word(Mode, load_default=Mode.NORMAL)
    dock = Identifier(load_default=None, allow_none=True)
    issued = ma.fields.List(Identifier(), load_default=list, validate=ma.validate.Length(max=_LONGEST_VISIT))
    take_over = Identifier(load_default=None, allow_none=True)
    last_act = ma.fields.Nested(LastActSchema, load_default=None, allow_none=True)

    @ma.post_load
    def _made(self, data: dict[str, Any], **_: Any) -> State:
        return State(**{**data, "issued": tuple(data["issued"])})


class ScanSchema(Schema):
    scan = ma.fields.String(required=True, validate=ma.validate.Length(1, _LONGEST_SCAN))
    repeated = ma.fields.Boolean(load_default=False)
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
    policy = service().fleet_settings.policy
    return render_template(
        "counter/counter.html",
        clerk=_clerk(),
        locked=_is_locked(),
        idle_s=int(policy.counter_idle.total_seconds()),
        undo_s=int(policy.undo_window.total_seconds()),
        modes=list(Mode),
    )


@pages.post("/counter/scans")
@allow(Permission.COUNTER_USE)
def scan() -> dict[str, Any]:
    """One scan and its answer. Sent again with its ``Idempotency-Key``, it gets the same answer."""
    asked = _asked()
    text = asked["scan"].strip()
    if text.upper().startswith(BADGE_PREFIX):
        return _answered(_badge(text, asked["state"]))
    if _is_locked():
        raise CounterLocked("This counter is locked. Scan your badge.", mend="a clerk, by scanning a badge")
    session, actor = caller()
    now = utc_now()
    auth.note_act(session, g.signed_in.session_id, now)
    at_counter = Counter(session, actor, policy=service().fleet_settings.policy, now=now)
    return _answered(at_counter.scan(text, asked["state"], repeated=asked["repeated"]))


@pages.post("/counter/lock")
@allow(Permission.COUNTER_USE)
def lock() -> dict[str, Any]:
    """Lock the counter until a badge is scanned."""
    session, actor = caller()
    auth.lock_counter(session, actor, g.signed_in.session_id, now=utc_now())
    return {"locked": True}


def _asked() -> dict[str, Any]:
    try:
        loaded: dict[str, Any] = ScanSchema().load(request.get_json())
    except ma.ValidationError as error:
        raise Invalid("This scan cannot be used.", fields=dict(error.messages_dict)) from error
    return loaded


def _badge(text: str, state: State) -> Answer:
    session, actor = caller()
    account = auth.change_clerk(session, actor, g.signed_in.session_id, text.upper(), now=utc_now())
    g.clerk = account.name
    # The next clerk finds the counter's modes as they were, but nobody's visit.
    state = dataclasses.replace(State(), mode=state.mode, dock=state.dock)
    return Answer(Tone.INFO, f"Clerk {account.name}", "The counter is yours. Scan an officer or a camera.", state)


def _answered(answer: Answer) -> dict[str, Any]:
    dumped: dict[str, Any] = AnswerSchema().dump({**vars(answer), "state": vars(answer.state), "clerk": _clerk()})
    return dumped


def _clerk() -> str:
    _, actor = caller()
    name: str = g.get("clerk") or actor.name.removeprefix("account:")
    return name


def _is_locked() -> bool:
    idle = utc_now() - g.signed_in.acted_at
    return g.signed_in.locked_at is not None or idle > service().fleet_settings.policy.counter_idle
