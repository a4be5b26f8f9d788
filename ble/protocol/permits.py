"""Permits and orders: what the service signs so that two devices pair, change their keys, or part.

A permit is a CWT (RFC 8392) for exactly two devices, one station and ten minutes. It carries a nonce of each device, so
that its freshness hangs on no device's clock. An order to part names a pairing that never comes back, so it needs
neither nonce nor end: carried out twice, it changes nothing.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from ble.protocol import cbor, claims
from ble.protocol.claims import Claim, ClaimError, Claims
from ble.protocol.cose import KEY_ID_SIZE, PrivateKey, PublicKey
from ble.protocol.levels import Bluetooth, Encryption

LIFETIME_S: Final = 600
NONCE_SIZE: Final = 16
ID_SIZE: Final = 16
HASH_SIZE: Final = 32
_PERMIT: Final = "permit"
_ORDER: Final = "unpair"
_PARTY = 3


class PermitError(ValueError):
    """A permit or order does not hold."""


class Purpose(StrEnum):
    """What a permit is for."""

    PAIR = "pair"
    REKEY = "rekey"
    COMPANION = "companion"


@dataclass(frozen=True)
class Party:
    """One of the two devices: its serial (the SPPM's for a Taser), its agreement key's id, and its nonce (16 bytes)."""

    serial: str
    key: bytes
    nonce: bytes


@dataclass(frozen=True)
class Permit:
    """The service's permission for one pairing.

    Attributes:
        id: 16 bytes, the pairing's name for ever.
        purpose: a pairing of the two, new keys for one that stands, or a monitor as a camera's companion.
        taser_serial: the X2 that the SPPM is fitted to; empty for a companion.
        taser: the side that begins: the SPPM, or the monitor that becomes a companion.
        camera: the side that answers: the camera, or the monitor that a Taser is paired with.
        station: the agreement key's id of the station that carries it out.
        job: the service's number of the job.
        issued_at: seconds since 1970 UTC.
        expires_at: seconds since 1970 UTC, at most ten minutes later.
        encryption: the level that the camera must have.
        bluetooth: the level that both must have.
    """

    id: bytes
    purpose: Purpose
    taser_serial: str
    taser: Party
    camera: Party
    station: bytes
    job: str
    issued_at: int
    expires_at: int
    encryption: Encryption
    bluetooth: Bluetooth

    @property
    def lifetime_s(self) -> int:
        """Seconds from issue to end."""
        return self.expires_at - self.issued_at

    def issue(self, signer: PrivateKey) -> bytes:
        """Signed by the service.

        Raises:
            PermitError: it would hold for more than ten minutes.
        """
        if not 0 < self.lifetime_s <= LIFETIME_S:
            raise PermitError(f"a permit holds for at most {LIFETIME_S} s")
        return claims.sign(signer, _PERMIT, self._fields())

    def _fields(self) -> dict[Claim, cbor.Value]:
        return {
            Claim.ID: self.id,
            Claim.KIND: self.purpose.value,
            Claim.SERIAL: self.taser_serial,
            Claim.TASER: _party(self.taser),
            Claim.CAMERA: _party(self.camera),
            Claim.STATION: self.station,
            Claim.JOB: self.job,
            Claim.ISSUED_AT: self.issued_at,
            Claim.EXPIRES_AT: self.expires_at,
            Claim.ENCRYPTION: self.encryption.value,
            Claim.BLUETOOTH: self.bluetooth.value,
        }

    @classmethod
    def read(cls, data: bytes, keys: Iterable[PublicKey]) -> Self:
        """Read a permit signed by one of ``keys``. Whether it fits a device and a moment is the device's to check.

        Raises:
            PermitError: it is not signed by them, malformed, or made to hold for more than ten minutes.
        """
        try:
            permit = cls._read(claims.verify(data, _PERMIT, keys))
        except ClaimError as error:
            raise PermitError(f"permit: {error}") from error
        if not 0 < permit.lifetime_s <= LIFETIME_S:
            raise PermitError(f"a permit holds for at most {LIFETIME_S} s")
        return permit

    @classmethod
    def _read(cls, found: Claims) -> Self:
        found.only(
            Claim.ID, Claim.KIND, Claim.SERIAL, Claim.TASER, Claim.CAMERA, Claim.STATION, Claim.JOB, Claim.ISSUED_AT,
            Claim.EXPIRES_AT, Claim.ENCRYPTION, Claim.BLUETOOTH,
        )  # fmt: skip
        return cls(
            id=found.bytes_(Claim.ID, ID_SIZE),
            purpose=found.one_of(Claim.KIND, Purpose),
            taser_serial=found.text(Claim.SERIAL, least=0),
            taser=_read_party(found, Claim.TASER),
            camera=_read_party(found, Claim.CAMERA),
            station=found.bytes_(Claim.STATION, KEY_ID_SIZE),
            job=found.text(Claim.JOB),
            issued_at=found.whole(Claim.ISSUED_AT),
            expires_at=found.whole(Claim.EXPIRES_AT),
            encryption=found.one_of(Claim.ENCRYPTION, Encryption),
            bluetooth=found.one_of(Claim.BLUETOOTH, Bluetooth),
        )


def digest(permit: bytes) -> bytes:
    """SHA-256 of the signed permit: what the two devices bind into their handshake."""
    return hashlib.sha256(permit).digest()


@dataclass(frozen=True)
class UnpairOrder:
    """The service's order to forget one pairing, for either of its two devices.

    Attributes:
        pairing: the id of the permit that made it.
        issued_at: seconds since 1970 UTC.
        reason: shown to whoever reads the device's log.
    """

    pairing: bytes
    issued_at: int
    reason: str

    def issue(self, signer: PrivateKey) -> bytes:
        """Signed by the service."""
        fields: dict[Claim, cbor.Value] = {
            Claim.ID: self.pairing,
            Claim.ISSUED_AT: self.issued_at,
            Claim.REASON: self.reason,
        }
        return claims.sign(signer, _ORDER, fields)

    @classmethod
    def read(cls, data: bytes, keys: Iterable[PublicKey]) -> Self:
        """Read an order signed by one of ``keys``.

        Raises:
            PermitError: it is not signed by them, or malformed.
        """
        try:
            found = claims.verify(data, _ORDER, keys)
            found.only(Claim.ID, Claim.ISSUED_AT, Claim.REASON)
            return cls(found.bytes_(Claim.ID, ID_SIZE), found.whole(Claim.ISSUED_AT), found.text(Claim.REASON, least=0))
        except ClaimError as error:
            raise PermitError(f"order to unpair: {error}") from error


def _party(party: Party) -> list[cbor.Value]:
    return [party.serial, party.key, party.nonce]


def _read_party(found: Claims, claim: Claim) -> Party:
    serial, key, nonce = _three(found.items(claim, most=_PARTY))
    one = Claims({Claim.SERIAL: serial, Claim.ID: key, Claim.NONCE: nonce})
    return Party(one.text(Claim.SERIAL), one.bytes_(Claim.ID, KEY_ID_SIZE), one.bytes_(Claim.NONCE, NONCE_SIZE))


def _three(items: list[cbor.Value]) -> tuple[cbor.Value, cbor.Value, cbor.Value]:
    if len(items) != _PARTY:
        raise ClaimError("a party is a serial, a key id and a nonce")
    return items[0], items[1], items[2]
