"""Signed notes and checkpoints, as C2SP signed-note and tlog-checkpoint write them, signed with Ed25519."""

import base64
import binascii
import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tlog.tree import HASH_SIZE

_ED25519 = b"\x01"
_ID_SIZE = 4
_PRIVATE = "PRIVATE+KEY+"
_DASH = "— "
_KEY_SIZE = 32


class NoteError(Exception):
    """A note is not well formed, or nobody who is trusted signed it."""


@dataclass(frozen=True)
class Verifier:
    """A key that signatures are checked with, in Go's and C2SP's spelling: ``NAME+ID+KEY``."""

    name: str
    key: bytes

    @property
    def id(self) -> bytes:
        """Four bytes that tell keys of one name apart (signed-note, "Signatures")."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.key).digest()[:_ID_SIZE]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``NAME+ID+KEY``.

        Raises:
            ValueError: it is not one, or of another algorithm than Ed25519.
        """
        parts = text.strip().split("+", 2)
        if len(parts) != 3:  # noqa: PLR2004 - name, number, key
            raise ValueError("must look like NAME+0123abcd+BASE64")
        verifier = cls(_name(parts[0]), _key(parts[2]))
        if verifier.id.hex() != parts[1]:
            raise ValueError("its number does not fit its key: a character was lost in copying")
        return verifier

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(_ED25519 + self.key).decode()}"

    def check(self, text: str, signature: bytes) -> None:
        """Check a signature.

        Raises:
            NoteError: this key did not make it.
        """
        try:
            Ed25519PublicKey.from_public_bytes(self.key).verify(signature, text.encode())
        except (InvalidSignature, ValueError) as error:
            raise NoteError(f"the signature of {self.name} is not over this text") from error


@dataclass(frozen=True)
class Signer:
    """A key that signs, in Go's spelling: ``PRIVATE+KEY+NAME+ID+KEY``."""

    name: str
    seed: bytes = field(repr=False)

    @classmethod
    def new(cls, name: str) -> Self:
        """A new key."""
        return cls(_name(name), os.urandom(_KEY_SIZE))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``PRIVATE+KEY+NAME+ID+KEY``.

        Raises:
            ValueError: it is not one.
        """
        parts = text.strip().removeprefix(_PRIVATE).split("+", 2)
        if not text.strip().startswith(_PRIVATE) or len(parts) != 3:  # noqa: PLR2004 - name, number, key
            raise ValueError("must look like PRIVATE+KEY+NAME+0123abcd+BASE64")
        signer = cls(_name(parts[0]), _key(parts[2]))
        if signer.verifier.id.hex() != parts[1]:
            raise ValueError("its number does not fit its key: a character was lost in copying")
        return signer

    @property
    def verifier(self) -> Verifier:
        """The key to check its signatures with."""
        public = self._private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return Verifier(self.name, public)

    def secret(self) -> str:
        """The key in its spelling. Whoever has it can sign as this log."""
        key = base64.b64encode(_ED25519 + self.seed).decode()
        return f"{_PRIVATE}{self.name}+{self.verifier.id.hex()}+{key}"

    def sign(self, text: str) -> str:
        """The note: text, an empty line, and the signature's line."""
        signature = self.verifier.id + self._private.sign(text.encode())
        return f"{text}\n{_DASH}{self.name} {base64.b64encode(signature).decode()}\n"

    @property
    def _private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)


@dataclass(frozen=True)
class Checkpoint:
    """What a log commits to: that its first ``size`` leaves have the root hash ``root``."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The text that is signed (tlog-checkpoint, "Note text")."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a signed text.

        Raises:
            NoteError: it is no checkpoint.
        """
        lines = text.split("\n")
        if len(lines) < 4 or not lines[0] or lines[-1] != "":  # noqa: PLR2004 - origin, size, root and the last end of line
            raise NoteError("this is no checkpoint: it needs an origin, a size and a root hash")
        if not lines[1].isascii() or not lines[1].isdecimal() or (lines[1] != "0" and lines[1].startswith("0")):
            raise NoteError(f"this is no checkpoint's size: {lines[1][:40]!r}")
        root = _base64(lines[2])
        if len(root) != HASH_SIZE:
            raise NoteError("this is no checkpoint's root hash")
        return cls(lines[0], int(lines[1]), root)


def signed(checkpoint: Checkpoint, signer: Signer) -> str:
    """A checkpoint as a signed note."""
    return signer.sign(checkpoint.text())


def open_checkpoint(note: str, verifiers: Iterable[Verifier], *, origin: str | None = None) -> Checkpoint:
    """Read a signed checkpoint. Signatures of keys that are not known are passed over.

    Raises:
        NoteError: it is not well formed, a known key's signature is wrong, no known key signed it, or it is of a log
            with another ``origin``.
    """
    text, separator, signatures = note.rpartition("\n\n")
    text += "\n"
    if not separator or not signatures.endswith("\n"):
        raise NoteError("this is no signed note")
    known = {(verifier.name, verifier.id): verifier for verifier in verifiers}
    count = sum(_checked(line, text, known) for line in signatures.removesuffix("\n").split("\n"))
    if not count:
        raise NoteError("no key that is trusted here signed this checkpoint")
    checkpoint = Checkpoint.parse(text)
    if origin is not None and checkpoint.origin != origin:
        raise NoteError(f"this is a checkpoint of {checkpoint.origin!r}, not of {origin!r}")
    return checkpoint


def _checked(line: str, text: str, known: dict[tuple[str, bytes], Verifier]) -> int:
    name, separator, encoded = line.removeprefix(_DASH).partition(" ")
    signature = _base64(encoded)
    if not line.startswith(_DASH) or not name or not separator or len(signature) <= _ID_SIZE:
        raise NoteError("this is no signature's line")
    verifier = known.get((name, signature[:_ID_SIZE]))
    if verifier is None:
        return 0
    verifier.check(text, signature[_ID_SIZE:])
    return 1


def _name(text: str) -> str:
    if not text or "+" in text or any(character.isspace() or not character.isprintable() for character in text):
        raise ValueError("a key's name has no blank and no plus sign")
    return text


def _key(text: str) -> bytes:
    try:
        key = _base64(text)
    except NoteError as error:
        raise ValueError("its key is not base64") from error
    if key[:1] != _ED25519 or len(key) != 1 + _KEY_SIZE:
        raise ValueError("is no Ed25519 key")
    return key[1:]


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteError("this is not base64") from error
