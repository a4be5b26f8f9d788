"""The station's part in a pairing: it carries messages between two open sessions and the service, and decides nothing.

It learns no key of the pair. What it can do is to drop, delay or alter, and then nothing is paired that was not before,
or both sides find out at the next contact what the other holds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from ble.protocol.messages import Answer, Offer, Ready, Receipt, ReceiptRequest, Refused, Relay, Reported, ReportRequest
from ble.protocol.messages import Request as DeviceRequest
from ble.protocol.reports import Standing
from ble.protocol.session import Identified


class RelayError(Exception):
    """The pairing did not come about: a device answered what it should not, or said no."""


class Refusal(RelayError):
    """A device said no: ``reason`` is a value of ``ble.protocol.steps.Refusal``."""


class Side(Enum):
    """The two devices."""

    TASER = auto()
    CAMERA = auto()


class RelayState(Enum):
    """How far the station is; named after what it waits for."""

    TASER_REPORT = auto()
    CAMERA_REPORT = auto()
    OLD_RECEIPT = auto()
    OLD_CONFIRMATION = auto()
    PERMIT = auto()
    READY = auto()
    MESSAGE_1 = auto()
    MESSAGE_2 = auto()
    MESSAGE_3 = auto()
    MESSAGE_4 = auto()
    RECEIPT = auto()
    CONFIRMATION = auto()
    AGREED = auto()
    FAILED = auto()


@dataclass(frozen=True)
class Ask:
    """Send this request in the session with this device."""

    side: Side
    request: DeviceRequest


@dataclass(frozen=True)
class NeedPermit:
    """Send both devices' credentials and reports to the service, and answer with ``PairRelay.permitted``."""

    taser: Reported
    camera: Reported


@dataclass(frozen=True)
class Agreed:
    """Both signed receipts, for the service. The pairing stands on both devices."""

    taser: bytes
    camera: bytes


Action = Ask | NeedPermit | Agreed
Identify = Callable[[Side, Reported], Identified]


@dataclass(frozen=True)
class Row:
    """What is done with an answer, and what is waited for next."""

    act: Callable[[Any, Any], Action]
    to: RelayState


