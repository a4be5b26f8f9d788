"""A device's memory that survives a loss of power, with the ways in which it lets its device down."""

from collections.abc import Iterator
from typing import Any


class PowerCut(Exception):
    """Power failed at this write: it did not happen, nor does anything after it until power is back."""


class WriteLost(Exception):
    """Memory does not hold what was written to it, however often it was tried."""


ATTEMPTS = 3


class Flash:
    """Named cells, each written whole or not at all.

    Faults on demand: power fails before the n-th write from now; the next n writes are lost without a word; the whole
    memory is put back to an older copy.
    """

    def __init__(self) -> None:
        self._cells: dict[str, Any] = {}
        self._until_cut: int | None = None
        self._to_lose = 0
        self.writes = 0

    def read(self, name: str) -> Any:
        """A cell's value, None when it was never written."""
        return self._cells.get(name)

    def names(self, prefix: str) -> Iterator[str]:
        return (name for name in list(self._cells) if name.startswith(prefix))

    def write(self, name: str, value: Any) -> None:
        """Write a cell; ``None`` erases it.

        Raises:
            PowerCut: as ``cut_before`` asked for.
        """
        self._count_down()
        self.writes += 1
        if self._to_lose:
            self._to_lose -= 1
        elif value is None:
            self._cells.pop(name, None)
        else:
            self._cells[name] = value

    def write_surely(self, name: str, value: Any) -> None:
        """Write, read back, and try again: for what no event may happen without.

        Raises:
            WriteLost: three attempts were lost.
            PowerCut: as ``write``.
        """
        for _ in range(ATTEMPTS):
            self.write(name, value)
            if self.read(name) == value:
                return
        raise WriteLost(name)

    def _count_down(self) -> None:
        if self._until_cut is None:
            return
        self._until_cut -= 1
        if self._until_cut < 0:
            self._until_cut = None
            raise PowerCut

    # Faults

    def cut_before(self, write: int) -> None:
        """Power fails at the ``write``-th write from now; 0 is the next."""
        self._until_cut = write

    def lose_writes(self, count: int) -> None:
        self._to_lose = count

    def copy(self) -> dict[str, Any]:
        """The whole of it, for ``restore`` later: cells hold values that never change."""
        return dict(self._cells)

    def restore(self, copy: dict[str, Any]) -> None:
        self._cells = dict(copy)
