"""Tasers with the magazines (SPPM) fitted to them, their pairings with cameras, and the identities of all devices."""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from fleet.cameras.states import Bluetooth
from fleet.db import Base, Identifier, words
from fleet.people.models import Person
from fleet.register import Registered
from fleet.sites.models import Site
from fleet.tasers.states import Because, DeviceKind, PairingState, TaserCustody

_Instant = sa.DateTime(timezone=True)


class TaserModel(StrEnum):
    X26 = "x26"
    X2 = "x2"


class Taser(Registered, Base):
    """A Taser. ``sppm`` is the serial of the fitted magazine, which an X26 does not have (rule 2).

    ``firmware`` and ``bluetooth`` are what is recorded; only since ``levels_reported_at`` are they what the device
    itself reported (rule 1). Whatever identity or pairing it was given before ``revoked_at`` counts no longer.
    """

    __tablename__ = "taser"
    __table_args__ = (
        sa.CheckConstraint("model = 'x2' OR sppm IS NULL", name="sppm"),
        sa.CheckConstraint("(custody = 'issued') = (holder_id IS NOT NULL)", name="issued_to_somebody"),
        sa.Index(None, "custody", "serial"),
    )
    KEY = "serial"

    serial: Mapped[str] = mapped_column(Identifier, unique=True)
    model: Mapped[TaserModel] = mapped_column(words(TaserModel))
    sppm: Mapped[str | None] = mapped_column(Identifier, unique=True)
    firmware: Mapped[str | None] = mapped_column(sa.Text)
    bluetooth: Mapped[Bluetooth | None] = mapped_column(words(Bluetooth))
    levels_reported_at: Mapped[datetime | None] = mapped_column(_Instant)
    home_site_id: Mapped[int | None] = mapped_column(sa.ForeignKey("site.id"), index=True)
    holder_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"), index=True)
    custody: Mapped[TaserCustody] = mapped_column(words(TaserCustody))
    custody_at: Mapped[datetime | None] = mapped_column(_Instant)
    revoked_at: Mapped[datetime | None] = mapped_column(_Instant)

    home_site: Mapped[Site | None] = relationship()
    holder: Mapped[Person | None] = relationship()


class TaserReport(Base):
    """What a Taser last said of itself; a NULL was never said.

    ``clock_offset_s`` is its clock minus the station's, in seconds. ``log_entries`` is how many entries its log holds.
    ``activated_at`` is when it was last triggered or arced as far as anybody reported, ``log_read_at`` when its log was
    last read to the end.
    """

    __tablename__ = "taser_report"
    __table_args__ = (
        sa.CheckConstraint("battery_percent BETWEEN 0 AND 100", name="battery_percent"),
        sa.CheckConstraint("log_entries >= 0", name="log_entries"),
        sa.CheckConstraint("counter >= 0", name="counter"),
        sa.Index(None, "log_entries"),
    )

    taser_id: Mapped[int] = mapped_column(sa.ForeignKey("taser.id"), primary_key=True)
    battery_percent: Mapped[int | None] = mapped_column(sa.SmallInteger)
    clock_offset_s: Mapped[float | None]
    clock_set: Mapped[bool | None]
    counter: Mapped[int | None] = mapped_column(sa.BigInteger)
    log_entries: Mapped[int | None]
    log_read_at: Mapped[datetime | None] = mapped_column(_Instant)
    activated_at: Mapped[datetime | None] = mapped_column(_Instant)
    last_seen_at: Mapped[datetime | None] = mapped_column(_Instant)


