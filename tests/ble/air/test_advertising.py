"""Reading advertising data, of the standard's kind and of any other."""

from hypothesis import given
from hypothesis import strategies as st

from ble.air.advertising import full_uuid, read, structures


@given(st.binary(max_size=255))
def test_advertising_data_of_any_kind_is_read_without_error(data: bytes) -> None:
    assert sum(2 + len(value) for _, value in structures(data)) <= len(data)
    read(structures(data))


def test_advertising_data_is_read_as_the_standard_lays_it_out() -> None:
    data = b"\x02\x01\x06\x03\x03\x0f\x18\x05\xff\xff\xff\x01\x02\x03\x09\x43\x31\x02\x0a\xf4\x04\x16\x0f\x18\x64"
    said = read(structures(data))
    battery = "0000180f-0000-1000-8000-00805f9b34fb"
    assert (said.name, said.power, said.services) == ("C1", -12, [battery])
    assert (said.manufacturer, said.service_data) == ({0xFFFF: b"\x01\x02"}, {battery: b"\x64"})


def test_short_uuids_stand_for_long_ones() -> None:
    assert full_uuid(b"\x0f\x18") == full_uuid(b"\x0f\x18\x00\x00") == "0000180f-0000-1000-8000-00805f9b34fb"
    assert full_uuid(bytes(range(16))) == "0f0e0d0c-0b0a-0908-0706-050403020100"
