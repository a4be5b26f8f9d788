"""What protects a link below the application, asked of the operating system after it said that it paired."""

import sys
from enum import StrEnum
from typing import Any, Final, Protocol, runtime_checkable

from bleak import BleakClient

from ble.station.errors import LinkUnprotected

if sys.platform == "linux":
    from ble.station import bluez

# A plain string, or a type checker takes every other system's branch for one that is never reached.
_SYSTEM: Final[str] = str(sys.platform)
_MEND: Final = (
    "Remove the device in the system's Bluetooth settings and try again. On Linux see that the kernel has drbg, cmac "
    "and ecdh_generic loaded: without them pairing reports success and the link is not encrypted."
)


class Protection(StrEnum):
    """What is known of the link's own security.

    ``authenticated``: encrypted and bonded, and nobody sat between. ``bonded``: encrypted and bonded. ``unverified``:
    the operating system does not say; then the protocol above the link stands alone, and the device's signed report
    says what its own controller sees.
    """

    AUTHENTICATED = "authenticated"
    BONDED = "bonded"
    UNVERIFIED = "unverified"


@runtime_checkable
class _Asked(Protocol):
    """A backend that says what protects its connection."""

    async def security(self) -> Any:
        """What protects it."""


async def require_protected(client: BleakClient) -> Protection:
    """What protects this connection.

    Raises:
        LinkUnprotected: the operating system says that it is not encrypted and bonded.
    """
    # What bleak's own interface leaves out is asked of its backend.
    backend: Any = client._backend
    if isinstance(backend, _Asked):
        return _of(await backend.security())
    if _SYSTEM == "linux":
        return _require(await bluez.bonded(backend._device_path))
    if _SYSTEM == "win32":
        return _require(_paired_on_windows(backend))
    return Protection.UNVERIFIED


def _of(security: Any) -> Protection:
    _require(security.encrypted and security.bonded and security.secure_connections)
    return Protection.AUTHENTICATED if security.authenticated else Protection.BONDED


def _paired_on_windows(backend: Any) -> bool:
    return bool(backend._requester.device_information.pairing.is_paired)


def _require(protected: bool) -> Protection:
    if not protected:
        raise LinkUnprotected("The link is not encrypted and bonded, although pairing reported success.", _MEND)
    return Protection.BONDED
