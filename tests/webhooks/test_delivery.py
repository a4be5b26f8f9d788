"""From the sealed log to a receiver: each entry that is asked for, once queued, signed, retried, replayed."""

import json
import threading
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from standardwebhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from fleet.actors import Actor, Role
from fleet.audit import Event, record
from fleet.audit.models import AuditEntry
from fleet.errors import Conflict, Forbidden, Invalid, NotFound
from fleet.webhooks import delivery, service
from fleet.webhooks.models import DeliveryState, Webhook, WebhookState
from fleet.webhooks.sending import Outcome
from tests.webhooks.conftest import ADMIN, HERE, Post
from tests.webhooks.receiver import Receiver, hang, raw

IT = Actor("account:it", Role.IT)


def test_each_entry_that_is_asked_for_is_sent_once_and_in_order(post: Post, receiver: Receiver) -> None:
    number, _ = post.subscribe(receiver.url)
    wanted = post.write(3)
    post.write(2, Event.CAMERA_RETURNED)

    assert (post.queue(), post.queue()) == (3, 0)
    post.deliver()

    assert sorted(receiver.ids()) == [f"entry-{number}-{entry}" for entry in wanted]
    assert [one.state for one in post.deliveries()] == [DeliveryState.DELIVERED] * 3
    assert [one.entry_id for one in post.deliveries()] == wanted


def test_what_was_before_the_subscription_is_not_sent(post: Post, receiver: Receiver) -> None:
    post.write(2)
    post.subscribe(receiver.url)

    assert post.queue() == 0


def test_an_entry_that_commits_late_is_not_missed(post: Post, receiver: Receiver) -> None:
    post.subscribe(receiver.url)
    began, may_end = threading.Event(), threading.Event()

    def slow() -> None:
        with post.database.transaction() as session:
            record(session, ADMIN, Event.CAMERA_ISSUED, ("camera", "LATE"), at=post.now)  # type: ignore[arg-type]
            began.set()
            assert may_end.wait(30)

    thread = threading.Thread(target=slow)
    thread.start()
    assert began.wait(30)
    post.write(1)
    post.queue()
    may_end.set()
    thread.join()
    post.seal()
    post.queue()
    post.deliver()

    assert sorted(json.loads(got.body)["data"]["subject"]["key"] for got in receiver.got) == ["LATE", "X0"]


def test_a_receiver_verifies_what_came_with_its_secret(post: Post, receiver: Receiver) -> None:
    _, secret = post.subscribe(receiver.url, details=True)
    (entry,) = post.write()
    post.queue()
    post.deliver()

    (got,) = receiver.got
    body = Verifier(secret).verify(got.body, got.headers)

    assert body["type"] == "camera.issued"
    assert body["data"]["id"] == entry
    assert body["data"]["subject"] == {"kind": "camera", "key": "X0"}
    assert (body["data"]["officer"], body["data"]["facts"]) == ("C1", {"kind": "pool"})
    with pytest.raises(WebhookVerificationError):
        Verifier(secret).verify(got.body.replace(b"X0", b"X1"), got.headers)


def test_without_details_neither_officer_nor_facts_are_sent(post: Post, receiver: Receiver) -> None:
    post.subscribe(receiver.url)
    post.write()
    post.queue()
    post.deliver()

    assert set(json.loads(receiver.got[0].body)["data"]) == {"id", "position", "event", "at", "subject"}


def test_who_may_not_read_the_log_cannot_have_it_sent_anywhere(post: Post, receiver: Receiver) -> None:
    values = {"name": "theirs", "url": receiver.url, "events": ["camera.issued"], "details": True}
    number, _ = post.subscribe(receiver.url, details=True)

    with post.database.transaction() as session:
        with pytest.raises(Forbidden):
            service.create(session, IT, values, vault=post.vault, where=HERE, now=post.now)
        with pytest.raises(Forbidden):
            service.revise(session, IT, number, {"url": receiver.url}, at_version=None, where=HERE, now=post.now)
        with pytest.raises(Forbidden):
            service.make_secret(session, IT, number, vault=post.vault, now=post.now)


def test_during_the_overlap_both_secrets_verify_and_after_it_only_the_new_one(post: Post, receiver: Receiver) -> None:
    number, old = post.subscribe(receiver.url)
    with post.database.transaction() as session:
        new = service.make_secret(session, ADMIN, number, vault=post.vault, now=post.now)
    post.write()
    post.queue()
    post.deliver()

    for secret in (old, new):
        Verifier(secret).verify(receiver.got[0].body, receiver.got[0].headers)

    kept = post.webhook(number)
    late = datetime.now(UTC) + timedelta(days=2)
    row = {"url": "", "secret": kept.secret, "previous_secret": kept.previous_secret, "entry": None, "created_at": late}
    claimed = delivery.Claimed(1, 1, number, row | {"previous_until": kept.previous_until, "entry_id": None})
    assert len(delivery.message(claimed, post.vault, now=late).headers["webhook-signature"].split()) == 1


