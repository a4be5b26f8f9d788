"""Every job of the service, and when it runs. What each does is a function of its domain's.

A job's function takes ``session, actor`` first and ``now`` as an argument, as every service does, and answers with what
it did, counted. It may be killed at any line and run again.
"""

from datetime import time, timedelta

from sqlalchemy.orm import Session

from fleet import idempotency
from fleet.actors import Actor
from fleet.audit import sealer
from fleet.auth import sign_in
from fleet.clock import local_day
from fleet.custody import notices, planning
from fleet.jobs import runs, webhooks
from fleet.jobs.job import Job, Occasion, Result, one_transaction, own_transactions
from fleet.jobs.triggers import Daily, Every
from fleet.lifecycle import daily as lifecycle
from fleet.pairings import carrying
from fleet.statistics import service as statistics
from fleet.stock import bulk
from fleet.visits import mail
from fleet.webhooks import delivery
from fleet.webhooks import service as subscriptions

# What is removed in one run: more than any hour brings, and few enough not to be felt.
_REMOVED_AT_ONCE = 50_000
# A preview may be of 10,000 cameras.
_PREVIEWS_AT_ONCE = 20


def _tidy(session: Session, _actor: Actor, occasion: Occasion) -> Result:
    now = occasion.now
    return {
        "sessions": sign_in.forget_old(session, now, at_once=_REMOVED_AT_ONCE),
        "idempotency_keys": idempotency.forget_old(session, now=now, at_once=_REMOVED_AT_ONCE),
        "deliveries": delivery.forget_old(session, now=now, at_once=_REMOVED_AT_ONCE),
        "secrets": subscriptions.forget_secrets(session, now=now),
        "previews": bulk.forget_previews(session, now=now, at_once=_PREVIEWS_AT_ONCE),
        "job_runs": runs.forget_old(session, now=now, at_once=_REMOVED_AT_ONCE),
    }


def _overdue(session: Session, actor: Actor, occasion: Occasion) -> Result:
    return notices.note_overdue(session, actor, steps=occasion.policy.overdue_steps, now=occasion.now)


def _training(session: Session, actor: Actor, occasion: Occasion) -> Result:
    now, notice = occasion.now, occasion.policy.training_notice
    return notices.note_training(session, actor, notice=notice, today=local_day(now), now=now)


def _statistics(session: Session, _actor: Actor, occasion: Occasion) -> Result:
    return {"days": statistics.compute_missing(session, now=occasion.now)}


def _departures(session: Session, actor: Actor, occasion: Occasion) -> Result:
    return {"departures": lifecycle.carry_out_departures(session, actor, now=occasion.now)}


def _late(session: Session, actor: Actor, occasion: Occasion) -> Result:
    return {
        "breaches": lifecycle.note_unassessed_losses(session, actor, now=occasion.now),
        "repairs": lifecycle.note_overdue_repairs(session, actor, now=occasion.now),
    }


def _seal(occasion: Occasion) -> Result:
    return sealer.seal_everything(occasion.app.fleet_settings, now=occasion.now)


def _push(occasion: Occasion) -> Result:
    return sealer.push(occasion.app.fleet_settings, now=occasion.now)


def _receipts(occasion: Occasion) -> Result:
    return mail.send_due(occasion.app.database, occasion.app.fleet_settings.mail, actor=occasion.actor)


def _reservations(session: Session, actor: Actor, occasion: Occasion) -> Result:
    return {"begun_or_ended": planning.turn(session, actor, now=occasion.now)}


def _pairings(session: Session, actor: Actor, occasion: Occasion) -> Result:
    return {"ended": carrying.expire(session, actor, now=occasion.now)}


JOBS: tuple[Job, ...] = (
    Job(
        "seal",
        "Gives what was written to the log its place in the Merkle tree, and signs a checkpoint of it.",
        Every(timedelta(seconds=1)),
        own_transactions(_seal),
    ),
    Job(
        "push-checkpoints",
        "Keeps a copy of the newest signed checkpoint outside, where nobody who can change the database can change it.",
        Every(timedelta(seconds=15)),
        own_transactions(_push),
    ),
    Job(
        "webhooks",
        "Sends what is sealed in the log to those who subscribed to it, and tries again what failed.",
        Every(timedelta(seconds=1)),
        own_transactions(webhooks.deliver),
    ),
    Job(
        "overdue",
        "Writes to the log, once each, which loans have become overdue and which are so for so long that it escalates.",
        Every(timedelta(minutes=1)),
        one_transaction(_overdue),
    ),
    Job(
        "departures",
        "Asks for the kit of leavers and movers whose last day is over, one at a time.",
        Every(timedelta(seconds=15)),
        one_transaction(_departures),
    ),
    Job(
        "late",
        "Writes to the log, once each, the breach assessments and the repairs that are late.",
        Every(timedelta(minutes=1)),
        one_transaction(_late),
    ),
    Job(
        "training",
        "Writes to the log, once each, whose training ends soon.",
        Every(timedelta(minutes=30)),
        one_transaction(_training),
    ),
    Job(
        "statistics",
        "Counts each day that is over, once, and keeps the figures.",
        Daily(time(0, 5)),
        one_transaction(_statistics),
    ),
    Job(
        "receipts",
        "Hands over receipts that officers get by e-mail; what a mail server does not take now is tried again later.",
        Every(timedelta(seconds=30)),
        own_transactions(_receipts),
    ),
    Job(
        "reservations",
        "Writes down which reservations have begun and which have ended. The counter goes by the time itself.",
        Every(timedelta(minutes=1)),
        one_transaction(_reservations),
    ),
    Job(
        "pairings",
        "Ends what stations did not do in time, and the pairings that came to nothing with it.",
        Every(timedelta(seconds=15)),
        one_transaction(_pairings),
    ),
    Job(
        "tidy",
        "Removes what is over: sign-ins, answers kept for repeats, runs and deliveries older than 30 days.",
        Every(timedelta(minutes=10)),
        one_transaction(_tidy),
    ),
)
