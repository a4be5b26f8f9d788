"""Whether cameras suffice for several reservations at once: pure arithmetic, no database.

A camera may serve any of the reservations whose model and place it fits, so it is a matter of sharing out: cameras that
fit the same reservations are one class, and what a class can give is a flow to the reservations that it fits.
"""

from collections import Counter, deque
from collections.abc import Iterable, Mapping

# How many cameras fit each set of reservations.
Supply = Mapping[frozenset[int], int]


def supply_of(fits: Iterable[Iterable[int]]) -> Counter[frozenset[int]]:
    """The classes of cameras, given the reservations that each fits."""
    return Counter(frozenset(reservations) for reservations in fits)


def shortfall(supply: Supply, needs: Mapping[int, int]) -> int:
    """How many cameras are missing when the supply is shared out in the best way; 0 when it suffices."""
    return sum(needs.values()) - _most_shared(dict(supply), dict(needs))


def _most_shared(left: dict[frozenset[int], int], wanted: dict[int, int]) -> int:
    """The most that can be given: paths that give more are looked for until there is none (Ford and Fulkerson)."""
    given: Counter[tuple[frozenset[int], int]] = Counter()
    total = 0
    while (path := _path(left, wanted, given)) is not None:
        amount = min(left[path[0][0]], wanted[path[-1][1]], *(given[one] for one in path[1::2]))
        for place, one in enumerate(path):
            given[one] += amount if place % 2 == 0 else -amount
        left[path[0][0]] -= amount
        wanted[path[-1][1]] -= amount
        total += amount
    return total


def _path(
    left: dict[frozenset[int], int], wanted: dict[int, int], given: Counter[tuple[frozenset[int], int]]
) -> list[tuple[frozenset[int], int]] | None:
    """From a class that has some left to a reservation that wants some: what to give, to take back, to give, …"""
    waiting: deque[tuple[frozenset[int], list[tuple[frozenset[int], int]]]]
    waiting = deque((kind, []) for kind, number in left.items() if number)
    seen: set[int] = set()
    while waiting:
        kind, path = waiting.popleft()
        for reservation in sorted(kind - seen):
            if reservation not in wanted:
                continue
            seen.add(reservation)
            longer = [*path, (kind, reservation)]
            if wanted[reservation]:
                return longer
            back = [other for (other, of), number in given.items() if of == reservation and number and other != kind]
            waiting.extend((other, [*longer, (other, reservation)]) for other in back)
    return None


def most_for(supply: Supply, needs: Mapping[int, int], wanted: int) -> int:
    """The most of ``wanted`` that a new reservation, numbered 0, can have beside the others' needs."""
    low, high = 0, wanted
    while low < high:
        middle = (low + high + 1) // 2
        if shortfall(supply, {**needs, 0: middle}) <= shortfall(supply, needs):
            low = middle
        else:
            high = middle - 1
    return low
