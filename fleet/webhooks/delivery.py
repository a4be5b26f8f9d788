"""From the sealed log to receivers: what is queued, who sends it when, and what follows from the answer.

Nothing is sent inside a transaction. A sender takes a delivery by a lease, sends, and writes the outcome down; killed
in between, its lease runs out and the delivery is sent again with the same identifier: at least once.
"""

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet.actors import Actor
from fleet.clock import iso
from fleet.db import Prepared
from fleet.vault import SecretLost, Vault
from fleet.webhooks.models import DeliveryState, Webhook, WebhookDelivery, WebhookState
from fleet.webhooks.sending import Message, Outcome
from fleet.webhooks.service import TEST, pause_for
from fleet.webhooks.signature import headers

# The pauses between attempts: about three days in all.
PAUSES: Final = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800, 43_200, 57_600, 86_400)
)
# Longer than any attempt takes.
LEASE: Final = timedelta(minutes=1)
_JITTER = 0.2
# One that fails all the time is tried less and less often, with whatever it is.
_FAILURES_BEFORE_REST = 3
_FIRST_REST, _LONGEST_REST = timedelta(seconds=5), timedelta(minutes=5)
_PAUSED_AFTER = timedelta(days=3)
_GONE, _TOO_MANY, _UNAVAILABLE = 410, 429, 503
_AT_ONCE = 1_000
# Nobody needs more to wait for one receiver; the rest waits in the log.
_MOST_WAITING = 10_000
_KEPT_FOR = timedelta(days=30)
# Further ahead than this a time that was written down can only be if the clock was put back.
_CLOCK_TOLERANCE = timedelta(minutes=1)

_ACTIVE = sa.text("SELECT id FROM webhook WHERE state = 'active' ORDER BY id FOR UPDATE SKIP LOCKED")
_QUEUE = sa.text(
    """
    WITH next AS (
        SELECT s.position, s.entry_id FROM audit_seal s
        WHERE s.position >= (SELECT position FROM webhook WHERE id = :webhook)
            AND (
                SELECT count(*) FROM (
                    SELECT FROM webhook_delivery d WHERE d.webhook_id = :webhook AND d.state = 'pending' LIMIT :most
                ) AS waiting
            ) < :most
        ORDER BY s.position LIMIT :at_once
    ), moved AS (
        UPDATE webhook SET position = (SELECT max(position) + 1 FROM next)
        WHERE id = :webhook AND EXISTS (SELECT FROM next)
    )
    INSERT INTO webhook_delivery (webhook_id, entry_id, event, state, created_at, next_at)
    SELECT w.id, e.id, e.event, 'pending', :now, :now
    FROM next JOIN audit_entry e ON e.id = next.entry_id JOIN webhook w ON w.id = :webhook
    WHERE e.event = ANY (w.events)
    ORDER BY next.position
    ON CONFLICT DO NOTHING
    RETURNING id
    """
)
_NOT_IN_THE_FUTURE = sa.text(
    """
    UPDATE webhook_delivery SET next_at = :now, tried_at = :now, created_at = least(created_at, :now)
    WHERE state = 'pending' AND COALESCE(tried_at, created_at) > :ahead
    """
)


def queue(session: Session, *, now: datetime) -> int:
    """Queue what was sealed since, for every active subscription that asks for it, and answer how many deliveries.

    The subscription's place in the log moves in the same transaction, so nothing is left out or queued twice.
    """
    session.execute(_NOT_IN_THE_FUTURE, {"now": now, "ahead": now + _CLOCK_TOLERANCE})
    numbers = session.scalars(_ACTIVE).all()
    said = {"now": now, "most": _MOST_WAITING, "at_once": _AT_ONCE}
    return sum(len(session.execute(_QUEUE, said | {"webhook": number}).all()) for number in numbers)


@dataclass(frozen=True)
class Claimed:
    """A delivery that this sender has, as the attempt of this number. ``row`` is what there is to send."""

    id: int
    attempt: int
    webhook_id: int
    row: Mapping[str, Any]


_CLAIM = Prepared(
    sa.text(
        """
        WITH chosen AS (
            SELECT due.id
            FROM webhook w CROSS JOIN LATERAL (
                SELECT d.id, d.next_at FROM webhook_delivery d
                WHERE d.webhook_id = w.id AND d.state = 'pending' AND d.next_at <= :now
                ORDER BY d.next_at, d.id LIMIT 1 FOR UPDATE SKIP LOCKED
            ) AS due
            WHERE w.state = 'active'
                AND (w.rests_until IS NULL OR w.rests_until <= :now
                    OR w.rests_until > CAST(:now AS timestamptz) + interval '1 day')
                AND (
                    SELECT count(*) FROM webhook_delivery l
                    WHERE l.webhook_id = w.id AND l.leased_until IS NOT NULL AND l.leased_until > :now
                ) < CASE WHEN w.failures > 0 THEN 1 ELSE 4 END
            ORDER BY due.next_at, due.id LIMIT 1
        )
        UPDATE webhook_delivery d
        SET attempts = d.attempts + 1, tried_at = :now, next_at = :until, leased_until = :until
        FROM chosen, webhook w
        WHERE d.id = chosen.id AND w.id = d.webhook_id
        RETURNING d.id, d.attempts, d.webhook_id, d.entry_id, d.event, d.created_at,
            w.url, w.details, w.secret, w.previous_secret, w.previous_until
        """
    )  # type: ignore[arg-type]
)
_ENTRY = Prepared(
    sa.text(
        """
        SELECT e.id, s.position, e.event, e.at, e.subject_kind, e.subject_key, e.officer, e.facts
        FROM audit_entry e LEFT JOIN audit_seal s ON s.entry_id = e.id WHERE e.id = :entry
        """
    )  # type: ignore[arg-type]
)


