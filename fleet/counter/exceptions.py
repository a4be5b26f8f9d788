"""Acts that a clerk was told would be done and that the service refused: listed until somebody settles each."""

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet import audit
from fleet.actors import Actor
from fleet.audit import Event, Subject
from fleet.auth.permissions import Permission, is_permitted
from fleet.counter.acts import Bringer, Sent
from fleet.counter.clerks import LONGEST_AWAY, late_actor
from fleet.counter.late import Kind, LateCounter, Meant, Moment
from fleet.counter.models import CounterAct, CounterException, Settlement
from fleet.counter.scans import Mode, State
from fleet.custody import records, service
from fleet.custody.models import Condition
from fleet.db import AnySelect, begins, row_dict
from fleet.errors import Conflict, Invalid, NotFound
from fleet.paging import Page, Paging, capped_count
from fleet.settings import Policy

_ROWS = sa.select(
    CounterAct.number,
    CounterAct.kind,
    CounterAct.camera,
    CounterAct.officer,
    CounterAct.clerk,
    CounterAct.sender,
    CounterAct.made_at,
    CounterAct.received_at,
    CounterAct.clock_offset_s,
    CounterAct.rule,
    CounterAct.body,
    CounterException.problem,
    CounterException.mend,
    CounterException.settled_at,
    CounterException.settled_by,
    CounterException.settlement,
    CounterException.reason,
).join(CounterAct, CounterAct.number == CounterException.act_number)
# What an act's body says of what was to be done; the rest of it is for the service.
_AGAIN = {Kind.ISSUE, Kind.RETURN, Kind.TAKE_OVER}


def find(
    session: Session, filters: Mapping[str, Any], paging: Paging, *, sort: str = "number", descending: bool = True
) -> Page:
    """Exceptions in the order in which they arose; ``state`` is open, settled, or None for all."""
    del sort  # there is one order
    statement = _ROWS.where(*_conditions(filters))
    return paging.page(session, statement, [CounterException.act_number.expression], descending=descending)


def count(session: Session, filters: Mapping[str, Any]) -> int:
    """How many ``find`` has, as far as ``capped_count`` counts."""
    return capped_count(session, _ROWS.where(*_conditions(filters)))


def count_open(session: Session) -> int:
    """How many somebody must settle."""
    statement = sa.select(sa.func.count()).where(CounterException.settled_at.is_(None))
    return session.scalars(statement).one()


def _conditions(filters: Mapping[str, Any]) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if (state := filters.get("state")) is not None:
        settled = CounterException.settled_at
        found.append(settled.is_(None) if state == "open" else settled.is_not(None))
    if (clerk := filters.get("clerk")) is not None:
        found.append(CounterAct.clerk == f"account:{clerk}")
    if text := (filters.get("q") or "").strip().upper():
        found.append(sa.or_(begins(CounterAct.camera, text), begins(CounterAct.officer, text)))
    return found


def get(session: Session, number: int) -> dict[str, Any]:
    """One exception as plain data.

    Raises:
        NotFound
    """
    row = session.execute(_numbered(number)).one_or_none()
    if row is None:
        raise NotFound(f"There is no exception {number}.")
    return row_dict(row)


def _numbered(number: int) -> AnySelect:
    return _ROWS.where(CounterAct.number == number)


@dataclasses.dataclass(frozen=True)
class Decision:
    """How somebody settles an exception, and why. ``officer`` has the camera in fact; None, it is in the store."""

    settlement: Settlement
    reason: str
    officer: str | None = None


def settle(
    session: Session, actor: Actor, number: int, decision: Decision, *, policy: Policy, now: datetime
) -> dict[str, Any]:
    """Do it now after all, put the register right by hand, or leave it; the log says which, who and why.

    Doing it now overrides what may be overridden, if the actor may; the act keeps its own instant, as the officer had
    the camera since then (rule 8). Putting right is an act of now.

    Raises:
        NotFound: no such exception.
        Conflict: it is settled; or a rule refuses what is to be done.
        Invalid: no reason is given.
    """
    if not decision.reason.strip():
        raise Invalid("Say why.", fields={"reason": ["is empty"]})
    exception = session.get(CounterException, number, with_for_update=True)
    if exception is None:
        raise NotFound(f"There is no exception {number}.")
    if exception.settled_at is not None:
        raise Conflict(f"This was settled by {exception.settled_by} already.", found={"reason": exception.reason})
    act = session.get_one(CounterAct, number)
    if decision.settlement is Settlement.DONE_AGAIN:
        _do_again(session, actor, act, decision.reason, policy=policy, now=now)
    elif decision.settlement is Settlement.PUT_RIGHT:
        _put_right(session, actor, act, decision, policy=policy, now=now)
    exception.settled_at, exception.settled_by = now, actor.name
    exception.settlement, exception.reason = decision.settlement, decision.reason.strip()
    session.flush()
    _log(session, actor, act, decision, now=now)
    return get(session, number)


def _log(session: Session, actor: Actor, act: CounterAct, decision: Decision, *, now: datetime) -> None:
    subject = (Subject.CAMERA, act.camera) if act.camera else (Subject.COUNTER_ACT, str(act.number))
    audit.record(
        session,
        actor,
        Event.COUNTER_ACT_SETTLED,
        subject,
        at=now,
        officer=decision.officer or act.officer,
        exception=act.number,
        settlement=decision.settlement,
        reason=decision.reason.strip(),
    )


def _override(actor: Actor, reason: str) -> str | None:
    return reason if is_permitted(actor, Permission.CUSTODY_OVERRIDE) else None


def _do_again(session: Session, actor: Actor, act: CounterAct, reason: str, *, policy: Policy, now: datetime) -> None:
    if act.kind not in _AGAIN:
        raise Conflict("This act cannot be done again; put the register right by hand, or dismiss it.", mend="store")
    again = late_actor(actor, actor, act.id, now=now)
    sent = Sent(act.id, act.kind, act.body, act.made_at)
    # A page says when an act was made, so that is believed no further back than a page may be away.
    at = min(max(act.made_at, act.received_at - LONGEST_AWAY), now)
    counter = LateCounter(Moment(session, again, policy, at, sent, Bringer(act.clerk, actor), now))
    body = act.body
    state = State(
        officer=body.get("officer"),
        visit=body.get("visit"),
        mode=Mode(body.get("mode", Mode.NORMAL)),
        dock=body.get("dock"),
        operation=body.get("operation"),
    )
    meant = Meant(act.body["camera"], state, act.body.get("holder"), _override(actor, reason))
    {Kind.ISSUE: counter.issue, Kind.RETURN: counter.take_back, Kind.TAKE_OVER: counter.take_over}[Kind(act.kind)](
        meant
    )


def _put_right(
    session: Session, actor: Actor, act: CounterAct, decision: Decision, *, policy: Policy, now: datetime
) -> None:
    """The camera is where somebody has seen it: with an officer, or in the store."""
    if act.camera is None:
        raise Conflict("This act names no camera of the register. Dismiss it, and say what you did.", mend="store")
    holder = records.holder_now(session, act.camera)
    if holder == decision.officer:
        return
    counter = LateCounter(
        Moment(session, actor, policy, now, Sent(act.id, act.kind, act.body, now), Bringer("", actor), now)
    )
    if decision.officer is None:
        service.take_back(session, actor, act.camera, Condition.GOOD, note="put right by hand", policy=policy, now=now)
        return
    meant = Meant(act.camera, State(officer=decision.officer), holder, _override(actor, decision.reason))
    (counter.issue if holder is None else counter.take_over)(meant)
