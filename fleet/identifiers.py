"""Serials, asset tags, collar numbers and site codes: opaque, and compared without case."""

import re
import unicodedata

from werkzeug.routing import PathConverter, ValidationError

LONGEST = 64
# Axon's serials: a letter, then digits or capitals. Anything else is let through with a warning.
_USUAL_SERIAL = re.compile(r"[A-Z][0-9A-Z]{7,11}")


def canonical(text: str) -> str:
    """The one spelling under which an identifier is stored and looked up.

    Raises:
        ValueError: it is empty, longer than 64 characters, or has a character that cannot be printed.
    """
    # Capitals of a composed character may come apart (ΐ), so they are composed again.
    spelled = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text.strip()).upper())
    if not spelled:
        raise ValueError("is empty")
    if len(spelled) > LONGEST:
        raise ValueError(f"is longer than {LONGEST} characters")
    if not spelled.isprintable():
        raise ValueError("has a character that cannot be printed")
    if spelled in {".", ".."}:
        # No client could ask for it: a path ends there, or one step higher.
        raise ValueError("is a dot that an address would lose")
    return spelled


# What the counter understands as a command or a clerk's badge; a thing with such a name could never be scanned.
COMMAND_WORDS = frozenset(
    {"NORMAL", "RETURN", "FAULTY", "PERSONAL", "POOL", "HELMET", "UNDO", "PIN", "SIGN", "ATTEST", "DONE", "MISSING"}
)
BADGE_PREFIX = "CLERK-"


def assigned(text: str) -> str:
    """An identifier that something in the register may have, in its one spelling.

    Raises:
        ValueError: as ``canonical``; or the counter would take it for something else.
    """
    spelled = canonical(text)
    if spelled in COMMAND_WORDS or spelled.startswith(BADGE_PREFIX):
        raise ValueError("is a word that the counter keeps for itself")
    return spelled


def is_unusual(serial: str) -> bool:
    """Whether a serial does not look like the maker's; worth a warning, never an error."""
    return _USUAL_SERIAL.fullmatch(serial) is None


class IdentifierConverter(PathConverter):
    """``<identifier:serial>`` in a route. An identifier may hold a slash, so it takes the rest of a path's part."""

    regex = r"[^\x00-\x1f\x7f]+?"
    # Werkzeug would guess otherwise, as the pattern names no slash.
    part_isolating = False

    def to_python(self, value: str) -> str:
        try:
            return canonical(value)
        except ValueError as error:
            raise ValidationError from error
