"""A CSV file as rows of cells, read as a stream: every fault is noted with its line, and reading goes on."""

import csv
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, BinaryIO

from fleet.identifiers import is_unusual
from fleet.transfer.problems import Problems
from fleet.transfer.sheet import Column, Sheet

_LONGEST_LINE = 1024 * 1024
_BOM = b"\xef\xbb\xbf"
_MOST_EXAMPLES = 5
# What Excel looks for in a file's first line, and some exports write for it.
_SEPARATOR_LINE = re.compile(r'"?sep=([;,])"?\s*', re.IGNORECASE)


class TooLongError(Exception):
    """A line is longer than any row can be: most likely the file is no CSV at all."""


class Lines:
    """The lines of a binary file as text. ``read`` counts bytes; ``bad`` holds the lines noted since it was cleared."""

    def __init__(self, stream: BinaryIO, problems: Problems) -> None:
        self._stream = stream
        self._problems = problems
        self._number = 0
        self.read = 0
        self.bad = False

    def __iter__(self) -> Iterator[str]:
        while raw := self._stream.readline(_LONGEST_LINE):
            self._number += 1
            self.read += len(raw)
            if self._number == 1:
                raw = raw.removeprefix(_BOM)
            if len(raw) == _LONGEST_LINE:
                self._note(f"is longer than {_LONGEST_LINE:,} bytes")
                raise TooLongError
            yield self._text(raw)

    def _text(self, raw: bytes) -> str:
        if b"\0" in raw:
            self._note("has a NUL byte; the file is damaged or not a text file")
            raw = raw.replace(b"\0", b"")
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            wrong = raw[error.start]
            self._note(f"is not UTF-8 (byte 0x{wrong:02x} at place {error.start + 1}); save the file as CSV UTF-8")
            return raw.decode(errors="replace")

    def _note(self, what: str) -> None:
        self.bad = True
        self._problems.add(self._number, what)


class Rows:
    """The rows of a file of one kind, as the staging table takes them: line, whether it is bad, then the cells.

    ``columns`` are the header's.

    Raises:
        BadFile: already when it is made, the header cannot be used.
    """

    def __init__(self, sheet: Sheet, stream: BinaryIO, problems: Problems) -> None:
        self._problems = problems
        self._lines = Lines(stream, problems)
        self._unusual = 0
        self._examples: list[str] = []
        self._first_line = 0
        self._said_separator: str | None = None
        try:
            self._open(sheet)
        except TooLongError:
            problems.refuse_any()

    @property
    def read(self) -> int:
        """How many bytes were read so far."""
        return self._lines.read

    def _open(self, sheet: Sheet) -> None:
        lines = iter(self._lines)
        header = self._header_line(lines)
        self._problems.refuse_any()
        self._csv = csv.reader(chain([header], lines), delimiter=self._separator(header), strict=True)
        _, names = next(self._records(), (0, []))
        self._problems.refuse_any()
        self.columns = self._columns(sheet, names)
        self._problems.refuse_any()
        self._key = next(place for place, column in enumerate(self.columns) if column is sheet.key)

    def _separator(self, header: str) -> str:
        # Neither separator can stand in a column's name, so the header tells which one the file uses.
        return self._said_separator or (";" if header.count(";") > header.count(",") else ",")

    def _header_line(self, lines: Iterable[str]) -> str:
        for line in lines:
            said = None if self._said_separator else _SEPARATOR_LINE.fullmatch(line)
            if said:
                self._said_separator = said[1]
            elif line.strip():
                return line
            self._first_line += 1
        self._problems.add(1, "the file is empty; its first line names the columns")
        self._problems.refuse_any()
        raise AssertionError

    def _columns(self, sheet: Sheet, cells: list[str]) -> list[Column]:
        line = self._first_line + 1
        known = {column.name: column for column in sheet.columns}
        names = [cell.strip().lower() for cell in cells]
        for name in sorted(set(names)):
            if name not in known:
                self._problems.add(line, f"there is no such column; there are {', '.join(known)}", name)
            elif names.count(name) > 1:
                self._problems.add(line, "the column is there more than once", name)
        for column in sheet.columns:
            if column.required and column.name not in names:
                self._problems.add(line, "the column is missing", column.name)
        return [known[name] for name in names if name in known]

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        """Each record with the line it begins on; a record within quotes may span lines."""
        while True:
            line = self._first_line + self._csv.line_num + 1
            try:
                cells = next(self._csv)
            except StopIteration:
                return
            except csv.Error as error:
                self._problems.add(line, f"the quotes or line ends are wrong ({error})")
                continue
            yield line, cells

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        try:
            for line, cells in self._records():
                bad, self._lines.bad = self._lines.bad, False
                row = self._row(line, cells, bad)
                if row is not None:
                    yield row
        except TooLongError:
            return

    def _row(self, line: int, cells: list[str], bad: bool) -> tuple[Any, ...] | None:
        is_whole = len(cells) == len(self.columns)
        # Spreadsheets leave lines of separators behind where rows were cleared.
        if not (is_whole and cells[self._key]) and not any(cell.strip() for cell in cells):
            return None
        if not is_whole:
            self._problems.add(line, f"has {len(cells)} cells; the header has {len(self.columns)}")
            return None
        read, bad = self._cells(line, cells, bad)
        key = read[self._key]
        if key is None:
            return None
        if self.columns[self._key].warns and is_unusual(key):
            self._count_unusual(key)
        return (line, bad, *read)

    def _cells(self, line: int, cells: list[str], bad: bool) -> tuple[list[str | None], bool]:
        read: list[str | None] = []
        for column, cell in zip(self.columns, cells, strict=True):
            text = cell.strip()
            value = None
            if text:
                try:
                    value = column.read(text)
                except ValueError as error:
                    bad = True
                    self._problems.add(line, str(error), column.name)
            elif column.required:
                bad = True
                self._problems.add(line, "is empty", column.name)
            read.append(value)
        return read, bad

    def _count_unusual(self, serial: str) -> None:
        self._unusual += 1
        if len(self._examples) < _MOST_EXAMPLES:
            self._examples.append(serial)

    def warnings(self) -> list[str]:
        """What looks odd in what was read so far."""
        if not self._unusual:
            return []
        more = ", …" if self._unusual > _MOST_EXAMPLES else ""
        serials = "serial" if self._unusual == 1 else "serials"
        return [f"{self._unusual:,} unusual {serials}, not like the maker's: {', '.join(self._examples)}{more}"]
