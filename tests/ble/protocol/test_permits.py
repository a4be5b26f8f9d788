"""Permits and orders to unpair."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble.protocol import cbor, cose, permits
from ble.protocol.cose import PrivateKey
from ble.protocol.levels import Bluetooth, Encryption
from ble.protocol.permits import Party, Permit, PermitError, Purpose, UnpairOrder

NOW = 1_800_000_000
SIGNER, OTHER = PrivateKey.generate(), PrivateKey.generate()
PERMIT = Permit(
    id=b"p" * 16, purpose=Purpose.PAIR, taser_serial="X2-0001", taser=Party("SP-0001", b"t" * 8, b"n" * 16),
    camera=Party("BW2-0001", b"c" * 8, b"m" * 16), station=b"s" * 8, job="42", issued_at=NOW, expires_at=NOW + 600,
    encryption=Encryption.AES256, bluetooth=Bluetooth.SECURE_CONNECTIONS,
)  # fmt: skip
ORDER = UnpairOrder(b"p" * 16, NOW, "stolen")


def test_a_permit_is_read_as_it_was_issued() -> None:
    assert Permit.read(PERMIT.issue(SIGNER), [SIGNER.public]) == PERMIT


def test_a_permit_of_another_signer_is_refused() -> None:
    with pytest.raises(PermitError, match="not trusted"):
        Permit.read(PERMIT.issue(OTHER), [SIGNER.public])


@pytest.mark.parametrize("lifetime", [0, -1, 601])
def test_a_permit_holds_for_ten_minutes_at_most(lifetime: int) -> None:
    with pytest.raises(PermitError, match="600"):
        replace(PERMIT, expires_at=NOW + lifetime).issue(SIGNER)


def test_an_order_is_read_as_it_was_issued_and_is_no_permit() -> None:
    assert UnpairOrder.read(ORDER.issue(SIGNER), [SIGNER.public]) == ORDER
    with pytest.raises(PermitError, match="not a permit"):
        Permit.read(ORDER.issue(SIGNER), [SIGNER.public])


def test_two_signatures_of_one_permit_are_two_permits() -> None:
    assert permits.digest(PERMIT.issue(SIGNER)) != permits.digest(PERMIT.issue(SIGNER))


@pytest.mark.parametrize("typ", ["permit", "unpair"])
def test_a_claim_that_nobody_knows_is_refused(typ: str) -> None:
    signed = {"permit": PERMIT, "unpair": ORDER}[typ].issue(SIGNER)
    claims = cbor.decode(cose.unverified(signed, typ))
    assert isinstance(claims, dict)
    more = SIGNER.sign(typ, cbor.encode(claims | {-70_000: "also wipe the camera"}))

    with pytest.raises(PermitError, match="unknown claims"):
        (Permit if typ == "permit" else UnpairOrder).read(more, [SIGNER.public])


@given(st.binary(max_size=400) | st.just(PERMIT.issue(SIGNER)), st.integers(0, 500), st.integers(1, 255))
def test_garbage_and_altered_permits_raise_their_own_error_only(data: bytes, at: int, change: int) -> None:
    altered = bytearray(data or b"\x00")
    altered[at % len(altered)] ^= change
    with pytest.raises(PermitError):
        Permit.read(bytes(altered), [SIGNER.public])
