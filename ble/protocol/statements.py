"""What a Taser and a camera say afterwards about an activation: each statement signed, numbered and chained.

Every statement carries its number in the device's one chain and the hash of the statement before it. A chain that was
cut, edited or set back (by restoring a device's memory) does not join on to the head that somebody else has kept.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Self

from ble.protocol import cbor, claims
from ble.protocol.beacon import (
    FULL_BATTERY,
    IDENTIFIER_BYTES,
    LAST_COUNTER,
    PAYLOAD_BYTES,
    VERSION,
    Kind,
)
from ble.protocol.claims import Claim, ClaimError, Claims
from ble.protocol.cose import KEY_ID_SIZE, PrivateKey, PublicKey
from ble.protocol.counter import MOST_PAIRINGS

PAIRING_BYTES: Final = 16
HASH_BYTES: Final = 32
_LAST_MS: Final = 2**48
LOG_ENTRY: Final = "taser-log"
ACCOUNT: Final = "camera-account"
CANCELLATION: Final = "cancellation"


class EvidenceError(ValueError):
    """A statement is malformed, or not signed by whom it should be."""


@dataclass(frozen=True)
class Head:
    """Where a chain stands: the next statement's number, and the SHA-256 of the last statement as it was signed."""

    sequence: int
    digest: bytes

    def after(self, statement: bytes) -> "Head":
        """Where it stands with one more statement."""
        return Head(self.sequence + 1, hashlib.sha256(statement).digest())


BEGINNING: Final = Head(0, bytes(HASH_BYTES))


@dataclass(frozen=True)
class Sent:
    """To whom a Taser sent an event: the pairing, its other side's signing key id, and the identifier on the air."""

    pairing: bytes
    peer: bytes
    identifier: bytes


@dataclass(frozen=True)
class LogEntry:
    """One event in a Taser's log. ``clock`` is the Taser's own, in seconds since 1970; ``taser`` is the X2's serial."""

    taser: str
    counter: int
    kind: Kind
    clock: int
    battery_percent: int
    sent: tuple[Sent, ...] = ()

    def sign(self, key: PrivateKey, head: Head) -> bytes:
        """The entry as it follows ``head``, by the SPPM's signing key."""
        sent: list[cbor.Value] = [[to.pairing, to.peer, to.identifier] for to in self.sent]
        fields: dict[Claim, cbor.Value] = {
            Claim.TASER: self.taser,
            Claim.COUNTER: self.counter,
            Claim.EVENT: int(self.kind),
            Claim.CLOCK: self.clock,
            Claim.BATTERY: self.battery_percent,
            Claim.SENT: sent,
        }
        return claims.sign(key, LOG_ENTRY, _follow(head) | fields)

    @classmethod
    def read(cls, found: Claims) -> Self:
        """Raises: ClaimError when the claims are not a log entry's."""
        found.only(
            Claim.SEQUENCE, Claim.PREVIOUS, Claim.TASER, Claim.COUNTER, Claim.EVENT, Claim.CLOCK, Claim.BATTERY,
            Claim.SENT,
        )  # fmt: skip
        return cls(
            taser=found.text(Claim.TASER),
            counter=found.whole(Claim.COUNTER, most=LAST_COUNTER),
            kind=_kind(found),
            clock=found.whole(Claim.CLOCK),
            battery_percent=found.whole(Claim.BATTERY, most=FULL_BATTERY),
            sent=tuple(_sent(item) for item in found.items(Claim.SENT, most=MOST_PAIRINGS)),
        )


@dataclass(frozen=True)
class Recording:
    """Which recording, the SHA-256 of its bytes, and from when to when by the camera's clock in ms since 1970."""

    name: str
    digest: bytes
    from_ms: int
    to_ms: int


@dataclass(frozen=True)
class Account:
    """A camera's account of an activation that it heard.

    ``recording`` is None when nothing was recorded: of an event made safe, of a replay, with a full memory.
    ``at_ms`` and ``heard_ms`` are by the camera's clock; ``offset_s`` is what the Taser's was ahead of it; ``payload``
    is the beacon's 24 bytes as heard.
    """

    pairing: bytes
    counter: int
    kind: Kind
    at_ms: int
    heard_ms: int
    offset_s: int
    suspected: bool
    payload: bytes
    recording: Recording | None

    def sign(self, key: PrivateKey, head: Head) -> bytes:
        """The account as it follows ``head`` in the camera's chain."""
        fields: dict[Claim, cbor.Value] = {
            Claim.PAIRING: self.pairing,
            Claim.COUNTER: self.counter,
            Claim.EVENT: int(self.kind),
            Claim.EVENT_AT: self.at_ms,
            Claim.HEARD_AT: self.heard_ms,
            Claim.OFFSET: self.offset_s,
            Claim.SUSPECTED: self.suspected,
            Claim.BEACON: self.payload,
        }
        if self.recording is not None:
            fields |= {
                Claim.RECORDING: self.recording.name,
                Claim.RECORDING_HASH: self.recording.digest,
                Claim.RECORDING_FROM: self.recording.from_ms,
                Claim.RECORDING_TO: self.recording.to_ms,
            }
        return claims.sign(key, ACCOUNT, _follow(head) | fields)

    @classmethod
    def read(cls, found: Claims) -> Self:
        """Raises: ClaimError when the claims are not an account's."""
        found.only(
            Claim.SEQUENCE, Claim.PREVIOUS, Claim.PAIRING, Claim.COUNTER, Claim.EVENT, Claim.EVENT_AT, Claim.HEARD_AT,
            Claim.OFFSET, Claim.SUSPECTED, Claim.BEACON, *_RECORDING,
        )  # fmt: skip
        return cls(
            pairing=found.bytes_(Claim.PAIRING, PAIRING_BYTES),
            counter=found.whole(Claim.COUNTER, most=LAST_COUNTER),
            kind=_kind(found),
            at_ms=found.signed_number(Claim.EVENT_AT, most=_LAST_MS),
            heard_ms=found.whole(Claim.HEARD_AT, most=_LAST_MS),
            offset_s=found.signed_number(Claim.OFFSET),
            suspected=found.flag(Claim.SUSPECTED),
            payload=_payload(found),
            recording=_recording(found),
        )


