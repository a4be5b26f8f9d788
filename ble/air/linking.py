"""How well an observer of all packets of a day tells that two events are of one Taser: measured, not argued.

The observer gets the payloads of one refresh of every event of many Tasers, with nothing left out that is on the air
but the address, which is random for each event. It tries every feature that it can compute of two packets and, beside
these, one that it learns: a weight for each bit of their difference, from half of the Tasers, tried on the others.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

from ble.air.radio import stream, uniform
from ble.air.scene import BEGINNING_MS
from ble.protocol.beacon import KEY_BYTES, Kind
from ble.protocol.counter import TaserEvent, TaserPairing
from ble.protocol.identifiers import Keys

Sends = Callable[[TaserPairing, TaserEvent], bytes]
Event = tuple[int, bytes]
"""Which Taser, and its payload."""


def as_specified(taser: TaserPairing, event: TaserEvent) -> bytes:
    return taser.beacons(event).payload(0)


@dataclass(frozen=True)
class Day:
    """So many Tasers fire so often, always ten minutes or more apart, starting at counters of their own."""

    seed: int
    tasers: int
    events: int
    sends: Sends = as_specified

    def observed(self) -> list[Event]:
        found = []
        for taser in range(self.tasers):
            halves = [stream(self.seed, "key", taser, half).to_bytes(8, "big") for half in range(KEY_BYTES // 4)]
            keys = Keys(0, halves[0] + halves[1], halves[2] + halves[3])
            start = stream(self.seed, "start", taser) % 300
            pairing = TaserPairing(b"", keys, start)
            for event in range(self.events):
                clock = BEGINNING_MS + event * 600_000 + int(uniform(stream(self.seed, "at", taser), event) * 60_000)
                # Neighbouring counters, a slowly falling battery, the same kinds: as alike as a day makes them.
                fired = TaserEvent(start + event, Kind.TRIGGER, clock, 90 - event)
                found.append((taser, self.sends(pairing, fired)))
        return found


@dataclass(frozen=True)
class Linking:
    """The best that the observer did: the chance that it ranks a pair of one Taser above a pair of two."""

    feature: str
    auc: float
    deviation: float
    pairs: int


_WHOLE = range(24)
_FEATURES: dict[str, Callable[[bytes, bytes], float]] = {
    "equal bytes": lambda a, b: sum(x == y for x, y in zip(a, b, strict=True)),
    "equal bits": lambda a, b: -_distance(a, b, _WHOLE),
    "equal bits of the identifier": lambda a, b: -_distance(a, b, range(2, 8)),
    "equal bits of the ciphertext": lambda a, b: -_distance(a, b, range(8, 16)),
    "equal bits of the tag": lambda a, b: -_distance(a, b, range(16, 24)),
    "close identifiers": lambda a, b: -abs(int.from_bytes(a[2:8], "big") - int.from_bytes(b[2:8], "big")),
    "equal sums": lambda a, b: -abs(sum(a) - sum(b)),
    "one's identifier in the other's rest": lambda a, b: -_distance(a[2:8] + b[2:8], b[8:14] + a[8:14], range(12)),
    "equal nibbles": lambda a, b: sum(x >> 4 == y >> 4 for x, y in zip(a, b, strict=True)),
}


def best_linking(day: Day) -> Linking:
    """The feature that separates best, whichever way round; the deviation is that of an AUC by chance alone."""
    events = day.observed()
    learning = [event for event in events if event[0] % 2 == 0]
    trying = [event for event in events if event[0] % 2]
    features = dict(_FEATURES) | {"learned": _learned(learning)}
    tried = {name: _auc(trying if name == "learned" else events, feature) for name, feature in features.items()}
    name = max(tried, key=lambda one: abs(tried[one].auc - 0.5) / tried[one].deviation)
    return Linking(name, tried[name].auc, tried[name].deviation, sum(1 for _ in combinations(events, 2)))


def _distance(a: bytes, b: bytes, where: Sequence[int]) -> int:
    return sum((a[at] ^ b[at]).bit_count() for at in where)


def _bits(a: bytes, b: bytes) -> int:
    return int.from_bytes(a, "big") ^ int.from_bytes(b, "big")


def _learned(events: list[Event]) -> Callable[[bytes, bytes], float]:
    """A naive Bayes classifier over the bits of the difference."""
    counts = {True: [1] * 192, False: [1] * 192}
    totals = {True: 2, False: 2}
    for (one, a), (other, b) in combinations(events, 2):
        difference, same = _bits(a, b), one == other
        totals[same] += 1
        for at in range(192):
            counts[same][at] += difference >> at & 1
    set_, unset = [], []
    for at in range(192):
        linked, apart = (counts[which][at] / totals[which] for which in (True, False))
        set_.append(math.log(linked / apart))
        unset.append(math.log((1 - linked) / (1 - apart)))

    def score(a: bytes, b: bytes) -> float:
        difference = _bits(a, b)
        return sum(set_[at] if difference >> at & 1 else unset[at] for at in range(192))

    return score


def _auc(events: list[Event], feature: Callable[[bytes, bytes], float]) -> Linking:
    """Area under the curve by ranks (Mann and Whitney 1947), with equal scores sharing their ranks."""
    scored = sorted((feature(a, b), one == other) for (one, a), (other, b) in combinations(events, 2))
    same = sum(linked for _, linked in scored)
    apart = len(scored) - same
    ranks, at = 0.0, 0
    while at < len(scored):
        end = at
        while end < len(scored) and scored[end][0] == scored[at][0]:
            end += 1
        ranks += sum(linked for _, linked in scored[at:end]) * (at + end + 1) / 2
        at = end
    area = (ranks - same * (same + 1) / 2) / (same * apart)
    return Linking("", area, math.sqrt((same + apart + 1) / (12 * same * apart)), len(scored))
