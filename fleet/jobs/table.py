"""Every job of the service, and when it runs. What each does is a function of its domain's.

A job's function takes ``session, actor`` first and ``now`` as an argument, as every service does, and answers with what
it did, counted. It may be killed at any line and run again.
"""

from datetime import timedelta

from sqlalchemy.orm import Session

from fleet import idempotency
from fleet.actors import Actor
from fleet.audit import sealer
from fleet.auth import sign_in
from fleet.custody import planning
from fleet.jobs import runs
from fleet.jobs.job import Job, Occasion, Result, one_transaction, own_transactions
from fleet.jobs.triggers import Every
from fleet.visits import mail

# What is removed in one run: more than any hour brings, and few enough not to be felt.
_REMOVED_AT_ONCE = 50_000


def _tidy(session: Session, _actor: Actor, occasion: Occasion) -> Result:
    now = occasion.now
    return {
        "sessions": sign_in.forget_old(session, now, at_once=_REMOVED_AT_ONCE),
        "idempotency_keys": idempotency.forget_old(session, now=now, at_once=_REMOVED_AT_ONCE),
        "job_runs": runs.forget_old(session, now=now, at_once=_REMOVED_AT_ONCE),
    }


def _seal(occasion: Occasion) -> Result:
    return sealer.seal_everything(occasion.app.fleet_settings, now=occasion.now)


def _push(occasion: Occasion) -> Result:
    return sealer.push(occasion.app.fleet_settings, now=occasion.now)


def _receipts(occasion: Occasion) -> Result:
    return mail.send_due(occasion.app.database, occasion.app.fleet_settings.mail, actor=occasion.actor)


def _reservations(session: Session, actor: Actor, occasion: Occasion) -> Result:
    return {"begun_or_ended": planning.turn(session, actor, now=occasion.now)}


JOBS: tuple[Job, ...] = (
    Job(
        "seal",
        "Gives what was written to the log its place in the Merkle tree, and signs a checkpoint of it.",
        Every(timedelta(seconds=1)),
        own_transactions(_seal),
    ),
    Job(
        "push-checkpoints",
        "Keeps a copy of each signed checkpoint outside, where nobody who can change the database can change it.",
        Every(timedelta(seconds=5)),
        own_transactions(_push),
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
        "tidy",
        "Removes what is over: sign-ins, answers kept for repeated requests, and runs of jobs older than 30 days.",
        Every(timedelta(minutes=10)),
        one_transaction(_tidy),
    ),
)
