"""Code 128 and QR as plain bars and squares. Pure; the pages' SVG and the labels' PDF draw the same."""

from collections.abc import Iterator, Sequence

from barcode.codex import Code128
from reportlab.graphics.barcode.qrencoder import QRCode, QRErrorCorrectLevel

# Quiet zones in modules, on every side that has one: ISO/IEC 15417, 4.2, and ISO/IEC 18004, 6.3.8.
CODE_128_QUIET = 10
QR_QUIET = 4
# Any mask can be read. The one that the standard's scoring would choose costs eight times the work for each label.
_MASK = 3
# In the set of digits the same value is the digits 99.
_SWITCH_TO_DIGITS = 99


class CannotEncode(ValueError):
    """The text has a character that a Code 128 barcode does not know."""


class _Code128(Code128):  # type: ignore[misc] # the library has no types
    """The library takes a first “99” for a switch to the set of digits, which it is in, and leaves it out."""

    def _try_to_optimize(self, encoded: list[int]) -> list[int]:
        if encoded[1] == _SWITCH_TO_DIGITS:
            return encoded
        shorter: list[int] = super()._try_to_optimize(encoded)
        return shorter


def code_128(text: str) -> str:
    """The modules of a Code 128 barcode, ``1`` a bar and ``0`` a space, without quiet zones.

    Raises:
        CannotEncode
    """
    if not text.isascii() or not text.isprintable() or not text:
        raise CannotEncode(f"{text} has a character that a barcode of this kind does not know.")
    modules: str = _Code128(text).build()[0]
    return modules


def bars(modules: str) -> Iterator[tuple[int, int]]:
    """Where each bar begins and how wide it is, in modules."""
    at = 0
    while at < len(modules):
        end = at
        while end < len(modules) and modules[end] == modules[at]:
            end += 1
        if modules[at] == "1":
            yield at, end - at
        at = end


def qr(text: str) -> Sequence[Sequence[bool]]:
    """The modules of a QR code, row by row from the top, without quiet zone. Error correction M, 15%."""
    code = QRCode(None, QRErrorCorrectLevel.M)
    code.addData(text)
    code.version = code.calculate_version()  # type: ignore[no-untyped-call]
    code.makeImpl(False, _MASK)
    rows: Sequence[Sequence[bool]] = code.modules
    return rows
