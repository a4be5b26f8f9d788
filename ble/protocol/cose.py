"""Keys and signatures: ES256 over P-256 in COSE_Sign1 (RFC 9052, RFC 9053), by the library ``cwt``.

The protected header is always ``{alg: ES256, kid, typ}`` and the unprotected one empty. ``typ`` (RFC 9596) says what
was signed, so that a receipt can never pass for a log entry of the same key.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

from cryptography.hazmat.primitives.asymmetric import ec
from cwt import COSE, COSEKey
from cwt.cose_key_interface import COSEKeyInterface

from ble.protocol import cbor

KEY_ID_SIZE = 8
_KTY, _KID, _ALG, _CRV, _X, _Y, _D = 1, 2, 3, -1, -2, -3, -4
_EC2, _P256, _ES256 = 2, 1, -7
_HEADER_ALG, _HEADER_KID, _HEADER_TYP = 1, 4, 16
_COORDINATE = 32


class BadKey(ValueError):
    """Not a key on P-256."""


class BadSignature(ValueError):
    """Not a signed message of the kind asked for, or signed by nobody who is trusted for it."""


@dataclass(frozen=True)
class PublicKey:
    """A point on P-256, as two coordinates of 32 bytes."""

    x: bytes
    y: bytes

    @cached_property
    def id(self) -> bytes:
        """The first eight bytes of the key's thumbprint (RFC 9679 with SHA-256)."""
        return hashlib.sha256(self.encode()).digest()[:KEY_ID_SIZE]

    def encode(self) -> bytes:
        """As a COSE_Key with the four required parameters."""
        return cbor.encode(self.parameters())

    def parameters(self) -> dict[cbor.Value, cbor.Value]:
        """The COSE_Key's map."""
        return {_KTY: _EC2, _CRV: _P256, _X: self.x, _Y: self.y}

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a COSE_Key.

        Raises:
            BadKey: it is no key on P-256 in just the four required parameters.
        """
        try:
            return cls.read(cbor.decode(data))
        except cbor.CborError as error:
            raise BadKey(str(error)) from error

    @classmethod
    def read(cls, parameters: cbor.Value) -> Self:
        """Read a COSE_Key's map.

        Raises:
            BadKey: as for ``decode``.
        """
        match parameters:
            case {1: 2, -1: 1, -2: bytes(x), -3: bytes(y), **others} if not others:
                return cls(x, y).checked()
        raise BadKey("not a COSE_Key of type EC2 on P-256")

    def checked(self) -> Self:
        """This key.

        Raises:
            BadKey: the point is not on the curve, which would give away the other side's private key.
        """
        try:
            ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + self.x + self.y)
        except ValueError as error:
            raise BadKey("not a point on P-256") from error
        return self


@dataclass(frozen=True)
class PrivateKey:
    """A private key on P-256: 32 bytes."""

    secret: bytes = field(repr=False)

    @classmethod
    def generate(cls) -> Self:
        """A new key, from the operating system's randomness."""
        return cls(ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value.to_bytes(_COORDINATE))

    @cached_property
    def public(self) -> PublicKey:
        """Its public half.

        Raises:
            BadKey: it is no private key on P-256.
        """
        try:
            numbers = ec.derive_private_key(int.from_bytes(self.secret), ec.SECP256R1()).public_key().public_numbers()
        except ValueError as error:
            raise BadKey("not a private key on P-256") from error
        return PublicKey(numbers.x.to_bytes(_COORDINATE), numbers.y.to_bytes(_COORDINATE))

    @classmethod
    def decode(cls, secret: bytes) -> Self:
        """Read a key's 32 bytes.

        Raises:
            BadKey: it is no private key on P-256.
        """
        key = cls(secret)
        if len(secret) != _COORDINATE or not key.public:
            raise BadKey(f"not a private key of {_COORDINATE} bytes")
        return key

    @cached_property
    def _cose(self) -> COSEKeyInterface:
        return COSEKey.new({**_cose_parameters(self.public), _D: self.secret})

    def sign(self, typ: str, payload: bytes) -> bytes:
        """``payload`` as a COSE_Sign1 of this key, of the type ``typ``."""
        header = {_HEADER_ALG: _ES256, _HEADER_KID: self.public.id, _HEADER_TYP: typ}
        signed = COSE().encode_and_sign(payload, self._cose, protected=header)
        assert isinstance(signed, bytes)  # noqa: S101 - the library's other form of answer was not asked for
        return signed


@dataclass(frozen=True)
class Signed:
    """What a signed message says and who signed it."""

    payload: bytes
    key: PublicKey


def verify(data: bytes, typ: str, keys: Iterable[PublicKey]) -> Signed:
    """Check that ``data`` is a COSE_Sign1 of the type ``typ`` by one of ``keys``.

    Raises:
        BadSignature: it is not.
    """
    payload, kid = _parse(data, typ)
    for key in keys:
        if key.id == kid:
            _check(data, key)
            return Signed(payload, key)
    raise BadSignature(f"signed by the key {kid.hex()}, which is not trusted for a {typ}")


def unverified(data: bytes, typ: str) -> bytes:
    """The payload of a message of the type ``typ``, believed by nobody yet.

    Raises:
        BadSignature: it is no COSE_Sign1 of the type ``typ``.
    """
    return _parse(data, typ)[0]


def _parse(data: bytes, typ: str) -> tuple[bytes, bytes]:
    try:
        match cbor.decode(data):
            case cbor.Tagged(18, [bytes(header), dict(unprotected), bytes(payload), bytes()]) if not unprotected:
                return payload, _kid(header, typ)
    except cbor.CborError as error:
        raise BadSignature(f"no signed message: {error}") from error
    raise BadSignature("no signed message, or with an unprotected header")


def _kid(header: bytes, typ: str) -> bytes:
    match cbor.decode(header):
        case {1: -7, 4: bytes(kid), 16: str(found), **others} if not others:
            if found == typ:
                return kid
            raise BadSignature(f"a {found!r}, not a {typ}")
    raise BadSignature("another header than ES256, key id and type")


def _check(data: bytes, key: PublicKey) -> None:
    # What reaches the library is in the deterministic encoding, so its own decoder meets nothing that it would act on.
    try:
        COSE().decode(data, COSEKey.new(_cose_parameters(key)))
    except Exception as error:  # the library names no common ancestor of its errors
        raise BadSignature(f"the signature is not of the key {key.id.hex()}") from error


def _cose_parameters(key: PublicKey) -> dict[int, object]:
    return {_KTY: _EC2, _KID: key.id, _ALG: _ES256, _CRV: _P256, _X: key.x, _Y: key.y}
