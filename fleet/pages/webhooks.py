"""``/webhooks`` and ``/deliveries``: who is told of which events, and what became of each telling."""

from collections.abc import Callable, Mapping
from typing import Any

import marshmallow as ma
from flask import Blueprint, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue

from fleet import idempotency
from fleet.api import ListQuery, Word
from fleet.audit import Event
from fleet.auth.permissions import Permission
from fleet.clock import utc_now
from fleet.errors import FleetError, Invalid
from fleet.pages import forms, words
from fleet.pages.listing import Column, Listing, older
from fleet.web import allow, caller
from fleet.webhooks import service
from fleet.webhooks.models import DeliveryState
from fleet.webhooks.views import NewWebhook, ReplayRequest, WebhookChange, WebhookQuery, vault, where

pages = Blueprint("webhooks_pages", __name__)


class DeliveryQuery(ListQuery):
    webhook = ma.fields.Integer()
    state = Word(DeliveryState)
    event = ma.fields.String()


Listing(
    path="/webhooks", title="Webhooks", one="subscription", many="subscriptions", view=Permission.WEBHOOK_MANAGE,
    query=WebhookQuery, find=service.find, count=service.count, sorts=list(service.SORTS),
    add=Permission.WEBHOOK_MANAGE,
    columns=[
        Column("name", to="subscription", by="id"), Column("url", "URL"), Column("state", show="word"),
        Column("failures", "Failures in a row"), Column("pause_reason", "Why it was paused"),
    ],
    exported=["name", "url", "state", "pause_reason", "failures", "failing_since", "created_at"],
).add_to(pages)  # fmt: skip

Listing(
    path="/deliveries", title="Deliveries", one="delivery", many="deliveries", view=Permission.WEBHOOK_MANAGE,
    query=DeliveryQuery, find=service.deliveries, count=service.count_deliveries, sorts=["id"], descending=True,
    columns=[
        Column("created_at", "Queued", "when"),
        Column("webhook", "Subscription", to="subscription", by="webhook_id"),
        Column("event", show="event"),
        Column("state", show="word"), Column("attempts"), Column("last_status", "Last status"),
        Column("last_error", "Why it failed"), Column("next_at", "Next try", "when"),
    ],
    exported=["id", "webhook", "entry_id", "event", "state", "attempts", "created_at", "tried_at", "next_at",
              "last_status", "last_error"],
).add_to(pages)  # fmt: skip


@pages.get("/webhooks/new")
@allow(Permission.WEBHOOK_MANAGE)
def new() -> ResponseReturnValue:
    """The form for a new subscription."""
    return _form("Add a subscription", {}, [], None, "/webhooks")


@pages.post("/webhooks/new")
@allow(Permission.WEBHOOK_MANAGE)
def create() -> ResponseReturnValue:
    """Make a subscription and show its secret."""
    made: list[tuple[int, str]] = []
    error = forms.attempt(lambda: made.append(_created()))
    if error is not None:
        return _form("Add a subscription", request.form, request.form.getlist("events"), error, "/webhooks")
    number, secret = made[0]
    return _once(secret, request.form["name"], number)


def _created() -> tuple[int, str]:
    return service.create(*caller(), _typed(NewWebhook()), vault=vault(), where=where(), now=utc_now())


def _typed(schema: WebhookChange) -> dict[str, Any]:
    sent: dict[str, Any] = {name: request.form.get(name, "").strip() for name in ("name", "url")}
    sent |= {"events": request.form.getlist("events"), "details": request.form.get("details") == "true"}
    try:
        loaded: dict[str, Any] = schema.load(sent)
    except ma.ValidationError as error:
        wrong: dict[str, Any] = error.normalized_messages()  # type: ignore[no-untyped-call]
        said = {"name": "Give it a name.", "url": "Give the URL.", "events": "Choose at least one event."}
        fields = {name: [said.get(name, "This cannot be used.")] for name in wrong}
        raise Invalid("Some of what was typed cannot be used.", fields=fields) from error
    return loaded


def _form(
    heading: str,
    typed: Mapping[str, Any],
    chosen: list[str],
    refused: FleetError | None,
    back: str,
    version: Any = None,
) -> ResponseReturnValue:
    groups: dict[str, list[tuple[str, str]]] = {}
    for event in Event:
        groups.setdefault(words.word(str(event).partition(".")[0]), []).append((str(event), words.event(event)))
    page = render_template(
        "webhooks/form.html", heading=heading, typed=typed, chosen=chosen, groups=groups, back=back,
        errors=forms.errors_of(refused), version=version,
    )  # fmt: skip
    return page, refused.status if refused else 200


@pages.get("/webhooks/<int:number>")
@allow(Permission.WEBHOOK_MANAGE)
def webhook(number: int) -> ResponseReturnValue:
    """One subscription and its deliveries."""
    return _page(number, None)


