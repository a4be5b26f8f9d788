"""CBOR Web Tokens (RFC 8392) and other signed maps: one place that writes them and reads them with bounds.

Registered claims keep their numbers; our own are in the range for private use, below -65536.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final, TypeVar

from ble.protocol import cbor, cose

TEXT_LIMIT: Final = 64
SIGNED_LIMIT: Final = 16_384
_ENUM = TypeVar("_ENUM", bound=StrEnum)


class ClaimError(ValueError):
    """A signed message is not what it should be, or is not signed by whom it should be."""


class Claim(IntEnum):
    """Names of claims. Registered: RFC 8392 and RFC 8747; the others are this protocol's."""

    SUBJECT = 2
    EXPIRES_AT = 4
    ISSUED_AT = 6
    ID = 7
    CONFIRMATION = 8
    KIND = -65537
    SIGNING_KEY = -65538
    ENCRYPTION = -65539
    BLUETOOTH = -65540
    FIRMWARE = -65541
    EPOCH = -65542
    AUTHORITY_KEYS = -65543
    PERMIT_KEYS = -65544
    REVOKED = -65545
    TASER = -65546
    CAMERA = -65547
    STATION = -65548
    JOB = -65549
    CLOCK = -65551
    BATTERY = -65553
    COUNTER = -65554
    NONCE = -65555
    PAIRINGS = -65556
    PERMIT = -65557
    CHECK = -65558
    PEER = -65559
    REASON = -65560
    SERIAL = -65561
    KEY = -65562
    STANDING = -65563
    SEQUENCE = -65601
    PREVIOUS = -65602
    EVENT = -65603
    SENT = -65604
    PAIRING = -65605
    EVENT_AT = -65606
    HEARD_AT = -65607
    BEACON = -65608
    SUSPECTED = -65609
    RECORDING = -65610
    RECORDING_HASH = -65611
    RECORDING_FROM = -65612
    RECORDING_TO = -65613
    OFFSET = -65614


@dataclass(frozen=True)
class Claims:
    """The claims of a message, and who signed it. Each reader raises ``ClaimError`` for what is missing or unfit."""

    fields: Mapping[cbor.Value, cbor.Value]
    signed_by: cose.PublicKey | None = None

    def whole(self, claim: Claim, *, most: int = 2**40) -> int:
        """A number from 0 to ``most``."""
        match self.fields.get(claim):
            case bool():
                pass
            case int(number) if 0 <= number <= most:
                return number
        raise ClaimError(f"{claim.name.lower()} is no number from 0 to {most}")

    def signed_number(self, claim: Claim, *, most: int = 2**40) -> int:
        """A number from ``-most`` to ``most``."""
        match self.fields.get(claim):
            case bool():
                pass
            case int(number) if -most <= number <= most:
                return number
        raise ClaimError(f"{claim.name.lower()} is no number within ±{most}")

    def flag(self, claim: Claim) -> bool:
        """True or false."""
        found = self.fields.get(claim)
        if isinstance(found, bool):
            return found
        raise ClaimError(f"{claim.name.lower()} is neither true nor false")

    def text(self, claim: Claim, *, least: int = 1) -> str:
        """Printable text of ``least`` to 64 characters."""
        found = self.fields.get(claim)
        if isinstance(found, str) and least <= len(found) <= TEXT_LIMIT and found.isprintable():
            return found
        raise ClaimError(f"{claim.name.lower()} is no text of {least} to {TEXT_LIMIT} characters")

    def bytes_(self, claim: Claim, size: int) -> bytes:
        """A byte string of ``size`` bytes."""
        found = self.fields.get(claim)
        if isinstance(found, bytes) and len(found) == size:
            return found
        raise ClaimError(f"{claim.name.lower()} is not {size} bytes")

    def items(self, claim: Claim, *, most: int) -> list[cbor.Value]:
        """An array of at most ``most`` values."""
        found = self.fields.get(claim)
        if isinstance(found, list) and len(found) <= most:
            return found
        raise ClaimError(f"{claim.name.lower()} is no array of at most {most}")

    def one_of(self, claim: Claim, kind: type[_ENUM]) -> _ENUM:
        """A member of an enumeration."""
        found = self.fields.get(claim)
        for member in kind:
            if member.value == found:
                return member
        raise ClaimError(f"{claim.name.lower()} is none of {', '.join(kind)}")

    def key(self, claim: Claim) -> cose.PublicKey:
        """A public key."""
        return read_key(self.fields.get(claim), claim)

    def only(self, *claims: Claim) -> None:
        """Refuse claims that nobody asked for: what is not understood is not signed off."""
        unknown = set(self.fields) - set(claims)
        if unknown:
            raise ClaimError(f"unknown claims: {unknown}")


def read_key(found: cbor.Value, claim: Claim) -> cose.PublicKey:
    """A public key from a COSE_Key's map.

    Raises:
        ClaimError: it is none.
    """
    try:
        return cose.PublicKey.read(found)
    except cose.BadKey as error:
        raise ClaimError(f"{claim.name.lower()}: {error}") from error


def sign(key: cose.PrivateKey, typ: str, fields: Mapping[Claim, cbor.Value]) -> bytes:
    """A signed map of claims."""
    return key.sign(typ, cbor.encode({int(claim): value for claim, value in fields.items()}))


def verify(data: bytes, typ: str, keys: Iterable[cose.PublicKey]) -> Claims:
    """The claims of a signed map.

    Raises:
        ClaimError: it is too long, malformed, of another type, or not signed by one of ``keys``.
    """
    _require_short(data)
    try:
        signed = cose.verify(data, typ, keys)
    except cose.BadSignature as error:
        raise ClaimError(str(error)) from error
    return Claims(_fields(signed.payload), signed.key)


def unverified(data: bytes, typ: str) -> Claims:
    """The claims of a signed map, believed by nobody yet: only to find the key to check it with.

    Raises:
        ClaimError: it is too long, malformed or of another type.
    """
    _require_short(data)
    try:
        return Claims(_fields(cose.unverified(data, typ)))
    except cose.BadSignature as error:
        raise ClaimError(str(error)) from error


def _require_short(data: bytes) -> None:
    if len(data) > SIGNED_LIMIT:
        raise ClaimError(f"longer than {SIGNED_LIMIT} bytes")


def _fields(payload: bytes) -> dict[cbor.Value, cbor.Value]:
    try:
        fields = cbor.decode(payload)
    except cbor.CborError as error:
        raise ClaimError(str(error)) from error
    if not isinstance(fields, dict):
        raise ClaimError("no map of claims")
    return fields
