"""Messages between a station and a device, as CBOR arrays whose first element is the message's number.

``Hello``, ``Edhoc``, ``Record`` and ``Failure`` go over the link as they are; everything else only inside records. The
station asks, the device answers each request with one message, and nothing is asked before the last answer came.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Final, get_type_hints

from ble.protocol import cbor
from ble.protocol.frames import MESSAGE_LIMIT

VERSION: Final = 1
NUMBER_LIMIT: Final = 2**53
TEXT_LIMIT: Final = 200
ITEMS_LIMIT: Final = 256


class MessageError(ValueError):
    """Not a message of this protocol."""


@dataclass(frozen=True)
class Hello:
    """Station, in the clear: who it says it is, so that the device can decide whether to speak at all.

    ``trust`` is the chain of signed trusts that the station has from the service, oldest first, for devices that hold
    an older one: each at which the authority's keys changed, and the newest.
    """

    version: int
    credential: bytes
    trust: tuple[bytes, ...]


@dataclass(frozen=True)
class Edhoc:
    """Either side: one EDHOC message of the session between device and station."""

    message: bytes


@dataclass(frozen=True)
class Record:
    """Either side: a message under the session's keys."""

    number: int
    sealed: bytes


@dataclass(frozen=True)
class Failure:
    """Device, in the clear: why it says no more on this link. Believed by nobody, shown to the armourer."""

    reason: str


@dataclass(frozen=True)
class ReportRequest:
    """Station: say who you are and how you are. A fresh nonce is part of every report.

    ``peer`` is the key id of a device: only pairings with it are named then; empty asks for all, the newest 256.
    """

    peer: bytes


@dataclass(frozen=True)
class Reported:
    """Device: its credential and its signed report."""

    credential: bytes
    report: bytes


@dataclass(frozen=True)
class Offer:
    """Station: the permit, and the other device's credential."""

    permit: bytes
    peer: bytes


@dataclass(frozen=True)
class Ready:
    """Camera: the permit fits; I wait for the Taser's first message."""


@dataclass(frozen=True)
class Relay:
    """Either side: one EDHOC message between the two devices, which the station carries and cannot read."""

    message: bytes


@dataclass(frozen=True)
class ReceiptRequest:
    """Station: your receipt for this pairing, again."""

    pairing: bytes


@dataclass(frozen=True)
class Receipt:
    """Either side: a signed receipt. From a Taser it is the camera's proof that the pairing stands."""

    receipt: bytes


@dataclass(frozen=True)
class Unpair:
    """Station: the service's signed order to forget a pairing."""

    order: bytes


@dataclass(frozen=True)
class SetTrust:
    """Station: newer signed trusts, oldest first."""

    trust: tuple[bytes, ...]


@dataclass(frozen=True)
class SetClock:
    """Station: the time, in milliseconds since 1970 UTC."""

    now_ms: int


@dataclass(frozen=True)
class EnrolRequest:
    """Station to a device that has no credential: your public keys."""


@dataclass(frozen=True)
class Enrol:
    """Device: its two public keys (COSE_Key), and its report signed with the new signing key."""

    agreement: bytes
    signing: bytes
    report: bytes


@dataclass(frozen=True)
class Commission:
    """Station: the credential that the authority issued for those keys, and the chain of trusts that it hangs on."""

    credential: bytes
    trust: tuple[bytes, ...]


@dataclass(frozen=True)
class TestRequest:
    """Station: your signed entry of the function test for this pairing."""

    pairing: bytes


@dataclass(frozen=True)
class LogRequest:
    """Station: signed log entries from number ``start`` on, at most ``most`` of them."""

    start: int
    most: int


@dataclass(frozen=True)
class Entries:
    """Device: signed log entries in order, and the number to ask for next; 0 when there are no more."""

    entries: tuple[bytes, ...]
    next: int


@dataclass(frozen=True)
class Done:
    """Device: it is so, and stored."""


@dataclass(frozen=True)
class Refused:
    """Device: no, and why: a ``Refusal``'s value, and what was found."""

    reason: str
    found: str


LinkMessage = Hello | Edhoc | Record | Failure
Request = (
    ReportRequest | Offer | Relay | ReceiptRequest | Receipt | Unpair | SetTrust | SetClock
    | EnrolRequest | Commission | TestRequest | LogRequest
)  # fmt: skip
Answer = Reported | Ready | Relay | Receipt | Enrol | Entries | Done | Refused
Message = LinkMessage | Request | Answer

NUMBERS: Final[dict[type[Message], int]] = {
    Hello: 0, Edhoc: 1, Record: 2, Failure: 3,
    ReportRequest: 16, Reported: 17, Offer: 18, Ready: 19, Relay: 20, ReceiptRequest: 21, Receipt: 22, Unpair: 23,
    SetTrust: 24, SetClock: 25, EnrolRequest: 26, Enrol: 27, Commission: 28, TestRequest: 29, LogRequest: 30,
    Entries: 31, Done: 32, Refused: 33,
}  # fmt: skip
_KINDS: Final = {number: kind for kind, number in NUMBERS.items()}
_SHAPES: Final = {number: tuple(get_type_hints(kind).values()) for kind, number in NUMBERS.items()}


def encode(message: Message) -> bytes:
    """The message's one encoding."""
    body = [_plain(getattr(message, item.name)) for item in fields(message)]
    return cbor.encode([NUMBERS[type(message)], *body])


def digest(message: bytes) -> bytes:
    """SHA-256 of an encoded greeting: the session's message 2 repeats it, so that no word of it can be changed."""
    return hashlib.sha256(message).digest()


def decode(data: bytes) -> Message:
    """Read a message.

    Raises:
        MessageError: it is none, or longer than 16,384 bytes.
    """
    if len(data) > MESSAGE_LIMIT:
        raise MessageError(f"longer than {MESSAGE_LIMIT} bytes")
    try:
        found = cbor.decode(data)
    except cbor.CborError as error:
        raise MessageError(str(error)) from error
    match found:
        case [int(number), *body] if number in _KINDS and not isinstance(number, bool):
            return _read(_KINDS[number], body)
    raise MessageError("no message of this protocol")


def _read(kind: type[Message], body: list[cbor.Value]) -> Message:
    shape = _SHAPES[NUMBERS[kind]]
    if len(body) != len(shape):
        raise MessageError(f"a {kind.__name__} has {len(shape)} fields, not {len(body)}")
    build: Callable[..., Message] = kind
    return build(*(_field(wanted, item) for wanted, item in zip(shape, body, strict=True)))


def _field(wanted: object, item: cbor.Value) -> int | bytes | str | tuple[bytes, ...]:
    match item:
        case bool():
            pass
        case bytes() if wanted is bytes:
            return item
        case int() if wanted is int and 0 <= item <= NUMBER_LIMIT:
            return item
        case str() if wanted is str and len(item) <= TEXT_LIMIT and (item.isprintable() or not item):
            return item
        case list() if wanted == tuple[bytes, ...] and len(item) <= ITEMS_LIMIT:
            return tuple(_bytes(each) for each in item)
    raise MessageError("a field of another kind or out of bounds")


def _bytes(item: cbor.Value) -> bytes:
    if isinstance(item, bytes):
        return item
    raise MessageError("a list that holds more than byte strings")


def _plain(value: int | bytes | str | tuple[bytes, ...]) -> cbor.Value:
    return list(value) if isinstance(value, tuple) else value
