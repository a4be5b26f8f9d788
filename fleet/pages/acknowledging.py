"""How the counter's page, and a visit's own, acknowledge: by PIN, signature or attestation."""

from typing import Any

import marshmallow as ma
from flask import Blueprint, g, request

from fleet.api import Schema, json_of
from fleet.auth.permissions import Permission
from fleet.clock import utc_now
from fleet.counter.scans import Counter
from fleet.errors import CounterLocked, Invalid
from fleet.pages.counter_answers import StateSchema, answered
from fleet.people import pins
from fleet.visits import service as visits
from fleet.visits.schemas import GivenSchema
from fleet.web import allow, caller, service

pages = Blueprint("acknowledging_pages", __name__)


class AtCounter(Schema):
    given = ma.fields.Nested(GivenSchema, required=True)
    state = ma.fields.Nested(StateSchema, required=True)


@pages.post("/counter/acknowledgements")
@allow(Permission.COUNTER_USE)
def at_counter() -> dict[str, Any]:
    """The officer at the counter acknowledges, which ends the visit. Sent again, it is done once."""
    asked = _asked(AtCounter())
    if g.signed_in.is_locked:
        raise CounterLocked("This counter is locked. Scan your badge.", mend="a clerk, by scanning a badge")
    now = utc_now()
    counter = Counter(*caller(), policy=service().fleet_settings.policy, now=now)
    prove = pins.prover(service().database, now=now)
    return answered(counter.acknowledge(asked["given"], asked["state"], prove=prove))


@pages.post("/visits/<string:key>/acknowledgement")
@allow(Permission.COUNTER_USE)
def afterwards(key: str) -> dict[str, Any]:
    """The officer of an earlier visit acknowledges, on its own page."""
    given, now = _asked(GivenSchema()), utc_now()
    mails, prove = service().fleet_settings.policy.mails, pins.prover(service().database, now=now)
    visits.acknowledge(*caller(), key, given, prove=prove, mails=mails, now=now)
    return {"acknowledged": key}


def _asked(schema: Schema) -> Any:
    try:
        return schema.load(json_of(request))
    except ma.ValidationError as error:
        raise Invalid(_said(error.messages_dict), fields=dict(error.messages_dict)) from error


def _said(messages: Any) -> str:
    """The first of what is wrong, for a page that has no fields to show it beside."""
    while isinstance(messages, dict):
        messages = next(iter(messages.values()), "")
    text = messages[0] if isinstance(messages, list) and messages else messages
    return str(text) or "This cannot be used."
