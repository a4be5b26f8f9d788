"""Readers of barcodes as their standards tell it, to read back what was drawn. They know nothing of what drew it."""

from collections.abc import Iterator, Sequence

from reportlab.graphics.barcode.code128 import _patterns

# ISO/IEC 15417, table 1: the widths of bars and spaces, in another library's spelling (a or A is one module wide).
_CODE_128 = {tuple(ord(letter.lower()) - ord("a") + 1 for letter in widths): n for n, widths in _patterns.items()}
_STARTS = {103: "A", 104: "B", 105: "C"}
_SWITCHES = {99: "C", 100: "B", 101: "A"}


def read_code_128(modules: str) -> str:
    """The text of a barcode; its check symbol must be right."""
    widths = [len(run) for run in modules.replace("10", "1 0").replace("01", "0 1").split()]
    assert _CODE_128[tuple(widths[-7:])] == 106
    start, *data, check = [_CODE_128[tuple(widths[at : at + 6])] for at in range(0, len(widths) - 7, 6)]
    assert check == (start + sum(at * value for at, value in enumerate(data, 1))) % 103
    code_set, text = _STARTS[start], ""
    for value in data:
        if value in _SWITCHES and not (code_set == "C" and value == 99):
            code_set = _SWITCHES[value]
        else:
            text += f"{value:02d}" if code_set == "C" else chr(value + 32)
    return text


_MASKS = [
    lambda row, column: (row + column) % 2 == 0,
    lambda row, _column: row % 2 == 0,
    lambda _row, column: column % 3 == 0,
    lambda row, column: (row + column) % 3 == 0,
    lambda row, column: (row // 2 + column // 3) % 2 == 0,
    lambda row, column: row * column % 2 + row * column % 3 == 0,
    lambda row, column: (row * column % 2 + row * column % 3) % 2 == 0,
    lambda row, column: ((row + column) % 2 + row * column % 3) % 2 == 0,
]
_ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"


def read_qr(dark: Sequence[Sequence[bool]]) -> str:
    """The text of a QR code of version 1 to 3, error correction M, undamaged (ISO/IEC 18004, 7)."""
    size = len(dark)
    assert size in {21, 25, 29}
    told = "".join(str(int(dark[8][column])) for column in (0, 1, 2, 3, 4, 5, 7, 8))
    told_format = int(told[:5], 2) ^ 0b10101
    assert told_format >> 3 == 0b00, "error correction M"
    mask = _MASKS[told_format & 0b111]
    bits = "".join(str(int(dark[row][column] ^ mask(row, column))) for row, column in _walk(size))
    return _text(bits)


def _walk(size: int) -> Iterator[tuple[int, int]]:
    """Every module that holds data, in the standard's order: pairs of columns from the right, up and down in turn."""
    upwards = True
    for right in [*range(size - 1, 6, -2), 5, 3, 1]:
        for row in range(size - 1, -1, -1) if upwards else range(size):
            yield from ((row, column) for column in (right, right - 1) if not _is_function(row, column, size))
        upwards = not upwards


def _is_function(row: int, column: int, size: int) -> bool:
    finders = (row < 9 and column < 9) or (row < 9 and column >= size - 8) or (row >= size - 8 and column < 9)
    alignment = size > 21 and abs(row - (size - 7)) <= 2 and abs(column - (size - 7)) <= 2
    return finders or alignment or 6 in {row, column}


def _text(bits: str) -> str:
    mode, bits = bits[:4], bits[4:]
    if mode == "0100":
        length = int(bits[:8], 2)
        return bytes(int(bits[8 + 8 * at : 16 + 8 * at], 2) for at in range(length)).decode()
    if mode == "0001":
        return _numeric(int(bits[:10], 2), bits[10:])
    assert mode == "0010"
    length, bits, text = int(bits[:9], 2), bits[9:], ""
    while length - len(text) >= 2:
        first, second = divmod(int(bits[:11], 2), 45)
        text, bits = text + _ALPHANUMERIC[first] + _ALPHANUMERIC[second], bits[11:]
    return text + (_ALPHANUMERIC[int(bits[:6], 2)] if length > len(text) else "")


def _numeric(length: int, bits: str) -> str:
    text = ""
    while len(text) < length:
        digits = min(3, length - len(text))
        width = {3: 10, 2: 7, 1: 4}[digits]
        text, bits = text + f"{int(bits[:width], 2):0{digits}d}", bits[width:]
    return text
