"""The activation beacon: one legacy advertisement of 31 bytes that says which event of a Taser happened, and when.

Only the paired camera can tell whose it is, and only the two can make one: see ``docs/protocol.md``, "The beacon".
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

VERSION: Final = 1
FRAME_BYTES: Final = 31
PAYLOAD_BYTES: Final = 24
IDENTIFIER_BYTES: Final = 6
TAG_BYTES: Final = 8
KEY_BYTES: Final = 16
# No company; Bluetooth SIG reserves it for tests. A maker puts its own.
COMPANY: Final = 0xFFFF
LAST_COUNTER: Final = 2**64 - 1
LAST_REFRESH: Final = 255
LONGEST_AGE_MS: Final = 0xFFFF
LAST_MINUTE: Final = 0xFFFF_FFFF
FULL_BATTERY: Final = 100

# Flags (Core Specification Supplement, Part A, 1.3): not discoverable, no BR/EDR.
_FLAGS: Final = bytes((2, 0x01, 0x04))
_MANUFACTURER: Final = 0xFF
_HEADER_BYTES: Final = 8
# The end of every nonce. A later version of the beacon takes another, so that no nonce is ever shared by two formats.
_NONCE_END: Final = b"FBN1"


class Kind(IntEnum):
    """What happened to the Taser."""

    ARMED = 1
    TRIGGER = 2
    ARC = 3
    SAFE = 4
    TEST = 5


class Forged(Exception):
    """The beacon is not what the holder of the key made."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a beacon says under its key.

    ``age_ms`` is how long ago the event was at the start of the refresh, ``clock_minutes`` the Taser's own clock in
    whole minutes since 1970, also at the start of the refresh.
    """

    kind: Kind
    age_ms: int
    clock_minutes: int
    battery_percent: int

    def to_bytes(self) -> bytes:
        """The eight bytes; OverflowError when a number does not fit."""
        return (
            bytes((self.kind,))
            + self.age_ms.to_bytes(2, "big")
            + self.clock_minutes.to_bytes(4, "big")
            + bytes((self.battery_percent,))
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "Content":
        """Raises: ValueError when there is no such kind or battery level."""
        battery = data[7]
        if battery > FULL_BATTERY:
            raise ValueError("a battery holds at most 100%")
        return cls(Kind(data[0]), int.from_bytes(data[1:3], "big"), int.from_bytes(data[3:7], "big"), battery)


def seal(key: bytes, identifier: bytes, counter: int, refresh: int, content: Content) -> bytes:
    """A beacon's 24 bytes of payload under ``K_beacon`` (AES-CCM, RFC 3610, with a tag of 8 bytes)."""
    header = bytes((VERSION, refresh)) + identifier
    sealed = AESCCM(key, TAG_BYTES).encrypt(_nonce(counter, refresh), content.to_bytes(), header)
    return header + sealed


def unseal(key: bytes, counter: int, payload: bytes) -> Content:
    """What a payload of 24 bytes says, if it was sealed with this key for this counter.

    Raises:
        Forged: it was not, or it says what version 1 cannot say.
    """
    header = payload[:_HEADER_BYTES]
    try:
        plain = AESCCM(key, TAG_BYTES).decrypt(_nonce(counter, payload[1]), payload[_HEADER_BYTES:], header)
        return Content.from_bytes(plain)
    except (InvalidTag, ValueError) as error:
        raise Forged from error


def frame(payload: bytes, company: int = COMPANY) -> bytes:
    """The 31 bytes of advertising data around a payload."""
    return frame_start(company) + payload


def frame_start(company: int = COMPANY) -> bytes:
    """The seven bytes before the payload: flags and the header of manufacturer-specific data."""
    return _FLAGS + bytes((PAYLOAD_BYTES + 3, _MANUFACTURER)) + company.to_bytes(2, "little")


def payload_of(data: bytes, start: bytes) -> bytes | None:
    """The payload of advertising data that begins like a beacon; None for whatever else was on the air."""
    if len(data) != FRAME_BYTES or not data.startswith(start) or data[len(start)] != VERSION:
        return None
    return data[len(start) :]


def identifier_of(payload: bytes) -> bytes:
    return payload[2 : 2 + IDENTIFIER_BYTES]


def refresh_of(payload: bytes) -> int:
    """The refresh index *s* of a payload."""
    return payload[1]


def _nonce(counter: int, refresh: int) -> bytes:
    return counter.to_bytes(8, "big") + bytes((refresh,)) + _NONCE_END
