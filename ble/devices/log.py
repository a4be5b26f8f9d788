"""A log that overwrites itself: about 16,000 entries, and the oldest 4,000 go when it is full."""

from collections import deque
from collections.abc import Iterator
from typing import Final, Generic, Self, TypeVar

T = TypeVar("T")

CAPACITY: Final = 16_000
OVERWRITTEN: Final = 4_000


class EventLog(Generic[T]):
    """Entries numbered from 0, oldest first. Numbers never come again; what was overwritten is gone from the start."""

    def __init__(self) -> None:
        self._entries: deque[T] = deque()
        self._next = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[T]:
        return iter(self._entries)

    @property
    def next_number(self) -> int:
        return self._next

    @property
    def first_number(self) -> int:
        """Of the oldest entry that is still there."""
        return self._next - len(self._entries)

    def append(self, entry: T) -> None:
        """Add an entry; the oldest 4,000 make room for it when there are 16,000."""
        if len(self._entries) == CAPACITY:
            for _ in range(OVERWRITTEN):
                self._entries.popleft()
        self._entries.append(entry)
        self._next += 1

    def last(self) -> T | None:
        return self._entries[-1] if self._entries else None

    def page(self, start: int, most: int) -> tuple[list[T], int]:
        """Entries from number ``start`` on, at most ``most``, and the number to ask for next; 0 at the end.

        What was overwritten is left out: the first entry's number then is above ``start``.
        """
        first = max(start, self.first_number)
        skip = first - self.first_number
        found = [self._entries[index] for index in range(skip, min(skip + most, len(self._entries)))]
        following = first + len(found)
        return found, following if found and following < self._next else 0

    def copy(self) -> Self:
        made = type(self)()
        made._entries, made._next = self._entries.copy(), self._next
        return made
