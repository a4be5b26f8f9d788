"""EDHOC (RFC 9528), method 3 (static Diffie-Hellman on both sides), cipher suite 2, over the library ``lakers``.

What lakers leaves to its caller is done here: every message has exactly the shape that this profile gives it before
lakers sees it (lakers reads past what follows a message, and stops the thread at a point off the curve or a message cut
short), a peer is never oneself, and no item of external data is there that was not asked for.

Keys travel as CWT claim sets (CCS) with nothing but the key. A credential of the device authority vouches for them.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import lakers
from cryptography.hazmat.primitives.asymmetric import ec

from ble.protocol import cbor
from ble.protocol.cose import KEY_ID_SIZE, PrivateKey, PublicKey

MESSAGE_LIMIT: Final = 220
_METHOD, _SUITE = 3, 2
_POINT = 32
_TAG = 8
_ONE_BYTE = 24
_CNF, _COSE_KEY, _KTY, _KID, _CRV, _X = 8, 1, 1, 2, -1, -2
_EC2, _P256 = 2, 1
_ID_KID, _ID_CCS = 4, 14
_BY_REFERENCE = lakers.CredentialTransfer.ByReference
_BY_VALUE = lakers.CredentialTransfer.ByValue
Export = Callable[[int, bytes, int], bytes]


class EdhocError(ValueError):
    """A handshake failed: a message is not what it should be, or not by whom it should be. The session is over."""


@dataclass(frozen=True)
class Claimed:
    """Who a peer says it is, before the handshake proves it: a key's id, and the CCS if it came along."""

    key: bytes
    ccs: bytes
    ead: Mapping[int, bytes]


def claim_set(key: PublicKey) -> bytes:
    """The CCS of a key: ``{cnf: {COSE_Key: {kty, kid, crv, x}}}`` (RFC 9528, section 3.5.2)."""
    return _claim_set(key.id, key.x)


def _claim_set(kid: bytes, x: bytes) -> bytes:
    return cbor.encode({_CNF: {_COSE_KEY: {_KTY: _EC2, _KID: kid, _CRV: _P256, _X: x}}})


class Initiator:
    """The side that sends messages 1 and 3, once. Its identity goes out encrypted, to a peer that was authenticated."""

    def __init__(self, key: PrivateKey) -> None:
        self._key = key
        self._session = lakers.EdhocInitiator()

    def message_1(self) -> bytes:
        """The first message: 37 bytes."""
        with _calling():
            return bytes(self._session.prepare_message_1(c_i=None))

    def read_2(self, message: bytes) -> Claimed:
        """Who answers; proven by ``message_3`` only.

        Raises:
            EdhocError: this is no message 2.
        """
        _require_point(_only_string(message, least=_POINT + _TAG + 1))
        with _calling():
            _, identity, ead = self._session.parse_message_2(message)
        return _claimed(identity, ead, self._key.public)

    def message_3(self, peer: PublicKey, ead: Mapping[int, bytes], *, by_value: bool = False) -> bytes:
        """Prove that ``peer`` made message 2, and answer it, with one's own key by reference or by value.

        Raises:
            EdhocError: the peer does not hold that key, or message 2 was altered.
        """
        with _calling():
            self._session.verify_message_2(self._key.secret, claim_set(self._key.public), claim_set(peer))
            message, _ = self._session.prepare_message_3(_BY_VALUE if by_value else _BY_REFERENCE, _items(ead))
        return bytes(message)

    def read_4(self, message: bytes) -> None:
        """The peer's confirmation.

        Raises:
            EdhocError: it is none.
        """
        _require_confirmation(message)
        with _calling():
            self._session.process_message_4(message)

    def complete(self) -> None:
        """Go on without message 4: the first record of the peer confirms instead (RFC 9528, section 5.4.1)."""
        with _calling():
            self._session.completed_without_message_4()

    def export(self, label: int, context: bytes, size: int) -> bytes:
        """Key material (RFC 9528, section 4.2.1); ``label`` below 24, see ``labels``."""
        with _calling():
            return bytes(self._session.edhoc_exporter(label, context, size))


