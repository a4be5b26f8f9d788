"""Visits to the counter and how each was acknowledged, the terms that were shown, and the mail that tells of it.

A visit, an acknowledgement and a version of the terms are only added (rule 9): the application's role may not change
them, and triggers stop everybody who writes SQL without thinking.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from fleet.db import Base, words

_Instant = sa.DateTime(timezone=True)


class Method(StrEnum):
    """How a visit was acknowledged: by the officer's PIN or signature, or by the clerk in the officer's place."""

    PIN = "pin"
    SIGNATURE = "signature"
    ATTESTATION = "attestation"


class MailState(StrEnum):
    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"


class Terms(Base):
    """One version of the terms of use. The present one is the highest whose ``valid_from`` has come."""

    __tablename__ = "terms"
    __table_args__ = (
        sa.CheckConstraint("version >= 1", name="version_counts_from_one"),
        sa.CheckConstraint("sha256 = sha256(convert_to(text, 'UTF8'))", name="sha256_is_the_texts"),
    )

    version: Mapped[int] = mapped_column(sa.Integer, primary_key=True, autoincrement=False)
    text: Mapped[str] = mapped_column(sa.Text)
    sha256: Mapped[bytes] = mapped_column(sa.LargeBinary)
    valid_from: Mapped[datetime] = mapped_column(_Instant)
    published_at: Mapped[datetime] = mapped_column(_Instant)
    published_by: Mapped[str] = mapped_column(sa.Text)


class Visit(Base):
    """One officer at one counter. It has a row from its first issue on.

    ``key`` is the page's own name for it, made before the service knew of the visit. ``clerk`` is who was at the
    counter then. ``acknowledged_at`` says that there is an acknowledgement, and is None until then.
    """

    __tablename__ = "visit"
    __table_args__ = (
        sa.CheckConstraint("key ~ '^[0-9a-f]{32}$'", name="key_is_hexadecimal"),
        sa.Index("ix_visit_open", "id", postgresql_where=sa.text("acknowledged_at IS NULL")),
        sa.Index(None, "person_id", "id"),
    )

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    key: Mapped[str] = mapped_column(sa.Text, unique=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    clerk: Mapped[str] = mapped_column(sa.Text)
    begun_at: Mapped[datetime] = mapped_column(_Instant)
    acknowledged_at: Mapped[datetime | None] = mapped_column(_Instant)


class VisitAllocation(Base):
    """An allocation that was issued in a visit; in one visit at most."""

    __tablename__ = "visit_allocation"

    allocation_id: Mapped[int] = mapped_column(sa.ForeignKey("allocation.id"), primary_key=True, autoincrement=False)
    visit_id: Mapped[int] = mapped_column(sa.ForeignKey("visit.id"), index=True)


class Acknowledgement(Base):
    """That an officer has what was issued in a visit. ``strokes`` are a signature's; ``reason`` is the clerk's.

    ``terms_version`` is the version that was shown, with its hash; None where a force has no terms. ``clerk`` was at
    the counter, ``entry_id`` is its entry in the log.
    """

    __tablename__ = "acknowledgement"
    __table_args__ = (
        sa.CheckConstraint("(method = 'signature') = (strokes IS NOT NULL)", name="a_signature_has_strokes"),
        sa.CheckConstraint("(method = 'attestation') = (reason IS NOT NULL)", name="an_attestation_has_a_reason"),
        sa.CheckConstraint("(terms_version IS NULL) = (terms_sha256 IS NULL)", name="terms_have_a_hash"),
        sa.CheckConstraint("pg_column_size(strokes) <= 300000", name="strokes_are_few"),
    )

    visit_id: Mapped[int] = mapped_column(sa.ForeignKey("visit.id"), primary_key=True, autoincrement=False)
    method: Mapped[Method] = mapped_column(words(Method))
    at: Mapped[datetime] = mapped_column(_Instant)
    clerk: Mapped[str] = mapped_column(sa.Text)
    reason: Mapped[str | None] = mapped_column(sa.Text)
    strokes: Mapped[list[Any] | None] = mapped_column(JSONB(none_as_null=True))
    terms_version: Mapped[int | None] = mapped_column(sa.ForeignKey("terms.version"))
    terms_sha256: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    entry_id: Mapped[int] = mapped_column(sa.ForeignKey("audit_entry.id"))


class ReceiptMail(Base):
    """A receipt that is to be sent to its officer. ``address`` is where it went; until then there is none."""

    __tablename__ = "receipt_mail"
    __table_args__ = (
        sa.Index("ix_receipt_mail_due", "due_at", postgresql_where=sa.text("state = 'waiting'")),
        sa.Index(None, "visit_id"),
        sa.CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name="sent_at_some_time"),
    )

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    visit_id: Mapped[int] = mapped_column(sa.ForeignKey("visit.id"))
    state: Mapped[MailState] = mapped_column(words(MailState), server_default="waiting")
    queued_at: Mapped[datetime] = mapped_column(_Instant)
    due_at: Mapped[datetime] = mapped_column(_Instant)
    tries: Mapped[int] = mapped_column(sa.SmallInteger, server_default="0")
    sent_at: Mapped[datetime | None] = mapped_column(_Instant)
    address: Mapped[str | None] = mapped_column(sa.Text)
    problem: Mapped[str | None] = mapped_column(sa.Text)
