"""A Taser's event log: about 16,000 entries, and the oldest 4,000 go when it is full."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

CAPACITY = 16_000
OVERWRITTEN = 4_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One event as the X2 keeps it.

    ``number`` counts all entries of this X2 from 1; ``counter`` is the SPPM's; ``clock_ms`` the Taser's own clock.
    ``signed`` is the entry under the SPPM's signing key: what a station is given.
    """

    number: int
    sppm: str
    counter: int
    kind: int
    clock_ms: int
    clock_set: bool
    battery_percent: int
    signed: bytes


class EventLog:
    """The entries, oldest first. Numbers never come again; a gap at the start is what was overwritten unread."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque()
        self._next = 1

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    @property
    def next_number(self) -> int:
        return self._next

    @property
    def first_number(self) -> int:
        """Of the oldest entry that is still there."""
        return self._next - len(self._entries)

    def append(self, entry: Entry) -> None:
        """Add the next entry; the oldest 4,000 make room for it when there are 16,000.

        Raises:
            ValueError: its number is not the next.
        """
        if entry.number != self._next:
            raise ValueError(f"entry {entry.number} does not follow {self._next - 1}")
        if len(self._entries) == CAPACITY:
            for _ in range(OVERWRITTEN):
                self._entries.popleft()
        self._entries.append(entry)
        self._next += 1

    def page(self, start: int, most: int) -> tuple[list[Entry], int]:
        """Entries from number ``start`` on, at most ``most``, and the number to ask for next; 0 at the end.

        What was overwritten is left out: the first entry's number then is above ``start``.
        """
        first = max(start, self.first_number)
        skip = first - self.first_number
        found = [self._entries[index] for index in range(skip, min(skip + most, len(self._entries)))]
        following = first + len(found)
        return found, following if found and following < self._next else 0
