"""``/webhooks``: subscriptions to the log's events, and what became of each delivery."""

from typing import Any

import marshmallow as ma
from flask import Response, current_app, request

from fleet import idempotency
from fleet.api import (
    LONGEST_NAME,
    PREFIX,
    Blueprint,
    Flag,
    Instant,
    ListQuery,
    Schema,
    Text,
    Word,
    answer_page,
    expected_version,
    page_of,
    tagged,
)
from fleet.audit import Event
from fleet.auth.permissions import Permission
from fleet.clock import utc_now
from fleet.errors import Invalid
from fleet.vault import Vault
from fleet.web import allow, caller
from fleet.web import service as running
from fleet.webhooks import service
from fleet.webhooks.addresses import Where
from fleet.webhooks.models import DeliveryState, WebhookState
from fleet.webhooks.signature import PURPOSE

webhooks = Blueprint("webhooks", __name__, description="Webhooks: who is told of which events of the log")


def vault() -> Vault:
    """Opens the running service's secrets."""
    return Vault(str(current_app.secret_key), PURPOSE)


def where() -> Where:
    """Where the running service may send."""
    settings = running().fleet_settings
    return Where(settings.webhook_networks, plain_http=settings.webhook_plain_http)


def _said(name: str | None) -> None:
    if not name:
        raise ma.ValidationError("Give it a name.")


class WebhookQuery(ListQuery):
    state = Word(WebhookState)


class WebhookChange(Schema):
    name = Text(longest=LONGEST_NAME, validate=_said)
    url = ma.fields.String()
    events = ma.fields.List(Word(Event), validate=ma.validate.Length(min=1, max=len(Event)))
    details = Flag(metadata={"description": "whether the officer and the facts go along; needs audit.view"})

    @ma.post_load
    def _in_order(self, values: dict[str, Any], **_: Any) -> dict[str, Any]:
        if "events" in values:
            values["events"] = service.known_events(values["events"])
        return values


class NewWebhook(WebhookChange):
    name = Text(longest=LONGEST_NAME, required=True, validate=_said)
    url = ma.fields.String(required=True)
    events = ma.fields.List(Word(Event), required=True, validate=ma.validate.Length(min=1, max=len(Event)))
    details = Flag(load_default=False, metadata={"description": "the officer and the facts too; needs audit.view"})


class WebhookSchema(Schema):
    id = ma.fields.Integer()
    name = ma.fields.String()
    url = ma.fields.String()
    events = ma.fields.List(ma.fields.String())
    details = ma.fields.Boolean()
    state = Word(WebhookState)
    pause_reason = ma.fields.String(allow_none=True, metadata={"description": "why the service paused it"})
    failures = ma.fields.Integer(metadata={"description": "attempts that failed since the last success"})
    failing_since = Instant(allow_none=True)
    created_at = Instant()


class OneWebhook(WebhookSchema):
    pending = ma.fields.Integer(metadata={"description": "deliveries that wait"})


class MadeWebhook(OneWebhook):
    secret = ma.fields.String(
        allow_none=True, metadata={"description": "told this once; null with an Idempotency-Key: then make one"}
    )


class NumberSchema(Schema):
    id = ma.fields.Integer()


class SecretSchema(Schema):
    secret = ma.fields.String()


class DeliveryQuery(ListQuery):
    state = Word(DeliveryState)
    event = ma.fields.String()


class DeliverySchema(Schema):
    id = ma.fields.Integer()
    entry_id = ma.fields.Integer(allow_none=True, metadata={"description": "the entry of the log; null for a test"})
    event = ma.fields.String()
    state = Word(DeliveryState)
    attempts = ma.fields.Integer()
    created_at = Instant()
    tried_at = Instant(allow_none=True)
    next_at = Instant(allow_none=True)
    last_status = ma.fields.Integer(allow_none=True)
    last_error = ma.fields.String(allow_none=True)


class ReplayRequest(Schema):
    since = Instant(required=True)
    until = Instant(required=True)


class ReplaySchema(Schema):
    entries = ma.fields.Integer()


@webhooks.route("/webhooks")
@allow(Permission.WEBHOOK_MANAGE)
@webhooks.arguments(WebhookQuery, location="query")
@webhooks.response(200, page_of(WebhookSchema))
def find(query: dict[str, Any]) -> dict[str, Any]:
    """Subscriptions, in order of name."""
    session, _ = caller()
    return answer_page("webhooks", query, lambda page: service.find(session, query, page))


