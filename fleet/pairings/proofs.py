"""What devices sign, checked: who they are, what they report, that they agreed, that they passed their test.

A station carries all of it and can change none of it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ble.protocol import permits, statements
from ble.protocol.cose import PublicKey
from ble.protocol.credentials import Credential, CredentialError, Kind, Trust
from ble.protocol.receipts import PairingReceipt, ReceiptError
from ble.protocol.reports import Report, ReportError
from ble.protocol.statements import ACCOUNT, LOG_ENTRY, Account, EvidenceError, LogEntry
from fleet.audit import Event, Subject
from fleet.errors import Conflict, Evidence
from fleet.tasers.models import DeviceIdentity
from fleet.tasers.states import DeviceKind

_KINDS = {DeviceKind.TASER: Kind.TASER, DeviceKind.CAMERA: Kind.CAMERA}


class NotProven(Conflict):
    """What a device is said to have signed does not hold."""


@dataclass(frozen=True)
class Said:
    """What a station hands on of one device: its credential, and its signed report."""

    credential: bytes
    report: bytes


@dataclass(frozen=True)
class Device:
    """A device that has proved who it is, with what it reports of itself."""

    credential: Credential
    report: Report


def refused(what: str, kind: DeviceKind, serial: str) -> NotProven:
    """The refusal of a device, which the log keeps."""
    subject = Subject.TASER if kind is DeviceKind.TASER else Subject.CAMERA
    found, mend = {"device": serial}, "armourer, by commissioning it anew"
    return NotProven(what, found=found, mend=mend, evidence=Evidence(Event.DEVICE_REFUSED, subject, serial))


def device(trust: Trust, kind: DeviceKind, holder: str, said: Said, station_key: bytes, *, now: datetime) -> Device:
    """A device by its credential and its report to this very station.

    ``holder`` is the serial of the part that holds its keys, the magazine's for a Taser.

    Raises:
        NotProven: the credential is not ours, run out, revoked, or another device's; or the report is not its own.
    """
    try:
        credential = trust.credential(said.credential, now=int(now.timestamp()))
        report = Report.read(said.report, credential.signing)
    except (CredentialError, ReportError) as error:
        raise refused(f"The {kind} cannot prove what it is: {error}.", kind, holder) from error
    if credential.kind is not _KINDS[kind] or credential.serial != holder:
        what = f"This is {credential.kind} {credential.serial}, and {kind} {holder} was scanned."
        raise refused(what, kind, holder)
    if (report.kind, report.serial, report.station) != (credential.kind, credential.serial, station_key):
        raise refused(f"The report of {holder} is not its own, or was made for another station.", kind, holder)
    return Device(credential, report)


def signing_key(session: Session, kind: DeviceKind, holder: str, agreement: bytes | None = None) -> PublicKey:
    """The signing key of a device whose credential counts; of the one with that agreement key's id, if it is given.

    Raises:
        NotProven: it has none.
    """
    theirs = DeviceIdentity.kind == kind, DeviceIdentity.serial == holder, DeviceIdentity.revoked_at.is_(None)
    keys = sa.select(DeviceIdentity.signing_key).where(*theirs)
    if agreement is not None:
        keys = keys.where(DeviceIdentity.key_ids[1] == agreement)
    found = session.scalar(keys.order_by(DeviceIdentity.id.desc()).limit(1))
    if found is None:
        raise refused(f"{kind} {holder} has no credential that counts.", kind, holder)
    return PublicKey.decode(found)


def agreed(
    permit: permits.Permit, signed_permit: bytes, taser: bytes, camera: bytes, keys: tuple[PublicKey, PublicKey]
) -> None:
    """Check that two receipts are of one handshake, under this very permit.

    Raises:
        NotProven
    """
    try:
        ours, theirs = (PairingReceipt.read(data, key) for data, key in zip((taser, camera), keys, strict=True))
        ours.require_match(theirs)
    except ReceiptError as error:
        raise refused(f"The receipts do not hold: {error}.", DeviceKind.TASER, permit.taser.serial) from error
    of_permit = (permit.id, permits.digest(signed_permit), permit.taser.key, permit.camera.key)
    if (ours.pairing, ours.permit, ours.key, ours.peer) != of_permit:
        raise refused("The receipts are of another permit.", DeviceKind.TASER, permit.taser.serial)


@dataclass(frozen=True)
class Tested:
    """A function test that both devices vouch for."""

    counter: int
    recording: str


def tested(
    radio_id: bytes,
    taser: bytes,
    camera: bytes,
    keys: tuple[PublicKey, PublicKey],
    *,
    since: datetime,
    tolerance: timedelta,
    now: datetime,
) -> Tested:
    """Check that the camera recorded the very event that the Taser sent it for this pairing, during the test.

    ``since`` is when the test was begun; the camera's clock may be off by ``tolerance``.

    Raises:
        EvidenceError: it did not, or the statements do not hold.
    """
    fired, heard = _entry(taser, keys[0]), _account(camera, keys[1])
    if (fired.counter, fired.kind) != (heard.counter, heard.kind):
        raise EvidenceError("the Taser's entry and the camera's account are of different events")
    if heard.pairing != radio_id or (radio_id, keys[1].id) not in {(to.pairing, to.peer) for to in fired.sent}:
        raise EvidenceError("the Taser did not send it to this camera for this pairing")
    if heard.recording is None or heard.suspected:
        raise EvidenceError("the camera heard it and recorded nothing that counts")
    at = datetime.fromtimestamp(heard.heard_ms / 1000, UTC)
    if not since - tolerance <= at <= now + tolerance:
        raise EvidenceError("it was not heard during this test")
    return Tested(fired.counter, heard.recording.name)


def _entry(data: bytes, key: PublicKey) -> LogEntry:
    read = statements.read(data, [key], (LOG_ENTRY,)).statement
    assert isinstance(read, LogEntry)  # noqa: S101 - the only type that was asked for
    return read


def _account(data: bytes, key: PublicKey) -> Account:
    read = statements.read(data, [key], (ACCOUNT,)).statement
    assert isinstance(read, Account)  # noqa: S101 - the only type that was asked for
    return read
