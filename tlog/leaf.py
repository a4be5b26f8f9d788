"""What the tree commits to: an entry as canonical JSON, with salted commitments for what may be personal.

A commitment is HMAC-SHA256 over the canonical JSON of the field's value, keyed with the field's own salt; that is
HMAC-SHA256 over the field's name, keyed with the entry's random salt. A field is erased by forgetting its value and
its salt: the commitment stays, and nobody can tell any more what it was over, not even by trying every value there is.
"""

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from json.encoder import encode_basestring
from typing import Any, Final

# In clear, as they say nothing about a person; and committed to, as they may.
CLEAR: Final = ("at", "entry", "event", "role", "subject_kind")
PERSONAL: Final = ("actor", "facts", "officer", "subject_key")
_WORDS: Final[Mapping[bool | None, str]] = {None: "null", True: "true", False: "false"}


class Number(str):
    """A JSON number, kept as it was written: 0.10 is another entry than 0.1."""

    __slots__ = ()


def read_json(text: str | bytes) -> Any:
    """JSON with its numbers as ``Number``.

    Raises:
        ValueError: it is not JSON.
    """
    return json.loads(text, parse_int=Number, parse_float=Number)


def canonical(value: Any) -> str:
    """JSON in the one spelling that is hashed: UTF-8 without blanks, keys in order of their code points.

    Strings are escaped as little as JSON allows (as RFC 8785, 3.2.2.2, does); numbers stay as they were written.
    """
    if isinstance(value, str):
        return value if isinstance(value, Number) else encode_basestring(value)
    if value is None or isinstance(value, int):
        return _WORDS[value] if value is None or isinstance(value, bool) else str(value)
    if isinstance(value, Mapping):
        return "{" + ",".join([f"{encode_basestring(key)}:{canonical(value[key])}" for key in sorted(value)]) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join([canonical(one) for one in value]) + "]"
    raise TypeError(f"{type(value).__name__} has no canonical spelling")


def field_salt(salt: bytes, name: str) -> bytes:
    """A field's own salt."""
    return hmac.digest(salt, name.encode(), "sha256")


def commitment(salt: bytes, value: Any) -> str:
    """The commitment to a field's value under the field's salt, in hexadecimal."""
    return hmac.digest(salt, canonical(value).encode(), "sha256").hex()


@dataclass(frozen=True)
class Secrets:
    """What opens an entry's commitments.

    An entry of which nothing was erased has its ``salt``. Of one that was erased in part, ``salts`` are those of the
    fields that stand, and ``commitments`` those that are left of the fields that do not.
    """

    salt: bytes | None
    salts: Mapping[str, bytes] = field(default_factory=dict)
    commitments: Mapping[str, str] = field(default_factory=dict)

    def commitment(self, name: str, value: Any) -> str:
        """The commitment to a field: what is left of an erased one, else worked out from the value.

        Raises:
            KeyError: neither the field's salt nor its commitment is there.
        """
        if self.salt is not None:
            return commitment(field_salt(self.salt, name), value)
        if name in self.commitments:
            return self.commitments[name]
        return commitment(self.salts[name], value)


def leaf(entry: Mapping[str, Any], secrets: Secrets) -> bytes:
    """The bytes that the tree commits to for an entry: a mapping with everything in ``CLEAR`` and ``PERSONAL``.

    Raises:
        KeyError: something of it is missing.
    """
    committed = ",".join([f'"{name}":"{secrets.commitment(name, entry[name])}"' for name in PERSONAL])
    role = entry["role"]
    spelled_role = "null" if role is None else encode_basestring(role)
    # Written out, since this is done for every entry of the log: ``canonical`` of the same, as a test says.
    return (
        f'{{"at":{encode_basestring(entry["at"])},"committed":{{{committed}}},"entry":{entry["entry"]},'
        f'"event":{encode_basestring(entry["event"])},"role":{spelled_role},'
        f'"subject_kind":{encode_basestring(entry["subject_kind"])}}}'
    ).encode()
