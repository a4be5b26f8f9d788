"""The guest's Bluetooth adapter: a simulated controller on the air, joined to the kernel as if it were plugged in."""

import asyncio

from bleak import BleakScanner
from bleak.exc import BleakBluetoothNotAvailableError
from bumble import hci
from bumble.transport.vhci import open_vhci_transport

from ble.air.controller import AirController
from ble.air.link import AirLink

NAME = "adapter"
# A public one, as an adapter has: addresses and their kinds go into the link's pairing.
ADDRESS = hci.Address("F0:F1:F2:F3:F4:F5", hci.Address.PUBLIC_DEVICE_ADDRESS)
# A controller that has either reports a connection by the enhanced event (Core 5.4, Vol 4, Part E, 3.1, C24), which the
# kernel then waits for; this one reports it by the older.
NEWER = hci.LeFeatureMask.LL_PRIVACY | hci.LeFeatureMask.LE_EXTENDED_ADVERTISING
PATIENCE_S = 30.0


async def plug_in(link: AirLink, *, at: tuple[float, float]) -> AirController:
    """A controller at this place in metres, whose host is the kernel."""
    controller = AirController(NAME, link)
    controller.public_address = ADDRESS
    controller.le_features &= ~NEWER
    link.move(NAME, *at)
    kernel = await open_vhci_transport(None)
    controller.host = kernel.sink
    kernel.source.set_packet_sink(controller)
    return controller


async def switched_on() -> None:
    """Wait until BlueZ has the adapter and switched it on.

    Raises:
        TimeoutError: it does not.
    """
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                async with BleakScanner():
                    return
            except BleakBluetoothNotAvailableError:
                await asyncio.sleep(0.1)
