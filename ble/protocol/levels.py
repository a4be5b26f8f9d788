"""Protection levels, in the domain's words, weakest first."""

from enum import StrEnum
from typing import Self


class Level(StrEnum):
    """A level that is compared by its place in the order of its kind."""

    def reaches(self, required: Self) -> bool:
        """Whether this is the required level or a stronger one."""
        order = list(type(self))
        return order.index(self) >= order.index(required)


class Encryption(Level):
    """Protection of recordings at rest."""

    NONE = "none"
    AES128 = "aes128"
    AES256 = "aes256"


class Bluetooth(Level):
    """Hardening of a device's Bluetooth."""

    LEGACY = "legacy"
    SECURE_CONNECTIONS = "secure-connections"
    AUTHENTICATED = "authenticated"
