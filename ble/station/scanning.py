"""Who is in pairing mode around the adapter, and on request who each of them is."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from ble.station.errors import DeviceLost, DeviceRefused, LinkUnprotected
from ble.station.radio import Sighted
from ble.station.work import Met, Work, about


@dataclass(frozen=True)
class Found:
    """A device in pairing mode. ``met`` is who it is; ``unknown`` is why that could not be found out."""

    sighted: Sighted
    met: Met | None = None
    unknown: str = ""

    def facts(self) -> dict[str, Any]:
        """For a program."""
        found: dict[str, Any] = {"address": self.sighted.address, "rssi": self.sighted.rssi}
        if self.met is not None:
            found |= about(self.met)
        if self.unknown:
            found["unknown"] = self.unknown
        return found

    def words(self) -> str:
        """For a person."""
        heard = f"{self.sighted.address}  {self.sighted.rssi} dBm"
        if self.met is not None:
            vitals = self.met.identified.report.vitals
            return f"{heard}  {self.met.kind} {self.met.serial}  {vitals.firmware}  {vitals.battery_percent}%"
        return f"{heard}  {self.unknown}".rstrip()


async def scan(work: Work, seconds: float, *, ask: bool) -> AsyncIterator[Found]:
    """Each device in pairing mode that is heard in that time, once an address.

    Raises:
        AdapterGone: there is no Bluetooth.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    seen: set[str] = set()
    while (left := until - loop.time()) > 0:
        sighted = await work.radio.first(lambda one: one.address not in seen, left)
        if sighted is None:
            return
        seen.add(sighted.address)
        yield await _asked(work, sighted) if ask else Found(sighted)


async def _asked(work: Work, sighted: Sighted) -> Found:
    try:
        async with work.opened(sighted) as contact:
            return Found(sighted, Met(contact, await contact.introduce()))
    except (DeviceLost, DeviceRefused, LinkUnprotected) as error:
        return Found(sighted, unknown=error.what)
