"""Barcodes as SVG, to be printed and scanned."""

from markupsafe import Markup

from fleet.labels import symbols
from fleet.labels.symbols import CODE_128_QUIET

_HEIGHT = 60
# What every scanner reads and every printer prints.
_MODULE_MM = 0.33
# Two pixels of a screen: bars that stay even there too, and that are read from an arm's length.
LARGE_MM = 2 * 25.4 / 96
_SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="Barcode" viewBox="0 0 {width} {height}" width="{wide}mm"
height="18mm" preserveAspectRatio="none" shape-rendering="crispEdges">
<rect width="{width}" height="{height}" fill="#fff"/>
<path d="{bars}" fill="#000"/></svg>"""


def code_128(text: str, *, module_mm: float = _MODULE_MM) -> Markup:
    """The text as a Code 128 barcode of full size, its thinnest bar ``module_mm`` wide.

    Colours are attributes: pages allow no style inside their text.
    """
    modules = symbols.code_128(text)
    bars = "".join(f"M{CODE_128_QUIET + at} 0h{wide}v{_HEIGHT}h-{wide}z" for at, wide in symbols.bars(modules))
    width = len(modules) + 2 * CODE_128_QUIET
    return Markup(_SVG).format(width=width, height=_HEIGHT, wide=f"{width * module_mm:.2f}", bars=bars)  # noqa: S704