def claim(session: Session, *, now: datetime) -> Claimed | None:
    """Take the delivery that is due first, for a minute; None when nothing is.

    At most four of one subscription are under way at once, and one of a subscription that fails.
    """
    row = _CLAIM.one(session, now=now, until=now + LEASE)
    if row is None:
        return None
    entry = _ENTRY.one(session, entry=row["entry_id"]) if row["entry_id"] is not None else None
    return Claimed(row["id"], row["attempts"], row["webhook_id"], row | {"entry": entry})


def message(claimed: Claimed, vault: Vault, *, now: datetime) -> Message:
    """What is sent: signed with the secret, and with the one before for as long as that is valid.

    Raises:
        SecretLost: the service's secret key is another one now.
    """
    row = claimed.row
    kept = [row["secret"]]
    if row["previous_secret"] is not None and row["previous_until"] > now:
        kept.append(row["previous_secret"])
    body = json.dumps(_payload(row), ensure_ascii=False, separators=(",", ":")).encode()
    identifier = f"entry-{claimed.webhook_id}-{row['entry_id']}" if row["entry"] else f"test-{claimed.id}"
    return Message(row["url"], body, headers(identifier, body, map(vault.opened, kept), now=now))


def _payload(row: Mapping[str, Any]) -> dict[str, Any]:
    entry = row["entry"]
    if entry is None:
        at = iso(row["created_at"])
        return {"type": TEST, "timestamp": at, "data": {"event": TEST, "at": at}}
    at = iso(entry["at"])
    data = {
        "id": entry["id"],
        "position": entry["position"],
        "event": entry["event"],
        "at": at,
        "subject": {"kind": entry["subject_kind"], "key": entry["subject_key"]},
    }
    if row["details"]:
        data |= {"officer": entry["officer"], "facts": entry["facts"]}
    return {"type": entry["event"], "timestamp": at, "data": data}


def lost_secret(error: SecretLost) -> Outcome:  # noqa: ARG001 - named for what it answers
    return Outcome(None, "The secret cannot be read: the service's secret key was changed. Make a new secret.")


def conclude(session: Session, actor: Actor, claimed: Claimed, outcome: Outcome, *, now: datetime) -> None:
    """Write down what came of an attempt, unless its lease ran out and another sender has made one since."""
    webhook = session.get(Webhook, claimed.webhook_id, with_for_update=True, populate_existing=True)
    delivery = session.get(WebhookDelivery, claimed.id, with_for_update=True, populate_existing=True)
    if webhook is None or delivery is None or delivery.attempts != claimed.attempt:
        return
    delivery.leased_until, delivery.last_status, delivery.last_error = None, outcome.status, outcome.error
    if outcome.is_success:
        delivery.state, delivery.next_at = DeliveryState.DELIVERED, None
        if webhook.failures:
            webhook.failures, webhook.failing_since, webhook.rests_until = 0, None, None
        return
    _retry_or_give_up(delivery, outcome, now)
    _note_failure(session, actor, webhook, outcome, now)


def _retry_or_give_up(delivery: WebhookDelivery, outcome: Outcome, now: datetime) -> None:
    if outcome.status == _GONE or delivery.attempts > len(PAUSES):
        delivery.state, delivery.next_at = DeliveryState.FAILED, None
        return
    pause = PAUSES[delivery.attempts - 1] * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - spreads load
    delivery.next_at = now + max(pause, timedelta(seconds=outcome.retry_after_s or 0))


def _note_failure(session: Session, actor: Actor, webhook: Webhook, outcome: Outcome, now: datetime) -> None:
    webhook.failures += 1
    webhook.failing_since = webhook.failing_since or now
    webhook.rests_until = _rest(webhook.failures, outcome, now)
    if webhook.state is not WebhookState.ACTIVE:
        return
    if outcome.status == _GONE:
        pause_for(session, actor, webhook, "The receiver answered with 410: it is gone for good.", now=now)
    elif now - webhook.failing_since >= _PAUSED_AFTER:
        pause_for(session, actor, webhook, "Every delivery has failed for three days.", now=now)


def _rest(failures: int, outcome: Outcome, now: datetime) -> datetime | None:
    asked = timedelta(0)
    if outcome.status in {_TOO_MANY, _UNAVAILABLE} and outcome.retry_after_s:
        asked = timedelta(seconds=outcome.retry_after_s)
    rest = timedelta(0)
    if failures >= _FAILURES_BEFORE_REST:
        rest = min(_FIRST_REST * 2 ** min(failures - _FAILURES_BEFORE_REST, 10), _LONGEST_REST)
    longest = max(asked, rest)
    return now + longest if longest else None


def forget_old(session: Session, *, now: datetime, at_once: int) -> int:
    """Remove deliveries older than thirty days of which nothing is to come, and answer how many."""
    # Of each state by itself: those that wait for a paused subscription must not stand before all others for ever.
    return sum(_forget(session, state, now, at_once) for state in (DeliveryState.DELIVERED, DeliveryState.FAILED))


def _forget(session: Session, state: DeliveryState, now: datetime, at_once: int) -> int:
    ended = WebhookDelivery.state == state
    first = sa.select(WebhookDelivery.id).where(ended).order_by(WebhookDelivery.id).limit(at_once)
    old = WebhookDelivery.id.in_(first), WebhookDelivery.created_at < now - _KEPT_FOR, ended
    gone = sa.delete(WebhookDelivery).where(*old).returning(WebhookDelivery.id)
    return len(session.execute(gone, execution_options={"synchronize_session": False}).all())
