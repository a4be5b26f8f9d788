"""Barcodes as SVG, to be printed and scanned."""

from barcode.codex import Code128
from markupsafe import Markup

# The quiet zone that ISO/IEC 15417 asks for on both sides, in modules.
_QUIET = 10
_HEIGHT = 60


def code_128(text: str) -> Markup:
    """The text as a Code 128 barcode. Its width is in modules; a page's style says how wide one is.

    The page's Content-Security-Policy lets no style into it, so colours are attributes.
    """
    modules = Code128(text).build()[0]
    bars = "".join(f"M{_QUIET + at} 0h1v{_HEIGHT}h-1z" for at, module in enumerate(modules) if module == "1")
    width = len(modules) + 2 * _QUIET
    return Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" class="fleet-barcode" role="img" aria-label="Barcode" '
        'viewBox="0 0 {width} {height}" width="{width}mm" height="20mm" preserveAspectRatio="none" '
        'shape-rendering="crispEdges"><rect width="{width}" height="{height}" fill="#fff"/><path d="{bars}" fill="#000"/>'
        "</svg>"
    ).format(width=width, height=_HEIGHT, bars=bars)
