"""How binary and time are written in JSON: base64url without padding, and ISO 8601 in UTC with ``Z``."""

import base64
import binascii
from datetime import UTC, datetime


def text_of(data: bytes) -> str:
    """As base64url without padding (RFC 4648, section 5)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def bytes_of(text: str) -> bytes:
    """What ``text_of`` wrote.

    Raises:
        ValueError: it did not write this.
    """
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError("not base64url") from error
    if text_of(data) != text:
        raise ValueError("not base64url without padding in its one form")
    return data


def instant(seconds: float) -> str:
    """Seconds since 1970 UTC as an instant, to the millisecond."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds_of(text: str) -> float:
    """An instant as seconds since 1970 UTC.

    Raises:
        ValueError: it is no instant with a time zone.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("an instant without a time zone")
    return moment.timestamp()
