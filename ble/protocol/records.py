"""Records: messages between station and device under keys that their EDHOC session exported.

AES-128-CCM with a tag of 16 bytes, a key and a starting nonce for each direction. A record's number is in its nonce and
in the clear; each side takes exactly the next number, so a record that was lost, doubled, moved or altered ends the
session.
"""

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from ble.protocol import labels
from ble.protocol.edhoc import Export
from ble.protocol.messages import Record

KEY_SIZE: Final = 16
NONCE_SIZE: Final = 13
TAG_SIZE: Final = 16
_LAST_NUMBER: Final = 2**32 - 1


class RecordError(ValueError):
    """A record that is not the next one of this session. The session is over."""


class _Direction:
    def __init__(self, export: Export, key_label: int, nonce_label: int) -> None:
        self._cipher = AESCCM(export(key_label, labels.CONTEXT, KEY_SIZE), tag_length=TAG_SIZE)
        self._start = int.from_bytes(export(nonce_label, labels.CONTEXT, NONCE_SIZE))
        self.number = 0

    def next(self) -> bytes:
        if self.number > _LAST_NUMBER:
            raise RecordError("the session's numbers are used up")
        nonce = self._start ^ self.number
        self.number += 1
        return nonce.to_bytes(NONCE_SIZE)

    def seal(self, message: bytes) -> Record:
        number = self.number
        return Record(number, self._cipher.encrypt(self.next(), message, None))

    def open(self, record: Record) -> bytes:
        if record.number != self.number:
            raise RecordError(f"record {record.number} in place of {self.number}")
        try:
            return self._cipher.decrypt(self.next(), record.sealed, None)
        except (InvalidTag, ValueError) as error:
            raise RecordError("a record that was altered") from error


class Channel:
    """Both directions of one session, as one of its two ends uses them."""

    def __init__(self, export: Export, *, device: bool) -> None:
        directions = (
            _Direction(export, labels.KEY_DEVICE, labels.NONCE_DEVICE),
            _Direction(export, labels.KEY_STATION, labels.NONCE_STATION),
        )
        self._out, self._in = directions if device else directions[::-1]

    def seal(self, message: bytes) -> Record:
        """The next record of this end."""
        return self._out.seal(message)

    def open(self, record: Record) -> bytes:
        """The message in the other end's next record.

        Raises:
            RecordError: it is not the next, or was altered.
        """
        return self._in.open(record)