def test_the_secret_is_not_in_the_database_as_it_is(post: Post, receiver: Receiver) -> None:
    number, secret = post.subscribe(receiver.url)

    kept = post.webhook(number).secret

    assert secret.encode() not in kept
    assert secret.removeprefix("whsec_").encode() not in kept
    assert post.vault.opened(kept) == secret


def test_a_failure_is_tried_again_with_the_same_identifier_after_a_while(post: Post, receiver: Receiver) -> None:
    number, _ = post.subscribe(receiver.url)
    receiver.answers = [500, 204]
    (entry,) = post.write()
    post.queue()

    post.deliver()
    (failed,) = post.deliveries()
    assert (failed.state, failed.attempts, failed.last_status) == (DeliveryState.PENDING, 1, 500)
    assert failed.next_at is not None
    assert timedelta(seconds=4) <= failed.next_at - post.now <= timedelta(seconds=6)
    post.deliver(later=timedelta(seconds=3))
    assert len(receiver.got) == 1
    post.deliver(later=timedelta(seconds=4))

    assert receiver.ids() == [f"entry-{number}-{entry}"] * 2
    assert [one.state for one in post.deliveries()] == [DeliveryState.DELIVERED]
    assert post.webhook(number).failures == 0


def test_the_pauses_grow_and_last_about_three_days() -> None:
    assert list(delivery.PAUSES) == sorted(delivery.PAUSES)
    assert timedelta(days=2, hours=12) < sum(delivery.PAUSES, timedelta()) < timedelta(days=3, hours=12)


def test_after_the_last_attempt_it_is_given_up_and_the_subscription_paused_which_is_said(
    post: Post, receiver: Receiver
) -> None:
    number, _ = post.subscribe(receiver.url)
    receiver.answers = [500]
    post.write()
    post.queue()

    for _ in range(len(delivery.PAUSES) + 1):
        post.deliver(later=timedelta(days=1, hours=6))

    (only,) = post.deliveries()
    assert only.state in {DeliveryState.PENDING, DeliveryState.FAILED}
    webhook = post.webhook(number)
    assert webhook.state is WebhookState.PAUSED
    assert "three days" in str(webhook.pause_reason)
    with post.database.transaction() as session:
        said = session.scalars(sa.select(AuditEntry).where(AuditEntry.event == Event.WEBHOOK_PAUSED)).one()
    assert said.actor == "job:webhooks"


def test_retry_after_is_honoured_for_the_whole_subscription(post: Post, receiver: Receiver) -> None:
    post.subscribe(receiver.url)
    receiver.answers, receiver.more = [503], {"Retry-After": "3600"}
    post.write(1)
    post.queue()
    post.deliver()
    post.write(1)
    post.queue()

    post.deliver(later=timedelta(minutes=59))
    assert len(receiver.got) == 1

    receiver.answers = [204]
    post.deliver(later=timedelta(minutes=2))
    assert {one.state for one in post.deliveries()} == {DeliveryState.DELIVERED}


def test_a_receiver_that_is_gone_is_not_asked_again(post: Post, receiver: Receiver) -> None:
    number, _ = post.subscribe(receiver.url)
    receiver.answers = [410]
    post.write()
    post.queue()
    post.deliver()

    assert [one.state for one in post.deliveries()] == [DeliveryState.FAILED]
    assert post.webhook(number).state is WebhookState.PAUSED
    post.write()
    assert post.queue() == 0


def test_what_happens_while_it_is_paused_is_sent_once_it_is_resumed(post: Post, receiver: Receiver) -> None:
    number, _ = post.subscribe(receiver.url)
    with post.database.transaction() as session:
        service.pause(session, ADMIN, number, now=post.now)
    post.write(2)
    assert post.queue() == 0
    with post.database.transaction() as session:
        service.resume(session, ADMIN, number, now=post.now)

    assert post.queue() == 2
    post.deliver()

    assert len(receiver.got) == 2


def test_a_receiver_that_hangs_holds_up_no_other(post: Post, receiver: Receiver) -> None:
    with raw(hang) as url:
        for _ in range(2):
            post.subscribe(url)
        post.subscribe(receiver.url)
        post.write(40)
        post.queue()

        post.deliver(limit_s=1)

    assert len(set(receiver.ids())) == 40
    waiting = [one for one in post.deliveries() if one.state is DeliveryState.PENDING]
    assert len(waiting) == 80
    # One that fails is left to rest instead of being asked forty times.
    assert sum(one.attempts for one in waiting) < 20


