"""What a device keeps over a loss of power, as plain data.

The pairs' two keys are not in it: whoever keeps the beacons' state takes them from ``Step.born``, as they are ratcheted
forward and erased there. One write holds both, so that there is no pairing without keys and no keys without a pairing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final, Self

from ble.protocol import cbor
from ble.protocol.claims import Claim, Claims, read_key
from ble.protocol.cose import KEY_ID_SIZE, PrivateKey, PublicKey
from ble.protocol.credentials import Credential, Kind, Trust
from ble.protocol.permits import HASH_SIZE, ID_SIZE
from ble.protocol.receipts import CHECK_SIZE, COUNTER_LIMIT, PairingReceipt
from ble.protocol.reports import Held, Standing

_VERSION: Final = 1
_PAIRINGS: Final = 2_048


class DamagedMemory(ValueError):
    """Stored data that cannot be read."""


@dataclass(frozen=True)
class Pairing:
    """A pairing that a device holds.

    Attributes:
        id: the permit's.
        permit: SHA-256 of the signed permit.
        peer: the other device's agreement key's id.
        peer_kind: what it is.
        peer_serial: its serial.
        peer_signing: the key that it signs receipts with.
        start: the Taser's next activation counter when the keys were made.
        check: what both receipts share.
        standing: ``prepared`` until this device knows that the other holds it too.
    """

    id: bytes
    permit: bytes
    peer: bytes
    peer_kind: Kind
    peer_serial: str
    peer_signing: PublicKey
    start: int
    check: bytes
    standing: Standing

    @property
    def held(self) -> Held:
        """As a report names it."""
        return Held(self.id, self.peer, self.standing)


@dataclass(frozen=True)
class Memory:
    """A device: its keys, what it was commissioned with, and its pairings.

    A device without a credential was not commissioned; its ``trust`` is None then.
    """

    kind: Kind
    serial: str
    agreement: PrivateKey = field(repr=False)
    signing: PrivateKey = field(repr=False)
    credential: bytes = b""
    trust: Trust | None = None
    pairings: tuple[Pairing, ...] = ()

    @classmethod
    def new(cls, kind: Kind, serial: str) -> Self:
        """A device as it leaves the factory, with keys that never leave it."""
        return cls(kind, serial, PrivateKey.generate(), PrivateKey.generate())

    def pairing(self, pairing: bytes) -> Pairing | None:
        """The pairing of this id, if it is held."""
        return next((one for one in self.pairings if one.id == pairing), None)

    def agreed_with(self, peer: bytes) -> Pairing | None:
        """The pairing that stands with the device of this key, if one does."""
        return next((one for one in self.pairings if one.peer == peer and one.standing is Standing.AGREED), None)

    def with_pairing(self, pairing: Pairing) -> Self:
        """With this pairing added, or in place of the one of its id."""
        others = tuple(one for one in self.pairings if one.id != pairing.id)
        return replace(self, pairings=(*others, pairing))

    def without(self, pairings: Iterable[bytes]) -> Self:
        """Without these pairings."""
        gone = set(pairings)
        return replace(self, pairings=tuple(one for one in self.pairings if one.id not in gone))

    def receipt(self, pairing: Pairing) -> bytes:
        """This device's signed receipt for a pairing that it holds."""
        receipt = PairingReceipt(
            pairing.id, pairing.permit, self.kind, self.serial, self.agreement.public.id, pairing.peer, pairing.start,
            pairing.check,
        )  # fmt: skip
        return receipt.sign(self.signing)

    def owns(self, credential: Credential) -> bool:
        """Whether a credential is of this device and its keys."""
        return (credential.kind, credential.serial, credential.agreement, credential.signing) == (
            self.kind, self.serial, self.agreement.public, self.signing.public,
        )  # fmt: skip

    def encode(self) -> bytes:
        """As bytes for the device's store."""
        trust: cbor.Value = None if self.trust is None else self.trust.plain()
        return cbor.encode(
            [
                _VERSION, self.kind.value, self.serial, self.agreement.secret, self.signing.secret, self.credential,
                trust, [_plain(pairing) for pairing in self.pairings],
            ]
        )  # fmt: skip

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read what ``encode`` wrote.

        Raises:
            DamagedMemory: it did not write this.
        """
        try:
            match cbor.decode(data):
                case [1, str(kind), str(serial), bytes(agreement), bytes(signing), bytes(credential), trust, pairings]:
                    return cls(
                        Kind(kind), serial, PrivateKey.decode(agreement), PrivateKey.decode(signing), credential,
                        None if trust is None else Trust.from_plain(trust), tuple(_read_all(pairings)),
                    )  # fmt: skip
        except ValueError as error:
            raise DamagedMemory(str(error)) from error
        raise DamagedMemory("not a device's memory of this version")


def _plain(one: Pairing) -> list[cbor.Value]:
    return [
        one.id, one.permit, one.peer, one.peer_kind.value, one.peer_serial, one.peer_signing.parameters(),
        one.start, one.check, one.standing.value,
    ]  # fmt: skip


def _read_all(found: cbor.Value) -> Iterable[Pairing]:
    if not isinstance(found, list) or len(found) > _PAIRINGS:
        raise DamagedMemory("no list of pairings")
    return map(_read, found)


def _read(found: cbor.Value) -> Pairing:
    match found:
        case [id_, permit, peer, kind, serial, signing, start, check, standing]:
            one = Claims(
                {
                    Claim.ID: id_, Claim.PERMIT: permit, Claim.PEER: peer, Claim.SUBJECT: serial, Claim.COUNTER: start,
                    Claim.CHECK: check, Claim.KIND: kind, Claim.STANDING: standing,
                }
            )  # fmt: skip
            return Pairing(
                one.bytes_(Claim.ID, ID_SIZE), one.bytes_(Claim.PERMIT, HASH_SIZE), one.bytes_(Claim.PEER, KEY_ID_SIZE),
                one.one_of(Claim.KIND, Kind), one.text(Claim.SUBJECT), read_key(signing, Claim.SIGNING_KEY),
                one.whole(Claim.COUNTER, most=COUNTER_LIMIT), one.bytes_(Claim.CHECK, CHECK_SIZE),
                one.one_of(Claim.STANDING, Standing),
            )  # fmt: skip
    raise DamagedMemory("a pairing that cannot be read")
