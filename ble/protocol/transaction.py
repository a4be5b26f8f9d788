"""One pairing under way, as both of its sides see it: is the permit for this device, this moment and this station?"""

from dataclasses import dataclass
from typing import Final

from ble.protocol import labels, permits
from ble.protocol.credentials import Credential, CredentialError, Kind
from ble.protocol.device import Device
from ble.protocol.edhoc import Export
from ble.protocol.memory import Pairing
from ble.protocol.messages import Offer
from ble.protocol.permits import Party, Permit, PermitError, Purpose
from ble.protocol.receipts import CHECK_SIZE
from ble.protocol.reports import Standing
from ble.protocol.steps import Born, Moment, Refusal, Refusing, State, present

KEY_SIZE: Final = 16
_KINDS: Final[dict[Purpose, tuple[set[Kind], set[Kind]]]] = {
    Purpose.PAIR: ({Kind.TASER}, {Kind.CAMERA, Kind.MONITOR}),
    Purpose.REKEY: ({Kind.TASER}, {Kind.CAMERA, Kind.MONITOR}),
    Purpose.COMPANION: ({Kind.MONITOR}, {Kind.CAMERA}),
}


@dataclass(frozen=True)
class Transaction:
    """A pairing under way: the permit, its hash, and the credential of the other device."""

    permit: Permit
    digest: bytes
    peer: Credential


class PairSide(Device[State]):
    """What both sides of a pairing do alike."""

    # The place of this side, and of the other one, in a permit's pairs of parties and kinds.
    own, other = 0, 1

    def _drop(self) -> None:
        self._nonce: bytes | None = None
        self._transaction: Transaction | None = None

    def _abandon(self, pairing: bytes) -> None:
        if self._transaction is not None and self._transaction.permit.id == pairing:
            self._drop()

    def _accept(self, offer: Offer, at: Moment) -> Transaction:
        """Check that a permit fits this device, this moment and this station, and use up its nonce."""
        permit = self._read(offer)
        self._require_own(permit, at)
        peer = self._peer(permit, offer.peer, at)
        self._require_room(permit, peer)
        self._transaction = Transaction(permit, permits.digest(offer.permit), peer)
        self._nonce = None
        return self._transaction

    def _read(self, offer: Offer) -> Permit:
        try:
            return Permit.read(offer.permit, present(self._trust).permit_keys)
        except PermitError as error:
            raise Refusing(Refusal.PERMIT, str(error)) from error

    def _require_own(self, permit: Permit, at: Moment) -> None:
        own = _parties(permit)[self.own]
        if (own.serial, own.key) != (self.memory.serial, self.memory.agreement.public.id):
            raise Refusing(Refusal.OTHER_DEVICES, f"it is for {own.serial}")
        if self.memory.kind not in _KINDS[permit.purpose][self.own]:
            raise Refusing(Refusal.OTHER_DEVICES, f"a {self.memory.kind} has no such place in it")
        if self.memory.kind is Kind.TASER and permit.taser_serial != at.vitals.taser:
            raise Refusing(Refusal.OTHER_DEVICES, f"it is for a magazine fitted to {permit.taser_serial}")
        if self._station is None or permit.station != self._station.agreement.id:
            raise Refusing(Refusal.OTHER_STATION)
        if self._nonce is None or own.nonce != self._nonce:
            raise Refusing(Refusal.NOT_FRESH, "its nonce is not of the last report")
        self._require_live(permit, at)
        self._require_levels(permit, at)

    def _require_live(self, permit: Permit, at: Moment) -> None:
        # Counted from this device's own nonce, which is older than the permit, and on no clock that can be set.
        age = at.uptime_s - self._nonce_s
        if not 0 <= age < permit.lifetime_s:
            raise Refusing(Refusal.EXPIRED, f"{age:.0f} s since the report")

    def _require_levels(self, permit: Permit, at: Moment) -> None:
        vitals = at.vitals
        if not vitals.bluetooth.reaches(permit.bluetooth):
            raise Refusing(Refusal.LEVEL, f"Bluetooth {vitals.bluetooth}, required {permit.bluetooth}")
        if self.memory.kind is Kind.CAMERA and (
            vitals.encryption is None or not vitals.encryption.reaches(permit.encryption)
        ):
            raise Refusing(Refusal.LEVEL, f"encryption {vitals.encryption}, required {permit.encryption}")

    def _peer(self, permit: Permit, credential: bytes, at: Moment) -> Credential:
        try:
            peer = present(self._trust).credential(credential, now=at.vitals.clock)
        except CredentialError as error:
            raise Refusing(Refusal.PEER, str(error)) from error
        party = _parties(permit)[self.other]
        if (peer.serial, peer.agreement.id) != (party.serial, party.key):
            raise Refusing(Refusal.OTHER_DEVICES, f"the other device is {peer.serial}")
        if peer.kind not in _KINDS[permit.purpose][self.other]:
            raise Refusing(Refusal.OTHER_DEVICES, f"a {peer.kind} has no such place in it")
        return peer

    def _require_room(self, permit: Permit, peer: Credential) -> None:
        peers = {one.peer for one in self.memory.pairings}
        if self.memory.pairing(permit.id) is not None:
            raise Refusing(Refusal.NOT_FRESH, "its pairing is held already")
        if permit.purpose is Purpose.REKEY and self.memory.agreed_with(peer.agreement.id) is None:
            raise Refusing(Refusal.NOT_PAIRED, f"no pairing with {peer.serial} to re-key")
        if peer.agreement.id not in peers and len(peers) >= self.room:
            raise Refusing(Refusal.FULL, f"{len(peers)} pairings")

    def _under_way(self, at: Moment) -> Transaction:
        transaction = present(self._transaction)
        self._require_live(transaction.permit, at)
        return transaction

    def _make(self, export: Export, start: int, standing: Standing) -> Born:
        """The pairing that a finished handshake makes, with its keys."""
        transaction = present(self._transaction)
        permit, peer = transaction.permit, transaction.peer
        context = labels.CONTEXT + permit.id
        pairing = Pairing(
            permit.id, transaction.digest, peer.agreement.id, peer.kind, peer.serial, peer.signing, start,
            export(labels.CHECK, context, CHECK_SIZE), standing,
        )  # fmt: skip
        beacon, identifier, companion = (
            export(label, context, KEY_SIZE) for label in (labels.BEACON, labels.IDENTIFIER, labels.COMPANION)
        )
        return Born(pairing, beacon, identifier, companion)


def _parties(permit: Permit) -> tuple[Party, Party]:
    return permit.taser, permit.camera
