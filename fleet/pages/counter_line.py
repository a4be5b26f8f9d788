"""What the counter's page exchanges with the service by itself: who is here, the block list, acts that waited."""

import gzip
import hashlib
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import marshmallow as ma
from flask import Blueprint, Response, current_app, g, render_template, request
from flask_wtf.csrf import generate_csrf
from jinja2 import Undefined
from sqlalchemy.orm import Session

from fleet.api import Identifier, Instant, Schema, Word, json_of
from fleet.auth.permissions import Permission
from fleet.clock import iso, utc_now
from fleet.counter import block_list, exceptions, late
from fleet.counter.acts import Kept, Sent
from fleet.counter.clerks import Clerk, ClerkTokens
from fleet.counter.late import Kind
from fleet.counter.models import Outcome
from fleet.counter.scans import Mode
from fleet.errors import CounterLocked, Invalid
from fleet.pages.counter_answers import ActId, ScanSchema, SignedLastAct, as_answer, clerk_name
from fleet.pages.counter_shell import asset_url
from fleet.visits import signature, terms
from fleet.visits.schemas import GivenSchema, VisitKey
from fleet.web import allow, caller, public, service

pages = Blueprint("counter_line", __name__)
# Making the list takes at most a twentieth of a process's time, however large the force; one that was made on a busy
# machine does not stand for long because of that.
_SHARE = 20
_FRESH_S, _STALE_S = 2.0, 60.0
_LONGEST_KIND = 40


@pages.get("/counter/shell")
@public
def shell() -> str:
    """The page as a browser keeps it, the same for everybody: no name, no token, nothing of the register."""
    return page(None)


def page(counter_session: Mapping[str, Any] | None) -> str:
    """The page for a browser's session; without one, as every browser may keep it."""
    hidden = (
        {}
        if counter_session
        else {"csrf_token": Undefined(name="csrf_token"), "account_name": None, "navigation": None}
    )
    return render_template(
        "counter/counter.html",
        counter_session=counter_session,
        asset=asset_url,
        modes=list(Mode),
        pad={"width": signature.WIDTH, "height": signature.HEIGHT},
        **hidden,
    )


def session_of_page() -> dict[str, Any]:
    """What a page needs to know of its session, and keeps to go on by itself when the line is gone.

    ``token`` is a signed statement of who is here now, for acts that arrive later. ``now`` is the service's clock.
    """
    session, _ = caller()
    signed_in, policy, now = g.signed_in, service().fleet_settings.policy, utc_now()
    name = clerk_name()
    clerk = Clerk(name, signed_in.actor.badge_only, signed_in.session_id, now)
    return {
        "clerk": name,
        "locked": signed_in.is_locked,
        "csrf": generate_csrf(),
        "token": None if signed_in.is_locked else _tokens().write(clerk),
        "now": iso(now),
        "idle_s": int(policy.counter_idle.total_seconds()),
        "undo_s": int(policy.undo_window.total_seconds()),
        "exceptions": exceptions.count_open(session),
        "acknowledgement": str(policy.acknowledgement),
        "terms": _terms(session, now),
    }


def _terms(session: Session, now: datetime) -> dict[str, Any] | None:
    """The terms that officers are shown, also without a line."""
    present = terms.present(session, now=now)
    return present and {"version": present["version"], "text": present["text"]}


def _tokens() -> ClerkTokens:
    return ClerkTokens(str(current_app.secret_key))


@pages.get("/counter/session")
@allow(Permission.COUNTER_USE)
def session_now() -> dict[str, Any]:
    """Who is here, as the service sees it."""
    return session_of_page()


@dataclass(frozen=True)
class _Listed:
    body: bytes
    tag: str
    good_until: float


