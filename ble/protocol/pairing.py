"""The pairing of two devices, as each of them sees it: one enum and one table a side.

The Taser begins (EDHOC's initiator) and the camera answers; a monitor takes the camera's place towards a Taser and the
Taser's towards a camera. The Taser's write at message 4 is the moment from which the pairing exists. The camera writes
before, at message 3, as ``prepared``: it listens for beacons already and counts the pairing as agreed when it sees the
Taser's receipt, hears from the Taser in the next handshake that it holds it, or verifies a beacon of it.
"""

from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final

from ble.protocol import cbor, labels, permits
from ble.protocol.credentials import Credential, CredentialError, Kind
from ble.protocol.device import Device, anytime
from ble.protocol.edhoc import EdhocError, Export, Initiator, Responder, claim_set
from ble.protocol.memory import Memory, Pairing
from ble.protocol.messages import (
    Commission,
    Edhoc,
    EnrolRequest,
    Hello,
    Offer,
    Ready,
    Receipt,
    Relay,
    ReportRequest,
)  # fmt: skip
from ble.protocol.permits import ID_SIZE, Party, Permit, PermitError, Purpose
from ble.protocol.receipts import CHECK_SIZE, COUNTER_LIMIT, PairingReceipt, ReceiptError
from ble.protocol.reports import Standing
from ble.protocol.steps import Born, Moment, Move, Refusal, Refusing, Reply, State, Step, Table, present

TASER_ROOM: Final = 4
CAMERA_ROOM: Final = 1_000
KEY_SIZE: Final = 16
_KINDS: Final[dict[Purpose, tuple[set[Kind], set[Kind]]]] = {
    Purpose.PAIR: ({Kind.TASER}, {Kind.CAMERA, Kind.MONITOR}),
    Purpose.REKEY: ({Kind.TASER}, {Kind.CAMERA, Kind.MONITOR}),
    Purpose.COMPANION: ({Kind.MONITOR}, {Kind.CAMERA}),
}


class TaserState(Enum):
    """Where a Taser is, from one connection's beginning to its end."""

    NEW = auto()
    MET = auto()
    ENROLLING = auto()
    CLOSED = auto()
    GREETED = auto()
    OPEN = auto()
    REPORTED = auto()
    OFFERED = auto()
    ANSWERED = auto()
    AGREED = auto()


class CameraState(Enum):
    """Where a camera is, from one connection's beginning to its end."""

    NEW = auto()
    MET = auto()
    ENROLLING = auto()
    CLOSED = auto()
    GREETED = auto()
    OPEN = auto()
    REPORTED = auto()
    PERMITTED = auto()
    ANSWERED = auto()
    PREPARED = auto()
    AGREED = auto()


@dataclass(frozen=True)
class Transaction:
    """A pairing under way: the permit, its hash, and the credential of the other device."""

    permit: Permit
    digest: bytes
    peer: Credential


class _Side(Device[State]):
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
            permit.id, transaction.digest, peer.agreement.id, peer.serial, peer.signing, start,
            export(labels.CHECK, context, CHECK_SIZE), standing,
        )  # fmt: skip
        beacon, identifier, companion = (
            export(label, context, KEY_SIZE) for label in (labels.BEACON, labels.IDENTIFIER, labels.COMPANION)
        )
        return Born(pairing, beacon, identifier, companion)


class TaserSide(_Side[TaserState]):
    """A Taser's SPPM, or a monitor that becomes a camera's companion: the side that begins."""

    closed, new, opened, enrolling = TaserState.CLOSED, TaserState.NEW, TaserState.OPEN, TaserState.ENROLLING
    own, other = 0, 1

    @property
    def table(self) -> Table[TaserState]:
        """The Taser's state machine."""
        return TASER

    @property
    def room(self) -> int:
        """How many pairings it can hold: four for a Taser."""
        return TASER_ROOM if self.memory.kind is Kind.TASER else CAMERA_ROOM

    def _drop(self) -> None:
        super()._drop()
        self._pair: Initiator | None = None
        self._start = 0

    def offered(self, offer: Offer, at: Moment) -> Reply:
        """A permit that fits: begin the handshake with the camera."""
        self._accept(offer, at)
        self._pair = Initiator(self.memory.agreement)
        return Reply(Relay(self._pair.message_1()))

    def answered(self, relay: Relay, at: Moment) -> Reply:
        """Message 2: is it the camera of the permit, and is it the same permit? Then say which counter comes next."""
        transaction, pair = self._under_way(at), present(self._pair)
        self._start = at.vitals.counter or 0
        standing = self.memory.agreed_with(transaction.peer.agreement.id)
        state = cbor.encode([self._start, standing.id if standing else b""])
        try:
            claimed = pair.read_2(relay.message)
            if claimed.key != transaction.peer.agreement.id or claimed.ead != {labels.EAD_PERMIT: transaction.digest}:
                raise Refusing(Refusal.HANDSHAKE, "another device or another permit")
            ead = {labels.EAD_PERMIT: transaction.digest, labels.EAD_STATE: state}
            return Reply(Relay(pair.message_3(transaction.peer.agreement, ead)))
        except EdhocError as error:
            raise Refusing(Refusal.HANDSHAKE, str(error)) from error

    def confirmed(self, relay: Relay, at: Moment) -> Reply:
        """Message 4: the camera has stored the pairing. With this write it exists; older ones of the two are gone."""
        transaction, pair = self._under_way(at), present(self._pair)
        try:
            pair.read_4(relay.message)
        except EdhocError as error:
            raise Refusing(Refusal.HANDSHAKE, str(error)) from error
        born = self._make(pair.export, self._start, Standing.AGREED)
        older = [one.id for one in self.memory.pairings if one.peer == transaction.peer.agreement.id]
        memory = self.memory.without(older).with_pairing(born.pairing)
        self._drop()
        return Reply(Receipt(memory.receipt(born.pairing)), memory, (born,))


