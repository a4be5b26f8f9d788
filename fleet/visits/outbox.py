"""Receipts that wait to be sent, kept with the act that wants them. ``mail`` hands them over."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet import audit
from fleet.actors import Actor
from fleet.audit import Event, Subject
from fleet.errors import Conflict, NotFound
from fleet.people.models import Person
from fleet.visits.models import MailState, ReceiptMail, Visit


class CannotSend(Conflict):
    """There is no mail server, or no address to send to."""


def offer(session: Session, key: str, *, now: datetime) -> None:
    """Have a visit's receipt sent, once and by itself, if the officer has an address."""
    visit_id, address, _ = _whose(session, key)
    if address is not None and not _is_queued(session, visit_id, {MailState.WAITING, MailState.SENT}):
        session.add(ReceiptMail(visit_id=visit_id, queued_at=now, due_at=now))


def queue(session: Session, actor: Actor, key: str, *, mails: bool, now: datetime) -> None:
    """Have a visit's receipt sent because somebody asks for it; one that waits already is not sent twice.

    ``mails`` is whether this service has a mail server.

    Raises:
        NotFound: no such visit.
        CannotSend: there is no mail server, or the officer has no address on record.
    """
    visit_id, address, collar = _whose(session, key)
    if not mails:
        raise CannotSend("This service has no mail server. Print the receipt instead.", mend="it")
    if address is None:
        what = f"{collar} has no e-mail address on record. Add it to the officer’s page first."
        raise CannotSend(what, mend="store")
    if not _is_queued(session, visit_id, {MailState.WAITING}):
        session.add(ReceiptMail(visit_id=visit_id, queued_at=now, due_at=now))
        audit.record(session, actor, Event.RECEIPT_QUEUED, (Subject.VISIT, key), at=now, officer=collar)


def _whose(session: Session, key: str) -> tuple[int, str | None, str]:
    statement = sa.select(Visit.id, Person.email, Person.collar).join(Person, Person.id == Visit.person_id)
    # Of two who ask at once the second sees what the first queued.
    row = session.execute(statement.where(Visit.key == key).with_for_update(of=Visit)).one_or_none()
    if row is None:
        raise NotFound("There is no such visit.", found={"visit": key})
    return row.id, row.email, row.collar


def _is_queued(session: Session, visit_id: int, states: set[MailState]) -> bool:
    session.flush()
    statement = sa.select(ReceiptMail.id).where(ReceiptMail.visit_id == visit_id, ReceiptMail.state.in_(states))
    return session.scalars(statement.limit(1)).first() is not None