class BlockLists:
    """The block list of a process: made when it is asked for and the last one is not fresh any more."""

    def __init__(self, make: Callable[[], dict[str, Any]]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._last: _Listed | None = None

    def get(self) -> _Listed:
        """The list; while one thread makes it anew, the others have the last one."""
        last = self._last
        if last is not None and time.monotonic() < last.good_until:
            return last
        if not self._lock.acquire(blocking=last is None):
            assert last is not None  # noqa: S101 - else the lock was waited for
            return last
        try:
            self._last = self._made()
            return self._last
        finally:
            self._lock.release()

    def _made(self) -> _Listed:
        began = time.monotonic()
        listed = self._make()
        said = {name: value for name, value in listed.items() if name != "made_at"}
        tag = hashlib.blake2b(json.dumps(said).encode(), digest_size=12).hexdigest()
        took = time.monotonic() - began
        body = gzip.compress(json.dumps(listed, separators=(",", ":")).encode(), 5)
        return _Listed(body, tag, time.monotonic() + min(max(_FRESH_S, took * _SHARE), _STALE_S))


def _listed() -> dict[str, Any]:
    session, _ = caller()
    return block_list.make(session, policy=service().fleet_settings.policy, now=utc_now()).as_json()


@pages.get("/counter/block-list")
@allow(Permission.COUNTER_USE)
def blocked() -> Response:
    """What the page keeps of the register; nothing but its tag when it has it already."""
    if g.signed_in.is_locked:
        raise CounterLocked("This counter is locked. Scan your badge.", mend="a clerk, by scanning a badge")
    lists: BlockLists = current_app.extensions.setdefault("counter_block_lists", BlockLists(_listed))
    listed = lists.get()
    response = Response(listed.body, content_type="application/json", headers={"Content-Encoding": "gzip"})
    response.set_etag(listed.tag)
    response.make_conditional(request)
    return response


class MeantSchema(Schema):
    """What a page told its clerk that a scan does."""

    camera = ma.fields.String(required=True, validate=ma.validate.Length(1, 200))
    officer = Identifier(load_default=None, allow_none=True)
    mode = Word(Mode, load_default=Mode.NORMAL)
    dock = Identifier(load_default=None, allow_none=True)
    operation = Identifier(load_default=None, allow_none=True)
    holder = Identifier(load_default=None, allow_none=True)
    visit = VisitKey(load_default=None, allow_none=True)


class UndoSchema(Schema):
    last_act = SignedLastAct(load_default=None, allow_none=True)


class WithdrawSchema(Schema):
    of = ActId(required=True)
    kind = ma.fields.String(required=True, validate=ma.validate.Length(1, _LONGEST_KIND))
    camera = Identifier(load_default=None, allow_none=True)
    officer = Identifier(load_default=None, allow_none=True)


class AcknowledgeSchema(Schema):
    visit = VisitKey(required=True)
    given = ma.fields.Nested(GivenSchema, required=True)


# What each kind of late act brings. Another domain's act at the counter is one more line.
BODIES: dict[str, type[Schema]] = {
    Kind.ISSUE: MeantSchema,
    Kind.RETURN: MeantSchema,
    Kind.TAKE_OVER: MeantSchema,
    Kind.UNDO: UndoSchema,
    Kind.WITHDRAW: WithdrawSchema,
    Kind.SCAN: ScanSchema,
    Kind.ACKNOWLEDGE: AcknowledgeSchema,
}


class ActSchema(Schema):
    """An act that waited on a page."""

    id = ActId(required=True)
    kind = ma.fields.String(required=True, validate=ma.validate.Length(1, _LONGEST_KIND))
    body = ma.fields.Dict(required=True)
    made_at = Instant(required=True)
    clock_offset_s = ma.fields.Float(load_default=None, allow_none=True)
    clerk = ma.fields.String(load_default=None, allow_none=True, validate=ma.validate.Length(max=500))


@pages.post("/counter/acts")
@allow(Permission.COUNTER_USE)
def act() -> dict[str, Any]:
    """An act that waited on a page for the line: carried out once, or put onto the list of exceptions."""
    if g.signed_in.is_locked:
        raise CounterLocked("This counter is locked. Scan your badge.", mend="a clerk, by scanning a badge")
    asked = _asked()
    session, sender = caller()
    sent = Sent(asked["id"], asked["kind"], asked["body"], asked["made_at"], asked["clock_offset_s"], late=True)
    kept = late.receive(
        session,
        sender,
        sent,
        lambda: _body(asked["kind"], asked["body"]),
        clerk=_tokens().read(asked["clerk"]) if asked["clerk"] else None,
        is_signed=asked["clerk"] is not None,
        browser=g.signed_in.session_id,
        policy=service().fleet_settings.policy,
        now=utc_now(),
    )
    return _received(kept, exceptions.count_open(session))


def _received(kept: Kept, still_open: int) -> dict[str, Any]:
    is_done = kept.outcome in {Outcome.DONE, Outcome.LEFT}
    return {
        "outcome": str(kept.outcome),
        "answer": as_answer(kept) if is_done else None,
        "problem": None if is_done else kept.answer,
        "exceptions": still_open,
    }


def _asked() -> dict[str, Any]:
    try:
        loaded: dict[str, Any] = ActSchema().load(json_of(request))
    except ma.ValidationError as error:
        raise Invalid("This act cannot be used.", fields=dict(error.messages_dict)) from error
    given = loaded["body"].get("given")
    if isinstance(given, Mapping) and "pin" in given:
        # What waited is kept as it came, and a PIN is not for keeping.
        raise Invalid("A PIN does not wait for the line. Sign, or the clerk attests.", fields={"body": ["has a PIN"]})
    if not _is_storable(loaded["body"]):
        raise Invalid("This act has a character that cannot be stored.", fields={"body": ["has such a character"]})
    return loaded


def _is_storable(body: Mapping[str, Any]) -> bool:
    """PostgreSQL keeps neither NUL, nor half a surrogate pair, nor a number without end, all of which Python reads."""
    try:
        return "\\u0000" not in json.dumps(body) and bool(
            json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
        )
    except ValueError:
        return False


def _body(kind: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        loaded: dict[str, Any] = BODIES[kind]().load(body)
    except ma.ValidationError as error:
        raise Invalid("This act cannot be read.", fields=dict(error.messages_dict)) from error
    return loaded
