"""The pairing of two devices, as each of them sees it: one enum and one table a side.

The Taser begins (EDHOC's initiator) and the camera answers; a monitor takes the camera's place towards a Taser and the
Taser's towards a camera. The Taser's write at message 4 is the moment from which the pairing exists. The camera writes
before, at message 3, as ``prepared``: it listens for beacons already and counts the pairing as agreed when it sees the
Taser's receipt, hears from the Taser in the next handshake that it holds it, or verifies a beacon of it.
"""

from dataclasses import replace
from enum import Enum, auto
from typing import Final

from ble.protocol import cbor, labels
from ble.protocol.credentials import Kind
from ble.protocol.device import anytime
from ble.protocol.edhoc import EdhocError, Initiator, Responder, claim_set
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
)
from ble.protocol.permits import ID_SIZE
from ble.protocol.receipts import COUNTER_LIMIT, PairingReceipt, ReceiptError
from ble.protocol.reports import Standing
from ble.protocol.steps import Moment, Move, Refusal, Refusing, Reply, Step, Table, present
from ble.protocol.transaction import PairSide, Transaction

TASER_ROOM: Final = 4
CAMERA_ROOM: Final = 1_000


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


class TaserSide(PairSide[TaserState]):
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


class CameraSide(PairSide[CameraState]):
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
    (T.OPEN, EnrolRequest): Move(TaserSide.enrol, T.OPEN),
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
    (C.OPEN, EnrolRequest): Move(CameraSide.enrol, C.OPEN),
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