class Pairing(Base):
    """An X2 with the magazine ``sppm``, bound to a camera. Rows are kept for ever; a new try is a new row.

    ``because`` says why it is suspended or revoked. The holders are who had each device when it was made or last
    tested. ``radio_id`` (16 bytes) is what the two devices call the pairing that they agreed on. ``permit`` is the
    service's signed permission, ``permit_until`` its end. Receipts are what each device signed when both had agreed on
    keys, which nobody else ever has.
    """

    __tablename__ = "pairing"
    __table_args__ = (
        # One try at a time for each device, and one pairing of the same two.
        sa.Index(
            "uq_pairing_taser_in_the_making", "taser_id", unique=True, postgresql_where=sa.text("state = 'authorised'")
        ),
        sa.Index(
            "uq_pairing_camera_in_the_making",
            "camera_id",
            unique=True,
            postgresql_where=sa.text("state = 'authorised'"),
        ),
        sa.Index(
            "uq_pairing_standing",
            "taser_id",
            "camera_id",
            unique=True,
            postgresql_where=sa.text("state IN ('agreed', 'tested', 'active')"),
        ),
        sa.Index("ix_pairing_taser_live", "taser_id", postgresql_where=sa.text("state <> 'revoked'")),
        sa.Index("ix_pairing_camera_live", "camera_id", postgresql_where=sa.text("state <> 'revoked'")),
        sa.Index("ix_pairing_camera_holder", "camera_holder_id", postgresql_where=sa.text("state <> 'revoked'")),
        sa.Index("ix_pairing_taser_holder", "taser_holder_id", postgresql_where=sa.text("state <> 'revoked'")),
        sa.Index(None, "state", "id"),
        sa.Index(None, "because", "id"),
        sa.Index(None, "taser_id", "id"),
        sa.Index(None, "camera_id", "id"),
        sa.CheckConstraint("(because IS NOT NULL) = (state IN ('suspended', 'revoked'))", name="said_why"),
        sa.CheckConstraint("state NOT IN ('tested', 'active') OR tested_at IS NOT NULL", name="tested"),
        sa.CheckConstraint("state IN ('authorised', 'revoked') OR agreed_at IS NOT NULL", name="agreed"),
    )

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    taser_id: Mapped[int] = mapped_column(sa.ForeignKey("taser.id"))
    sppm: Mapped[str] = mapped_column(Identifier)
    camera_id: Mapped[int] = mapped_column(sa.ForeignKey("camera.id"))
    state: Mapped[PairingState] = mapped_column(words(PairingState))
    because: Mapped[Because | None] = mapped_column(words(Because))
    taser_holder_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    camera_holder_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    created_at: Mapped[datetime] = mapped_column(_Instant)
    created_by: Mapped[str] = mapped_column(sa.Text)
    radio_id: Mapped[bytes | None] = mapped_column(sa.LargeBinary, unique=True)
    permit: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    permit_until: Mapped[datetime | None] = mapped_column(_Instant)
    taser_receipt: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    camera_receipt: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    agreed_at: Mapped[datetime | None] = mapped_column(_Instant)
    tested_at: Mapped[datetime | None] = mapped_column(_Instant)
    changed_at: Mapped[datetime] = mapped_column(_Instant)
    version: Mapped[int] = mapped_column(sa.Integer, server_default="1")


class DeviceIdentity(Base):
    """A credential that the force's device authority gave to a device, over two public keys of its own.

    ``serial`` is of the part that holds the keys: for a Taser the magazine's. ``key_ids`` name its agreement and its
    signing key in permits and in the list of what is revoked. Keys are COSE_Key, the credential a CWT.
    """

    __tablename__ = "device_identity"
    __table_args__ = (
        sa.Index(None, "kind", "serial", "id"),
        # What a device is told of: what is revoked and has not run out by itself.
        sa.Index("ix_device_identity_revoked", "expires_at", postgresql_where=sa.text("revoked_at IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    kind: Mapped[DeviceKind] = mapped_column(words(DeviceKind))
    serial: Mapped[str] = mapped_column(Identifier)
    agreement_key: Mapped[bytes] = mapped_column(sa.LargeBinary, unique=True)
    signing_key: Mapped[bytes] = mapped_column(sa.LargeBinary, unique=True)
    key_ids: Mapped[list[bytes]] = mapped_column(sa.ARRAY(sa.LargeBinary))
    credential: Mapped[bytes] = mapped_column(sa.LargeBinary)
    issued_at: Mapped[datetime] = mapped_column(_Instant)
    expires_at: Mapped[datetime] = mapped_column(_Instant)
    revoked_at: Mapped[datetime | None] = mapped_column(_Instant)


class TrustChange(Base):
    """One change of what devices are told to trust: ``epoch`` counts them without gaps, so that they know a newer one.

    Only added to.
    """

    __tablename__ = "trust_change"

    epoch: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(_Instant)
    reason: Mapped[str] = mapped_column(sa.Text)