class CameraSide(_Side[CameraState]):
    """A camera, or a monitor that a Taser is paired with: the side that answers."""

    closed, new, opened, enrolling = CameraState.CLOSED, CameraState.NEW, CameraState.OPEN, CameraState.ENROLLING
    own, other = 1, 0

    @property
    def table(self) -> Table[CameraState]:
        """The camera's state machine."""
        return CAMERA

    @property
    def room(self) -> int:
        """How many devices it can be paired with."""
        return CAMERA_ROOM

    def _drop(self) -> None:
        super()._drop()
        self._pair: Responder | None = None

    def offered(self, offer: Offer, at: Moment) -> Reply:
        """A permit that fits: wait for the Taser."""
        self._accept(offer, at)
        return Reply(Ready())

    def begun(self, relay: Relay, at: Moment) -> Reply:
        """Message 1: answer it, with the permit's hash."""
        transaction = self._under_way(at)
        self._pair = Responder(self.memory.agreement)
        try:
            return Reply(Relay(self._pair.message_2(relay.message, {labels.EAD_PERMIT: transaction.digest})))
        except EdhocError as error:
            raise Refusing(Refusal.HANDSHAKE, str(error)) from error

    def proven(self, relay: Relay, at: Moment) -> Reply:
        """Message 3: it is the Taser of the permit. Store the pairing as prepared, then confirm."""
        transaction, pair = self._under_way(at), present(self._pair)
        try:
            start, held = self._prove(pair, relay.message, transaction)
            answer = pair.message_4()
        except EdhocError as error:
            raise Refusing(Refusal.HANDSHAKE, str(error)) from error
        born = self._make(pair.export, start, Standing.PREPARED)
        memory = settled(self.memory, transaction.peer.agreement.id, held).with_pairing(born.pairing)
        self._drop()
        return Reply(Relay(answer), memory, (born,))

    def _prove(self, pair: Responder, message: bytes, transaction: Transaction) -> tuple[int, bytes]:
        claimed = pair.read_3(message)
        if claimed.key != transaction.peer.agreement.id or claimed.ccs:
            raise Refusing(Refusal.HANDSHAKE, "another device")
        pair.verify(claim_set(transaction.peer.agreement))
        if (
            set(claimed.ead) != {labels.EAD_PERMIT, labels.EAD_STATE}
            or claimed.ead[labels.EAD_PERMIT] != transaction.digest
        ):
            raise Refusing(Refusal.HANDSHAKE, "another permit")
        return _read_state(claimed.ead[labels.EAD_STATE])

    def shown(self, receipt: Receipt, _at: Moment) -> Reply:
        """The Taser's receipt: the pairing stands. Answer with one's own."""
        try:
            pairing = self._pairing(PairingReceipt.named(receipt.receipt))
            found = PairingReceipt.read(receipt.receipt, pairing.peer_signing)
            found.require_match(PairingReceipt.read(self.memory.receipt(pairing), self.memory.signing.public))
        except ReceiptError as error:
            raise Refusing(Refusal.RECEIPT, str(error)) from error
        memory = agreed(self.memory, pairing)
        return Reply(Receipt(memory.receipt(pairing)), None if memory == self.memory else memory)

    def heard(self, pairing: bytes) -> Step:
        """A beacon of this pairing was verified, so the Taser holds it."""
        held = self.memory.pairing(pairing)
        memory = self.memory if held is None else agreed(self.memory, held)
        if memory == self.memory:
            return Step()
        return Step(write=memory, gone=self._store(memory))


