"""Labels as PDF. What does not fit a label is refused, never made smaller than a scanner reads or cut off."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import IO, TypeAlias

from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from fleet.errors import Invalid
from fleet.labels import symbols
from fleet.labels.layouts import Layout, places

MM = 72 / 25.4
# Every laser printer and every hand scanner manages this; above 0.33 mm nothing is gained on a label.
NARROWEST_MODULE_MM, WIDEST_MODULE_MM = 0.25, 0.33
_QR_MODULE_MM = (0.35, 0.6)
_MARGIN_MM = 1.5
_BARS_MM = (6.0, 12.0)
_FONT, _BOLD = "Helvetica", "Helvetica-Bold"
_POINTS = (6.0, 9.0)
_LINE = 1.25
_GAP_MM = 1.0


# Dark modules side by side: the column of the first, the row, how many.
Run: TypeAlias = tuple[int, int, int]


class Symbol(StrEnum):
    """Which barcodes a label has."""

    BOTH = "both"
    CODE_128 = "code-128"
    QR = "qr"


@dataclass(frozen=True)
class Label:
    """What one label says. ``code`` is what its barcodes are; ``lines`` stand beside them, the first in bold."""

    code: str
    lines: tuple[str, ...]


class DoesNotFit(Invalid):
    """A label's text or barcode is too large for its size."""


@dataclass(frozen=True)
class Box:
    """A part of a label, in millimetres from its top left corner."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Plan:
    """Where the parts of a label lie: its bars with the width of a module, its QR code likewise, its text's size."""

    bars: Box | None
    bar_module_mm: float
    qr: Box | None
    qr_module_mm: float
    text: Box
    points: float


def plan(label: Label, layout: Layout, symbol: Symbol) -> Plan:
    """How a label is arranged: the bars below, over its whole width; the QR code above on the left, the text beside it.

    Raises:
        DoesNotFit: naming what is too wide or too high, and what would be enough.
    """
    inner = Box(_MARGIN_MM, _MARGIN_MM, layout.width_mm - 2 * _MARGIN_MM, layout.height_mm - 2 * _MARGIN_MM)
    bars, bar_module = _bars(label, inner, layout) if symbol is not Symbol.QR else (None, 0.0)
    rest = inner if bars is None else Box(inner.x, inner.y, inner.width, bars.y - inner.y - _GAP_MM)
    code, qr_module = _qr(label, rest, layout) if symbol is not Symbol.CODE_128 else (None, 0.0)
    text = rest
    if code is not None:
        text = Box(rest.x + code.width, rest.y, rest.width - code.width, rest.height)
    return Plan(bars, bar_module, code, qr_module, text, _points(label, text, layout))


def _bars(label: Label, inner: Box, layout: Layout) -> tuple[Box, float]:
    modules = len(_modules(label.code)) + 2 * symbols.CODE_128_QUIET
    # The quiet zone may use the label's margin: both are blank.
    module = min(layout.width_mm / modules, WIDEST_MODULE_MM)
    if module < NARROWEST_MODULE_MM:
        raise _does_not_fit(label, f"its barcode needs {modules * NARROWEST_MODULE_MM:.1f} mm of width", layout)
    width = modules * module
    height = min(max(_BARS_MM[0], inner.height * 0.35), _BARS_MM[1])
    return Box((layout.width_mm - width) / 2, inner.y + inner.height - height, width, height), module


def _qr(label: Label, rest: Box, layout: Layout) -> tuple[Box, float]:
    modules = len(_squares(label.code)) + 2 * symbols.QR_QUIET
    narrowest, widest = _QR_MODULE_MM
    module = min(min(rest.height, rest.width) / modules, widest)
    if module < narrowest:
        raise _does_not_fit(label, f"its QR code needs {modules * narrowest:.1f} mm beside the rest", layout)
    return Box(rest.x, rest.y, modules * module, modules * module), module


def _points(label: Label, text: Box, layout: Layout) -> float:
    """The largest size of type in which every line fits."""
    smallest, largest = _POINTS
    widest = max((_width_mm(line, number, 1.0) for number, line in enumerate(label.lines)), default=0.0)
    by_width = text.width / widest if widest else largest
    by_height = text.height * MM / (_LINE * len(label.lines)) if label.lines else largest
    points = min(by_width, by_height, largest)
    if points < smallest:
        longest = max(label.lines, key=lambda line: _width_mm(line, label.lines.index(line), 1.0))
        what = f"“{longest}” is too long" if by_width < by_height else f"{len(label.lines)} lines of text are too high"
        raise _does_not_fit(label, what, layout)
    return points


