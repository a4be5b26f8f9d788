"""Subscriptions: made, changed, paused, replayed. Whoever manages them needs no right to read the log.

So what is sent is what happened, when, and to what; the officer and the facts go along only where somebody who may
read the log has said so, and then only such a person may change the subscription (rule 19).
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from fleet import audit
from fleet.actors import Actor
from fleet.audit import Event, Subject
from fleet.audit.models import AuditEntry, AuditSeal
from fleet.auth.permissions import Permission, require
from fleet.db import row_dict
from fleet.errors import Conflict, Invalid, NotFound, Stale
from fleet.paging import Page, Paging, capped_count
from fleet.vault import Vault
from fleet.webhooks.addresses import NotAllowed, Where
from fleet.webhooks.models import DeliveryState, Webhook, WebhookDelivery, WebhookState
from fleet.webhooks.signature import new_secret

TEST = "webhook.test"
# A receiver that changes to the new secret within this time loses nothing.
OVERLAP = timedelta(days=1)
MOST_REPLAYED = 10_000

_COLUMNS = (
    Webhook.id,
    Webhook.name,
    Webhook.url,
    Webhook.events,
    Webhook.details,
    Webhook.state,
    Webhook.pause_reason,
    Webhook.failures,
    Webhook.failing_since,
    Webhook.rests_until,
    Webhook.previous_until,
    Webhook.created_at,
    Webhook.version,
)


def create(
    session: Session, actor: Actor, values: Mapping[str, Any], *, vault: Vault, where: Where, now: datetime
) -> tuple[int, str]:
    """A new subscription, of what is sealed from now on: its number, and its secret, which is told this once.

    Raises:
        Invalid: the URL or the events cannot be used.
        Forbidden: it asks for details, and the actor may not read the log.
        Conflict: another has the name.
    """
    _require_usable(actor, values, where)
    secret = new_secret()
    position = sa.select(sa.func.coalesce(sa.func.max(AuditSeal.position) + 1, 0)).scalar_subquery()
    made = sa.insert(Webhook).values(
        **values, state=WebhookState.ACTIVE, secret=vault.locked(secret), position=position, created_at=now
    )
    try:
        with session.begin_nested():
            number: int = session.execute(made.returning(Webhook.id)).scalar_one()
    except IntegrityError as error:
        raise Conflict(f"Another subscription is called {values['name']}.") from error
    said = {name: value for name, value in values.items() if name != "name"}
    _record(session, actor, Event.WEBHOOK_CREATED, values["name"], now, **said)
    return number, secret


def revise(
    session: Session,
    actor: Actor,
    number: int,
    values: Mapping[str, Any],
    *,
    at_version: int | None,
    where: Where,
    now: datetime,
) -> None:
    """Change name, URL, events or details; what is not among the values stays.

    Raises:
        NotFound, Stale, Conflict, Invalid, Forbidden
    """
    webhook = _lock(session, actor, number)
    if at_version is not None and webhook.version != at_version:
        raise Stale("This subscription was changed in the meantime. Read it again, then decide.")
    _require_usable(actor, values, where)
    before = {name: getattr(webhook, name) for name in values}
    changed = audit.changes(before, values)
    if not changed:
        return
    for name, value in values.items():
        setattr(webhook, name, value)
    webhook.version += 1
    try:
        with session.begin_nested():
            session.flush()
    except IntegrityError as error:
        raise Conflict(f"Another subscription is called {values['name']}.") from error
    _record(session, actor, Event.WEBHOOK_CHANGED, webhook.name, now, changed=changed)


def _require_usable(actor: Actor, values: Mapping[str, Any], where: Where) -> None:
    if values.get("details"):
        require(actor, Permission.AUDIT_VIEW)
    if "url" in values:
        try:
            where.require_url(values["url"])
        except NotAllowed as error:
            raise Invalid("The URL cannot be used.", fields={"url": [f"The URL {error}."]}) from error
    if "events" in values and not values["events"]:
        raise Invalid("Choose events.", fields={"events": ["Choose at least one event."]})


def pause(session: Session, actor: Actor, number: int, *, now: datetime) -> None:
    """Send nothing until it is resumed; what happens meanwhile is sent then."""
    webhook = _lock(session, actor, number)
    if webhook.state is WebhookState.ACTIVE:
        webhook.state = WebhookState.PAUSED
        webhook.version += 1
        _record(session, actor, Event.WEBHOOK_PAUSED, webhook.name, now)


def pause_for(session: Session, actor: Actor, webhook: Webhook, reason: str, *, now: datetime) -> None:
    """Pause one that cannot be reached, and say why. The caller has it locked."""
    webhook.state, webhook.pause_reason = WebhookState.PAUSED, reason
    webhook.version += 1
    _record(session, actor, Event.WEBHOOK_PAUSED, webhook.name, now, reason=reason)


def resume(session: Session, actor: Actor, number: int, *, now: datetime) -> None:
    """Go on where it was paused, with what waits first."""
    webhook = _lock(session, actor, number)
    if webhook.state is WebhookState.PAUSED:
        webhook.state, webhook.pause_reason = WebhookState.ACTIVE, None
        webhook.failures, webhook.failing_since, webhook.rests_until = 0, None, None
        webhook.version += 1
        waiting = WebhookDelivery.webhook_id == number, WebhookDelivery.state == DeliveryState.PENDING
        session.execute(sa.update(WebhookDelivery).where(*waiting).values(next_at=now))
        _record(session, actor, Event.WEBHOOK_RESUMED, webhook.name, now)


def make_secret(session: Session, actor: Actor, number: int, *, vault: Vault, now: datetime) -> str:
    """A new secret, told this once. For a day the one before signs as well."""
    webhook = _lock(session, actor, number)
    secret = new_secret()
    webhook.previous_secret, webhook.previous_until = webhook.secret, now + OVERLAP
    webhook.secret = vault.locked(secret)
    webhook.version += 1
    _record(session, actor, Event.WEBHOOK_SECRET_MADE, webhook.name, now, previous_until=webhook.previous_until)
    return secret


def forget_secrets(session: Session, *, now: datetime) -> int:
    """Remove secrets that no longer sign, and answer how many."""
    over = sa.update(Webhook).where(Webhook.previous_until < now).values(previous_secret=None, previous_until=None)
    return len(session.execute(over.returning(Webhook.id)).all())


def delete(session: Session, actor: Actor, number: int, *, now: datetime) -> None:
    """End a subscription, and forget its deliveries."""
    webhook = _lock(session, actor, number)
    _record(session, actor, Event.WEBHOOK_DELETED, webhook.name, now, url=webhook.url)
    session.execute(sa.delete(Webhook).where(Webhook.id == number))


def send_test(session: Session, actor: Actor, number: int, *, now: datetime) -> int:
    """Queue a message that is about nothing, and answer the delivery's number."""
    webhook = _lock(session, actor, number)
    if webhook.state is WebhookState.PAUSED:
        raise Conflict("This subscription is paused. Resume it, then send a test.")
    values = {"webhook_id": number, "event": TEST, "state": DeliveryState.PENDING, "created_at": now, "next_at": now}
    queued: int = session.execute(sa.insert(WebhookDelivery).values(values).returning(WebhookDelivery.id)).scalar_one()
    return queued


