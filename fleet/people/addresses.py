"""E-mail addresses that a receipt may be sent to."""

import re
from typing import Any

import marshmallow as ma

# What forces' own addresses look like; nothing of RFC 5322's rarer forms, and nothing that could begin another header
# or another recipient: no blanks, quotes, commas, brackets or controls. RFC 5321, 4.5.3.1, has the lengths.
_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])"
)
_LONGEST_LOCAL = 64
_LONGEST = 254


def is_address(text: str) -> bool:
    """Whether mail can be sent to it: one plain address, without a name beside it."""
    local = text.partition("@")[0]
    return len(text) <= _LONGEST and len(local) <= _LONGEST_LOCAL and _ADDRESS.fullmatch(text) is not None


class EmailAddress(ma.fields.String):
    """One plain address; blank is none."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text: str = super()._deserialize(value, attr, data, **kwargs).strip()
        if text and not is_address(text):
            raise ma.ValidationError("This is not one plain e-mail address, such as jo@force.example.")
        return text or None