def test_two_senders_take_different_deliveries(post: Post, receiver: Receiver) -> None:
    post.subscribe(receiver.url)
    post.write(2)
    post.queue()

    with post.database.transaction() as one, post.database.transaction() as other:
        taken = [delivery.claim(session, now=post.now) for session in (one, other)]

    assert len({claimed.id for claimed in taken if claimed}) == 2


def test_a_delivery_whose_sender_was_killed_is_sent_again_after_its_lease(post: Post, receiver: Receiver) -> None:
    post.subscribe(receiver.url)
    post.write()
    post.queue()
    with post.database.transaction() as session:
        killed = delivery.claim(session, now=post.now)
    assert killed is not None

    post.deliver()
    assert receiver.got == []
    post.deliver(later=delivery.LEASE)

    assert len(receiver.got) == 1
    # The one that was thought dead was only slow: what it found is not written over what holds now.
    with post.database.transaction() as session:
        delivery.conclude(session, ADMIN, killed, Outcome(500), now=post.now)
    assert [one.state for one in post.deliveries()] == [DeliveryState.DELIVERED]


def test_a_clock_that_was_put_back_keeps_nothing_waiting(post: Post, receiver: Receiver) -> None:
    post.subscribe(receiver.url)
    receiver.answers = [500, 204]
    post.write()
    post.queue()
    post.deliver()

    post.now -= timedelta(hours=1)
    post.queue()
    post.deliver()

    assert [one.state for one in post.deliveries()] == [DeliveryState.DELIVERED]


def test_one_delivery_is_sent_again_on_request(post: Post, receiver: Receiver) -> None:
    number, _ = post.subscribe(receiver.url)
    post.write()
    post.queue()
    post.deliver()
    (done,) = post.deliveries()

    with post.database.transaction() as session:
        service.replay_one(session, ADMIN, number, done.id, now=post.now)
    post.deliver()

    assert len(receiver.got) == 2
    assert len(set(receiver.ids())) == 1
    with post.database.transaction() as session, pytest.raises(NotFound):
        service.replay_one(session, ADMIN, number, done.id + 1_000, now=post.now)


def test_a_time_is_sent_again_on_request_also_what_was_before_the_subscription(post: Post, receiver: Receiver) -> None:
    long_ago = post.now - timedelta(days=9)
    post.write(2, at=long_ago)
    number, _ = post.subscribe(receiver.url)
    post.write(1)
    post.queue()
    post.deliver()

    with post.database.transaction() as session:
        count = service.replay(
            session, ADMIN, number, since=long_ago, until=post.now + timedelta(seconds=1), now=post.now
        )
        with pytest.raises(Invalid):
            service.replay(session, ADMIN, number, since=post.now, until=post.now, now=post.now)
    post.deliver()

    assert count == 3
    assert len(receiver.got) == 4
    assert len(set(receiver.ids())) == 3


def test_what_waits_for_a_paused_subscription_keeps_nothing_else_from_being_forgotten(
    post: Post, receiver: Receiver
) -> None:
    waits, _ = post.subscribe(receiver.url)
    post.write(2)
    post.queue()
    with post.database.transaction() as session:
        service.pause(session, ADMIN, waits, now=post.now)
    post.subscribe(receiver.url, name="another")
    post.write(2)
    post.queue()
    post.deliver()

    with post.database.transaction() as session:
        gone = delivery.forget_old(session, now=post.now + timedelta(days=40), at_once=2)

    assert gone == 2
    assert [one.state for one in post.deliveries()] == [DeliveryState.PENDING] * 2


def test_a_test_is_about_nothing(post: Post, receiver: Receiver) -> None:
    number, secret = post.subscribe(receiver.url)
    with post.database.transaction() as session:
        queued = service.send_test(session, ADMIN, number, now=post.now)
    post.deliver()

    assert Verifier(secret).verify(receiver.got[0].body, receiver.got[0].headers)["type"] == "webhook.test"
    assert receiver.ids() == [f"test-{queued}"]
    with post.database.transaction() as session:
        service.pause(session, ADMIN, number, now=post.now)
        with pytest.raises(Conflict):
            service.send_test(session, ADMIN, number, now=post.now)


def test_a_secret_under_another_key_is_a_failure_that_says_what_to_do(post: Post, receiver: Receiver) -> None:
    post.subscribe(receiver.url)
    post.write()
    post.queue()
    post.app.secret_key = "another key of the service's, long enough"
    post.deliver()

    assert "Make a new secret" in str(post.deliveries()[0].last_error)
    assert receiver.got == []


def test_a_deleted_subscription_takes_its_deliveries_along(post: Post, receiver: Receiver) -> None:
    number, _ = post.subscribe(receiver.url)
    post.write()
    post.queue()
    with post.database.transaction() as session:
        service.delete(session, ADMIN, number, now=post.now)

    with post.database.transaction() as session:
        assert session.get(Webhook, number) is None
    assert post.deliveries() == []
