"""Credentials, the device authority's word on who is who, and the trust that devices hold in it.

A credential is a CWT (RFC 8392) of the force's device authority over a device's two public keys. A ``Trust`` says which
authority and permit keys stand, and which devices' keys are revoked; each has an epoch above the one before it.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from ble.protocol import cbor, claims
from ble.protocol.claims import Claim, ClaimError, Claims
from ble.protocol.cose import KEY_ID_SIZE, PrivateKey, PublicKey
from ble.protocol.levels import Bluetooth, Encryption

REVOKED_LIMIT: Final = 1_024
KEYS_LIMIT: Final = 4
_CREDENTIAL: Final = "credential"
_TRUST: Final = "trust"
_COSE_KEY = 1


class CredentialError(ValueError):
    """A credential, or the trust it hangs on, does not hold."""


class Revoked(CredentialError):
    """A key was revoked."""


class Kind(StrEnum):
    """What a credential is for. A Taser's keys live in its SPPM, so its serial is the SPPM's."""

    TASER = "taser"
    CAMERA = "camera"
    STATION = "station"
    MONITOR = "monitor"


@dataclass(frozen=True)
class Credential:
    """Who a device is. ``encryption`` and ``bluetooth`` are what it had when it was commissioned; stations have none.

    Attributes:
        kind: what it is.
        serial: of the part that holds the keys: the SPPM for a Taser.
        agreement: the key it agrees keys with (static Diffie-Hellman in EDHOC).
        signing: the key it signs reports, receipts and log entries with.
        issued_at: seconds since 1970 UTC.
        expires_at: seconds since 1970 UTC; from then on it is refused.
        firmware: the version at commissioning; empty when unknown.
    """

    kind: Kind
    serial: str
    agreement: PublicKey
    signing: PublicKey
    issued_at: int
    expires_at: int
    encryption: Encryption | None = None
    bluetooth: Bluetooth | None = None
    firmware: str = ""

    def issue(self, authority: PrivateKey) -> bytes:
        """Signed by the device authority."""
        fields: dict[Claim, cbor.Value] = {
            Claim.SUBJECT: self.serial,
            Claim.KIND: self.kind.value,
            Claim.CONFIRMATION: {_COSE_KEY: self.agreement.parameters()},
            Claim.SIGNING_KEY: self.signing.parameters(),
            Claim.ISSUED_AT: self.issued_at,
            Claim.EXPIRES_AT: self.expires_at,
            Claim.FIRMWARE: self.firmware,
        }
        if self.encryption is not None:
            fields[Claim.ENCRYPTION] = self.encryption.value
        if self.bluetooth is not None:
            fields[Claim.BLUETOOTH] = self.bluetooth.value
        return claims.sign(authority, _CREDENTIAL, fields)


@dataclass(frozen=True)
class Trust:
    """What a device believes: whose credentials, whose permits, and which keys no longer.

    Attributes:
        authority_keys: that sign credentials and the next trust; two while keys are rotated.
        permit_keys: that sign permits and orders; two while keys are rotated.
        epoch: raised with every change; nothing with a lower or equal epoch replaces it.
        issued_at: seconds since 1970 UTC; a clock that shows less is wrong.
        revoked: ids of agreement and signing keys of devices that are lost, stolen, retired or replaced.
    """

    authority_keys: tuple[PublicKey, ...]
    permit_keys: tuple[PublicKey, ...]
    epoch: int
    issued_at: int
    revoked: frozenset[bytes] = frozenset()

    def issue(self, authority: PrivateKey) -> bytes:
        """Signed by an authority key, which must be one that the devices hold already.

        Raises:
            CredentialError: there are more keys or revocations than a device has room for.
        """
        if len(self.revoked) > REVOKED_LIMIT or max(len(self.authority_keys), len(self.permit_keys)) > KEYS_LIMIT:
            raise CredentialError(f"a device has room for {KEYS_LIMIT} keys and {REVOKED_LIMIT} revocations")
        return claims.sign(authority, _TRUST, self._fields())

    def _fields(self) -> dict[Claim, cbor.Value]:
        return {
            Claim.AUTHORITY_KEYS: [key.parameters() for key in self.authority_keys],
            Claim.PERMIT_KEYS: [key.parameters() for key in self.permit_keys],
            Claim.EPOCH: self.epoch,
            Claim.ISSUED_AT: self.issued_at,
            Claim.REVOKED: list[cbor.Value](sorted(self.revoked)),
        }

    def plain(self) -> cbor.Value:
        """As plain data for a device's own store."""
        return {int(claim): value for claim, value in self._fields().items()}

    @classmethod
    def from_plain(cls, found: cbor.Value) -> Self:
        """Read what ``plain`` made.

        Raises:
            ClaimError: it did not make this.
        """
        if not isinstance(found, dict):
            raise ClaimError("no map of claims")
        return cls._read(Claims(found))

    @classmethod
    def first(cls, data: bytes) -> Self:
        """Read the trust that a device is given at commissioning, signed by one of the keys that it names itself.

        Raises:
            CredentialError: it is not one.
        """
        try:
            authority_keys = _unverified_authority(data)
            return cls._read(claims.verify(data, _TRUST, authority_keys))
        except ClaimError as error:
            raise CredentialError(f"trust: {error}") from error

    def successor(self, data: bytes) -> Self:
        """Read a later trust, signed by an authority key of this one. The same one again is answered with itself.

        Raises:
            CredentialError: it is not signed by a key held now, or not later than this.
        """
        try:
            later = self._read(claims.verify(data, _TRUST, self.authority_keys))
        except ClaimError as error:
            raise CredentialError(f"trust: {error}") from error
        if later.epoch < self.epoch or (later.epoch == self.epoch and later != self):
            raise CredentialError(f"trust of epoch {later.epoch} does not follow epoch {self.epoch}")
        return later

    @classmethod
    def epoch_of(cls, data: bytes) -> int:
        """The epoch that a trust claims, believed by nobody yet.

        Raises:
            CredentialError: it is no trust.
        """
        try:
            return claims.unverified(data, _TRUST).whole(Claim.EPOCH)
        except ClaimError as error:
            raise CredentialError(f"trust: {error}") from error

    def follow(self, chain: Iterable[bytes]) -> Self:
        """The latest trust that a chain leads to, oldest first. What does not follow is passed over.

        A chain holds each trust at which the authority's keys changed and the newest; a reader that has part of it
        already goes on from there.
        """
        held = self
        for data in chain:
            with suppress(CredentialError):
                held = held.successor(data)
        return held

    def credential(self, data: bytes, *, now: int | None) -> Credential:
        """Read a credential and check that it stands.

        ``now`` is the reader's clock in seconds since 1970 UTC, None when it is not set; then the time at which this
        trust was issued stands in for it.

        Raises:
            Revoked: one of its keys is revoked.
            CredentialError: it is not signed by the authority, or is past its end.
        """
        try:
            credential = _read_credential(claims.verify(data, _CREDENTIAL, self.authority_keys))
        except ClaimError as error:
            raise CredentialError(f"credential: {error}") from error
        self.require_current(credential, now=now)
        return credential

    def require_current(self, credential: Credential, *, now: int | None) -> None:
        """Check that a credential read earlier still stands.

        Raises:
            Revoked: one of its keys is revoked.
            CredentialError: it is past its end.
        """
        if {credential.agreement.id, credential.signing.id} & self.revoked:
            raise Revoked(f"the keys of {credential.kind} {credential.serial} are revoked")
        if max(now or 0, self.issued_at) >= credential.expires_at:
            raise CredentialError(f"the credential of {credential.kind} {credential.serial} is past its end")

    @classmethod
    def _read(cls, found: Claims) -> Self:
        found.only(Claim.AUTHORITY_KEYS, Claim.PERMIT_KEYS, Claim.EPOCH, Claim.ISSUED_AT, Claim.REVOKED)
        return cls(
            authority_keys=tuple(_keys(found, Claim.AUTHORITY_KEYS)),
            permit_keys=tuple(_keys(found, Claim.PERMIT_KEYS)),
            epoch=found.whole(Claim.EPOCH),
            issued_at=found.whole(Claim.ISSUED_AT),
            revoked=frozenset(key_ids(found, Claim.REVOKED, most=REVOKED_LIMIT)),
        )


