"""EDHOC through the library: against an implementation of our own from the RFC, and against what is no handshake."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ble.protocol import labels
from ble.protocol.cbor import decode, encode
from ble.protocol.cose import PrivateKey
from ble.protocol.edhoc import EdhocError, Initiator, Responder, claim_set
from tests.ble.protocol import rfc9528

I_KEY, R_KEY, OTHER = (PrivateKey.generate() for _ in range(3))
EXPORTED = [value for name, value in vars(labels).items() if isinstance(value, int) and not name.startswith("EAD_")]
EAD_2, EAD_3 = {61_934: b"h" * 32}, {61_934: b"h" * 32, 61_935: b"state"}


def test_the_library_begins_and_the_rfc_answers() -> None:
    library = Initiator(I_KEY)
    rfc = rfc9528.Responder(R_KEY, PrivateKey.generate(), claim_set(R_KEY.public), encode(-7))

    claimed = library.read_2(rfc.message_2(library.message_1(), EAD_2))
    third = library.message_3(R_KEY.public, EAD_3)

    assert (claimed.key, claimed.ead) == (R_KEY.public.id, EAD_2)
    assert rfc.read_3(third, I_KEY.public.x, rfc9528.by_reference(I_KEY.public), claim_set(I_KEY.public)) == EAD_3
    library.read_4(rfc.message_4())
    assert library.export(16, b"context", 16) == rfc.keys.export(16, b"context", 16)


def test_the_rfc_begins_and_the_library_answers() -> None:
    rfc = rfc9528.Initiator(I_KEY, PrivateKey.generate(), claim_set(I_KEY.public), encode(11))
    library = Responder(R_KEY)

    assert rfc.read_2(library.message_2(rfc.message_1(), EAD_2), R_KEY.public, claim_set(R_KEY.public)) == EAD_2
    claimed = library.read_3(rfc.message_3(EAD_3, rfc9528.by_reference(I_KEY.public)))
    library.verify(claim_set(I_KEY.public))

    assert (claimed.key, claimed.ccs, claimed.ead) == (I_KEY.public.id, b"", EAD_3)
    rfc.read_4(library.message_4())
    assert library.export(16, b"context", 16) == rfc.keys.export(16, b"context", 16)


def test_a_key_shown_by_value_is_the_one_that_is_proven() -> None:
    rfc = rfc9528.Initiator(I_KEY, PrivateKey.generate(), claim_set(I_KEY.public), encode(0))
    library = Responder(R_KEY)
    rfc.read_2(library.message_2(rfc.message_1(), {}), R_KEY.public, claim_set(R_KEY.public))

    claimed = library.read_3(rfc.message_3({}, rfc9528.by_value(claim_set(I_KEY.public))))

    assert claimed.ccs == claim_set(I_KEY.public)
    library.verify(claimed.ccs)
    library.complete()
    assert library.export(12, b"", 16) == rfc.keys.export(12, b"", 16)


class _Twice(dict[int, bytes]):
    def items(self) -> Any:
        return [*super().items(), *super().items()]


def _shown(identity: bytes, credential: bytes, ead: dict[int, bytes]) -> None:
    """A message 3 with this identity and external data, whose maker holds the key."""
    rfc = rfc9528.Initiator(I_KEY, PrivateKey.generate(), credential, encode(0))
    library = Responder(R_KEY)
    rfc.read_2(library.message_2(rfc.message_1(), {}), R_KEY.public, claim_set(R_KEY.public))
    library.read_3(rfc.message_3(ead, identity))


def test_external_data_given_twice_is_refused() -> None:
    _shown(rfc9528.by_reference(I_KEY.public), claim_set(I_KEY.public), EAD_2)
    with pytest.raises(EdhocError, match="twice"):
        _shown(rfc9528.by_reference(I_KEY.public), claim_set(I_KEY.public), _Twice(EAD_2))


def test_a_claim_set_with_more_in_it_than_the_key_is_refused() -> None:
    claims = decode(claim_set(I_KEY.public))
    assert isinstance(claims, dict)
    more = encode(claims | {2: "SP-0001"})

    with pytest.raises(EdhocError, match="more in it"):
        _shown(rfc9528.by_value(more), more, {})


def test_a_message_4_with_something_in_it_is_refused() -> None:
    library = Initiator(I_KEY)
    rfc = rfc9528.Responder(R_KEY, PrivateKey.generate(), claim_set(R_KEY.public), encode(-7))
    library.read_2(rfc.message_2(library.message_1(), {}))
    rfc.read_3(
        library.message_3(R_KEY.public, {}), I_KEY.public.x, rfc9528.by_reference(I_KEY.public), claim_set(I_KEY.public)
    )
    cipher, nonce, associated = rfc.keys.cipher_4()

    with pytest.raises(EdhocError, match="no message 4"):
        library.read_4(encode(cipher.encrypt(nonce, encode(1), associated)))


def test_a_peer_that_shows_our_own_key_is_refused() -> None:
    initiator, responder = Initiator(I_KEY), Responder(I_KEY)

    with pytest.raises(EdhocError, match="our own key"):
        initiator.read_2(responder.message_2(initiator.message_1(), {}))


def test_a_peer_without_the_key_that_it_claims_is_refused() -> None:
    initiator = Initiator(I_KEY)
    rfc = rfc9528.Responder(OTHER, PrivateKey.generate(), claim_set(R_KEY.public), encode(0))
    initiator.read_2(rfc.message_2(initiator.message_1(), {}))

    with pytest.raises(EdhocError, match="MacVerification"):
        initiator.message_3(R_KEY.public, {})


def test_an_initiator_without_the_key_that_it_claims_is_refused() -> None:
    initiator, responder = Initiator(OTHER), Responder(R_KEY)
    initiator.read_2(responder.message_2(initiator.message_1(), {}))
    responder.read_3(initiator.message_3(R_KEY.public, {}))

    with pytest.raises(EdhocError, match="MacVerification"):
        responder.verify(claim_set(I_KEY.public))


@pytest.mark.parametrize(
    "message",
    [
        encode(2) + encode(2) + encode(b"\x01" * 32) + encode(0),
        encode(3) + encode(3) + encode(I_KEY.public.x) + encode(0),
        encode(3) + encode([2, 3]) + encode(I_KEY.public.x) + encode(0),
        encode(3) + encode(2) + encode(b"\xff" * 32) + encode(0),
        encode(3) + encode(2) + encode(I_KEY.public.x) + encode(b"c"),
        encode(3) + encode(2) + encode(I_KEY.public.x) + encode(0) + encode(-1) + encode(b"x"),
    ],
    ids=["method 2", "suite 3", "two suites", "no point", "bytes as a name", "external data"],
)
def test_a_first_message_of_another_profile_is_refused(message: bytes) -> None:
    with pytest.raises(EdhocError):
        Responder(R_KEY).message_2(message, {})


def _altered(message: bytes, at: int, change: int) -> bytes:
    at %= len(message)
    return message[:at] + bytes([message[at] ^ change]) + message[at + 1 :]


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.integers(1, 4), st.integers(0, 200), st.integers(1, 255))
def test_no_byte_of_a_handshake_can_be_altered(number: int, at: int, change: int) -> None:
    def carry(current: int, message: bytes) -> bytes:
        return _altered(message, at, change) if current == number else message

    with pytest.raises(EdhocError):
        _handshake(carry)


def _handshake(carry: Callable[[int, bytes], bytes]) -> None:
    initiator, responder = Initiator(I_KEY), Responder(R_KEY)
    second = responder.message_2(carry(1, initiator.message_1()), EAD_2)
    if initiator.read_2(carry(2, second)).key != R_KEY.public.id:
        raise EdhocError("another key")
    if responder.read_3(carry(3, initiator.message_3(R_KEY.public, EAD_3))).key != I_KEY.public.id:
        raise EdhocError("another key")
    responder.verify(claim_set(I_KEY.public))
    initiator.read_4(carry(4, responder.message_4()))


def test_unaltered_the_same_handshake_holds() -> None:
    _handshake(lambda _number, message: message)


@pytest.mark.parametrize("label", EXPORTED)
def test_every_exporter_label_is_exported_as_the_rfc_says(label: int) -> None:
    library = Initiator(I_KEY)
    rfc = rfc9528.Responder(R_KEY, PrivateKey.generate(), claim_set(R_KEY.public), encode(-7))
    library.read_2(rfc.message_2(library.message_1(), {}))
    third = library.message_3(R_KEY.public, {})
    rfc.read_3(third, I_KEY.public.x, rfc9528.by_reference(I_KEY.public), claim_set(I_KEY.public))
    library.complete()

    for context in (labels.CONTEXT, labels.CONTEXT + b"p" * 16):
        assert library.export(label, context, 16) == rfc.keys.export(label, context, 16)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300), st.booleans())
def test_garbage_raises_its_own_error_only(data: bytes, wrapped: bool) -> None:
    message = encode(data) if wrapped else data
    initiator, responder = Initiator(I_KEY), Responder(R_KEY)
    with pytest.raises(EdhocError):
        Responder(R_KEY).message_2(message, {})
    second = responder.message_2(initiator.message_1(), {})
    with pytest.raises(EdhocError):
        Initiator(I_KEY).read_2(message)
    with pytest.raises(EdhocError):
        responder.read_3(message)
    initiator.read_2(second)
    initiator.message_3(R_KEY.public, {})
    with pytest.raises(EdhocError):
        initiator.read_4(message)
