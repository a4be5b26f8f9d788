"""A whole Bluetooth stack in software on the air: bumble's host, GATT and security manager over ``AirController``."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from bumble import hci
from bumble.device import AdvertisementDataAccumulator, AdvertisingSet, Device, DeviceConfiguration
from bumble.keys import MemoryKeyStore

from ble.air.controller import AirController, QuietHost
from ble.air.link import AirLink

# What bumble keeps of each address that it has heard; addresses are renewed all day, so it must not grow with them.
ADDRESSES_KEPT = 512


class Accumulators(OrderedDict[hci.Address, AdvertisementDataAccumulator]):
    """The last so many addresses heard."""

    def __setitem__(self, address: hci.Address, accumulator: AdvertisementDataAccumulator) -> None:
        super().__setitem__(address, accumulator)
        if len(self) > ADDRESSES_KEPT:
            self.popitem(last=False)


class AirDevice(Device):
    """A bumble device with a controller on the air."""

    def __init__(self, controller: AirController, config: DeviceConfiguration) -> None:
        super().__init__(config=config, host=QuietHost(controller, controller))
        self.controller = controller
        self._making = asyncio.Lock()
        self.keystore = MemoryKeyStore()

    async def start_scanning(self, *args: object, **kwargs: object) -> None:
        await super().start_scanning(*args, **kwargs)  # type: ignore[arg-type]
        self.advertisement_accumulators = Accumulators()

    async def create_advertising_set(self, *args: Any, **kwargs: Any) -> AdvertisingSet:
        """One at a time: bumble takes a set's handle for free until the controller has answered."""
        async with self._making:
            return await super().create_advertising_set(*args, **kwargs)

    async def use_address(self, address: hci.Address) -> None:
        """Be known by another random address from now on; not while it advertises or connects under the old one."""
        await self.stop_advertising()
        await self.send_sync_command(hci.HCI_LE_Set_Random_Address_Command(random_address=address))
        self.random_address = address

    async def update_rpa(self) -> bool:
        """Renew a resolvable private address; False while it is in use."""
        if self.is_advertising or self.is_scanning or self.is_le_connecting:
            return False
        await self.use_address(hci.Address.generate_private_address(self.irk))
        return True

    def lose_power(self) -> None:
        """Gone this moment: nothing is said to anybody, and what waited for an answer is told that none will come."""
        self.powered_on = False
        self.controller.power_off()
        for handle in list(self.connections):
            self.on_disconnection(handle, hci.HCI_ErrorCode.REMOTE_DEVICE_TERMINATED_CONNECTION_DUE_TO_POWER_OFF_ERROR)
        if (pending := self.host.pending_response) is not None:
            pending.cancel()
        self.emit(self.EVENT_FLUSH)


Hear = Callable[[bytes, int], None]
"""Takes a packet's advertising data and its strength in dBm."""


class ListeningDevice(AirDevice):
    """One that takes every packet as it is, without a record of whom it has heard."""

    hear: Hear | None = None

    def on_advertising_report(
        self,
        report: hci.HCI_LE_Advertising_Report_Event.Report | hci.HCI_LE_Extended_Advertising_Report_Event.Report,
    ) -> None:
        if self.hear is not None:
            self.hear(report.data, report.rssi)


async def power_on(
    link: AirLink, name: str, *, at: tuple[float, float] = (0.0, 0.0), irk: bytes = b"", hear: Hear | None = None
) -> AirDevice:
    """A stack under this name on the link, at this place in metres.

    It says nothing until told to, has a random address that means nothing, and no name. With an identity resolving
    key (16 bytes) its address is a resolvable private one. With ``hear`` that takes what it scans, and nobody else.
    """
    controller = AirController(name, link)
    link.move(name, *at)
    config = DeviceConfiguration(name="", address=hci.Address.generate_private_address(), advertising_data=b"")
    if irk:
        config.irk = irk
        config.le_privacy_enabled = True
    device = AirDevice(controller, config) if hear is None else ListeningDevice(controller, config)
    if isinstance(device, ListeningDevice):
        device.hear = hear
    await device.power_on()
    return device
