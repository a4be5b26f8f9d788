"""A device's end of a connection with a station, whatever it is told: fed with messages, it answers with steps.

No radio, no store, no clock: whoever owns the device carries out each ``Step`` in order: write, then send. A power cut
between the two is one of the cases that the protocol is made for. The sides of a pairing are in ``pairing``.
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable
from dataclasses import replace
from typing import Any, Final, Generic

from ble.protocol import labels, messages
from ble.protocol.cose import KEY_ID_SIZE
from ble.protocol.credentials import Credential, CredentialError, Kind, Trust
from ble.protocol.edhoc import EdhocError, Initiator
from ble.protocol.memory import Memory, Pairing
from ble.protocol.messages import (
    Answer,
    Commission,
    Done,
    Edhoc,
    Enrol,
    EnrolRequest,
    Failure,
    Hello,
    LogRequest,
    Message,
    MessageError,
    Receipt,
    ReceiptRequest,
    Record,
    Refused,
    Reported,
    ReportRequest,
    SetClock,
    SetTrust,
    TestRequest,
    Unpair,
)
from ble.protocol.permits import NONCE_SIZE, PermitError, UnpairOrder
from ble.protocol.records import Channel, RecordError
from ble.protocol.reports import HELD_LIMIT, Held, Report
from ble.protocol.steps import Application, Moment, Move, Refusal, Refusing, Reply, State, Step, Table, present

IDLE_S: Final = 30.0
Random = Callable[[int], bytes]


class Device(ABC, Generic[State]):
    """One device. It speaks with one station at a time.

    ``memory`` is what is stored; a ``Step`` that changes it says so. ``random(size)`` answers that many bytes.
    """

    # Where a connection begins for a device that was commissioned, and for a new one; where a refusal leads in each.
    closed: State
    new: State
    opened: State
    enrolling: State

    def __init__(self, memory: Memory, random: Random = os.urandom) -> None:
        self.memory = memory
        self._random = random
        self._link: Hashable | None = None
        self._reset()

    @property
    @abstractmethod
    def table(self) -> Table[State]:
        """Its state machine."""

    @property
    @abstractmethod
    def room(self) -> int:
        """How many pairings it can hold."""

    def _reset(self) -> None:
        self.state = self.closed if self.memory.credential else self.new
        self._link = None
        self._heard_s = 0.0
        self._channel: Channel | None = None
        self._session: Initiator | None = None
        self._greeting = b""
        self._station: Credential | None = None
        self._trust = self.memory.trust
        self._nonce: bytes | None = None
        self._nonce_s = 0.0
        self._asked = False
        self._drop()

    @abstractmethod
    def _drop(self) -> None:
        """Forget the transaction under way."""

    @abstractmethod
    def _abandon(self, pairing: bytes) -> None:
        """Forget the transaction under way if it is for this pairing."""

    def disconnected(self, link: Hashable) -> None:
        """The connection is gone."""
        if link == self._link:
            self._reset()

    def receive(self, link: Hashable, data: bytes, at: Moment) -> Step:
        """Take one whole message that came over the connection ``link``."""
        if link != self._link:
            if self._link is not None and at.uptime_s - self._heard_s <= IDLE_S:
                return _failure(Refusal.BUSY, "a second station while the first is being served")
            self._reset()
            self._link = link
        self._heard_s = at.uptime_s
        try:
            message = self._open(data)
        except (MessageError, RecordError) as error:
            return self._fail(Refusal.MALFORMED, str(error))
        return self._act(message, at)

    def answer(self, answer: Answer) -> Step:
        """The application's answer to ``Step.ask``."""
        if not self._asked or self._channel is None:
            return Step(note="an answer that nobody waits for")
        self._asked = False
        return Step(send=self._seal(answer))

    def _open(self, data: bytes) -> Message:
        message = messages.decode(data)
        if isinstance(message, Record) and self._channel is not None:
            inner = messages.decode(self._channel.open(message))
            if not isinstance(inner, messages.Request):
                raise MessageError("no request")
            return inner
        if self._channel is not None or not isinstance(message, Hello | Edhoc):
            raise MessageError("a message in the clear where a record belongs, or a record before the session")
        return message

    def _act(self, message: Message, at: Moment) -> Step:
        move = self.table.get((self.state, type(message)))
        if move is None or self._asked:
            found = f"{type(message).__name__} while {self.state.name}"
            return self._refuse(Refusing(Refusal.NOT_EXPECTED, found))
        try:
            reply = move.act(self, message, at)
        except Refusing as refusing:
            return self._refuse(refusing)
        return self._done(reply, move.to)

    def _done(self, reply: Reply, to: State) -> Step:
        self.state = to
        gone = self._store(reply.memory) if reply.memory is not None else ()
        self._asked = reply.ask is not None
        send = None if reply.answer is None else self._seal(reply.answer)
        return Step(write=reply.memory, born=reply.born, gone=gone, send=send, ask=reply.ask)

    def _store(self, memory: Memory) -> tuple[bytes, ...]:
        kept = {one.id for one in memory.pairings}
        gone = tuple(one.id for one in self.memory.pairings if one.id not in kept)
        self.memory = memory
        return gone

    def _seal(self, message: Message) -> bytes:
        if self._channel is not None and not isinstance(message, Hello | Edhoc | Failure):
            return messages.encode(self._channel.seal(messages.encode(message)))
        return messages.encode(message)

    def _refuse(self, refusing: Refusing) -> Step:
        if self._channel is None:
            return self._fail(refusing.reason, str(refusing))
        self._drop()
        self._asked = False
        self.state = self.opened if self.memory.credential else self.enrolling
        return Step(
            send=self._seal(Refused(refusing.reason.value, refusing.found[: messages.TEXT_LIMIT])), note=str(refusing)
        )

    def _fail(self, reason: Refusal, note: str) -> Step:
        self._reset()
        return _failure(reason, note)

    # What every device does with a station's requests.

    def hello(self, hello: Hello, at: Moment) -> Reply:
        """Decide whether to speak with a station at all, and begin the session."""
        if hello.version != messages.VERSION:
            raise Refusing(Refusal.VERSION, f"version {hello.version}")
        held = self.memory.trust
        try:
            self._trust = _first(hello.trust) if held is None else held.follow(hello.trust)
            self._station = self._trust.credential(hello.credential, now=at.vitals.clock)
        except CredentialError as error:
            raise Refusing(Refusal.STATION, str(error)) from error
        if self._station.kind is not Kind.STATION:
            raise Refusing(Refusal.STATION, f"a {self._station.kind} is no station")
        self._session = Initiator(self.memory.agreement)
        self._greeting = messages.digest(messages.encode(hello))
        memory = None if held is None or self._trust == held else self._trusting(self._trust)
        return Reply(Edhoc(self._session.message_1()), memory)

    def greet(self, message: Edhoc, _at: Moment) -> Reply:
        """Message 2 of the session: is it the station that it said it is? Only then is the device's own key sent."""
        session, station = present(self._session), present(self._station)
        try:
            claimed = session.read_2(message.message)
            if claimed.key != station.agreement.id or claimed.ead != {labels.EAD_HELLO: self._greeting}:
                raise Refusing(Refusal.STATION, "another key than the credential's, or another greeting")
            answer = session.message_3(station.agreement, {}, by_value=True)
            session.complete()
            self._channel = Channel(session.export, device=True)
        except EdhocError as error:
            raise Refusing(Refusal.HANDSHAKE, str(error)) from error
        return Reply(Edhoc(answer))

    def report(self, request: ReportRequest, at: Moment) -> Reply:
        """Say who and how it is, with a nonce that the next permit must carry."""
        self._drop()
        if len(request.peer) not in {0, KEY_ID_SIZE}:
            raise Refusing(Refusal.MALFORMED, "a key id is eight bytes")
        return Reply(Reported(self.memory.credential, self._report(request.peer, at)))

    def _report(self, peer: bytes, at: Moment) -> bytes:
        station, trust = present(self._station), present(self._trust)
        self._nonce, self._nonce_s = self._random(NONCE_SIZE), at.uptime_s
        report = Report(
            self.memory.kind, self.memory.serial, at.vitals, self._nonce, station.agreement.id, trust.epoch,
            tuple(_held(self.memory.pairings, peer))[-HELD_LIMIT:],
        )  # fmt: skip
        return report.sign(self.memory.signing)

    def receipt(self, request: ReceiptRequest, _at: Moment) -> Reply:
        """The receipt for a pairing, again."""
        return Reply(Receipt(self.memory.receipt(self._pairing(request.pairing))))

    def unpair(self, request: Unpair, _at: Moment) -> Reply:
        """Forget a pairing because the service says so. That it is forgotten already is no error."""
        try:
            order = UnpairOrder.read(request.order, present(self.memory.trust).permit_keys)
        except PermitError as error:
            raise Refusing(Refusal.ORDER, str(error)) from error
        self._abandon(order.pairing)
        held = self.memory.pairing(order.pairing)
        return Reply(Done(), None if held is None else self.memory.without([order.pairing]))

    def set_trust(self, request: SetTrust, _at: Moment) -> Reply:
        """Take over a newer trust, and forget the pairings with devices that it revokes."""
        later = self._follow(present(self.memory.trust), request.trust)
        return Reply(Done(), None if later == self.memory.trust else self._trusting(later))

    def enrol(self, _request: EnrolRequest, at: Moment) -> Reply:
        """The public keys of a device that needs a credential, and its report signed with one of them."""
        keys = self.memory.agreement.public.encode(), self.memory.signing.public.encode()
        return Reply(Enrol(*keys, self._report(b"", at)))

    def commission(self, request: Commission, at: Moment) -> Reply:
        """Take a credential: a new device its first one with the trust it hangs on, any other a renewed one."""
        trust = self._follow(present(self._trust), request.trust)
        try:
            credential = trust.credential(request.credential, now=at.vitals.clock)
        except CredentialError as error:
            raise Refusing(Refusal.CREDENTIAL, str(error)) from error
        if not self.memory.owns(credential):
            raise Refusing(Refusal.CREDENTIAL, "a credential of another device or of other keys")
        return Reply(Done(), replace(self._trusting(trust), credential=request.credential))

    def pass_on(self, request: Application, _at: Moment) -> Reply:
        """What only the device's application can answer."""
        return Reply(ask=request)

    def _pairing(self, pairing: bytes) -> Pairing:
        held = self.memory.pairing(pairing)
        if held is None:
            raise Refusing(Refusal.NOT_PAIRED, f"no pairing {pairing.hex()}")
        return held

    def _follow(self, trust: Trust, chain: Iterable[bytes]) -> Trust:
        links = list(chain)
        later = trust.follow(links)
        try:
            if any(Trust.epoch_of(data) > later.epoch for data in links):
                raise Refusing(Refusal.TRUST, "not signed by an authority key that is held")
        except CredentialError as error:
            raise Refusing(Refusal.TRUST, str(error)) from error
        return later

    def _trusting(self, trust: Trust) -> Memory:
        revoked = [one.id for one in self.memory.pairings if one.peer in trust.revoked]
        self._trust = trust
        return replace(self.memory.without(revoked), trust=trust)


def anytime(states: Iterable[State]) -> dict[tuple[State, type[Message]], Move[State]]:
    """The rows for what a station may ask whenever the session is open: nothing of it moves a pairing on."""
    return {(state, kind): Move(act, state) for state in states for kind, act in _ANYTIME.items()}


_ANYTIME: Final[dict[type[Message], Callable[[Any, Any, Moment], Reply]]] = {
    ReceiptRequest: Device.receipt,
    Unpair: Device.unpair,
    SetTrust: Device.set_trust,
    Commission: Device.commission,
    SetClock: Device.pass_on,
    TestRequest: Device.pass_on,
    LogRequest: Device.pass_on,
}


def _first(chain: tuple[bytes, ...]) -> Trust:
    if not chain:
        raise CredentialError("a new device needs the trust that it is to hold")
    return Trust.first(chain[-1])


def _held(pairings: Iterable[Pairing], peer: bytes) -> Iterable[Held]:
    return (one.held for one in pairings if not peer or one.peer == peer)


def _failure(reason: Refusal, note: str) -> Step:
    return Step(send=messages.encode(Failure(reason.value)), close=True, note=note)
