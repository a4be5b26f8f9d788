"""Where labels lie on a sheet or a roll, in millimetres from the top left corner. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

A4_MM = (210.0, 297.0)


@dataclass(frozen=True)
class Layout:
    """Labels of one size on pages of one size, in rows and columns that stand in the page's middle.

    A roll is a page for each label. ``gap_mm`` lies between columns; sheets of labels have none between rows.
    """

    name: str
    says: str
    width_mm: float
    height_mm: float
    columns: int = 1
    rows: int = 1
    gap_mm: float = 0.0
    page_mm: tuple[float, float] = A4_MM

    @property
    def per_page(self) -> int:
        return self.columns * self.rows

    @property
    def margins_mm(self) -> tuple[float, float]:
        """What is left of the page at the left and at the top."""
        across = self.columns * self.width_mm + (self.columns - 1) * self.gap_mm
        return (self.page_mm[0] - across) / 2, (self.page_mm[1] - self.rows * self.height_mm) / 2

    def corner(self, place: int) -> tuple[float, float]:
        """The top left corner of the label at a place, which counts from 0 along the rows."""
        row, column = divmod(place, self.columns)
        left, top = self.margins_mm
        return left + column * (self.width_mm + self.gap_mm), top + row * self.height_mm


def places(layout: Layout, count: int, start: int) -> Iterator[tuple[int, int]]:
    """Page and place of each of ``count`` labels; the first lies at place ``start`` of a sheet that was begun."""
    for number in range(start, start + count):
        yield divmod(number, layout.per_page)


def _sheet(columns: int, rows: int, width_mm: float, height_mm: float, gap_mm: float) -> Layout:
    many = columns * rows
    says = f"A4, {many} labels of {width_mm} × {height_mm} mm"
    return Layout(f"a4-{many}", says, width_mm, height_mm, columns, rows, gap_mm)


# What office suppliers sell everywhere, under numbers such as L7160, L7159, L7654 and L7651.
SHEETS = {
    layout.name: layout
    for layout in (
        _sheet(3, 7, 63.5, 38.1, 2.54),
        _sheet(3, 8, 63.5, 33.9, 2.54),
        _sheet(4, 10, 45.7, 25.4, 2.6),
        _sheet(5, 13, 38.1, 21.2, 2.5),
    )
}
ROLL = "roll"
NARROWEST_MM, WIDEST_MM = 15, 210


def roll(width_mm: float, height_mm: float) -> Layout:
    """A roll of labels of one size."""
    says = f"Roll, {width_mm:g} × {height_mm:g} mm"
    return Layout(ROLL, says, width_mm, height_mm, page_mm=(width_mm, height_mm))
