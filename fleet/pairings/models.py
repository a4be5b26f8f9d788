"""Stations with their jobs and steps, the service's signing keys, and the force-wide switch."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from fleet.db import Base, Identifier, words
from fleet.pairings.states import JobKind, JobState, KeyUse, StepState
from fleet.sites.models import Site

_Instant = sa.DateTime(timezone=True)


class Station(Base):
    """A computer beside the armourer's Bluetooth adapter. Secrets are stored as hashes.

    ``code_hash`` is of the one-time enrolment code, good until ``code_until``. ``credential_until`` is the end of its
    short-lived credential; its bearer tokens are in ``station_token``.
    """

    __tablename__ = "station"

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(Identifier, unique=True)
    site_id: Mapped[int | None] = mapped_column(sa.ForeignKey("site.id"), index=True)
    code_hash: Mapped[bytes | None] = mapped_column(sa.LargeBinary, unique=True)
    code_until: Mapped[datetime | None] = mapped_column(_Instant)
    enrolled_at: Mapped[datetime | None] = mapped_column(_Instant)
    credential_until: Mapped[datetime | None] = mapped_column(_Instant)
    revoked_at: Mapped[datetime | None] = mapped_column(_Instant)
    revoke_reason: Mapped[str | None] = mapped_column(sa.Text)
    last_seen_at: Mapped[datetime | None] = mapped_column(_Instant)
    created_at: Mapped[datetime] = mapped_column(_Instant)
    created_by: Mapped[str] = mapped_column(sa.Text)
    version: Mapped[int] = mapped_column(sa.Integer, server_default="1")

    site: Mapped[Site | None] = relationship()


class StationToken(Base):
    """Which bearer token is which station's. A renewed one has two for a while, so a lost answer costs nothing."""

    __tablename__ = "station_token"

    token: Mapped[str] = mapped_column(sa.ForeignKey("api_token.name"), primary_key=True)
    station_id: Mapped[int] = mapped_column(sa.ForeignKey("station.id"), index=True)


class StationJob(Base):
    """Something for a station to carry out. Without a station, whichever asks first gets it.

    A Taser, or a camera, has one job at a time. ``by`` who queued it; ``detail`` is what the station said at its end.
    """

    __tablename__ = "station_job"
    __table_args__ = (
        sa.Index(
            "uq_station_job_of_taser",
            "taser_id",
            unique=True,
            postgresql_where=sa.text("state IN ('queued', 'leased')"),
        ),
        sa.Index(
            "uq_station_job_of_camera",
            "camera_id",
            unique=True,
            postgresql_where=sa.text("state IN ('queued', 'leased')"),
        ),
        # A station does one thing at a time, however often it asks at once.
        sa.Index("uq_station_job_leased", "station_id", unique=True, postgresql_where=sa.text("state = 'leased'")),
        sa.Index(
            "ix_station_job_waiting", "station_id", "id", postgresql_where=sa.text("state IN ('queued', 'leased')")
        ),
        sa.Index("ix_station_job_due", "expires_at", postgresql_where=sa.text("state IN ('queued', 'leased')")),
        sa.Index(None, "pairing_id", "id"),
        sa.Index(None, "state", "id"),
        sa.CheckConstraint("taser_id IS NOT NULL OR camera_id IS NOT NULL", name="about_something"),
        sa.CheckConstraint("(ended_at IS NULL) = (state IN ('queued', 'leased'))", name="ended"),
        sa.CheckConstraint("state <> 'leased' OR station_id IS NOT NULL", name="leased_to_somebody"),
    )

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    kind: Mapped[JobKind] = mapped_column(words(JobKind))
    state: Mapped[JobState] = mapped_column(words(JobState))
    station_id: Mapped[int | None] = mapped_column(sa.ForeignKey("station.id"))
    taser_id: Mapped[int | None] = mapped_column(sa.ForeignKey("taser.id"))
    camera_id: Mapped[int | None] = mapped_column(sa.ForeignKey("camera.id"))
    pairing_id: Mapped[int | None] = mapped_column(sa.ForeignKey("pairing.id"))
    by: Mapped[str] = mapped_column(sa.Text)
    created_at: Mapped[datetime] = mapped_column(_Instant)
    expires_at: Mapped[datetime] = mapped_column(_Instant)
    leased_at: Mapped[datetime | None] = mapped_column(_Instant)
    ended_at: Mapped[datetime | None] = mapped_column(_Instant)
    detail: Mapped[str | None] = mapped_column(sa.Text)


class JobStep(Base):
    """One step that a station reports; told again, it is the same row."""

    __tablename__ = "station_job_step"

    job_id: Mapped[int] = mapped_column(sa.ForeignKey("station_job.id"), primary_key=True)
    number: Mapped[int] = mapped_column(sa.SmallInteger, primary_key=True, autoincrement=False)
    step: Mapped[str] = mapped_column(sa.Text)
    state: Mapped[StepState] = mapped_column(words(StepState))
    at: Mapped[datetime] = mapped_column(_Instant)
    received_at: Mapped[datetime] = mapped_column(_Instant)
    detail: Mapped[str | None] = mapped_column(sa.Text)
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=sa.text("'{}'"))


class AuthorityKey(Base):
    """A key that the service signs with. ``secret`` is encrypted, and gone once the key is retired.

    The oldest that is not retired signs; every one that is not retired is trusted. ``last_trust`` is the last that an
    authority key signed, which names the keys after it: a device that slept through a rotation follows it.
    """

    __tablename__ = "authority_key"
    __table_args__ = (sa.CheckConstraint("(secret IS NULL) = (retired_at IS NOT NULL)", name="secret_until_retired"),)

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    use: Mapped[KeyUse] = mapped_column(words(KeyUse))
    key_id: Mapped[bytes] = mapped_column(sa.LargeBinary, unique=True)
    public_key: Mapped[bytes] = mapped_column(sa.LargeBinary)
    secret: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    last_trust: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    created_at: Mapped[datetime] = mapped_column(_Instant)
    retired_at: Mapped[datetime | None] = mapped_column(_Instant)


class PairingSwitch(Base):
    """The force's decision whether anything may be paired (¶17). The newest row stands; no row is off."""

    __tablename__ = "pairing_switch"

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    on: Mapped[bool]
    reason: Mapped[str] = mapped_column(sa.Text)
    at: Mapped[datetime] = mapped_column(_Instant)
    by: Mapped[str] = mapped_column(sa.Text)
