"""Every act of a counter is carried out once, under the id that its page gave it, however often and late it arrives.

The act, its effect, its entry in the log and its record here are committed together. A live scan that changes nothing
leaves no record: asked again, it is answered anew.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from psycopg.types.json import Jsonb
from sqlalchemy.orm import Session

from fleet import audit
from fleet.actors import Actor
from fleet.audit import Event, Subject
from fleet.counter.models import CounterAct, CounterException, Outcome
from fleet.counter.scans import Act, Answer, LastAct, resolve, spelled
from fleet.db import Prepared
from fleet.errors import Conflict, FleetError, NotFound
from fleet.identifiers import LONGEST

_FIRST_SERVER_ERROR = 500
_DONE = 200


@dataclass(frozen=True)
class Sent:
    """An act as it arrives. ``late`` says that its clerk was told of it before the service knew.

    ``made_at`` is the page's, corrected by ``clock_offset_s``, the seconds by which the page found its clock behind
    the service's; None if it could not tell.
    """

    id: str
    kind: str
    body: Mapping[str, Any]
    made_at: datetime
    clock_offset_s: float | None = None
    late: bool = False


@dataclass(frozen=True)
class Bringer:
    """Whose act it is, in whose session it arrives, and that session's number."""

    clerk: str
    sender: Actor
    browser: int | None = None


@dataclass(frozen=True)
class Done:
    """What carrying an act out came to; ``outcome`` is None when there is nothing to keep.

    ``answer`` is JSON; ``did`` what undoing it needs to know.
    """

    answer: dict[str, Any]
    outcome: Outcome | None = Outcome.DONE
    camera: str | None = None
    officer: str | None = None
    did: LastAct | None = None


@dataclass(frozen=True)
class Kept:
    """What the page is told. ``number`` is None for what was not kept; ``is_new`` unless it was done before."""

    outcome: Outcome | None
    status: int
    answer: dict[str, Any]
    number: int | None = None
    is_new: bool = True
    kind: str = ""
    did: LastAct | None = None
    camera: str | None = None
    clerk: str = ""


def done(answer: Answer, outcome: Outcome | None = Outcome.DONE, *, officer: str | None = None) -> Done:
    """A counter's answer as it is kept: without the kit, which is another one the next time."""
    state = {name: value for name, value in vars(answer.state).items() if name != "last_act"}
    said = {"tone": answer.tone, "title": answer.title, "detail": answer.detail, "due_back": answer.due_back}
    told = audit.plain(said) | {"state": {**state, "issued": list(answer.state.issued)}}
    return Done(told, outcome, answer.camera, officer or answer.state.officer, answer.state.last_act)


# Two that arrive at once wait here for one another: the second then finds what the first has done.
_CLAIM = Prepared(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(sa.bindparam("id"), 0))))
_KEPT = Prepared(
    sa.select(
        CounterAct.number,
        CounterAct.kind,
        CounterAct.outcome,
        CounterAct.status,
        CounterAct.answer,
        CounterAct.did,
        CounterAct.camera,
        CounterAct.clerk,
    ).where(CounterAct.id == sa.bindparam("id"))
)
_COLUMNS = [column.name for column in CounterAct.__table__.columns if column.name != "number"]
_KEEP = Prepared(
    sa.insert(CounterAct).values({name: sa.bindparam(name) for name in _COLUMNS}).returning(CounterAct.number)
)


def once(session: Session, by: Bringer, sent: Sent, work: Callable[[], Done], *, now: datetime) -> Kept:
    """Carry ``work`` out, unless an act of this id was; then answer as it was answered.

    A refusal is an answer too. A late act's refusal goes onto the list of exceptions, as does a late act that the
    service left alone because it would have asked its clerk something.

    Raises:
        FleetError: a failure of the service (5xx), after which the act can be sent again.
    """
    if (kept := claim(session, sent.id)) is not None:
        return kept
    try:
        with session.begin_nested():
            came_to = work()
    except FleetError as error:
        if error.status >= _FIRST_SERVER_ERROR:
            raise
        return _refused(session, by, sent, error, now=now)
    if came_to.outcome is None:
        return Kept(None, _DONE, came_to.answer)
    kept = keep(session, by, sent, came_to, now=now)
    if came_to.outcome is Outcome.LEFT:
        left = Conflict(f"{came_to.answer['title']}. {came_to.answer['detail']}", mend="store")
        report(session, by, sent, kept, left, camera=came_to.camera, now=now)
    return kept