def _does_not_fit(label: Label, what: str, layout: Layout) -> DoesNotFit:
    size = f"{layout.width_mm:g} × {layout.height_mm:g} mm"
    problem = (
        f"{label.code} does not fit a label of {size}: {what}. Choose a larger label, fewer barcodes or less text."
    )
    return DoesNotFit(problem, fields={"layout": [problem]})


def _width_mm(line: str, number: int, points: float) -> float:
    return float(stringWidth(line, _face(number), points)) / MM


def _face(number: int) -> str:
    return _FONT if number else _BOLD


# A batch needs each code twice: for its plan, and for its drawing.
_REMEMBERED = 5_000


@lru_cache(_REMEMBERED)
def _modules(code: str) -> str:
    try:
        return symbols.code_128(code)
    except symbols.CannotEncode as error:
        raise Invalid(str(error), fields={"symbol": [f"{error} Choose QR codes alone."]}) from error


_squares = lru_cache(_REMEMBERED)(symbols.qr)


def draw(
    to: IO[bytes], labels: Sequence[Label], layout: Layout, *, symbol: Symbol, start: int = 0, title: str = "Labels"
) -> None:
    """Write a PDF of labels to ``to``; the first lies at place ``start`` of its sheet.

    Every label is measured before the first is drawn.

    Raises:
        DoesNotFit, Invalid
    """
    plans = [plan(label, layout, symbol) for label in labels]
    canvas = Canvas(to, pagesize=(layout.page_mm[0] * MM, layout.page_mm[1] * MM), pageCompression=1, lang="en-GB")
    canvas.setTitle(title)
    page = 0
    for label, planned, (on, place) in zip(labels, plans, places(layout, len(labels), start), strict=True):
        if on != page:
            canvas.showPage()
            page = on
        x, y = layout.corner(place)
        _draw(_Pen(canvas, x, y, layout.page_mm[1]), label, planned)
    canvas.showPage()
    canvas.save()


class _Pen:
    """Draws on a label in millimetres from its top left corner, while PDF counts points from the page's bottom."""

    def __init__(self, canvas: Canvas, x_mm: float, y_mm: float, page_mm: float) -> None:
        self._canvas, self._x, self._y, self._page = canvas, x_mm, y_mm, page_mm

    def fill(self, at: Box, module_mm: float, runs: Iterator[Run], height: float = 1) -> None:
        """Fill runs of modules as one path, counted from the corner of ``at``; ``height`` is in modules."""
        self._canvas.saveState()
        left, top = (self._x + at.x) * MM, (self._page - self._y - at.y) * MM
        self._canvas.transform(module_mm * MM, 0, 0, -module_mm * MM, left, top)
        # Whole numbers, written as they are: reportlab's own paths spend ten times as long on spelling them.
        path = " ".join(f"{column} {row} {width} {height:g} re" for column, row, width in runs)
        self._canvas.addLiteral(f"{path} f")
        self._canvas.restoreState()

    def write(self, text: str, x: float, baseline: float, face: str, points: float) -> None:
        self._canvas.setFont(face, points)
        self._canvas.drawString((self._x + x) * MM, (self._page - self._y - baseline) * MM, text)


def _draw(pen: _Pen, label: Label, planned: Plan) -> None:
    if planned.bars is not None:
        height = planned.bars.height / planned.bar_module_mm
        pen.fill(planned.bars, planned.bar_module_mm, _bar_runs(label.code), round(height, 3))
    if planned.qr is not None:
        pen.fill(planned.qr, planned.qr_module_mm, _square_runs(label.code))
    line_mm = planned.points * _LINE / MM
    for number, line in enumerate(label.lines):
        pen.write(line, planned.text.x, planned.text.y + line_mm * (number + 0.8), _face(number), planned.points)


def _bar_runs(code: str) -> Iterator[Run]:
    return ((symbols.CODE_128_QUIET + at, 0, width) for at, width in symbols.bars(_modules(code)))


def _square_runs(code: str) -> Iterator[Run]:
    for row, squares in enumerate(_squares(code), symbols.QR_QUIET):
        for at, width in symbols.bars("".join("1" if dark else "0" for dark in squares)):
            yield symbols.QR_QUIET + at, row, width
