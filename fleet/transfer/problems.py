"""What is wrong with a file, by line and column."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from fleet.errors import Invalid

# How many are kept to be shown; all are counted. A file of a million bad rows must not fill the memory.
MOST_KEPT = 10_000
# How many a person is shown at once.
MOST_READ = 100


@dataclass(frozen=True)
class Problem:
    """``line`` counts from 1, the header included, as an editor shows it."""

    line: int
    what: str
    column: str | None = None

    def __str__(self) -> str:
        place = f"line {self.line}" if self.column is None else f"line {self.line}, column {self.column}"
        return f"{place}: {self.what}"


@dataclass
class Problems:
    """Collects instead of stopping at the first."""

    kept: list[Problem] = field(default_factory=list)
    count: int = 0

    def add(self, line: int, what: str, column: str | None = None) -> None:
        """One more."""
        self.count += 1
        if len(self.kept) < MOST_KEPT:
            self.kept.append(Problem(line, what, column))

    def add_found(self, problems: Iterable[Problem], count: int) -> None:
        """Several of one sort, of which no more than ``MOST_KEPT`` are handed over."""
        self.kept += problems
        self.count += count

    def refuse_any(self) -> None:
        """Stop here if there is any.

        Raises:
            BadFile
        """
        if self.count:
            raise BadFile(sorted(self.kept, key=lambda problem: problem.line)[:MOST_KEPT], self.count)


class BadFile(Invalid):
    """A file with rows that cannot be used, so that none of it was. ``problems`` are in the order of lines."""

    def __init__(self, problems: list[Problem], count: int) -> None:
        super().__init__(told(problems, count, MOST_READ))
        self.problems = problems
        self.count = count


def told(problems: list[Problem], count: int, most: int) -> str:
    """The first ``most`` of them, one a line, and how many more there are."""
    told = [f"Nothing was imported. {count:,} {'problem' if count == 1 else 'problems'}:"]
    told += [f"  {problem}" for problem in problems[:most]]
    if count > len(told) - 1:
        told.append(f"  and {count - len(told) + 1:,} more")
    return "\n".join(told)
