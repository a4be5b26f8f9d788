"""What a device's side says and does: refusals, steps for the device's owner, and the rows of a side's table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any, Generic, TypeVar

from ble.protocol.memory import Memory, Pairing
from ble.protocol.messages import LogRequest, Message, SetClock, TestRequest
from ble.protocol.reports import Vitals

Application = SetClock | TestRequest | LogRequest


class Refusal(StrEnum):
    """Why a device says no."""

    BUSY = "busy"
    VERSION = "version"
    STATION = "station-not-trusted"
    MALFORMED = "malformed"
    NOT_EXPECTED = "not-expected"
    HANDSHAKE = "handshake-failed"
    PERMIT = "permit-not-trusted"
    OTHER_DEVICES = "permit-for-other-devices"
    OTHER_STATION = "permit-for-another-station"
    NOT_FRESH = "permit-not-fresh"
    EXPIRED = "permit-expired"
    LEVEL = "level-too-low"
    PEER = "other-device-not-trusted"
    FULL = "no-room-for-another-pairing"
    NOT_PAIRED = "not-paired"
    RECEIPT = "receipt-not-trusted"
    ORDER = "order-not-trusted"
    TRUST = "trust-not-trusted"
    CREDENTIAL = "credential-not-trusted"


class Refusing(Exception):
    """The device says no. The transaction that was under way is dropped; what is stored stays."""

    def __init__(self, reason: Refusal, found: str = "") -> None:
        super().__init__(found or reason.value)
        self.reason = reason
        self.found = found


@dataclass(frozen=True)
class Born:
    """A pairing with its keys, to be stored in the same write as the memory that names it, and nowhere else.

    Each is 16 bytes. The first two are ratcheted and erased as counters go by, so the third, for the commands of a
    monitor to its companion, is one of its own.
    """

    pairing: Pairing
    beacon_key: bytes = field(repr=False)
    identifier_key: bytes = field(repr=False)
    companion_key: bytes = field(repr=False)


@dataclass(frozen=True)
class Step:
    """What the device's owner does now, in this order.

    Attributes:
        write: the memory to store, with ``born`` and without ``gone``, in one write; None when nothing changed.
        born: new pairings with their keys.
        gone: ids of pairings whose keys are erased.
        send: the message to send, once the write is done.
        ask: a request that only the device's application can answer, by ``Device.answer``.
        close: whether the connection ends after that.
        note: why, for the device's own log; never sent.
    """

    write: Memory | None = None
    born: tuple[Born, ...] = ()
    gone: tuple[bytes, ...] = ()
    send: bytes | None = None
    ask: Application | None = None
    close: bool = False
    note: str = ""


@dataclass(frozen=True)
class Moment:
    """When a message came in: seconds since the device has power, which only ever rise, and what it then measures."""

    uptime_s: float
    vitals: Vitals


@dataclass(frozen=True)
class Reply:
    """What a handler answers, and what it changes."""

    answer: Message | None = None
    memory: Memory | None = None
    born: tuple[Born, ...] = ()
    ask: Application | None = None


State = TypeVar("State", bound=Enum)
_Value = TypeVar("_Value")


def present(value: _Value | None) -> _Value:
    """What the state promises to be there.

    Raises:
        Refusing: it is not, so the message was not expected.
    """
    if value is None:
        raise Refusing(Refusal.NOT_EXPECTED)
    return value


@dataclass(frozen=True)
class Move(Generic[State]):
    """One row of a table: what is done with a message, and the state that it leads to."""

    act: Callable[[Any, Any, Moment], Reply]
    to: State


Table = Mapping[tuple[State, type[Message]], Move[State]]
