"""Messages cut into frames that fit one GATT write or notification, and put together again.

A frame is one byte of header and a piece of the message: bit 7 first, bit 6 last, bits 0-5 a counter that runs on from
frame to frame and from message to message in each direction, from zero when the connection opens. A first frame's piece
begins with the message's length in two bytes. Bluetooth delivers what it delivers in order; the counter finds what a
stack or a hostile station lost, doubled or moved, and then the connection is over.
"""

from typing import Final

MESSAGE_LIMIT: Final = 16_384
SMALLEST_FRAME: Final = 20
_FIRST, _LAST, _COUNT = 0x80, 0x40, 0x40
_LENGTH = 2


class FrameError(ValueError):
    """A frame that does not follow the one before, or a message that is too long. The connection cannot go on."""


class Fragmenter:
    """Cuts the messages of one direction of one connection."""

    def __init__(self) -> None:
        self._count = 0

    def cut(self, message: bytes, size: int) -> list[bytes]:
        """The frames of ``message``, each of at most ``size`` bytes (the connection's ATT MTU less three).

        Raises:
            FrameError: the message is empty or longer than 16,384 bytes, or ``size`` is below 20.
        """
        if not 0 < len(message) <= MESSAGE_LIMIT or size < SMALLEST_FRAME:
            raise FrameError(f"{len(message)} bytes in frames of {size}")
        body = len(message).to_bytes(_LENGTH) + message
        pieces = [body[start : start + size - 1] for start in range(0, len(body), size - 1)]
        return [self._frame(piece, index == 0, index == len(pieces) - 1) for index, piece in enumerate(pieces)]

    def _frame(self, piece: bytes, first: bool, last: bool) -> bytes:
        header = first * _FIRST | last * _LAST | self._count
        self._count = (self._count + 1) % _COUNT
        return bytes([header]) + piece


class Assembler:
    """Puts the frames of one direction of one connection together."""

    def __init__(self) -> None:
        self._count = 0
        self._length = 0
        self._pieces: bytearray | None = None

    def feed(self, frame: bytes) -> bytes | None:
        """Take one frame; the answer is the message that it completes, if it does.

        Raises:
            FrameError: a frame was lost, doubled or moved, or the message's length is not as announced.
        """
        if len(frame) <= 1 or frame[0] % _COUNT != self._count:
            raise FrameError("a frame is missing, doubled or empty")
        self._count = (self._count + 1) % _COUNT
        piece = self._begin(frame[1:]) if frame[0] & _FIRST else frame[1:]
        if self._pieces is None or len(self._pieces) + len(piece) > self._length:
            raise FrameError("more than the message's length, or no message was begun")
        self._pieces += piece
        return self._end() if frame[0] & _LAST else None

    def _begin(self, piece: bytes) -> bytes:
        length = int.from_bytes(piece[:_LENGTH])
        if self._pieces is not None or len(piece) <= _LENGTH or not 0 < length <= MESSAGE_LIMIT:
            raise FrameError("a message begins inside another, or is empty or too long")
        self._pieces, self._length = bytearray(), length
        return piece[_LENGTH:]

    def _end(self) -> bytes:
        message = bytes(self._pieces or b"")
        if len(message) != self._length:
            raise FrameError("less than the message's length")
        self._pieces = None
        return message