def _page(number: int, refused: FleetError | None) -> ResponseReturnValue:
    session, _ = caller()
    page = render_template(
        "webhooks/webhook.html",
        webhook=service.get(session, number),
        past=older(f"page deliveries of {number}", lambda part: service.deliveries(session, {"webhook": number}, part)),
        errors=forms.errors_of(refused),
        typed=request.form,
        now=utc_now(),
    )
    return page, refused.status if refused else 200


@pages.get("/webhooks/<int:number>/edit")
@allow(Permission.WEBHOOK_MANAGE)
def edit(number: int) -> ResponseReturnValue:
    """The form with what is written now."""
    session, _ = caller()
    shown = service.get(session, number)
    typed = shown | {"details": "true" if shown["details"] else ""}
    return _form(f"Change {shown['name']}", typed, shown["events"], None, f"/webhooks/{number}", shown["version"])


@pages.post("/webhooks/<int:number>/edit")
@allow(Permission.WEBHOOK_MANAGE)
def save(number: int) -> ResponseReturnValue:
    """Write what was typed, unless somebody else has written since."""
    version = request.form.get("version", "")
    refused = forms.attempt(
        lambda: service.revise(
            *caller(), number, _typed(WebhookChange()), where=where(), now=utc_now(),
            at_version=int(version) if version.isdecimal() else 0,
        )
    )  # fmt: skip
    if refused is not None:
        back = f"/webhooks/{number}"
        return _form("Change a subscription", request.form, request.form.getlist("events"), refused, back, version)
    flash("The subscription was saved.", "success")
    return redirect(f"/webhooks/{number}", 303)


def _done(number: int, act: Callable[[], Any], said: str) -> ResponseReturnValue:
    refused = forms.attempt(act)
    if refused is not None:
        return _page(number, refused)
    flash(said, "success")
    return redirect(f"/webhooks/{number}", 303)


@pages.post("/webhooks/<int:number>/pause")
@allow(Permission.WEBHOOK_MANAGE)
def pause(number: int) -> ResponseReturnValue:
    """Send nothing for the time being."""
    said = "It is paused. What happens meanwhile is sent once it is resumed."
    return _done(number, lambda: service.pause(*caller(), number, now=utc_now()), said)


@pages.post("/webhooks/<int:number>/resume")
@allow(Permission.WEBHOOK_MANAGE)
def resume(number: int) -> ResponseReturnValue:
    """Go on."""
    return _done(number, lambda: service.resume(*caller(), number, now=utc_now()), "It goes on where it was paused.")


@pages.post("/webhooks/<int:number>/test")
@allow(Permission.WEBHOOK_MANAGE)
def send_test(number: int) -> ResponseReturnValue:
    """Send a message that is about nothing."""
    said = "A test is on its way. Reload this page to see what became of it."
    return _done(number, lambda: service.send_test(*caller(), number, now=utc_now()), said)


@pages.post("/webhooks/<int:number>/replay")
@allow(Permission.WEBHOOK_MANAGE)
def replay(number: int) -> ResponseReturnValue:
    """Send a time's entries again."""
    return _done(number, lambda: _replayed(number), "What happened in that time is sent again.")


def _replayed(number: int) -> None:
    asked = forms.read(ReplayRequest(), request.form)
    service.replay(*caller(), number, **asked, now=utc_now())


@pages.post("/webhooks/<int:number>/deliveries/<int:delivery>/replay")
@allow(Permission.WEBHOOK_MANAGE)
def replay_one(number: int, delivery: int) -> ResponseReturnValue:
    """Send one delivery again."""
    act = lambda: service.replay_one(*caller(), number, delivery, now=utc_now())  # noqa: E731
    return _done(number, act, "The delivery is sent again.")


@pages.post("/webhooks/<int:number>/delete")
@allow(Permission.WEBHOOK_MANAGE)
def delete(number: int) -> ResponseReturnValue:
    """End the subscription."""
    refused = forms.attempt(lambda: service.delete(*caller(), number, now=utc_now()))
    if refused is not None:
        return _page(number, refused)
    flash("The subscription is deleted.", "success")
    return redirect("/webhooks", 303)


@pages.post("/webhooks/<int:number>/secret")
@allow(Permission.WEBHOOK_MANAGE)
def make_secret(number: int) -> ResponseReturnValue:
    """Make a new secret and show it."""
    made: list[str] = []
    refused = forms.attempt(lambda: made.append(service.make_secret(*caller(), number, vault=vault(), now=utc_now())))
    if refused is not None:
        return _page(number, refused)
    return _once(made[0], f"subscription {number}", number)


def _once(secret: str, about: str, number: int) -> str:
    """The page that shows a secret. It is never kept as the answer to a repeated request."""
    if idempotency.applies(request):
        raise Invalid(f"This page takes no {idempotency.HEADER}, since its answer is not kept.")
    return render_template(
        "accounts/once.html", what="signing secret", secret=secret, about=about, href=f"/webhooks/{number}"
    )
