"""Reads back what was drawn on a label: the dark rectangles and the text of every page, in millimetres from the top."""

import base64
import re
import zlib
from dataclasses import dataclass, field

MM = 72 / 25.4


@dataclass(frozen=True)
class Rect:
    x: float
    y: float
    width: float
    height: float


@dataclass
class Sheet:
    """A page: its size, what is filled on it, each path by itself, and its texts with where they begin."""

    width: float
    height: float
    paths: list[list[Rect]] = field(default_factory=list)
    texts: list[tuple[str, float, float]] = field(default_factory=list)


_PAGE = re.compile(rb"/Contents (\d+) 0 R /MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]")
_OPERATION = re.compile(
    r"(?P<matrix>(?:-?[\d.]+ ){6})cm|(?P<rects>(?:-?[\d.]+ -?[\d.]+ -?[\d.]+ -?[\d.]+ re ?)+)f"
    r"|1 0 0 1 (?P<tx>-?[\d.]+) (?P<ty>-?[\d.]+) Tm|\((?P<text>(?:[^()\\]|\\.)*)\) Tj|(?P<q>\bq\b)|(?P<restore>\bQ\b)"
)


def sheets(pdf: bytes) -> list[Sheet]:
    """The pages of a PDF that reportlab wrote."""
    found = []
    for number, width, height in _PAGE.findall(pdf):
        body = re.search(rb"\n%s 0 obj\n.*?stream\n(.*?)endstream" % number, pdf, re.DOTALL)
        assert body is not None
        content = zlib.decompress(_a85(body[1]))
        found.append(_read(content.decode("latin-1"), float(width) / MM, float(height) / MM))
    return found


def _a85(data: bytes) -> bytes:
    return base64.a85decode(b"<~" + data.strip(), adobe=True)


def _read(content: str, width: float, height: float) -> Sheet:
    sheet = Sheet(width, height)
    scale, left, top = 1.0, 0.0, 0.0
    at = (0.0, 0.0)
    for found in _OPERATION.finditer(content):
        if found["matrix"]:
            a, _, _, d, e, f = map(float, found["matrix"].split())
            if (a, d) != (1.0, 1.0):
                assert a == -d
                scale, left, top = a / MM, e / MM, height - f / MM
        elif found["rects"]:
            numbers = [list(map(float, one.split())) for one in found["rects"].split("re") if one.strip()]
            sheet.paths.append(
                [Rect(left + x * scale, top + y * scale, w * scale, h * scale) for x, y, w, h in numbers]
            )
        elif found["tx"]:
            at = float(found["tx"]) / MM, height - float(found["ty"]) / MM
        elif found["text"] is not None:
            sheet.texts.append((re.sub(r"\\(.)", r"\1", found["text"]), *at))
    return sheet
