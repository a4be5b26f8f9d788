"""Receipts: what each device signs when a pairing stands, for the service and for the other device.

``check`` is exported from the pair's handshake beside the keys and tells nothing of them. Two receipts with the same
check show that both devices hold the same keys, to a service that does not.
"""

from dataclasses import dataclass
from typing import Final, Self

from ble.protocol import claims
from ble.protocol.claims import Claim, ClaimError, Claims
from ble.protocol.cose import KEY_ID_SIZE, PrivateKey, PublicKey
from ble.protocol.credentials import Kind
from ble.protocol.permits import HASH_SIZE, ID_SIZE

CHECK_SIZE: Final = 16
COUNTER_LIMIT: Final = 2**63
_RECEIPT: Final = "receipt"


class ReceiptError(ValueError):
    """A receipt does not hold, or two do not belong together."""


@dataclass(frozen=True)
class PairingReceipt:
    """One device's word that a pairing stands.

    Attributes:
        pairing: the permit's id.
        permit: SHA-256 of the signed permit.
        kind: of the device that signs.
        serial: its serial.
        key: its agreement key's id.
        peer: the other device's agreement key's id.
        start: the Taser's next activation counter when the keys were made.
        check: 16 bytes that only the two could know, and that both receipts share.
    """

    pairing: bytes
    permit: bytes
    kind: Kind
    serial: str
    key: bytes
    peer: bytes
    start: int
    check: bytes

    def sign(self, key: PrivateKey) -> bytes:
        """Signed by the device."""
        return claims.sign(
            key,
            _RECEIPT,
            {
                Claim.ID: self.pairing,
                Claim.PERMIT: self.permit,
                Claim.KIND: self.kind.value,
                Claim.SUBJECT: self.serial,
                Claim.KEY: self.key,
                Claim.PEER: self.peer,
                Claim.COUNTER: self.start,
                Claim.CHECK: self.check,
            },
        )

    @classmethod
    def read(cls, data: bytes, key: PublicKey) -> Self:
        """Read a receipt signed by ``key``, the signing key of the device's credential.

        Raises:
            ReceiptError: it is not signed by it, or malformed.
        """
        try:
            return cls._read(claims.verify(data, _RECEIPT, [key]))
        except ClaimError as error:
            raise ReceiptError(f"receipt: {error}") from error

    @classmethod
    def named(cls, data: bytes) -> bytes:
        """The id of the pairing that a receipt is for, believed by nobody yet: to find the key to check it with.

        Raises:
            ReceiptError: it is no receipt.
        """
        try:
            return claims.unverified(data, _RECEIPT).bytes_(Claim.ID, ID_SIZE)
        except ClaimError as error:
            raise ReceiptError(f"receipt: {error}") from error

    @classmethod
    def _read(cls, found: Claims) -> Self:
        return cls(
            pairing=found.bytes_(Claim.ID, ID_SIZE),
            permit=found.bytes_(Claim.PERMIT, HASH_SIZE),
            kind=found.one_of(Claim.KIND, Kind),
            serial=found.text(Claim.SUBJECT),
            key=found.bytes_(Claim.KEY, KEY_ID_SIZE),
            peer=found.bytes_(Claim.PEER, KEY_ID_SIZE),
            start=found.whole(Claim.COUNTER, most=COUNTER_LIMIT),
            check=found.bytes_(Claim.CHECK, CHECK_SIZE),
        )

    def require_match(self, other: "PairingReceipt") -> None:
        """Check that two receipts are of one handshake, seen from its two ends.

        Raises:
            ReceiptError: they are not.
        """
        ours = (self.pairing, self.permit, self.key, self.peer, self.start, self.check)
        theirs = (other.pairing, other.permit, other.peer, other.key, other.start, other.check)
        if ours != theirs:
            raise ReceiptError("the receipts of the two devices are not of the same handshake")
