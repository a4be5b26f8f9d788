"""A device's own clock: it drifts, it can be set, it can jump, and without power it is lost."""

from dataclasses import dataclass

MILLION = 1_000_000


@dataclass(slots=True)
class Clock:
    """A clock that shows ``shown_ms`` at the true instant ``since_ms`` and gains ``drift_ppm`` parts in a million.

    Two minutes a month, which is what Taser clocks do, are about 46 parts in a million. All times are milliseconds
    since 1970 UTC. ``is_set`` is false from a loss of power until the clock is set: it then counts from 1970.
    """

    since_ms: int
    shown_ms: int
    drift_ppm: float = 0.0
    is_set: bool = True

    def counts(self, now_ms: int) -> int:
        """What it shows at the true instant ``now_ms``, set or not."""
        passed = now_ms - self.since_ms
        return self.shown_ms + passed + round(passed * self.drift_ppm / MILLION)

    def read(self, now_ms: int) -> int | None:
        """The time by this clock; None while it is not set."""
        return self.counts(now_ms) if self.is_set else None

    def offset_ms(self, now_ms: int) -> int | None:
        """Shown time minus true time; None while it is not set."""
        return self.counts(now_ms) - now_ms if self.is_set else None

    def set(self, now_ms: int, to_ms: int) -> None:
        self.since_ms, self.shown_ms, self.is_set = now_ms, to_ms, True

    def jump(self, now_ms: int, by_ms: int) -> None:
        """A fault: it shows another time from one moment to the next, and does not know it."""
        self.since_ms, self.shown_ms = now_ms, max(0, self.counts(now_ms) + by_ms)

    def lose(self, now_ms: int) -> None:
        """Power was gone: it counts from 1970 and knows that it was never set."""
        self.since_ms, self.shown_ms, self.is_set = now_ms, 0, False