class Responder:
    """The side that sends messages 2 and 4, once."""

    def __init__(self, key: PrivateKey) -> None:
        self._key = key
        self._session = lakers.EdhocResponder(key.secret, claim_set(key.public))

    def message_2(self, message_1: bytes, ead: Mapping[int, bytes]) -> bytes:
        """Answer message 1.

        Raises:
            EdhocError: it is none of this method and suite.
        """
        _require_first(message_1)
        with _calling():
            self._session.process_message_1(message_1)
            return bytes(self._session.prepare_message_2(_BY_REFERENCE, None, _items(ead)))

    def read_3(self, message: bytes) -> Claimed:
        """Who began; proven by ``verify`` only.

        Raises:
            EdhocError: this is no message 3 of this session.
        """
        _only_string(message, least=_TAG + 1)
        with _calling():
            identity, ead = self._session.parse_message_3(message)
        return _claimed(identity, ead, self._key.public)

    def verify(self, ccs: bytes) -> None:
        """Prove that the holder of the key in ``ccs`` made message 3.

        Raises:
            EdhocError: it did not.
        """
        with _calling():
            self._session.verify_message_3(ccs)

    def message_4(self) -> bytes:
        """The confirmation: 9 bytes."""
        with _calling():
            return bytes(self._session.prepare_message_4())

    def complete(self) -> None:
        """Go on without message 4: the first record that is sent confirms instead (RFC 9528, section 5.4.1)."""
        with _calling():
            self._session.completed_without_message_4()

    def export(self, label: int, context: bytes, size: int) -> bytes:
        """Key material (RFC 9528, section 4.2.1); ``label`` below 24, see ``labels``."""
        with _calling():
            return bytes(self._session.edhoc_exporter(label, context, size))


@contextmanager
def _calling() -> Iterator[None]:
    try:
        yield
    except (ValueError, RuntimeError) as error:
        raise EdhocError(str(error)) from error
    except BaseException as error:
        # A panic of the library's Rust comes as an exception of a class that no module names.
        if type(error).__name__ != "PanicException":
            raise
        raise EdhocError("the handshake's library gave up on a message") from error


def _items(ead: Mapping[int, bytes]) -> list[lakers.EADItem]:
    return [lakers.EADItem(label, is_critical=True, value=value) for label, value in ead.items()]


def _claimed(identity: bytes, items: list[lakers.EADItem], own: PublicKey) -> Claimed:
    key, ccs = _identity(bytes(identity))
    if key == own.id:
        raise EdhocError("the peer shows our own key")
    ead = dict(map(_external, items))
    if len(ead) != len(items):
        raise EdhocError("an item of external data twice")
    return Claimed(key, ccs, ead)


def _identity(identity: bytes) -> tuple[bytes, bytes]:
    try:
        found = cbor.decode(identity)
    except cbor.CborError as error:
        raise EdhocError("an identity that cannot be read") from error
    match found:
        case {4: bytes(kid), **others} if not others and len(kid) == KEY_ID_SIZE:
            return kid, b""
        case {14: {8: {1: {1: 2, 2: bytes(kid), -1: 1, -2: bytes(x)}}}, **others} if not others:
            return kid, _given(identity[2:], kid, x)
    raise EdhocError("an identity that is neither a key id nor a claim set")


def _given(ccs: bytes, kid: bytes, x: bytes) -> bytes:
    if len(kid) != KEY_ID_SIZE or ccs != _claim_set(kid, x):
        raise EdhocError("a claim set with more in it than a key")
    _require_point(x)
    return ccs


def _external(item: lakers.EADItem) -> tuple[int, bytes]:
    value = item.value()
    if not item.is_critical() or value is None:
        raise EdhocError("an item of external data of another kind")
    return item.label(), bytes(value)


def _require_first(message: bytes) -> None:
    try:
        match list(cbor.sequence(message)):
            case [3, 2, bytes(point), int(connection)] if -_ONE_BYTE <= connection < _ONE_BYTE and len(point) == _POINT:
                return _require_point(point)
    except cbor.CborError as error:
        raise EdhocError(f"no message 1: {error}") from error
    raise EdhocError("no message 1 of method 3 and suite 2")


def _only_string(message: bytes, *, least: int) -> bytes:
    try:
        found = cbor.decode(message)
    except cbor.CborError as error:
        raise EdhocError(f"no message of a handshake: {error}") from error
    if not isinstance(found, bytes) or len(found) < least or len(message) > MESSAGE_LIMIT:
        raise EdhocError("no message of a handshake")
    return found


def _require_confirmation(message: bytes) -> None:
    if len(_only_string(message, least=_TAG)) != _TAG:
        raise EdhocError("no message 4")


def _require_point(start: bytes) -> None:
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x02" + start[:_POINT])
    except ValueError as error:
        raise EdhocError("not a point on P-256") from error
