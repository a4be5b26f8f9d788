"""BlueZ alone: the pairing agent that bleak does not register, and what BlueZ says of a bond.

Without an agent ``Pair`` waits for somebody who is not there. This one confirms whatever number BlueZ shows: who the
device is follows from the protocol above the link, and the link's own pairing is a second lock.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from bleak.backends.bluezdbus.utils import get_dbus_authenticator
from dbus_fast.aio import MessageBus
from dbus_fast.constants import BusType, MessageType
from dbus_fast.errors import AuthError, DBusError
from dbus_fast.message import Message
from dbus_fast.service import ServiceInterface, dbus_method

from ble.station.errors import AdapterGone

PATH: Final = "/uk/fleet/station/agent"
CAPABILITY: Final = "DisplayYesNo"
_BLUEZ, _ROOT, _MANAGER, _DEVICE = "org.bluez", "/org/bluez", "org.bluez.AgentManager1", "org.bluez.Device1"
_PROPERTIES = "org.freedesktop.DBus.Properties"
_MEND: Final = "Start bluetoothd (systemctl start bluetooth), and see that this account may use it."


class Agent(ServiceInterface):
    """``org.bluez.Agent1``: confirms numeric comparison and Just Works; refuses PINs, which are the old pairing's."""

    def __init__(self) -> None:
        super().__init__("org.bluez.Agent1")

    @dbus_method()
    def Release(self) -> None:  # noqa: N802 - D-Bus names
        """BlueZ needs it no more."""

    @dbus_method()
    def Cancel(self) -> None:  # noqa: N802
        """What was asked is withdrawn."""

    @dbus_method()
    def RequestConfirmation(self, device: "o", passkey: "u") -> None:  # type: ignore[name-defined]  # noqa: F821, N802
        """Both sides show the same number."""

    @dbus_method()
    def RequestAuthorization(self, device: "o") -> None:  # type: ignore[name-defined]  # noqa: F821, N802
        """Just Works."""

    @dbus_method()
    def AuthorizeService(self, device: "o", uuid: "s") -> None:  # type: ignore[name-defined]  # noqa: ARG002, F821, N802
        """A device may not use this machine's services."""
        raise DBusError("org.bluez.Error.Rejected", "a station has no services")

    @dbus_method()
    def RequestPinCode(self, device: "o") -> "s":  # type: ignore[name-defined]  # noqa: ARG002, F821, N802
        """The pairing of before Bluetooth 4.2."""
        raise DBusError("org.bluez.Error.Rejected", "no PIN is typed here")

    @dbus_method()
    def RequestPasskey(self, device: "o") -> "u":  # type: ignore[name-defined]  # noqa: ARG002, F821, N802
        """A number to type."""
        raise DBusError("org.bluez.Error.Rejected", "no number is typed here")


@asynccontextmanager
async def agent() -> AsyncIterator[None]:
    """Answer BlueZ's questions about pairing while the block runs.

    Raises:
        AdapterGone: there is no BlueZ, or this account may not use it.
    """
    bus = await _bus()
    try:
        bus.export(PATH, Agent())
        await _call(bus, _ROOT, _MANAGER, "RegisterAgent", "os", [PATH, CAPABILITY])
        await _call(bus, _ROOT, _MANAGER, "RequestDefaultAgent", "o", [PATH])
        yield
    finally:
        # BlueZ unregisters an agent whose connection to the bus is gone.
        bus.disconnect()


async def bonded(path: str) -> bool:
    """Whether BlueZ holds a bond with the connected device at this object path, whose key it would encrypt with again.

    ``Pair`` answers without an error where the kernel lacks the cryptography, and ``Paired`` is true for a link's own
    lifetime; ``Bonded`` is whether a key was kept. Asked by path: a device's address changes once it has paired.
    """
    bus = await _bus()
    try:
        return all([await _property(bus, path, name) for name in ("Paired", "Bonded", "Connected")])
    finally:
        bus.disconnect()


async def _property(bus: MessageBus, path: str, name: str) -> bool:
    found = await _call(bus, path, _PROPERTIES, "Get", "ss", [_DEVICE, name])
    return found.body[0].value is True


async def _bus() -> MessageBus:
    try:
        return await MessageBus(bus_type=BusType.SYSTEM, auth=get_dbus_authenticator()).connect()
    except (OSError, AuthError, DBusError, EOFError) as error:
        raise AdapterGone(f"There is no system bus to reach BlueZ over: {error}.", _MEND) from error


async def _call(bus: MessageBus, path: str, interface: str, member: str, signature: str, body: list[object]) -> Message:
    message = Message(destination=_BLUEZ, path=path, interface=interface, member=member, signature=signature, body=body)
    reply = await bus.call(message)
    if reply is None or reply.message_type is MessageType.ERROR:
        said = "no answer" if reply is None else f"{reply.error_name} {reply.body}"
        raise AdapterGone(f"BlueZ refuses {member}: {said}.", _MEND)
    return reply