@dataclass(frozen=True)
class Cancellation:
    """A wearer stopped the recording that an activation had started; ``at_ms`` by the camera's clock."""

    pairing: bytes
    counter: int
    at_ms: int

    def sign(self, key: PrivateKey, head: Head) -> bytes:
        """The cancellation as it follows ``head`` in the camera's chain."""
        fields: dict[Claim, cbor.Value] = {
            Claim.PAIRING: self.pairing,
            Claim.COUNTER: self.counter,
            Claim.EVENT_AT: self.at_ms,
        }
        return claims.sign(key, CANCELLATION, _follow(head) | fields)

    @classmethod
    def read(cls, found: Claims) -> Self:
        """Raises: ClaimError when the claims are not a cancellation's."""
        found.only(Claim.SEQUENCE, Claim.PREVIOUS, Claim.PAIRING, Claim.COUNTER, Claim.EVENT_AT)
        return cls(
            found.bytes_(Claim.PAIRING, PAIRING_BYTES),
            found.whole(Claim.COUNTER, most=LAST_COUNTER),
            found.whole(Claim.EVENT_AT, most=_LAST_MS),
        )


Statement = LogEntry | Account | Cancellation
_READERS: Final[dict[str, Callable[[Claims], Statement]]] = {
    LOG_ENTRY: LogEntry.read,
    ACCOUNT: Account.read,
    CANCELLATION: Cancellation.read,
}
_RECORDING: Final = (Claim.RECORDING, Claim.RECORDING_HASH, Claim.RECORDING_FROM, Claim.RECORDING_TO)


@dataclass(frozen=True)
class Read:
    """A statement whose signature holds: what it says, its number, and the hash that it gives for the one before."""

    statement: Statement
    sequence: int
    previous: bytes


def read(data: bytes, keys: Iterable[PublicKey], types: Iterable[str] = tuple(_READERS)) -> Read:
    """One signed statement of one of these types.

    Raises:
        EvidenceError: it is malformed, of another type, or not signed by one of the keys.
    """
    wanted = _type_of(data, types)
    try:
        found = claims.verify(data, wanted, keys)
        sequence = found.whole(Claim.SEQUENCE, most=LAST_COUNTER)
        return Read(_READERS[wanted](found), sequence, found.bytes_(Claim.PREVIOUS, HASH_BYTES))
    except ClaimError as error:
        raise EvidenceError(str(error)) from error


def _type_of(data: bytes, types: Iterable[str]) -> str:
    for one in types:
        try:
            claims.unverified(data, one)
        except ClaimError:
            continue
        return one
    raise EvidenceError("no statement of a kind that is looked for")


def _follow(head: Head) -> dict[Claim, cbor.Value]:
    return {Claim.SEQUENCE: head.sequence, Claim.PREVIOUS: head.digest}


def _kind(found: Claims) -> Kind:
    try:
        return Kind(found.whole(Claim.EVENT))
    except ValueError as error:
        raise ClaimError("event is of no known kind") from error


def _sent(item: cbor.Value) -> Sent:
    match item:
        case [bytes(pairing), bytes(peer), bytes(identifier)]:
            if (len(pairing), len(peer), len(identifier)) == (PAIRING_BYTES, KEY_ID_SIZE, IDENTIFIER_BYTES):
                return Sent(pairing, peer, identifier)
    raise ClaimError("sent is no list of pairing, key id and identifier")


def _payload(found: Claims) -> bytes:
    payload = found.bytes_(Claim.BEACON, PAYLOAD_BYTES)
    if payload[0] != VERSION:
        raise ClaimError("beacon is of another version")
    return payload


def _recording(found: Claims) -> Recording | None:
    if not set(_RECORDING) & set(found.fields):
        return None
    return Recording(
        found.text(Claim.RECORDING),
        found.bytes_(Claim.RECORDING_HASH, HASH_BYTES),
        found.whole(Claim.RECORDING_FROM, most=_LAST_MS),
        found.whole(Claim.RECORDING_TO, most=_LAST_MS),
    )
