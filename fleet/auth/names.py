"""The one spelling of an account's name, so that a name has one log, one limit on guessing and one account."""

import re
import unicodedata

from fleet.errors import Invalid

LONGEST_NAME = 100
# The address of the page that makes an account.
_RESERVED = frozenset({"new"})
# Letters and digits of any alphabet, as in siân.jones or jo@force.example. No colon: the log writes account:jo.
_NAME = re.compile(r"[\w.@+'-]+")


def spelled(text: str) -> str:
    """How a name is stored and looked up, whatever was typed; what cannot be a name is a name that nobody has."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    printable = "".join(character for character in unicodedata.normalize("NFKC", folded) if character.isprintable())
    return printable.strip()[:LONGEST_NAME]


def new_account_name(text: str) -> str:
    """A name that an account may be given.

    Raises:
        Invalid
    """
    name = spelled(text)
    if not _NAME.fullmatch(name) or name in _RESERVED or len(text.strip()) > LONGEST_NAME:
        problem = f"must be 1 to {LONGEST_NAME} letters, digits or any of . _ - @ + '"
        raise Invalid(f"The account's name {problem}.", fields={"name": [f"The name {problem}."]})
    return name


def new_token_name(text: str) -> str:
    """A name that a token may be given: a machine's, so freer than an account's.

    Raises:
        Invalid
    """
    name = spelled(text)
    if not name or " " in name or len(text.strip()) > LONGEST_NAME:
        problem = f"must be 1 to {LONGEST_NAME} printable characters without spaces"
        raise Invalid(f"The token's name {problem}.", fields={"name": [f"The name {problem}."]})
    return name