@webhooks.route("/webhooks", methods=["POST"])
@allow(Permission.WEBHOOK_MANAGE)
@webhooks.arguments(NewWebhook)
@webhooks.response(201, MadeWebhook)
def create(body: dict[str, Any]) -> Response:
    """Subscribe to events of the log from now on."""
    session, actor = caller()
    number, secret = service.create(session, actor, body, vault=vault(), where=where(), now=utc_now())
    # An answer to a request with a key is kept to be repeated, and no secret may be.
    told = None if idempotency.applies(request) else secret
    response = tagged(service.get(session, number) | {"secret": told}, MadeWebhook(), 201)
    response.location = f"{PREFIX}/webhooks/{number}"
    return response


@webhooks.route("/webhooks/<int:number>")
@allow(Permission.WEBHOOK_MANAGE)
@webhooks.response(200, OneWebhook)
def get(number: int) -> Response:
    """One subscription, with the tag that a change of it needs."""
    return _answer(number)


def _answer(number: int) -> Response:
    session, _ = caller()
    return tagged(service.get(session, number), OneWebhook())


@webhooks.route("/webhooks/<int:number>", methods=["PATCH"])
@allow(Permission.WEBHOOK_MANAGE)
@webhooks.arguments(WebhookChange)
@webhooks.response(200, OneWebhook)
def revise(body: dict[str, Any], number: int) -> Response:
    """Change a subscription; what is not sent stays as it is."""
    service.revise(*caller(), number, body, at_version=expected_version(), where=where(), now=utc_now())
    return _answer(number)


@webhooks.route("/webhooks/<int:number>", methods=["DELETE"])
@allow(Permission.WEBHOOK_MANAGE)
@webhooks.response(200, NumberSchema)
def delete(number: int) -> dict[str, int]:
    """End a subscription; its deliveries are forgotten."""
    service.delete(*caller(), number, now=utc_now())
    return {"id": number}


@webhooks.route("/webhooks/<int:number>/pause", methods=["POST"])
@allow(Permission.WEBHOOK_MANAGE)
@webhooks.response(200, OneWebhook)
def pause(number: int) -> Response:
    """Send nothing until it is resumed. Nothing is lost meanwhile."""
    service.pause(*caller(), number, now=utc_now())
    return _answer(number)


@webhooks.route("/webhooks/<int:number>/resume", methods=["POST"])
@allow(Permission.WEBHOOK_MANAGE)
@webhooks.response(200, OneWebhook)
def resume(number: int) -> Response:
    """Go on where it was paused."""
    service.resume(*caller(), number, now=utc_now())
    return _answer(number)


@webhooks.route("/webhooks/<int:number>/secret", methods=["POST"])
@allow(Permission.WEBHOOK_MANAGE)
@webhooks.response(201, SecretSchema)
def make_secret(number: int) -> dict[str, str]:
    """Make a new secret, told this once. For a day the one before signs as well."""
    if idempotency.applies(request):
        raise Invalid(f"This takes no {idempotency.HEADER}, since its answer is not kept.")
    return {"secret": service.make_secret(*caller(), number, vault=vault(), now=utc_now())}


@webhooks.route("/webhooks/<int:number>/test", methods=["POST"])
@allow(Permission.WEBHOOK_MANAGE)
@webhooks.response(202, NumberSchema)
def test(number: int) -> dict[str, int]:
    """Send a message that is about nothing."""
    return {"id": service.send_test(*caller(), number, now=utc_now())}


@webhooks.route("/webhooks/<int:number>/replay", methods=["POST"])
@allow(Permission.WEBHOOK_MANAGE)
@webhooks.arguments(ReplayRequest)
@webhooks.response(202, ReplaySchema)
def replay(body: dict[str, Any], number: int) -> dict[str, int]:
    """Send again what happened in a time, also what was before the subscription was made."""
    return {"entries": service.replay(*caller(), number, **body, now=utc_now())}


@webhooks.route("/webhooks/<int:number>/deliveries")
@allow(Permission.WEBHOOK_MANAGE)
@webhooks.arguments(DeliveryQuery, location="query")
@webhooks.response(200, page_of(DeliverySchema))
def deliveries(query: dict[str, Any], number: int) -> dict[str, Any]:
    """Deliveries, the newest first."""
    session, _ = caller()
    service.get(session, number)
    wanted = query | {"webhook": number}
    return answer_page(f"deliveries of {number}", query, lambda page: service.deliveries(session, wanted, page))


@webhooks.route("/webhooks/<int:number>/deliveries/<int:delivery>/replay", methods=["POST"])
@allow(Permission.WEBHOOK_MANAGE)
@webhooks.response(202, NumberSchema)
def replay_one(number: int, delivery: int) -> dict[str, int]:
    """Send one delivery again."""
    service.replay_one(*caller(), number, delivery, now=utc_now())
    return {"id": delivery}