def key_ids(found: Claims, claim: Claim, *, most: int) -> Iterable[bytes]:
    """Key ids of a claim.

    Raises:
        ClaimError: one of them is none.
    """
    for item in found.items(claim, most=most):
        if not isinstance(item, bytes) or len(item) != KEY_ID_SIZE:
            raise ClaimError(f"{claim.name.lower()} holds what is no key id")
        yield item


def _keys(found: Claims, claim: Claim) -> Iterable[PublicKey]:
    for item in found.items(claim, most=KEYS_LIMIT):
        yield claims.read_key(item, claim)


def _unverified_authority(data: bytes) -> list[PublicKey]:
    return list(_keys(claims.unverified(data, _TRUST), Claim.AUTHORITY_KEYS))


def _read_credential(found: Claims) -> Credential:
    found.only(
        Claim.SUBJECT, Claim.KIND, Claim.CONFIRMATION, Claim.SIGNING_KEY, Claim.ISSUED_AT, Claim.EXPIRES_AT,
        Claim.FIRMWARE, Claim.ENCRYPTION, Claim.BLUETOOTH,
    )  # fmt: skip
    return Credential(
        kind=found.one_of(Claim.KIND, Kind),
        serial=found.text(Claim.SUBJECT),
        agreement=_confirmation(found),
        signing=found.key(Claim.SIGNING_KEY),
        issued_at=found.whole(Claim.ISSUED_AT),
        expires_at=found.whole(Claim.EXPIRES_AT),
        encryption=found.one_of(Claim.ENCRYPTION, Encryption) if Claim.ENCRYPTION in found.fields else None,
        bluetooth=found.one_of(Claim.BLUETOOTH, Bluetooth) if Claim.BLUETOOTH in found.fields else None,
        firmware=found.text(Claim.FIRMWARE, least=0),
    )


def _confirmation(found: Claims) -> PublicKey:
    match found.fields.get(Claim.CONFIRMATION):
        case {1: dict(key), **others} if not others:
            return claims.read_key(key, Claim.CONFIRMATION)
    raise ClaimError("confirmation is no key")
