"""A device's memory that survives a loss of power, with the ways in which it lets its device down."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Self

from ble.devices.log import EventLog


class PowerCut(Exception):
    """Power failed at this write: it did not happen, nor does anything after it until power is back."""


class WriteLost(Exception):
    """Memory does not hold what was written to it, however often it was tried."""


ATTEMPTS: Final = 3


class Flash:
    """Named cells and logs. A write is whole or not at all, also when it is of several cells.

    Faults on demand: power fails before the n-th write from now; the next n writes are lost without a word; the whole
    memory is put back to an older copy.
    """

    def __init__(self) -> None:
        self._cells: dict[str, Any] = {}
        self._logs: dict[str, EventLog[bytes]] = {}
        self._until_cut: int | None = None
        self._to_lose = 0
        self.writes = 0

    def read(self, name: str) -> Any:
        """A cell's value, None when it was never written."""
        return self._cells.get(name)

    def names(self, prefix: str) -> Iterator[str]:
        return (name for name in list(self._cells) if name.startswith(prefix))

    def log(self, name: str) -> EventLog[bytes]:
        """A log to read; ``append`` writes to it."""
        return self._logs.setdefault(name, EventLog())

    def write(self, cells: Mapping[str, Any]) -> None:
        """Write these cells, read them back, and try again; ``None`` erases one.

        Raises:
            WriteLost: three attempts were lost.
            PowerCut: as ``cut_before`` asked for; nothing was written.
        """
        self._surely(lambda: self._put(cells), lambda: all(self.read(name) == value for name, value in cells.items()))

    def append(self, name: str, entry: bytes) -> None:
        """Add an entry to a log. Raises: as ``write``."""
        log = self.log(name)
        number = log.next_number
        self._surely(lambda: log.append(entry), lambda: log.next_number > number)

    def _put(self, cells: Mapping[str, Any]) -> None:
        for name, value in cells.items():
            if value is None:
                self._cells.pop(name, None)
            else:
                self._cells[name] = value

    def _surely(self, action: Callable[[], None], happened: Callable[[], bool]) -> None:
        for _ in range(ATTEMPTS):
            self._count_down()
            self.writes += 1
            if self._to_lose:
                self._to_lose -= 1
            else:
                action()
            if happened():
                return
        raise WriteLost

    def _count_down(self) -> None:
        if self._until_cut is None:
            return
        self._until_cut -= 1
        if self._until_cut < 0:
            self._until_cut = None
            raise PowerCut

    def contents(self) -> tuple[dict[str, Any], dict[str, EventLog[bytes]]]:
        """Copies of all cells and logs, for whoever keeps a simulated device over a restart."""
        return dict(self._cells), {name: log.copy() for name, log in self._logs.items()}

    @classmethod
    def holding(cls, cells: Mapping[str, Any], logs: Mapping[str, EventLog[bytes]]) -> Self:
        """A memory with these contents."""
        made = cls()
        made._cells, made._logs = dict(cells), dict(logs)
        return made

    # Faults

    def cut_before(self, write: int | None) -> None:
        """Power fails at the ``write``-th write from now; 0 is the next, None is never."""
        self._until_cut = write

    def lose_writes(self, count: int) -> None:
        self._to_lose = count

    def copy(self) -> Self:
        """The whole of it, for ``restore`` later: cells hold values that never change."""
        return self.holding(*self.contents())

    def restore(self, old: "Flash") -> None:
        """Everything is as it was when ``old`` was copied; the device must be started anew."""
        self._cells, self._logs = old.contents()