_AGAIN = {"state": DeliveryState.PENDING, "attempts": 0, "leased_until": None}


def replay_one(session: Session, actor: Actor, number: int, delivery: int, *, now: datetime) -> None:
    """Send one delivery again, whatever became of it. Its identifier stays, so that the receiver knows it again."""
    webhook = _lock(session, actor, number)
    this = WebhookDelivery.id == delivery, WebhookDelivery.webhook_id == number
    again = sa.update(WebhookDelivery).where(*this).values(**_AGAIN, next_at=now, tried_at=None)
    entry = session.execute(again.returning(WebhookDelivery.id, WebhookDelivery.entry_id)).first()
    if entry is None:
        raise NotFound(f"This subscription has no delivery {delivery}.")
    _record(session, actor, Event.WEBHOOK_REPLAYED, webhook.name, now, entry=entry.entry_id)


def replay(session: Session, actor: Actor, number: int, *, since: datetime, until: datetime, now: datetime) -> int:
    """Send again what happened from ``since`` on and before ``until``, and answer how many entries that are.

    All that it asks for is sent, also what was before it was made.

    Raises:
        Invalid: that is no range, or more than ``MOST_REPLAYED`` entries.
    """
    webhook = _lock(session, actor, number)
    if since >= until:
        raise Invalid("This is no range of time.", fields={"until": ["The end must be later than the beginning."]})
    wanted = (
        sa.select(sa.literal(number), AuditEntry.id, AuditEntry.event, sa.literal(str(DeliveryState.PENDING)))
        .add_columns(sa.literal(now), sa.literal(now))
        .join(AuditSeal, AuditSeal.entry_id == AuditEntry.id)
        .where(AuditEntry.at >= since, AuditEntry.at < until, AuditEntry.event.in_(webhook.events))
    )
    if len(session.execute(wanted.limit(MOST_REPLAYED + 1)).all()) > MOST_REPLAYED:
        told = f"These are more than {MOST_REPLAYED:,} entries. Choose a shorter time."
        raise Invalid("Too much at once.", fields={"until": [told]})
    names = ["webhook_id", "entry_id", "event", "state", "created_at", "next_at"]
    queued = insert(WebhookDelivery).from_select(names, wanted.order_by(AuditSeal.position))
    queued = queued.on_conflict_do_update(
        index_elements=["webhook_id", "entry_id"], set_=_AGAIN | {"next_at": now, "tried_at": None}
    )
    count = len(session.execute(queued.returning(WebhookDelivery.id)).all())
    _record(session, actor, Event.WEBHOOK_REPLAYED, webhook.name, now, since=since, until=until, entries=count)
    return count