class PairRelay:
    """One attempt to pair two devices over two sessions that are open.

    ``identify`` is ``StationSession.identify`` of the side's session. ``unfinished`` are ids of permits that the
    service issued earlier for this very job: a pairing of such a name that both devices turn out to hold is finished by
    its receipts, and no other is made.
    """

    def __init__(self, identify: Identify, unfinished: frozenset[bytes] = frozenset()) -> None:
        self._identify = identify
        self._unfinished = unfinished
        self._reported: dict[Side, Reported] = {}
        self._identified: dict[Side, Identified] = {}
        self._permit = b""
        self._receipt = b""
        self.state = RelayState.TASER_REPORT

    def begin(self) -> Action:
        """The first thing to do."""
        return Ask(Side.TASER, ReportRequest(b""))

    def receive(self, side: Side, answer: Answer) -> Action:
        """Take a device's answer; do what comes back.

        Raises:
            Refusal: the device said no.
            RelayError: it answered what it should not.
            SessionError: a report or credential does not hold.
        """
        row = PAIR.get((self.state, side, type(answer)))
        if row is None:
            failed, self.state = self.state, RelayState.FAILED
            if isinstance(answer, Refused):
                raise Refusal(f"{side.name.lower()}: {answer.reason}: {answer.found}")
            raise RelayError(f"{type(answer).__name__} of the {side.name.lower()} while waiting for {failed.name}")
        self.state = row.to
        return row.act(self, answer)

    def permitted(self, permit: bytes) -> Action:
        """The service's permit has come.

        Raises:
            RelayError: none was asked for.
        """
        if self.state is not RelayState.PERMIT:
            raise RelayError(f"a permit while waiting for {self.state.name}")
        self.state = RelayState.READY
        self._permit = permit
        return Ask(Side.CAMERA, Offer(permit, self._reported[Side.TASER].credential))

    def _report(self, side: Side, answer: Reported) -> None:
        self._reported[side] = answer
        self._identified[side] = self._identify(side, answer)

    def taser_reported(self, answer: Reported) -> Action:
        """Ask the camera next, for what it holds with this Taser."""
        self._report(Side.TASER, answer)
        return Ask(Side.CAMERA, ReportRequest(self._key(Side.TASER)))

    def camera_reported(self, answer: Reported) -> Action:
        """Ask the service for a permit, or finish what an earlier attempt left."""
        self._report(Side.CAMERA, answer)
        unfinished = self._left_behind()
        if unfinished is None:
            return NeedPermit(self._reported[Side.TASER], answer)
        self.state = RelayState.OLD_RECEIPT
        return Ask(Side.TASER, ReceiptRequest(unfinished))

    def _key(self, side: Side) -> bytes:
        return self._identified[side].credential.agreement.id

    def _left_behind(self) -> bytes | None:
        """The pairing that an interrupted attempt of this job made: the Taser holds it, the camera too."""
        camera = {held.pairing for held in self._identified[Side.CAMERA].report.held}
        for held in self._identified[Side.TASER].report.held:
            ours = held.peer == self._key(Side.CAMERA) and held.standing is Standing.AGREED
            if ours and held.pairing in camera & self._unfinished:
                return held.pairing
        return None

    def ready(self, _answer: Ready) -> Action:
        """The camera waits; offer the permit to the Taser."""
        return Ask(Side.TASER, Offer(self._permit, self._reported[Side.CAMERA].credential))

    def to_camera(self, answer: Relay) -> Action:
        """Carry a message of the handshake on to the camera."""
        return Ask(Side.CAMERA, answer)

    def to_taser(self, answer: Relay) -> Action:
        """Carry a message of the handshake on to the Taser."""
        return Ask(Side.TASER, answer)

    def taser_signed(self, answer: Receipt) -> Action:
        """Show the Taser's receipt to the camera."""
        self._receipt = answer.receipt
        return Ask(Side.CAMERA, answer)

    def camera_signed(self, answer: Receipt) -> Action:
        """Both have signed."""
        return Agreed(self._receipt, answer.receipt)


R = RelayState
PAIR: Final[Mapping[tuple[RelayState, Side, type[Answer]], Row]] = {
    (R.TASER_REPORT, Side.TASER, Reported): Row(PairRelay.taser_reported, R.CAMERA_REPORT),
    # On to the receipts instead, where an earlier attempt left a pairing that both hold.
    (R.CAMERA_REPORT, Side.CAMERA, Reported): Row(PairRelay.camera_reported, R.PERMIT),
    (R.OLD_RECEIPT, Side.TASER, Receipt): Row(PairRelay.taser_signed, R.OLD_CONFIRMATION),
    (R.OLD_CONFIRMATION, Side.CAMERA, Receipt): Row(PairRelay.camera_signed, R.AGREED),
    (R.READY, Side.CAMERA, Ready): Row(PairRelay.ready, R.MESSAGE_1),
    (R.MESSAGE_1, Side.TASER, Relay): Row(PairRelay.to_camera, R.MESSAGE_2),
    (R.MESSAGE_2, Side.CAMERA, Relay): Row(PairRelay.to_taser, R.MESSAGE_3),
    (R.MESSAGE_3, Side.TASER, Relay): Row(PairRelay.to_camera, R.MESSAGE_4),
    (R.MESSAGE_4, Side.CAMERA, Relay): Row(PairRelay.to_taser, R.RECEIPT),
    (R.RECEIPT, Side.TASER, Receipt): Row(PairRelay.taser_signed, R.CONFIRMATION),
    (R.CONFIRMATION, Side.CAMERA, Receipt): Row(PairRelay.camera_signed, R.AGREED),
}
