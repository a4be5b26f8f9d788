"""Barcodes as SVG, to be printed and scanned."""

from barcode.codex import Code128
from markupsafe import Markup

# The quiet zone that ISO/IEC 15417 asks for on both sides, in modules.
_QUIET = 10
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
    modules = Code128(text).build()[0]
    bars = "".join(f"M{_QUIET + at} 0h1v{_HEIGHT}h-1z" for at, module in enumerate(modules) if module == "1")
    width = len(modules) + 2 * _QUIET
    return Markup(_SVG).format(width=width, height=_HEIGHT, wide=f"{width * module_mm:.2f}", bars=bars)  # noqa: S704
