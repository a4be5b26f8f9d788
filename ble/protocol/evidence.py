"""What the statements of a Taser and a camera prove together, to anybody who has the device authority's public key.

The service is not asked and need not be believed: it carries the statements, and any that it changed, left out or made
up itself is found out here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from ble.protocol import credentials, statements
from ble.protocol.beacon import Kind, identifier_of
from ble.protocol.cose import PublicKey
from ble.protocol.credentials import Credential, CredentialError, Trust
from ble.protocol.decision import TOLERANCE_S
from ble.protocol.statements import (
    ACCOUNT,
    BEGINNING,
    CANCELLATION,
    LOG_ENTRY,
    Account,
    Cancellation,
    EvidenceError,
    Head,
    LogEntry,
    Recording,
)

_WHOLE_LOG: Final = 20_000


class BrokenChain(EvidenceError):
    """Statements are missing, doubled or changed, or the device's memory was set back."""


class NotProven(EvidenceError):
    """The statements hold, but not for this activation in this recording."""


def read_log(data: Sequence[bytes], key: PublicKey, head: Head | None = BEGINNING) -> tuple[list[LogEntry], Head]:
    """A Taser's log entries, oldest first, and where its chain stands after them.

    ``head`` is where the chain stood when it was last read; None takes the log as it begins, which is all that can be
    done once a full log has dropped its oldest entries unread.

    Raises:
        BrokenChain: an entry does not follow the one before it, or its counter does not rise.
        EvidenceError: an entry is malformed, not signed by ``key``, or there are more than a log holds.
    """
    read, head = _chain(data, key, (LOG_ENTRY,), head)
    entries = [one for one in read if isinstance(one, LogEntry)]
    for before, after in pairwise(entries):
        if after.counter <= before.counter:
            raise BrokenChain(f"counter {after.counter} comes after {before.counter}")
    return entries, head


def read_journal(
    data: Sequence[bytes], key: PublicKey, head: Head | None = BEGINNING
) -> tuple[list[Account | Cancellation], Head]:
    """A camera's accounts and cancellations, oldest first, and where its chain stands after them.

    Raises:
        BrokenChain: a statement does not follow the one before it.
        EvidenceError: a statement is malformed, not signed by ``key``, or there are too many.
    """
    read, head = _chain(data, key, (ACCOUNT, CANCELLATION), head)
    return [one for one in read if not isinstance(one, LogEntry)], head


@dataclass(frozen=True)
class Proof:
    """Activation ``counter`` of this Taser is in this recording of this camera.

    ``taser`` is the X2's serial and ``sppm`` that of its magazine, ``at_ms`` when it happened by the camera's clock,
    ``apart_ms`` how far the Taser's own time for it, less the known offset, lies from that.
    """

    taser: str
    sppm: str
    camera: str
    counter: int
    kind: Kind
    at_ms: int
    apart_ms: int
    recording: Recording


def prove(
    *,
    authority: Iterable[PublicKey],
    taser: bytes,
    entry: bytes,
    camera: bytes,
    account: bytes,
    recording_digest: bytes,
    tolerance_s: int = TOLERANCE_S,
) -> Proof:
    """Proves an activation from the two devices' credentials and statements (property A9).

    ``taser`` and ``camera`` are credentials, which must have stood when it happened; ``recording_digest`` is the
    SHA-256 of the recording that is looked at. What is relied on: the authority's key, and that neither device lies.

    Raises:
        NotProven: the two statements are not of one event, or not of this recording, or their times do not agree.
        EvidenceError: a credential or a statement is malformed or not signed by whom it should be.
    """
    keys = tuple(authority)
    sender = _credential(keys, taser, credentials.Kind.TASER)
    listener = _credential(keys, camera, credentials.Kind.CAMERA)
    fired = _entry(entry, sender.signing)
    heard = _account(account, listener.signing)
    _require_current(sender, listener, at_s=heard.at_ms // 1000)
    _require_one_event(fired, heard, listener.signing)
    recording = _require_recorded(heard, recording_digest)
    apart_ms = (fired.clock - heard.offset_s) * 1000 - heard.at_ms
    if abs(apart_ms) > tolerance_s * 1000:
        raise NotProven(f"the Taser's time is {apart_ms // 1000} s from the camera's")
    return Proof(
        fired.taser, sender.serial, listener.serial, fired.counter, fired.kind, heard.at_ms, apart_ms, recording
    )


def _require_one_event(fired: LogEntry, heard: Account, camera: PublicKey) -> None:
    if (fired.counter, fired.kind) != (heard.counter, heard.kind):
        raise NotProven("the Taser's entry and the camera's account are of different events")
    # The Taser says to whom it spoke: a bystander's camera that picked the bytes off the air is not among them.
    for to in fired.sent:
        if (to.pairing, to.peer) == (heard.pairing, camera.id) and to.identifier == identifier_of(heard.payload):
            return
    raise NotProven("the Taser did not send this beacon to this camera")


def _require_recorded(heard: Account, digest: bytes) -> Recording:
    recording = heard.recording
    if recording is None or recording.digest != digest:
        raise NotProven("the camera's account is of another recording, or of none")
    if not recording.from_ms <= heard.at_ms <= recording.to_ms:
        raise NotProven("the event lies outside the recording")
    return recording


def _credential(authority: Sequence[PublicKey], data: bytes, kind: credentials.Kind) -> Credential:
    # An old credential proves what happened while it stood, so its end is compared with that time and not with today.
    try:
        found = Trust(tuple(authority), (), epoch=0, issued_at=0).credential(data, now=0)
    except CredentialError as error:
        raise EvidenceError(str(error)) from error
    if found.kind is not kind:
        raise EvidenceError(f"the credential of {found.kind} {found.serial} is no {kind}'s")
    return found


def _require_current(*devices: Credential, at_s: int) -> None:
    for device in devices:
        if not device.issued_at <= at_s < device.expires_at:
            raise NotProven(f"the credential of {device.kind} {device.serial} did not stand then")


def _entry(data: bytes, key: PublicKey) -> LogEntry:
    read = statements.read(data, [key], (LOG_ENTRY,)).statement
    if not isinstance(read, LogEntry):
        raise EvidenceError("no log entry")
    return read


def _account(data: bytes, key: PublicKey) -> Account:
    read = statements.read(data, [key], (ACCOUNT,)).statement
    if not isinstance(read, Account):
        raise EvidenceError("no account")
    return read


def _chain(
    data: Sequence[bytes], key: PublicKey, types: Sequence[str], head: Head | None
) -> tuple[list[statements.Statement], Head]:
    if len(data) > _WHOLE_LOG:
        raise EvidenceError(f"more than {_WHOLE_LOG} statements")
    found = []
    for one in data:
        read = statements.read(one, [key], types)
        if head is not None and (read.sequence, read.previous) != (head.sequence, head.digest):
            raise BrokenChain(f"statement {read.sequence} does not follow statement {head.sequence - 1}")
        found.append(read.statement)
        head = Head(read.sequence, read.previous).after(one)
    return found, head or BEGINNING