def claim(session: Session, act_id: str) -> Kept | None:
    """Wait for whoever is carrying out this id; answer what they did, or None if it is the caller's to do."""
    _CLAIM.run(session, id=act_id)
    row = _KEPT.one(session, id=act_id)
    if row is None:
        return None
    did, outcome = row.pop("did"), Outcome(row.pop("outcome"))
    return Kept(**row, outcome=outcome, is_new=False, did=did and LastAct(**did | {"act": Act(did["act"])}))


def keep(
    session: Session,
    by: Bringer,
    sent: Sent,
    came_to: Done,
    *,
    now: datetime,
    status: int = _DONE,
    rule: int | None = None,
) -> Kept:
    """Write down what became of an act."""
    row = _KEEP.one(
        session,
        id=sent.id,
        kind=sent.kind,
        body=Jsonb(dict(sent.body)),
        clerk=by.clerk,
        sender=by.sender.name,
        browser=by.browser,
        made_at=sent.made_at,
        clock_offset_s=sent.clock_offset_s,
        received_at=now,
        outcome=str(came_to.outcome),
        camera=came_to.camera,
        officer=came_to.officer,
        rule=rule,
        did=None if came_to.did is None else Jsonb(audit.plain(vars(came_to.did))),
        status=status,
        answer=Jsonb(came_to.answer),
    )
    number = row["number"] if row else None
    answer, did = came_to.answer, came_to.did
    return Kept(came_to.outcome, status, answer, number, True, sent.kind, did, came_to.camera, by.clerk)


def _refused(session: Session, by: Bringer, sent: Sent, error: FleetError, *, now: datetime) -> Kept:
    audit.record_refusal(session, by.sender, error, at=now)
    camera = _camera_in(session, sent.body)
    refused = Done(_problem(error), Outcome.REFUSED, camera=camera, officer=_officer_in(sent.body))
    kept = keep(session, by, sent, refused, now=now, status=error.status, rule=error.rule)
    if sent.late:
        report(session, by, sent, kept, error, camera=camera, now=now)
    return kept


def report(
    session: Session, by: Bringer, sent: Sent, kept: Kept, error: FleetError, *, camera: str | None, now: datetime
) -> None:
    """Put an act onto the list of exceptions, and into the log."""
    exception = CounterException(act_number=kept.number, problem=error.detail, mend=error.mend)
    session.add(exception)
    session.flush()
    subject = (Subject.CAMERA, camera) if camera else (Subject.COUNTER_ACT, str(kept.number))
    audit.record(
        session,
        by.sender,
        Event.COUNTER_ACT_REFUSED,
        subject,
        at=now,
        officer=_officer_in(sent.body),
        exception=kept.number,
        kind=sent.kind,
        clerk=by.clerk,
        made_at=sent.made_at,
        act=sent.id,
        rule=error.rule,
        detail=error.detail,
    )


def _problem(error: FleetError) -> dict[str, Any]:
    said = {"title": error.title, "status": error.status, "detail": error.detail, "rule": error.rule}
    return audit.plain(said | {"mend": error.mend, "found": audit.plain(error.found) or None})


def _camera_in(session: Session, body: Mapping[str, Any]) -> str | None:
    """The camera that an act is about, as the register calls it; None when it has none."""
    try:
        kind, identifier = resolve(session, spelled(str(body.get("camera") or body.get("scan") or "")))
    except (NotFound, Conflict):
        return None
    return identifier if kind == "camera" else None


def _officer_in(body: Mapping[str, Any]) -> str | None:
    officer = body.get("officer") or body.get("holder")
    return officer if isinstance(officer, str) and len(officer) <= LONGEST else None
