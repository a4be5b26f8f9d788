"""CBOR as this protocol uses it: the core deterministic encoding of RFC 8949, section 4.2.1, and nothing beside it.

Whatever can be said has exactly one encoding here, so that a message that was altered in form only is refused too.
General decoders act on tags (dates, fractions, expressions) before the caller sees them; this one knows integers, byte
and text strings, arrays, maps, true, false and null, and the tag of a signed message (RFC 9052, section 4.2).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Union

Value = Union[int, bytes, str, bool, None, list["Value"], dict["Value", "Value"], "Tagged"]

_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = range(8)
_WORDS: dict[int, bool | None] = {20: False, 21: True, 22: None}
_WIDTHS = {24: 1, 25: 2, 26: 4, 27: 8}
_SHORT = 24
_DEPTH = 8
_LARGEST = 2**64 - 1


class CborError(ValueError):
    """Not well formed, not in the deterministic encoding, or of a kind that the protocol does not use."""


@dataclass(frozen=True)
class Tagged:
    """A tagged value."""

    tag: int
    value: Value


def encode(value: Value) -> bytes:
    """The one encoding of ``value``.

    Raises:
        CborError: it holds something that the protocol has no use for.
    """
    match value:
        case bool() | None:
            return bytes([_SIMPLE << 5 | {False: 20, True: 21, None: 22}[value]])
        case int():
            return _head(_UNSIGNED, value) if value >= 0 else _head(_NEGATIVE, -1 - value)
        case bytes() | str():
            return _string(value)
        case list() | dict():
            return _collection(value)
        case Tagged():
            return _head(_TAG, value.tag) + encode(value.value)
    raise CborError(f"{type(value).__name__} has no place in a message")


def decode(data: bytes) -> Value:
    """Read one value that fills ``data``.

    Raises:
        CborError: there is anything else in ``data``.
    """
    reader = _Reader(data)
    value = reader.value(_DEPTH)
    reader.end()
    return value


def sequence(data: bytes) -> Iterator[Value]:
    """Read a CBOR sequence (RFC 8742).

    Raises:
        CborError: as for ``decode``.
    """
    reader = _Reader(data)
    while reader.rest:
        yield reader.value(_DEPTH)


def _string(value: bytes | str) -> bytes:
    if isinstance(value, bytes):
        return _head(_BYTES, len(value)) + value
    text = value.encode()
    return _head(_TEXT, len(text)) + text


def _collection(value: list[Value] | dict[Value, Value]) -> bytes:
    if isinstance(value, list):
        return _head(_ARRAY, len(value)) + b"".join(map(encode, value))
    pairs = sorted((encode(key), encode(item)) for key, item in value.items())
    return _head(_MAP, len(pairs)) + b"".join(key + item for key, item in pairs)


def _head(major: int, number: int) -> bytes:
    if number < _SHORT:
        return bytes([major << 5 | number])
    for code, width in _WIDTHS.items():
        if number < 1 << 8 * width:
            return bytes([major << 5 | code]) + number.to_bytes(width)
    raise CborError(f"{number} is above {_LARGEST}")


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def rest(self) -> int:
        return len(self._data) - self._at

    def end(self) -> None:
        if self.rest:
            raise CborError(f"{self.rest} bytes follow")

    def take(self, size: int) -> bytes:
        if size > self.rest:
            raise CborError("cut short")
        self._at += size
        return self._data[self._at - size : self._at]

    def head(self) -> tuple[int, int]:
        first = self.take(1)[0]
        major, code = first >> 5, first & 31
        if code < _SHORT:
            return major, code
        if code not in _WIDTHS or major == _SIMPLE:
            raise CborError("neither floating point nor lengths left open are used")
        number = int.from_bytes(self.take(_WIDTHS[code]))
        if len(_head(major, number)) != 1 + _WIDTHS[code]:
            raise CborError("a number in more bytes than it needs")
        return major, number

    def value(self, depth: int) -> Value:
        if not depth:
            raise CborError(f"nested more than {_DEPTH} deep")
        major, number = self.head()
        if major in {_UNSIGNED, _NEGATIVE}:
            return number if major == _UNSIGNED else -1 - number
        if major in {_BYTES, _TEXT}:
            return self.take(number) if major == _BYTES else self._text(number)
        if major in {_ARRAY, _MAP}:
            return self._array(number, depth - 1) if major == _ARRAY else self._map(number, depth - 1)
        if major == _TAG:
            return Tagged(number, self.value(depth - 1))
        if number not in _WORDS:
            raise CborError(f"simple value {number} is not used")
        return _WORDS[number]

    def _text(self, size: int) -> str:
        try:
            return self.take(size).decode()
        except UnicodeDecodeError as error:
            raise CborError("text that is not UTF-8") from error

    def _array(self, size: int, depth: int) -> list[Value]:
        if size > self.rest:
            raise CborError("cut short")
        return [self.value(depth) for _ in range(size)]

    def _map(self, size: int, depth: int) -> dict[Value, Value]:
        if 2 * size > self.rest:
            raise CborError("cut short")
        found: dict[Value, Value] = {}
        last = b""
        for _ in range(size):
            start = self._at
            key = self._key()
            name = self._data[start : self._at]
            if name <= last:
                raise CborError("keys out of order or given twice")
            last = name
            found[key] = self.value(depth)
        return found

    def _key(self) -> int | bytes | str:
        key = self.value(1)
        if isinstance(key, bool) or not isinstance(key, int | bytes | str):
            raise CborError("a key that is neither number nor string")
        return key
