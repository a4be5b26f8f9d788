"""Advertising data: the structures of the Core Specification Supplement, part A, that anybody here reads."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from uuid import UUID

_UUID_LISTS = {0x02: 2, 0x03: 2, 0x04: 4, 0x05: 4, 0x06: 16, 0x07: 16}
_SERVICE_DATA = {0x16: 2, 0x20: 4, 0x21: 16}
_NAMES = {0x08, 0x09}
_POWER, _MANUFACTURER = 0x0A, 0xFF
_COMPANY_BYTES = 2
# What a UUID of 16 or 32 bits stands for (Core 5.4, Vol 3, Part B, 2.5.1).
_BASE = UUID("00000000-0000-1000-8000-00805f9b34fb").int
_SHORT_SHIFT, _LONGEST_SHORT = 96, 4


@dataclass(slots=True)
class Advertised:
    """What an advertisement says: UUIDs in full and lower case, company identifiers as numbers, power in dBm."""

    name: str | None = None
    power: int | None = None
    manufacturer: dict[int, bytes] = field(default_factory=dict)
    services: list[str] = field(default_factory=list)
    service_data: dict[str, bytes] = field(default_factory=dict)


def structures(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The type and value of each structure in advertising data; ends at the first that does not fit."""
    at = 0
    while at < len(data) and (length := data[at]) and at + 1 + length <= len(data):
        yield data[at + 1], data[at + 2 : at + 1 + length]
        at += 1 + length


def full_uuid(little_endian: bytes) -> str:
    """A UUID of 2, 4 or 16 bytes as text."""
    number = int.from_bytes(little_endian, "little")
    short = len(little_endian) <= _LONGEST_SHORT
    return str(UUID(int=_BASE + (number << _SHORT_SHIFT) if short else number))


def read(found: Iterable[tuple[int, bytes]]) -> Advertised:
    """Make sense of structures; what cannot be is left out."""
    said = Advertised()
    for kind, value in found:
        if size := _UUID_LISTS.get(kind):
            said.services += [full_uuid(value[at : at + size]) for at in range(0, len(value) - size + 1, size)]
        elif (size := _SERVICE_DATA.get(kind)) and len(value) >= size:
            said.service_data[full_uuid(value[:size])] = value[size:]
        elif kind == _MANUFACTURER and len(value) >= _COMPANY_BYTES:
            said.manufacturer[int.from_bytes(value[:_COMPANY_BYTES], "little")] = value[_COMPANY_BYTES:]
        elif kind in _NAMES:
            said.name = value.decode(errors="replace")
        elif kind == _POWER and len(value) == 1:
            said.power = int.from_bytes(value, "little", signed=True)
    return said
