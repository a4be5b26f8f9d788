"""Checking an exported range of a log by itself, against checkpoints and hashes that were kept elsewhere."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from tlog.export import ExportError, Header, Line
from tlog.kept import Copy, Kept, contradictions
from tlog.note import NoteError, Verifier, open_checkpoint
from tlog.tree import Growing, ProofError, cover

# A rewritten log may be wrong in every entry; a person reads the first.
_MOST_KEPT = 100


@dataclass
class Result:
    """What came of it. ``problems`` are sentences, the first entry that is wrong first; ``compared`` are sizes.

    ``wrong`` counts the problems, also those beyond the hundred that are kept.
    """

    header: Header
    problems: list[str] = field(default_factory=list)
    wrong: int = 0
    compared: list[int] = field(default_factory=list)
    entries: int = 0
    erased: int = 0
    unproven: int = 0

    def add(self, problem: str) -> None:
        """Note a problem."""
        self.wrong += 1
        if len(self.problems) < _MOST_KEPT:
            self.problems.append(problem)


def examine(
    lines: Iterable[str], kept: Sequence[Kept], verifiers: Sequence[Verifier], *, copy: Copy | None = None
) -> Result:
    """Check an export; reads it once, and holds no more of it than a line. ``kept`` is sorted by size.

    Raises:
        ExportError: it is no export.
    """
    reading = iter(lines)
    return _Examination(Header.parse(next(reading, "")), kept, verifiers, copy).run(reading)


class _Examination:
    def __init__(self, header: Header, kept: Sequence[Kept], verifiers: Sequence[Verifier], copy: Copy | None) -> None:
        self._header = header
        self._verifiers = verifiers
        self._all = kept
        self._next = 0
        self._longest = max([one.checkpoint.size for one in kept] + ([copy.size] if copy else []), default=0)
        self._followed = copy.leaf_hashes(header.first) if copy else iter(())
        self._growing = Growing()
        # The first place, and the entry there, behind the last checkpoint that was right.
        self._since: tuple[int, int] | None = None
        self._is_contradicted = False
        self.result = Result(header)

    def run(self, lines: Iterator[str]) -> Result:
        """Go through the export once."""
        try:
            self._take(cover(0, self._header.first), self._header.left)
            self._compare(self._header.first, None)
            if self._places(lines):
                self._take(cover(self._header.last, self._header.size), self._header.right)
                self._compare(self._header.size, None)
                self._check_own_checkpoint()
                self._unproven(lines)
        except (ProofError, ValueError) as error:
            raise ExportError(f"This export's hashes do not fit its range: {error}.") from error
        self._check_length()
        for contradiction in contradictions(self._all):
            self.result.add(contradiction)
        return self.result

    def _take(self, places: Sequence[tuple[int, int]], hashes: Sequence[bytes]) -> None:
        for (level, _), found in zip(places, hashes, strict=True):
            self._growing.append_subtree(level, found)

    def _places(self, lines: Iterator[str]) -> bool:
        """Go through the range; False when a place is missing, behind which nothing can be told."""
        for position in range(self._header.first, self._header.last):
            text = next(lines, "")
            line = Line.parse(text) if text.endswith("\n") else None
            if line is None or line.position != position or line.stated is None:
                broken = (
                    "the log has lost what stood there" if line else "the export breaks off, or the log was cut off"
                )
                self.result.add(f"Place {position} is missing: {broken}.")
                return False
            self._place(position, line, line.stated)
        return True

    def _place(self, position: int, line: Line, stated: bytes) -> None:
        number = line.number
        self._since = self._since or (position, number)
        followed = next(self._followed, stated)
        if line.entry is None:
            self._wrong(position, number, "was removed from the log")
        elif line.computed() != stated:
            self._wrong(position, number, "is not what was sealed in this place")
        elif followed != stated:
            self._wrong(position, number, "is not what stood there when the log was followed")
        self.result.entries += 1
        self.result.erased += bool(line.secrets and line.secrets.salt is None)
        self._growing.append(stated)
        self._compare(position + 1, number)

    def _wrong(self, position: int, number: int, why: str) -> None:
        self.result.add(f"Entry {number} (place {position}) {why}.")

    def _compare(self, size: int, number: int | None) -> None:
        """Compare the tree as it is now with whatever checkpoints of its size there are."""
        others = []
        while self._next < len(self._all) and self._all[self._next].checkpoint.size <= size:
            one = self._all[self._next]
            self._next += 1
            if one.checkpoint.size == size > 0:
                others.append(one)
        if not others:
            return
        self.result.compared.append(size)
        root = self._growing.root()
        wrong = [one.source for one in others if one.checkpoint.root != root]
        if wrong and not self._is_contradicted:
            self._is_contradicted = True
            self.result.add(f"{self._where(size, number)}, by the checkpoint of {size} entries kept as {wrong[0]}.")
        elif not wrong:
            self._since = None

    def _where(self, size: int, number: int | None) -> str:
        if self._since is None:
            return f"The log's history before place {size} was rewritten"
        position, first = self._since
        last = f"place {size - 1}" + (f" (entry {number})" if number is not None else "")
        return f"The log's history was rewritten, first in an entry from place {position} (entry {first}) to {last}"

    def _check_own_checkpoint(self) -> None:
        size = self._header.size
        if self._header.checkpoint is None:
            if size:
                self.result.add("This export has no checkpoint of its own.")
            return
        try:
            own = open_checkpoint(self._header.checkpoint, self._verifiers, origin=self._header.origin)
        except NoteError as error:
            self.result.add(f"This export's own checkpoint is not to be trusted: {error}.")
            return
        if (own.size, own.root) != (size, self._growing.root()):
            self.result.add(f"This export's entries do not lead to its own checkpoint of {own.size} entries.")

    def _check_length(self) -> None:
        size = self._header.size
        if self._header.newest and self._longest > size:
            self.result.add(
                f"The log was cut off: everything from place {size} on is gone, of {self._longest} entries that were "
                f"kept (unless those were added after this export was made, {self._header.exported_at})."
            )

    def _unproven(self, lines: Iterator[str]) -> None:
        """The entries behind the range, which have no place. None may have a number below which all have one."""
        for text in lines:
            line = Line.parse(text)
            if line.position is not None:
                self.result.add(f"Place {line.position} is beyond this export's range.")
            elif line.number <= self._header.settled:
                why = f"has no place, though all up to {self._header.settled} have theirs: it was inserted"
                self.result.add(f"Entry {line.number} {why}.")
            else:
                self.result.unproven += 1
