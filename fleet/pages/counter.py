"""``/counter``: one box that takes any scan."""

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

import marshmallow as ma
from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue

from fleet.api import json_of
from fleet.auth import service as auth
from fleet.auth.permissions import Permission
from fleet.clock import utc_now
from fleet.counter import acts
from fleet.counter.late import LIVE
from fleet.counter.models import Outcome
from fleet.counter.scans import Answer, Counter, State, Tone, bare
from fleet.errors import CounterLocked, Invalid
from fleet.identifiers import BADGE_PREFIX
from fleet.pages.counter_answers import LiveScanSchema, answered, told
from fleet.pages.counter_line import page, session_of_page
from fleet.web import allow, caller, service

pages = Blueprint("counter_pages", __name__)


@pages.get("/counter")
@allow(Permission.COUNTER_USE)
def counter() -> str:
    """The page; everything else happens without another load of it."""
    session, _ = caller()
    if not g.signed_in.is_locked:
        # From now on this browser is a counter, which locks when it is left alone.
        auth.note_act(session, g.signed_in.session_id, utc_now())
    return page(session_of_page())


@pages.post("/counter/scans")
@allow(Permission.COUNTER_USE)
def scan() -> ResponseReturnValue:
    """One scan and its answer. Sent again with its ``id``, or its ``Idempotency-Key``, it gets the same answer."""
    asked = _asked()
    text = bare(asked["scan"])
    if text.upper().startswith(BADGE_PREFIX):
        return answered(_badge(text, asked["state"]))
    if g.signed_in.is_locked:
        raise CounterLocked("This counter is locked. Scan your badge.", mend="a clerk, by scanning a badge")
    if asked["id"] is not None:
        return _once(text, asked)
    return answered(_scanned(text, asked, utc_now()))


def _scanned(text: str, asked: Mapping[str, Any], now: datetime) -> Answer:
    at_counter = Counter(*caller(), policy=service().fleet_settings.policy, now=now)
    return at_counter.scan(
        text, asked["state"], repeated=asked["repeated"], answers=asked["answers"], visit=asked["id"]
    )


def _once(text: str, asked: Mapping[str, Any]) -> ResponseReturnValue:
    """Answer a scan with an id; what it came to the first time, if it came before."""
    session, actor = caller()
    now = utc_now()
    given: list[Answer] = []

    def work() -> acts.Done:
        given.append(_scanned(text, asked, now))
        return acts.done(given[0], Outcome.DONE if given[0].tone is Tone.GOOD else None)

    officer = asked["state"].officer
    sent = acts.Sent(asked["id"], LIVE, {"scan": text, "officer": officer}, asked["made_at"] or now)
    kept = acts.once(session, acts.Bringer(actor.name, actor, g.signed_in.session_id), sent, work, now=now)
    return answered(given[0]) if given and kept.status == HTTPStatus.OK else told(kept)


@pages.post("/counter/lock")
@allow(Permission.COUNTER_USE)
def lock() -> dict[str, Any]:
    """Lock the counter until a badge is scanned."""
    session, actor = caller()
    auth.lock_counter(session, actor, g.signed_in.session_id, now=utc_now())
    return {"locked": True}


def _asked() -> dict[str, Any]:
    try:
        loaded: dict[str, Any] = LiveScanSchema().load(json_of(request))
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
