"""The GATT profile: what a device shows over Bluetooth, and what it requires of the link.

In pairing mode, set by hand for sixty seconds, a device advertises the pairing service's UUID and nothing else: no
name, no serial. It does so from a resolvable private address under an identity that it makes anew each time, since some
hosts keep no bond with an address that cannot be resolved. The link must be encrypted before either characteristic
answers; that is a second lock, as every message is protected by the layer above.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

PAIRING_MODE_S: Final = 60
ATT_HEADER: Final = 3
PREFERRED_MTU: Final = 517
# The longest value of an attribute (Core Specification, Vol 3, Part F, 3.2.9), and so the longest frame.
VALUE_LIMIT: Final = 512


@dataclass(frozen=True)
class Characteristic:
    """A characteristic: its UUID, its properties in the words of the Bluetooth Core Specification, and its lock."""

    uuid: UUID
    properties: frozenset[str]
    encrypted: bool = True


@dataclass(frozen=True)
class Service:
    """A GATT service and what it holds."""

    uuid: UUID
    characteristics: tuple[Characteristic, ...]


TO_DEVICE: Final = Characteristic(UUID("8e6d0002-5f0a-4b52-9d1c-3b7a62c1f04e"), frozenset({"write"}))
FROM_DEVICE: Final = Characteristic(UUID("8e6d0003-5f0a-4b52-9d1c-3b7a62c1f04e"), frozenset({"notify"}))
PAIRING: Final = Service(UUID("8e6d0001-5f0a-4b52-9d1c-3b7a62c1f04e"), (TO_DEVICE, FROM_DEVICE))

COMMAND: Final = Characteristic(UUID("8e6d0012-5f0a-4b52-9d1c-3b7a62c1f04e"), frozenset({"write"}))
STATUS: Final = Characteristic(UUID("8e6d0013-5f0a-4b52-9d1c-3b7a62c1f04e"), frozenset({"notify"}))
COMPANION: Final = Service(UUID("8e6d0011-5f0a-4b52-9d1c-3b7a62c1f04e"), (COMMAND, STATUS))
