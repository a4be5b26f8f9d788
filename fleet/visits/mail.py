"""Receipts by e-mail: kept in the database with the act that wants them, handed over by a job.

A receipt is at the mail server once, or in rare cases twice: a process killed after the server took it and before that
was written down sends it again, with the same Message-ID, by which mail programs know it. It goes to the address that
is on the officer's record at that moment, and to no other.
"""

import smtplib
import ssl
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet import audit
from fleet.actors import Actor
from fleet.audit import Event, Subject
from fleet.clock import utc_now
from fleet.db import Database
from fleet.people.addresses import is_address
from fleet.settings import Mail, Transport
from fleet.visits import book, receipts
from fleet.visits.models import MailState, ReceiptMail, Visit

# A minute, two, four … four hours; the twelfth failure is the last, sixteen hours after the first.
_FIRST_WAIT, _LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=4)
_MOST_TRIES = 12
_LONGEST_PROBLEM = 300
_TRANSIENT = range(400, 500)


@dataclass(frozen=True)
class _Letter:
    """A receipt that this process has claimed: nobody else sends it before its next turn."""

    id: int
    key: str
    collar: str
    address: str | None
    tries: int
    visit: dict[str, Any]


class _Refused(Exception):
    """The server did not take a letter. ``is_final`` when it never will."""

    def __init__(self, problem: str, *, is_final: bool = False) -> None:
        super().__init__(problem)
        self.is_final = is_final


def send_due(database: Database, mail: Mail | None, *, actor: Actor, most: int = 50) -> dict[str, int]:
    """Hand over the receipts whose time has come, one after another; how many were sent, put off and given up.

    Each is claimed and settled in transactions of its own, and none is open while the server is spoken to. Several
    processes may do this at once. The clock is read for each, since a server that hangs takes minutes.
    """
    done = dict.fromkeys(("sent", "later", "failed"), 0)
    if mail is None:
        return done
    for _ in range(most):
        letter = _claimed(database, now=utc_now())
        if letter is None:
            break
        done[_handed_over(database, actor, mail, letter)] += 1
    return done


def _claimed(database: Database, *, now: datetime) -> _Letter | None:
    with database.transaction() as session:
        statement = sa.select(ReceiptMail).where(ReceiptMail.state == MailState.WAITING, ReceiptMail.due_at <= now)
        statement = statement.order_by(ReceiptMail.due_at).limit(1).with_for_update(skip_locked=True)
        row = session.scalars(statement).one_or_none()
        if row is None:
            return None
        # Counted and put off before anything is sent: a process killed meanwhile leaves it for its next turn.
        row.tries += 1
        row.due_at = now + min(_FIRST_WAIT * 2 ** (row.tries - 1), _LONGEST_WAIT)
        key = session.scalars(sa.select(Visit.key).where(Visit.id == row.visit_id)).one()
        visit = book.get(session, key)
        return _Letter(row.id, key, visit["collar"], visit["email"], row.tries, visit)


def _handed_over(database: Database, actor: Actor, mail: Mail, letter: _Letter) -> str:
    try:
        address = _require_address(letter)
        _send(mail, message(mail, letter.id, letter.visit, now=utc_now()), address)
    except _Refused as refused:
        return _put_off(database, actor, letter, refused)
    with database.transaction() as session:
        now = utc_now()
        settled = {"state": MailState.SENT, "sent_at": now, "address": letter.address, "problem": None}
        _settle(session, letter, settled)
        audit.record(
            session, actor, Event.RECEIPT_SENT, (Subject.VISIT, letter.key), at=now, officer=letter.collar,
            mail=letter.id,
        )  # fmt: skip
    return "sent"


def _require_address(letter: _Letter) -> str:
    if letter.address is None or not is_address(letter.address):
        raise _Refused("The officer has no e-mail address on record.", is_final=True)
    return letter.address


def _put_off(database: Database, actor: Actor, letter: _Letter, refused: _Refused) -> str:
    problem = str(refused)[:_LONGEST_PROBLEM]
    is_over = refused.is_final or letter.tries >= _MOST_TRIES
    with database.transaction() as session:
        _settle(session, letter, {"state": MailState.FAILED if is_over else MailState.WAITING, "problem": problem})
        if is_over:
            audit.record(
                session, actor, Event.RECEIPT_FAILED, (Subject.VISIT, letter.key), at=utc_now(), officer=letter.collar,
                mail=letter.id, tries=letter.tries,
            )  # fmt: skip
    return "failed" if is_over else "later"


def _settle(session: Session, letter: _Letter, values: dict[str, Any]) -> None:
    session.execute(sa.update(ReceiptMail).where(ReceiptMail.id == letter.id).values(values))


def message(mail: Mail, number: int, visit: dict[str, Any], *, now: datetime) -> EmailMessage:
    """The letter. Headers hold nothing that somebody typed but the address, which was read strictly."""
    letter = EmailMessage(policy=SMTP)
    letter["From"] = mail.sender
    letter["To"] = visit["email"]
    letter["Subject"] = "Receipt for equipment issued to you"
    letter["Date"] = format_datetime(now)
    # The same at every try, so that a receipt that comes twice is known as one.
    letter["Message-ID"] = f"<receipt-{number}-{visit['id']}@{mail.sender.partition('@')[2]}>"
    letter["Auto-Submitted"] = "auto-generated"
    letter.set_content(receipts.text(visit))
    name = f"receipt-{visit['id'][:8]}.pdf"
    letter.add_attachment(receipts.pdf(visit, now=now), maintype="application", subtype="pdf", filename=name)
    return letter


def _send(mail: Mail, letter: EmailMessage, address: str) -> None:
    try:
        with _connected(mail) as server:
            server.send_message(letter, from_addr=mail.sender, to_addrs=[address])
    except smtplib.SMTPRecipientsRefused as error:
        code, said = next(iter(error.recipients.values()))
        raise _Refused(_told(code, said), is_final=code not in _TRANSIENT) from error
    except smtplib.SMTPResponseException as error:
        # The server's own trouble with us, or with this letter. Only what it says of the letter's end is final.
        is_final = isinstance(error, smtplib.SMTPDataError) and error.smtp_code not in _TRANSIENT
        raise _Refused(_told(error.smtp_code, error.smtp_error), is_final=is_final) from error
    except (OSError, smtplib.SMTPException) as error:
        # Not reached, no answer in time, or gone in the middle; ssl.SSLError is an OSError.
        raise _Refused(f"{type(error).__name__}: the mail server could not be spoken to.") from error


def _told(code: int, said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return f"{code} {''.join(character if character.isprintable() else ' ' for character in text)}"


def _connected(mail: Mail) -> smtplib.SMTP:
    timeout, trusted = mail.timeout.total_seconds(), ssl.create_default_context()
    if mail.transport is Transport.TLS:
        server: smtplib.SMTP = smtplib.SMTP_SSL(mail.host, mail.port, timeout=timeout, context=trusted)
    else:
        server = smtplib.SMTP(mail.host, mail.port, timeout=timeout)
    try:
        if mail.transport is Transport.STARTTLS:
            # Raises where the server offers none: nothing is sent in clear because somebody in between hid the offer.
            server.starttls(context=trusted)
        if mail.user is not None and mail.password is not None:
            server.login(mail.user, mail.password)
    except BaseException:
        server.close()
        raise
    return server
