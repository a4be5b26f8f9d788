"""What BlueZ itself says of its bonds, beside the station: who was bonded while connected."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from dbus_fast.aio import MessageBus
from dbus_fast.constants import BusType
from dbus_fast.message import Message

_DEVICE = "org.bluez.Device1"
_RULE = "type='signal',sender='org.bluez',interface='org.freedesktop.DBus.Properties',member='PropertiesChanged'"


@asynccontextmanager
async def watched() -> AsyncIterator[set[str]]:
    """The devices, by BlueZ's paths, that it reported as bonded from here on."""
    bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
    bonded: set[str] = set()

    def note(message: Message) -> None:
        if message.member == "PropertiesChanged" and message.body[0] == _DEVICE:
            changed: dict[str, Any] = message.body[1]
            if "Bonded" in changed and changed["Bonded"].value:
                bonded.add(str(message.path))

    bus.add_message_handler(note)
    rule = Message("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "AddMatch", signature="s")
    rule.body = [_RULE]
    await bus.call(rule)
    try:
        yield bonded
    finally:
        bus.disconnect()


async def kept() -> list[str]:
    """The devices that BlueZ holds a bond with now."""
    bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
    try:
        asked = Message("org.bluez", "/", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")
        answer = await bus.call(asked)
        assert answer is not None
        devices = {path: of[_DEVICE] for path, of in answer.body[0].items() if _DEVICE in of}
        return [path for path, properties in devices.items() if properties["Bonded"].value]
    finally:
        bus.disconnect()
