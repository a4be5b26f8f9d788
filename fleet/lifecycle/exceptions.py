"""Officers to whom rule 5 (firearms officers hold a camera) or rule 6 (helmets get a Flex 2) does not apply."""

from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet import audit
from fleet.actors import Actor
from fleet.audit import Event, Subject
from fleet.clock import local_day
from fleet.custody.models import RuleException
from fleet.custody.records import lock_officer
from fleet.errors import Conflict, Invalid, NotFound
from fleet.people.models import Person


class ExceptionStands(Conflict):
    """The officer has an exception to this rule already, or none that could be ended (rules 5, 6)."""


@dataclass(frozen=True)
class Wanted:
    """An exception to ``rule``, 5 or 6, until the end of the day ``until``."""

    rule: int
    reason: str
    until: date


def record(session: Session, actor: Actor, collar: str, wanted: Wanted, *, now: datetime) -> int:
    """Record an exception and answer its number. One that is over makes room for the next.

    Raises:
        NotFound: no such officer.
        Invalid: it would be over already.
        ExceptionStands: one of this rule stands.
    """
    today = local_day(now)
    if wanted.until < today:
        raise Invalid("It would be over already.", fields={"until": ["is in the past"]})
    officer = lock_officer(session, collar)
    known = session.scalars(_open().where(Person.collar == collar, RuleException.rule == wanted.rule)).first()
    if known is not None and known.until >= today:
        what = f"{collar} has an exception to rule {wanted.rule} until {known.until:%d %B %Y}. End it first."
        raise ExceptionStands(what, rule=wanted.rule, found={"until": known.until.isoformat()}, mend="supervisor")
    if known is not None:
        known.ended_at, known.ended_by = now, actor.name
        session.flush()
    row = RuleException(person_id=officer.id, at=now, by=actor.name, **vars(wanted))
    session.add(row)
    session.flush()
    facts = {"exception": row.id, "to_rule": wanted.rule, "reason": wanted.reason, "until": wanted.until}
    subject = (Subject.PERSON, collar)
    audit.record(session, actor, Event.EXCEPTION_RECORDED, subject, at=now, officer=collar, **facts)
    return row.id


def end(session: Session, actor: Actor, collar: str, rule: int, *, now: datetime) -> None:
    """End an exception before its day.

    Raises:
        NotFound: no such officer, or no exception of this rule.
    """
    lock_officer(session, collar)
    row = session.scalars(_open().where(Person.collar == collar, RuleException.rule == rule)).first()
    if row is None:
        raise NotFound(f"{collar} has no exception to rule {rule}.", found={"person": collar})
    row.ended_at, row.ended_by = now, actor.name
    session.flush()
    facts = {"exception": row.id, "to_rule": rule, "until": row.until}
    audit.record(session, actor, Event.EXCEPTION_ENDED, (Subject.PERSON, collar), at=now, officer=collar, **facts)


def _open() -> sa.Select[RuleException]:
    return sa.select(RuleException).join(Person).where(RuleException.ended_at.is_(None))