def agreed(memory: Memory, pairing: Pairing) -> Memory:
    """With this pairing agreed, and without those with the same device that are older.

    A pairing that was agreed already moves nothing: its receipt may be shown again while a newer one is prepared.
    """
    if pairing.standing is Standing.AGREED:
        return memory
    before = memory.pairings[: memory.pairings.index(pairing)]
    older = [one.id for one in before if one.peer == pairing.peer]
    return memory.with_pairing(replace(pairing, standing=Standing.AGREED)).without(older)


def settled(memory: Memory, peer: bytes, held: bytes) -> Memory:
    """With what a Taser has just proven to hold, or to hold none, taken over: its other pairings are orphans."""
    orphans = [one.id for one in memory.pairings if one.peer == peer and one.id != held]
    pairing = memory.pairing(held)
    memory = memory.without(orphans)
    return memory if pairing is None or pairing.peer != peer else agreed(memory, pairing)


def _parties(permit: Permit) -> tuple[Party, Party]:
    return permit.taser, permit.camera


def _read_state(data: bytes) -> tuple[int, bytes]:
    try:
        match cbor.decode(data):
            case [int(start), bytes(held)] if 0 <= start <= COUNTER_LIMIT and len(held) in {0, ID_SIZE}:
                return start, held
    except cbor.CborError as error:
        raise EdhocError(str(error)) from error
    raise EdhocError("the Taser's counter and pairing cannot be read")


T, C = TaserState, CameraState

TASER: Final[Table[TaserState]] = {
    (T.NEW, Hello): Move(TaserSide.hello, T.MET),
    (T.MET, Edhoc): Move(TaserSide.greet, T.ENROLLING),
    (T.ENROLLING, EnrolRequest): Move(TaserSide.enrol, T.ENROLLING),
    (T.ENROLLING, Commission): Move(TaserSide.commission, T.OPEN),
    (T.CLOSED, Hello): Move(TaserSide.hello, T.GREETED),
    (T.GREETED, Edhoc): Move(TaserSide.greet, T.OPEN),
    (T.OPEN, ReportRequest): Move(TaserSide.report, T.REPORTED),
    (T.REPORTED, ReportRequest): Move(TaserSide.report, T.REPORTED),
    (T.REPORTED, Offer): Move(TaserSide.offered, T.OFFERED),
    (T.OFFERED, ReportRequest): Move(TaserSide.report, T.REPORTED),
    (T.OFFERED, Relay): Move(TaserSide.answered, T.ANSWERED),
    (T.ANSWERED, ReportRequest): Move(TaserSide.report, T.REPORTED),
    (T.ANSWERED, Relay): Move(TaserSide.confirmed, T.AGREED),
    (T.AGREED, ReportRequest): Move(TaserSide.report, T.REPORTED),
    **anytime((T.OPEN, T.REPORTED, T.OFFERED, T.ANSWERED, T.AGREED)),
}

CAMERA: Final[Table[CameraState]] = {
    (C.NEW, Hello): Move(CameraSide.hello, C.MET),
    (C.MET, Edhoc): Move(CameraSide.greet, C.ENROLLING),
    (C.ENROLLING, EnrolRequest): Move(CameraSide.enrol, C.ENROLLING),
    (C.ENROLLING, Commission): Move(CameraSide.commission, C.OPEN),
    (C.CLOSED, Hello): Move(CameraSide.hello, C.GREETED),
    (C.GREETED, Edhoc): Move(CameraSide.greet, C.OPEN),
    (C.OPEN, ReportRequest): Move(CameraSide.report, C.REPORTED),
    (C.OPEN, Receipt): Move(CameraSide.shown, C.OPEN),
    (C.REPORTED, ReportRequest): Move(CameraSide.report, C.REPORTED),
    (C.REPORTED, Receipt): Move(CameraSide.shown, C.REPORTED),
    (C.REPORTED, Offer): Move(CameraSide.offered, C.PERMITTED),
    (C.PERMITTED, ReportRequest): Move(CameraSide.report, C.REPORTED),
    (C.PERMITTED, Relay): Move(CameraSide.begun, C.ANSWERED),
    (C.ANSWERED, ReportRequest): Move(CameraSide.report, C.REPORTED),
    (C.ANSWERED, Relay): Move(CameraSide.proven, C.PREPARED),
    (C.PREPARED, ReportRequest): Move(CameraSide.report, C.REPORTED),
    (C.PREPARED, Receipt): Move(CameraSide.shown, C.AGREED),
    (C.AGREED, ReportRequest): Move(CameraSide.report, C.REPORTED),
    **anytime((C.OPEN, C.REPORTED, C.PERMITTED, C.ANSWERED, C.PREPARED, C.AGREED)),
}
