"""The clock, read by callers and handed to services as ``now``."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

# What a day is to the people here: their own, through every change of the clocks.
LOCAL = ZoneInfo("Europe/London")


def utc_now() -> datetime:
    """This instant, aware, in UTC."""
    return datetime.now(UTC)


def iso(instant: datetime) -> str:
    """ISO 8601 in UTC with ``Z``, as the API and the log write every instant."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def local_day(instant: datetime) -> date:
    """The day that it is where the force is."""
    return instant.astimezone(LOCAL).date()


def end_of(day: date) -> datetime:
    """The instant at which a local day ends."""
    return datetime.combine(day + timedelta(days=1), time(), LOCAL).astimezone(UTC)
