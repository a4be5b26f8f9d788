"""A peripheral with the kinds of characteristic that the tests of the backend need."""

from bumble.device import AdvertisingType
from bumble.gatt import Characteristic, CharacteristicValue, Service

from ble.air.link import AirLink
from ble.air.stack import AirDevice, power_on

SERVICE = "6c1ad7b0-7f1e-4c5b-9d0e-1a2b3c4d5e6f"
OPEN = "6c1ad7b1-7f1e-4c5b-9d0e-1a2b3c4d5e6f"
SECRET = "6c1ad7b2-7f1e-4c5b-9d0e-1a2b3c4d5e6f"
NEWS = "6c1ad7b3-7f1e-4c5b-9d0e-1a2b3c4d5e6f"
FLAGS = b"\x02\x01\x06"


def service_advertisement() -> bytes:
    return FLAGS + bytes([17, 0x07]) + bytes.fromhex(SERVICE.replace("-", ""))[::-1]


async def peripheral(
    link: AirLink, name: str = "peripheral", at: tuple[float, float] = (1.0, 0.0)
) -> tuple[AirDevice, list[bytes]]:
    """A device that advertises ``SERVICE``, and what was written to it."""
    device = await power_on(link, name, at=at)
    written: list[bytes] = []
    properties = Characteristic.Properties
    readable, writeable = Characteristic.READABLE, Characteristic.WRITEABLE
    device.add_service(
        Service(
            SERVICE,
            [
                Characteristic(
                    OPEN,
                    properties.READ | properties.WRITE | properties.WRITE_WITHOUT_RESPONSE,
                    readable | writeable,
                    CharacteristicValue(read=lambda _: b"open", write=lambda _, value: written.append(bytes(value))),
                ),
                Characteristic(SECRET, properties.READ, readable | Characteristic.READ_REQUIRES_ENCRYPTION, b"secret"),
                Characteristic(NEWS, properties.NOTIFY, Characteristic.Permissions(0), b""),
            ],
        )
    )
    await advertise(device)
    return device, written


async def advertise(device: AirDevice) -> None:
    await device.start_advertising(
        advertising_type=AdvertisingType.UNDIRECTED_CONNECTABLE_SCANNABLE,
        advertising_data=service_advertisement(),
        advertising_interval_min=100,
        advertising_interval_max=100,
    )


def characteristic_of(device: AirDevice, uuid: str) -> Characteristic[bytes]:
    """One of a device's own characteristics."""
    return next(
        attribute
        for attribute in device.gatt_server.attributes
        if isinstance(attribute, Characteristic) and str(attribute.uuid).lower() == uuid
    )
