"""The station's end of a connection with one device: EDHOC as responder, then records.

A device begins the handshake when it is greeted, and shows its key in message 3 at the earliest, to a station that it
has authenticated. Who the device is follows from its credential, which must be over that key: see ``identify``.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from ble.protocol import labels, messages
from ble.protocol.cose import BadKey, PrivateKey, PublicKey
from ble.protocol.credentials import Credential, CredentialError, Trust
from ble.protocol.edhoc import EdhocError, Responder, claim_set
from ble.protocol.messages import Answer, Edhoc, Enrol, Failure, Hello, MessageError, Record, Reported, Request
from ble.protocol.records import Channel, RecordError
from ble.protocol.reports import Report, ReportError


class SessionError(Exception):
    """The session is over: what came was not what it should be, or the device said why it will not go on."""


class SessionState(Enum):
    """Where the station is with one device."""

    CLOSED = auto()
    GREETING = auto()
    PROVING = auto()
    OPEN = auto()
    OVER = auto()


@dataclass(frozen=True)
class Identified:
    """A device whose credential and report hold, over the key that the session was made with."""

    credential: Credential
    report: Report


class StationSession:
    """One connection with one device.

    ``begin`` gives the first message to send; ``receive`` gives what to send next or, once ``state`` is ``OPEN``, the
    device's answer; ``ask`` gives the message that carries a request. Any ``SessionError`` is the end of it.
    """

    def __init__(self, key: PrivateKey, credential: bytes, chain: tuple[bytes, ...]) -> None:
        self._key = key
        self._hello = messages.encode(Hello(messages.VERSION, credential, chain))
        self._handshake = Responder(key)
        self._channel: Channel | None = None
        self._peer = b""
        self.state = SessionState.CLOSED

    def begin(self) -> bytes:
        """The greeting."""
        self.state = SessionState.GREETING
        return self._hello

    def ask(self, request: Request) -> bytes:
        """A request, sealed.

        Raises:
            SessionError: the session is not open.
        """
        if self._channel is None or self.state is not SessionState.OPEN:
            raise SessionError("the session is not open")
        return messages.encode(self._channel.seal(messages.encode(request)))

    def receive(self, data: bytes) -> bytes | Answer | None:
        """Take one message of the device.

        Answers bytes to send back, None when the session has just opened, or the device's answer to the last request.

        Raises:
            SessionError: it is not what comes next; the session is over.
        """
        try:
            return _RECEIVE[self.state](self, messages.decode(data))
        except (MessageError, RecordError, EdhocError, SessionError) as error:
            self.state = SessionState.OVER
            raise SessionError(str(error)) from error

    def identify(self, answer: Reported, trust: Trust, *, now: int) -> Identified:
        """Who the device is.

        Raises:
            SessionError: its credential does not stand or is not over the key of this session, or its report is not
                its own or was made for another station.
        """
        try:
            credential = trust.credential(answer.credential, now=now)
            report = Report.read(answer.report, credential.signing)
        except (CredentialError, ReportError) as error:
            raise SessionError(str(error)) from error
        self._require_own(credential.agreement)
        return Identified(credential, self._addressed(report))

    def enrolled(self, answer: Enrol) -> tuple[PublicKey, PublicKey, Report]:
        """A new device's agreement key, signing key and report.

        Raises:
            SessionError: the keys are none, or not those of this session, or the report is not signed with them.
        """
        try:
            agreement, signing = PublicKey.decode(answer.agreement), PublicKey.decode(answer.signing)
            report = Report.read(answer.report, signing)
        except (BadKey, ReportError) as error:
            raise SessionError(str(error)) from error
        self._require_own(agreement)
        return agreement, signing, self._addressed(report)

    def _require_own(self, agreement: PublicKey) -> None:
        if claim_set(agreement) != self._peer:
            raise SessionError("the credential is of another device than the one at the other end")

    def _addressed(self, report: Report) -> Report:
        if report.station != self._key.public.id:
            raise SessionError("the report was made for another station")
        return report

    def greeting(self, message: messages.Message) -> bytes:
        """Message 1 has come: answer it."""
        answer = self._handshake.message_2(_edhoc(message), {labels.EAD_HELLO: messages.digest(self._hello)})
        self.state = SessionState.PROVING
        return messages.encode(Edhoc(answer))

    def proving(self, message: messages.Message) -> None:
        """Message 3: the device proves the key that it shows."""
        claimed = self._handshake.read_3(_edhoc(message))
        if not claimed.ccs or claimed.ead:
            raise SessionError("the device did not show its key")
        self._handshake.verify(claimed.ccs)
        self._handshake.complete()
        self._peer = claimed.ccs
        self._channel = Channel(self._handshake.export, device=False)
        self.state = SessionState.OPEN

    def answered(self, message: messages.Message) -> Answer:
        """An answer in a record."""
        if isinstance(message, Record) and self._channel is not None:
            answer = messages.decode(self._channel.open(message))
            if isinstance(answer, Answer):
                return answer
        raise SessionError(_said(message))

    def nothing(self, message: messages.Message) -> None:
        """Nothing is expected in this state."""
        raise SessionError(f"{type(message).__name__} while {self.state.name}")


_RECEIVE: Final = {
    SessionState.CLOSED: StationSession.nothing,
    SessionState.GREETING: StationSession.greeting,
    SessionState.PROVING: StationSession.proving,
    SessionState.OPEN: StationSession.answered,
    SessionState.OVER: StationSession.nothing,
}


def _edhoc(message: messages.Message) -> bytes:
    if not isinstance(message, Edhoc):
        raise SessionError(_said(message))
    return message.message


def _said(message: messages.Message) -> str:
    if isinstance(message, Failure):
        return f"the device ended the session: {message.reason}"
    return f"{type(message).__name__} where it has no place"
