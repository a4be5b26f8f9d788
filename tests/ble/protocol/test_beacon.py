"""The beacon's bytes, and that nothing but the right key opens them."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble.protocol import beacon
from ble.protocol.beacon import Content, Forged, Kind, frame, frame_start, payload_of, seal, unseal
from ble.protocol.counter import TaserEvent, TaserPairing
from ble.protocol.identifiers import Keys
from tests.ble.fired import KEYS

VECTORS: dict[str, Any] = json.loads((Path(__file__).parent.parent / "vectors" / "beacon.json").read_text())
_CONTENTS = st.builds(
    Content, st.sampled_from(Kind), st.integers(0, 0xFFFF), st.integers(0, 2**32 - 1), st.integers(0, 100)
)
_KEY, _IDENTIFIER = KEYS.beacon, b"abcdef"


@pytest.mark.parametrize("vector", VECTORS["beacons"], ids=lambda vector: str(vector["note"]))
def test_vectors_are_what_this_implementation_sends(vector: dict[str, Any]) -> None:
    pairing = VECTORS["pairings"][vector["pairing"]]
    keys = Keys(0, bytes.fromhex(pairing["k_beacon"]), bytes.fromhex(pairing["k_id"]))
    event = TaserEvent(
        vector["counter"],
        Kind[vector["kind"].upper()],
        vector["clock_ms"],
        vector["battery_percent"],
        vector["delay_ms"],
    )

    beacons = TaserPairing(b"", keys, pairing["start"]).beacons(event)

    assert beacons.identifier.hex() == vector["identifier"]
    assert beacons.event.content(vector["refresh"]).to_bytes().hex() == vector["plaintext"]
    payload = beacons.payload(vector["refresh"])
    assert frame(payload, vector["company"]).hex() == vector["advertising_data"]


@pytest.mark.parametrize("vector", VECTORS["ratchet"], ids=lambda vector: f"epoch {vector['epoch']}")
def test_vectors_are_how_this_implementation_turns_keys(vector: dict[str, Any]) -> None:
    pairing = VECTORS["pairings"][vector["pairing"]]
    keys = Keys(0, bytes.fromhex(pairing["k_beacon"]), bytes.fromhex(pairing["k_id"])).at(vector["epoch"])

    assert (keys.beacon.hex(), keys.identifier.hex()) == (vector["k_beacon"], vector["k_id"])


def test_a_frame_is_flags_manufacturer_header_and_24_bytes() -> None:
    data = frame(seal(_KEY, _IDENTIFIER, 7, 3, Content(Kind.ARC, 300, 1, 99)), company=0x1234)

    assert len(data) == 31
    assert data[:9] == bytes((2, 1, 4, 27, 0xFF, 0x34, 0x12, 1, 3))
    assert data[9:15] == _IDENTIFIER


@given(_CONTENTS, st.integers(0, 2**64 - 1), st.integers(0, 255))
def test_what_is_sealed_is_unsealed_with_the_same_key_and_counter(content: Content, counter: int, refresh: int) -> None:
    assert unseal(_KEY, counter, seal(_KEY, _IDENTIFIER, counter, refresh, content)) == content


@given(_CONTENTS, st.integers(0, 24 * 8 - 1))
def test_no_bit_can_be_changed(content: Content, bit: int) -> None:
    sealed = bytearray(seal(_KEY, _IDENTIFIER, 7, 3, content))
    sealed[bit // 8] ^= 1 << bit % 8

    with pytest.raises(Forged):
        unseal(_KEY, 7, bytes(sealed))


@pytest.mark.parametrize(("key", "counter"), [(bytes(16), 7), (_KEY, 8)])
def test_another_key_or_counter_opens_nothing(key: bytes, counter: int) -> None:
    sealed = seal(_KEY, _IDENTIFIER, 7, 3, Content(Kind.ARC, 300, 1, 99))

    with pytest.raises(Forged):
        unseal(key, counter, sealed)


@pytest.mark.parametrize(("at", "value"), [(0, 0), (0, 6), (0, 255), (7, 101)])
def test_what_version_1_cannot_say_is_refused_even_under_the_right_key(
    at: int, value: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = bytearray(Content(Kind.ARC, 300, 1, 99).to_bytes())
    plain[at] = value
    monkeypatch.setattr(Content, "to_bytes", lambda _: bytes(plain))
    sealed = seal(_KEY, _IDENTIFIER, 7, 3, Content(Kind.ARC, 300, 1, 99))

    with pytest.raises(Forged):
        unseal(_KEY, 7, sealed)


@given(st.binary(max_size=40))
def test_garbage_is_no_payload_or_one_that_nothing_opens(data: bytes) -> None:
    payload = payload_of(data, frame_start())
    if payload is not None:
        with pytest.raises(Forged):
            unseal(_KEY, 7, payload)


@pytest.mark.parametrize("company", [beacon.COMPANY, 0x0059])
def test_a_camera_takes_no_notice_of_another_company(company: int) -> None:
    data = frame(seal(_KEY, _IDENTIFIER, 7, 3, Content(Kind.ARC, 300, 1, 99)), company)

    assert payload_of(data, frame_start(company)) is not None
    assert payload_of(data, frame_start(company ^ 1)) is None
