"""A battery whose charge falls or rises steadily with what its device does."""

from dataclasses import dataclass

HOUR_MS = 3_600_000
FULL = 100.0
# A charge that lasts for more than a century lasts for ever.
LONGEST_HOURS = 1_000_000.0


@dataclass(slots=True)
class Battery:
    """Charge in percent at the instant ``at_ms``, and how it goes on from there in percent an hour."""

    at_ms: int
    percent: float = FULL
    per_hour: float = 0.0

    def level(self, now_ms: int) -> float:
        """Charge in percent, 0 to 100."""
        return min(FULL, max(0.0, self.percent + self.per_hour * (now_ms - self.at_ms) / HOUR_MS))

    def shown(self, now_ms: int) -> int:
        """Charge in whole percent; 0 is empty and nothing else is."""
        level = self.level(now_ms)
        return 0 if level <= 0.0 else max(1, int(level))

    def load(self, now_ms: int, per_hour: float) -> None:
        """From now on it falls (below 0) or rises by so much an hour."""
        self.percent, self.at_ms, self.per_hour = self.level(now_ms), now_ms, per_hour

    def use(self, now_ms: int, percent: float) -> None:
        """Take a charge at once."""
        self.percent, self.at_ms = max(0.0, self.level(now_ms) - percent), now_ms

    def empty_at(self) -> int | None:
        """When it will be empty, if it goes on like this."""
        if -self.per_hour * LONGEST_HOURS <= self.percent:
            return None
        return self.at_ms + int(self.percent / -self.per_hour * HOUR_MS)