def _lock(session: Session, actor: Actor, number: int) -> Webhook:
    """The subscription, locked until the caller's transaction ends; one with details only for who may read the log."""
    webhook = session.get(Webhook, number, with_for_update=True, populate_existing=True)
    if webhook is None:
        raise NotFound(f"There is no subscription {number}.")
    if webhook.details:
        require(actor, Permission.AUDIT_VIEW)
    return webhook


def _record(session: Session, actor: Actor, event: Event, name: str, now: datetime, **facts: Any) -> None:
    audit.record(session, actor, event, (Subject.WEBHOOK, name), at=now, **facts)


def get(session: Session, number: int) -> dict[str, Any]:
    """One subscription as plain data, with how many deliveries wait.

    Raises:
        NotFound
    """
    row = session.execute(sa.select(*_COLUMNS).where(Webhook.id == number)).first()
    if row is None:
        raise NotFound(f"There is no subscription {number}.")
    waiting = sa.select(WebhookDelivery.id).where(
        WebhookDelivery.webhook_id == number, WebhookDelivery.state == DeliveryState.PENDING
    )
    return row_dict(row) | {"pending": capped_count(session, waiting)}


SORTS: dict[str, list[Any]] = {"name": [Webhook.name]}


def find(
    session: Session, filters: Mapping[str, Any], paging: Paging, *, sort: str = "name", descending: bool = False
) -> Page:
    """Subscriptions by ``state``, in order of name."""
    return paging.page(session, sa.select(*_COLUMNS).where(*_of(filters)), SORTS[sort], descending=descending)


def count(session: Session, filters: Mapping[str, Any]) -> int:
    """How many subscriptions ``find`` has."""
    return capped_count(session, sa.select(Webhook.id).where(*_of(filters)))


def _of(filters: Mapping[str, Any]) -> list[sa.ColumnElement[bool]]:
    return [Webhook.state == filters["state"]] if filters.get("state") is not None else []


_DELIVERY: Sequence[Any] = (
    WebhookDelivery.id,
    WebhookDelivery.webhook_id,
    Webhook.name.label("webhook"),
    WebhookDelivery.entry_id,
    WebhookDelivery.event,
    WebhookDelivery.state,
    WebhookDelivery.attempts,
    WebhookDelivery.created_at,
    WebhookDelivery.tried_at,
    sa.case((WebhookDelivery.state == DeliveryState.PENDING, WebhookDelivery.next_at)).label("next_at"),
    WebhookDelivery.last_status,
    WebhookDelivery.last_error,
)


def deliveries(session: Session, filters: Mapping[str, Any], paging: Paging, **_: Any) -> Page:
    """Deliveries by ``webhook`` (a number), ``state`` and ``event``, the newest first."""
    statement = sa.select(*_DELIVERY).join(Webhook, Webhook.id == WebhookDelivery.webhook_id)
    return paging.newest_first(session, statement.where(*_which(filters)), WebhookDelivery.id)


def count_deliveries(session: Session, filters: Mapping[str, Any]) -> int:
    """How many deliveries there are, as far as ``capped_count`` counts."""
    return capped_count(session, sa.select(WebhookDelivery.id).where(*_which(filters)))


def _which(filters: Mapping[str, Any]) -> list[sa.ColumnElement[bool]]:
    columns: dict[str, Any] = {
        "webhook": WebhookDelivery.webhook_id,
        "state": WebhookDelivery.state,
        "event": WebhookDelivery.event,
    }
    return [column == filters[name] for name, column in columns.items() if filters.get(name) is not None]


def paused_by_itself(session: Session) -> int:
    """How many subscriptions the service had to pause."""
    return count_where(session, Webhook.pause_reason.is_not(None))


def count_where(session: Session, condition: sa.ColumnElement[bool]) -> int:
    return capped_count(session, sa.select(Webhook.id).where(condition))


def known_events(wanted: Collection[str]) -> list[str]:
    """The events in the order of the log's own list, each once."""
    return [str(event) for event in Event if str(event) in set(map(str, wanted))]
