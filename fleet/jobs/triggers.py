"""When jobs run. Pure: everything is said in terms of the instant that it is now.

Nothing here remembers a plan that a clock's jump could make wrong: a frequent job is never further away than its
interval, and a daily one asks for which day it is due.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from apscheduler.triggers.base import BaseTrigger

from fleet.clock import LOCAL


@dataclass(frozen=True)
class Every:
    """Runs again and again, ``interval`` after the last time."""

    interval: timedelta

    def day(self, now: datetime) -> None:  # noqa: ARG002 - one signature for every trigger
        """A frequent job has no day that it is due for."""
        return

    def next_after(self, started: datetime | None, now: datetime) -> datetime:
        """When it runs next, having last started then."""
        return now if started is None else max(now, min(started, now) + self.interval)

    def __str__(self) -> str:
        seconds = int(self.interval.total_seconds())
        for length, unit in ((3_600, "hour"), (60, "minute"), (1, "second")):
            number, left = divmod(seconds, length)
            if number and not left:
                return f"every {unit}" if number == 1 else f"every {number} {unit}s"
        return f"every {self.interval}"


@dataclass(frozen=True)
class Daily:
    """Runs once for each day, from a local time of the day on; a day on which nothing ran at that time is caught up.

    In October the clock shows an hour twice, in March it leaves one out; clocks are put right. Whatever the clock
    shows, it is due for one day, and what has run for that day does not run for it again.
    """

    at: time
    # How often it is asked whether it is due, and so how late it may be.
    interval: timedelta = timedelta(seconds=20)

    def day(self, now: datetime) -> date:
        """The day that it is due for: today, or yesterday as long as the time has not come."""
        local = now.astimezone(LOCAL)
        return local.date() if local.time() >= self.at else local.date() - timedelta(days=1)

    def next_after(self, done_for: date | None, now: datetime) -> datetime:
        """When it runs next, having last run for that day."""
        if done_for != self.day(now):
            return now
        return datetime.combine(self.day(now) + timedelta(days=1), self.at, LOCAL).astimezone(UTC)

    def __str__(self) -> str:
        return f"every day from {self.at:%H:%M}"


class Steady(BaseTrigger):  # type: ignore[misc] # APScheduler is not typed
    """Every so often for APScheduler, whose own interval would make up for each run that a clock's jump left out."""

    def __init__(self, interval: timedelta) -> None:
        self.interval = interval

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """One interval after the last time, or after now where that is past already."""
        following = now if previous_fire_time is None else previous_fire_time + self.interval
        return following if following > now else now + self.interval
