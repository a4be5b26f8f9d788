"""Credentials, and the trust that they hang on."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble.protocol.cose import PrivateKey
from ble.protocol.credentials import Credential, CredentialError, Kind, Revoked, Trust
from ble.protocol.levels import Bluetooth, Encryption

NOW = 1_800_000_000
AUTHORITY, NEXT_AUTHORITY, SIGNER, AGREEMENT, SIGNING = (PrivateKey.generate() for _ in range(5))
CAMERA = Credential(
    Kind.CAMERA, "BW2-0001", AGREEMENT.public, SIGNING.public, NOW, NOW + 1000,
    Encryption.AES256, Bluetooth.SECURE_CONNECTIONS, "3.1",
)  # fmt: skip
TRUST = Trust((AUTHORITY.public,), (SIGNER.public,), epoch=1, issued_at=NOW)


def test_a_credential_of_the_authority_is_read_as_it_was_issued() -> None:
    assert TRUST.credential(CAMERA.issue(AUTHORITY), now=NOW) == CAMERA


def test_a_credential_of_another_authority_is_refused() -> None:
    with pytest.raises(CredentialError, match="not trusted"):
        TRUST.credential(CAMERA.issue(NEXT_AUTHORITY), now=NOW)


def test_a_credential_ends() -> None:
    assert TRUST.credential(CAMERA.issue(AUTHORITY), now=CAMERA.expires_at - 1)
    with pytest.raises(CredentialError, match="past its end"):
        TRUST.credential(CAMERA.issue(AUTHORITY), now=CAMERA.expires_at)


def test_without_a_clock_the_age_of_the_trust_counts() -> None:
    assert TRUST.credential(CAMERA.issue(AUTHORITY), now=None)
    with pytest.raises(CredentialError, match="past its end"):
        replace(TRUST, issued_at=CAMERA.expires_at).credential(CAMERA.issue(AUTHORITY), now=None)


@pytest.mark.parametrize("key", [AGREEMENT, SIGNING])
def test_a_credential_of_a_revoked_key_is_refused(key: PrivateKey) -> None:
    with pytest.raises(Revoked):
        replace(TRUST, revoked=frozenset({key.public.id})).credential(CAMERA.issue(AUTHORITY), now=NOW)


def test_the_authoritys_key_is_rotated_over_an_overlap() -> None:
    both = replace(TRUST, authority_keys=(AUTHORITY.public, NEXT_AUTHORITY.public), epoch=2)
    new = replace(TRUST, authority_keys=(NEXT_AUTHORITY.public,), epoch=3)
    held = TRUST.successor(both.issue(AUTHORITY))

    assert held.credential(CAMERA.issue(AUTHORITY), now=NOW) == held.credential(CAMERA.issue(NEXT_AUTHORITY), now=NOW)
    with pytest.raises(CredentialError, match="not trusted"):
        TRUST.successor(new.issue(NEXT_AUTHORITY))
    with pytest.raises(CredentialError, match="not trusted"):
        held.successor(new.issue(NEXT_AUTHORITY)).credential(CAMERA.issue(AUTHORITY), now=NOW)


def test_a_trust_never_goes_back() -> None:
    later = replace(TRUST, epoch=2, revoked=frozenset({AGREEMENT.public.id}))

    assert TRUST.successor(TRUST.issue(AUTHORITY)) == TRUST
    with pytest.raises(CredentialError, match="does not follow"):
        later.successor(TRUST.issue(AUTHORITY))
    with pytest.raises(CredentialError, match="does not follow"):
        TRUST.successor(replace(TRUST, issued_at=NOW + 1).issue(AUTHORITY))


def test_the_first_trust_is_signed_by_a_key_that_it_names() -> None:
    assert Trust.first(TRUST.issue(AUTHORITY)) == TRUST
    with pytest.raises(CredentialError):
        Trust.first(TRUST.issue(NEXT_AUTHORITY))


def test_a_trust_fits_a_device() -> None:
    with pytest.raises(CredentialError, match="room"):
        replace(TRUST, revoked=frozenset(n.to_bytes(8) for n in range(1025))).issue(AUTHORITY)


def test_a_trust_is_no_credential() -> None:
    with pytest.raises(CredentialError, match="not a credential"):
        TRUST.credential(TRUST.issue(AUTHORITY), now=NOW)


@given(st.binary(max_size=400) | st.just(CAMERA.issue(AUTHORITY)), st.integers(0, 400), st.integers(1, 255))
def test_garbage_and_altered_credentials_raise_their_own_error_only(data: bytes, at: int, change: int) -> None:
    altered = bytearray(data or b"\x00")
    altered[at % len(altered)] ^= change
    with pytest.raises(CredentialError):
        TRUST.credential(bytes(altered), now=NOW)
