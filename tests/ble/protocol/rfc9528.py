"""EDHOC (RFC 9528) once more, from the RFC's text: method 3, suite 2, with ephemeral keys that the caller gives.

Only for tests. It is what makes test vectors possible, as the library takes its ephemeral keys from nobody, and it
talks to the library, so that what the vectors say is what the devices do.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from ble.protocol.cbor import Value, decode, encode, sequence
from ble.protocol.cose import PrivateKey, PublicKey

METHOD, SUITE, MAC, KEY, NONCE, HASH = 3, 2, 8, 16, 13, 32
Ead = Mapping[int, bytes]


def _hash(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def _extract(salt: bytes, secret: bytes) -> bytes:
    return HKDF.extract(SHA256(), salt, secret)


def _kdf(key: bytes, label: int, context: bytes, size: int) -> bytes:
    """EDHOC_KDF, section 4.1.2."""
    info = encode(label) + encode(context) + encode(size)
    return HKDFExpand(SHA256(), size, info).derive(key)


def shared(private: PrivateKey, x: bytes) -> bytes:
    """The secret of a private key and a point, of which the x-coordinate is known."""
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x02" + x)
    return ec.derive_private_key(int.from_bytes(private.secret), ec.SECP256R1()).exchange(ec.ECDH(), public)


def _items(ead: Ead) -> bytes:
    """Critical items of external data, section 3.8."""
    return b"".join(encode(-label) + encode(value) for label, value in ead.items())


def _compact(identity: bytes) -> bytes:
    """ID_CRED as a plaintext carries it: a key id alone stands for its map, section 3.5.3.2."""
    match decode(identity):
        case {4: bytes(kid)}:
            return encode(kid)
    return identity


def by_reference(key: PublicKey) -> bytes:
    """ID_CRED with a key id."""
    return encode({4: key.id})


def by_value(credential: bytes) -> bytes:
    """ID_CRED with a CCS."""
    return encode({14: decode(credential)})


@dataclass
class Schedule:
    """The key schedule, section 4.1, as far as it has come."""

    message_1: bytes
    g_y: bytes
    g_xy: bytes

    def __post_init__(self) -> None:
        self.th_2 = _hash(encode(self.g_y), encode(_hash(self.message_1)))
        self.prk_2e = _extract(self.th_2, self.g_xy)

    def keystream_2(self, size: int) -> bytes:
        return _kdf(self.prk_2e, 0, self.th_2, size)

    def responder(self, g_rx: bytes) -> None:
        self.prk_3e2m = _extract(_kdf(self.prk_2e, 1, self.th_2, HASH), g_rx)

    def mac_2(self, c_r: bytes, identity: bytes, credential: bytes, ead: Ead) -> bytes:
        context = c_r + identity + encode(self.th_2) + credential + _items(ead)
        return _kdf(self.prk_3e2m, 2, context, MAC)

    def second(self, plaintext_2: bytes, credential: bytes) -> None:
        self.th_3 = _hash(encode(self.th_2), plaintext_2, credential)
        self.k_3, self.iv_3 = (_kdf(self.prk_3e2m, label, self.th_3, size) for label, size in ((3, KEY), (4, NONCE)))

    def initiator(self, g_iy: bytes) -> None:
        self.prk_4e3m = _extract(_kdf(self.prk_3e2m, 5, self.th_3, HASH), g_iy)

    def mac_3(self, identity: bytes, credential: bytes, ead: Ead) -> bytes:
        return _kdf(self.prk_4e3m, 6, identity + encode(self.th_3) + credential + _items(ead), MAC)

    def third(self, plaintext_3: bytes, credential: bytes) -> None:
        self.th_4 = _hash(encode(self.th_3), plaintext_3, credential)
        self.k_4, self.iv_4 = (_kdf(self.prk_4e3m, label, self.th_4, size) for label, size in ((8, KEY), (9, NONCE)))
        self.prk_exporter = _kdf(_kdf(self.prk_4e3m, 7, self.th_4, HASH), 10, b"", HASH)

    def cipher_3(self) -> tuple[AESCCM, bytes, bytes]:
        return AESCCM(self.k_3, tag_length=8), self.iv_3, encode(["Encrypt0", b"", self.th_3])

    def cipher_4(self) -> tuple[AESCCM, bytes, bytes]:
        return AESCCM(self.k_4, tag_length=8), self.iv_4, encode(["Encrypt0", b"", self.th_4])

    def export(self, label: int, context: bytes, size: int) -> bytes:
        return _kdf(self.prk_exporter, label, context, size)


def message_1(ephemeral: PrivateKey, c_i: bytes) -> bytes:
    """``c_i`` is the encoding of a number from -24 to 23."""
    return encode(METHOD) + encode(SUITE) + encode(ephemeral.public.x) + c_i


@dataclass
class Responder:
    """The side that answers."""

    static: PrivateKey
    ephemeral: PrivateKey
    credential: bytes
    c_r: bytes
    # Whom it says it is; a liar may say another than the holder of ``static``.
    identity: bytes = b""

    def message_2(self, first: bytes, ead: Ead) -> bytes:
        point = list(sequence(first))[2]
        assert isinstance(point, bytes)
        g_y = self.ephemeral.public.x
        self.keys = Schedule(first, g_y, shared(self.ephemeral, point))
        self.keys.responder(shared(self.static, point))
        identity = self.identity or by_reference(self.static.public)
        mac = self.keys.mac_2(self.c_r, identity, self.credential, ead)
        plaintext = self.c_r + _compact(identity) + encode(mac) + _items(ead)
        self.keys.second(plaintext, self.credential)
        stream = self.keys.keystream_2(len(plaintext))
        return encode(g_y + bytes(a ^ b for a, b in zip(plaintext, stream, strict=True)))

    def read_3(self, message: bytes, peer_x: bytes, identity: bytes, credential: bytes) -> Ead:
        """The items of external data that came along, once the peer is proven."""
        cipher, nonce, associated = self.keys.cipher_3()
        ciphertext = decode(message)
        assert isinstance(ciphertext, bytes)
        plaintext = cipher.decrypt(nonce, ciphertext, associated)
        self.keys.initiator(shared(self.ephemeral, peer_x))
        found, mac, *items = _read(plaintext)
        ead = _ead(items)
        assert (found, mac) == (decode(_compact(identity)), self.keys.mac_3(identity, credential, ead))
        self.keys.third(plaintext, credential)
        return ead

    def message_4(self) -> bytes:
        cipher, nonce, associated = self.keys.cipher_4()
        return encode(cipher.encrypt(nonce, b"", associated))


@dataclass
class Initiator:
    """The side that begins."""

    static: PrivateKey
    ephemeral: PrivateKey
    credential: bytes
    c_i: bytes

    def message_1(self) -> bytes:
        self.first = message_1(self.ephemeral, self.c_i)
        return self.first

    def read_2(self, message: bytes, peer: PublicKey, credential: bytes) -> Ead:
        """The items of external data that came along, once the peer is proven."""
        body = decode(message)
        assert isinstance(body, bytes)
        g_y, ciphertext = body[:32], body[32:]
        self.keys = Schedule(self.first, g_y, shared(self.ephemeral, g_y))
        stream = self.keys.keystream_2(len(ciphertext))
        plaintext = bytes(a ^ b for a, b in zip(ciphertext, stream, strict=True))
        self.keys.responder(shared(self.ephemeral, peer.x))
        c_r, found, mac, *items = _read(plaintext)
        ead = _ead(items)
        identity = by_reference(peer)
        assert (found, mac) == (peer.id, self.keys.mac_2(encode(c_r), identity, credential, ead))
        self.keys.second(plaintext, credential)
        self.keys.initiator(shared(self.static, g_y))
        return ead

    def message_3(self, ead: Ead, identity: bytes) -> bytes:
        plaintext = _compact(identity) + encode(self.keys.mac_3(identity, self.credential, ead)) + _items(ead)
        cipher, nonce, associated = self.keys.cipher_3()
        self.keys.third(plaintext, self.credential)
        return encode(cipher.encrypt(nonce, plaintext, associated))

    def read_4(self, message: bytes) -> None:
        cipher, nonce, associated = self.keys.cipher_4()
        ciphertext = decode(message)
        assert isinstance(ciphertext, bytes)
        assert cipher.decrypt(nonce, ciphertext, associated) == b""


def _read(plaintext: bytes) -> list[Value]:
    return list(sequence(plaintext))


def _ead(items: list[Value]) -> dict[int, bytes]:
    ead: dict[int, bytes] = {}
    for label, value in zip(items[::2], items[1::2], strict=True):
        assert isinstance(label, int)
        assert isinstance(value, bytes)
        ead[-label] = value
    return ead
