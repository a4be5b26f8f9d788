"""The CBOR subset: one encoding for everything, and nothing else is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble.protocol import cbor

_SCALARS = st.none() | st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.binary(max_size=300) | st.text(max_size=50)
_KEYS = st.integers(-(2**17), 2**17) | st.text(max_size=5)
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=4), max_leaves=12
)


def _depth(value: cbor.Value) -> int:
    match value:
        case list():
            return 1 + max(map(_depth, value), default=0)
        case dict():
            return 1 + max(map(_depth, value.values()), default=0)
    return 1


@given(_VALUES.filter(lambda value: _depth(value) <= 8))
def test_what_is_written_is_read_back(value: cbor.Value) -> None:
    assert cbor.decode(cbor.encode(value)) == value


@given(st.binary(max_size=200))
def test_bytes_are_refused_or_are_the_one_encoding_of_their_value(data: bytes) -> None:
    try:
        value = cbor.decode(data)
    except cbor.CborError:
        return
    assert cbor.encode(value) == data


@pytest.mark.parametrize(
    "data",
    [
        "1800",  # 0 in two bytes
        "190001",  # 1 in three
        "9fff",  # an array whose length is left open
        "f90000",  # floating point
        "f7",  # undefined
        "f814",  # false in two bytes
        "a201000100",  # a key twice
        "a202000100",  # keys out of order
        "61ff",  # no UTF-8
        "9bffffffffffffffff",  # an array longer than the message
        "818181818181818100",  # nine deep
        "a18000",  # a key that is an array
        "a1f500",  # a key that is true
        "0000",  # two values
        "",
    ],
)
def test_another_form_is_refused(data: str) -> None:
    with pytest.raises(cbor.CborError):
        cbor.decode(bytes.fromhex(data))


def test_numbers_beyond_eight_bytes_have_no_encoding() -> None:
    with pytest.raises(cbor.CborError):
        cbor.encode(2**64)
