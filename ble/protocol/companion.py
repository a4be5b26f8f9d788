"""What a monitor says to a camera that it is paired with, over the connection that the two hold open.

All keys come from the pairing's companion key. A command carries a number that only rises, in its nonce and in the
clear; the camera answers each once, under a key of its own direction. The camera can be found by its monitor alone: the
resolvable private address that it advertises under is made from a key of theirs (Core 5.4, Vol 6, Part B, 1.3.2.2), and
never given away in the link's own pairing, which anybody near could ask for.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from ble.protocol import cbor
from ble.protocol.beacon import LAST_COUNTER, Kind

KEY_BYTES: Final = 16
NUMBER_BYTES: Final = 8
TAG_BYTES: Final = 8
LAST_NUMBER: Final = 2**53
LONGEST: Final = 160
SERIAL_LIMIT: Final = 64
ADDRESS_BYTES: Final = 6
_LAST_MS: Final = 2**48
_VERSION, _START = 1, 1
_TAIL = bytes(5)
_PRAND_BYTES, _HASH_BYTES = 3, 3
_RESOLVABLE, _TYPE_BITS = 0x40, 0xC0


class CompanionError(ValueError):
    """Not a command or answer of this pair, or one that was said before."""


@dataclass(frozen=True)
class Start:
    """Record: this activation is going on. ``at_ms`` by the monitor's clock, in ms since 1970 UTC."""

    sppm: str
    counter: int
    kind: Kind
    at_ms: int

    def encode(self) -> bytes:
        """In the clear."""
        return cbor.encode([_VERSION, _START, self.sppm, self.counter, int(self.kind), self.at_ms])

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read what ``encode`` wrote.

        Raises:
            CompanionError: it did not write this.
        """
        try:
            match cbor.decode(data):
                case [1, 1, str(sppm), int(counter), int(kind), int(at_ms)] if _is_sound(sppm, counter, at_ms):
                    return cls(sppm, counter, Kind(kind), at_ms)
        except ValueError as error:
            raise CompanionError(str(error)) from error
        raise CompanionError("no command of this version")


def _is_sound(sppm: str, counter: int, at_ms: int) -> bool:
    whole = type(counter) is int and type(at_ms) is int
    return whole and 0 < len(sppm) <= SERIAL_LIMIT and 0 <= counter <= LAST_COUNTER and 0 <= at_ms <= _LAST_MS


@dataclass(frozen=True)
class Keys:
    """The keys of one monitor and one camera, all from the 16 bytes that their handshake exported for this."""

    companion_key: bytes

    @cached_property
    def command(self) -> AESCCM:
        """Monitor to camera."""
        return AESCCM(self._expand(b"companion command"), tag_length=TAG_BYTES)

    @cached_property
    def answer(self) -> AESCCM:
        """Camera to monitor."""
        return AESCCM(self._expand(b"companion answer"), tag_length=TAG_BYTES)

    @cached_property
    def irk(self) -> bytes:
        """The identity resolving key of the camera's companion advertising."""
        return self._expand(b"companion address")

    def _expand(self, label: bytes) -> bytes:
        return HKDFExpand(SHA256(), KEY_BYTES, label).derive(self.companion_key)


class Monitor:
    """The monitor's end. ``last`` is the highest number that was ever used, which is stored before it is sent."""

    def __init__(self, keys: Keys, last: int) -> None:
        self._keys = keys
        self.last = last

    def command(self, start: Start, number: int) -> bytes:
        """A command under this number.

        Raises:
            CompanionError: the number, or a higher one, was used before.
        """
        if not self.last < number <= LAST_NUMBER:
            raise CompanionError(f"number {number} does not follow {self.last}")
        self.last = number
        return _seal(self._keys.command, number, start.encode())

    def answered(self, data: bytes) -> tuple[int, bool]:
        """A camera's answer: to which number, and whether it records now.

        Raises:
            CompanionError: it is none of this camera's.
        """
        number, said = _open(self._keys.answer, data)
        if number > self.last or said not in {b"\x00", b"\x01"}:
            raise CompanionError("an answer to what was never said")
        return number, said == b"\x01"


class Camera:
    """The camera's end. ``last`` is the highest number that it has acted on, which it stores."""

    def __init__(self, keys: Keys, last: int) -> None:
        self._keys = keys
        self.last = last

    def read(self, data: bytes) -> Start:
        """The next command; ``last`` is then its number.

        Raises:
            CompanionError: it is not of this monitor, or was said before.
        """
        number, plain = _open(self._keys.command, data)
        if number <= self.last:
            raise CompanionError(f"number {number} was used: the last is {self.last}")
        start = Start.decode(plain)
        self.last = number
        return start

    def answer(self, recording: bool) -> bytes:
        """The answer to the last command, once."""
        return _seal(self._keys.answer, self.last, bytes([recording]))


def _seal(cipher: AESCCM, number: int, plain: bytes) -> bytes:
    clear = number.to_bytes(NUMBER_BYTES)
    return clear + cipher.encrypt(clear + _TAIL, plain, clear)


def _open(cipher: AESCCM, data: bytes) -> tuple[int, bytes]:
    if not NUMBER_BYTES + TAG_BYTES < len(data) <= LONGEST:
        raise CompanionError("too short or too long")
    clear, sealed = data[:NUMBER_BYTES], data[NUMBER_BYTES:]
    number = int.from_bytes(clear)
    if number > LAST_NUMBER:
        raise CompanionError("a number out of bounds")
    try:
        return number, cipher.decrypt(clear + _TAIL, sealed, clear)
    except InvalidTag as error:
        raise CompanionError("altered, or another pair's") from error


def address(irk: bytes, prand: bytes) -> bytes:
    """A resolvable private address, most significant byte first, from three random bytes."""
    chosen = bytes([prand[0] & ~_TYPE_BITS | _RESOLVABLE]) + prand[1:_PRAND_BYTES]
    return chosen + _hash(irk, chosen)


def is_of(irk: bytes, found: bytes) -> bool:
    """Whether an address, most significant byte first, was made with this key."""
    if len(found) != ADDRESS_BYTES or found[0] & _TYPE_BITS != _RESOLVABLE:
        return False
    return found[_PRAND_BYTES:] == _hash(irk, found[:_PRAND_BYTES])


def _hash(irk: bytes, prand: bytes) -> bytes:
    """``ah`` (Core 5.4, Vol 3, Part H, 2.2.2)."""
    # One block under a key that is used for nothing else is what the standard defines the function as.
    encryptor = Cipher(algorithms.AES(irk), modes.ECB()).encryptor()  # noqa: S305
    return encryptor.update(bytes(13) + prand)[-_HASH_BYTES:]
