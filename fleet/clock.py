"""The clock, read by callers and handed to services as ``now``."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """This instant, aware, in UTC."""
    return datetime.now(UTC)


def iso(instant: datetime) -> str:
    """ISO 8601 in UTC with ``Z``, as the API and the log write every instant."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
