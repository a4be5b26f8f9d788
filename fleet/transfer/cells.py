"""One cell: from what people and spreadsheets write to what PostgreSQL reads, and back. No I/O."""

import csv
import io
import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time
from enum import StrEnum
from functools import lru_cache

import marshmallow as ma

from fleet.api import Text
from fleet.identifiers import assigned

# A cell's reader is given text without blanks at its ends that is not empty. It raises ValueError with what is wrong.
Reader = Callable[[str], str]

# A spreadsheet takes a cell that begins with one of these for a formula and runs it. Such a value goes out with an
# apostrophe before it, the spreadsheets' own mark of text, and one apostrophe is taken off on the way in. Values that
# begin with apostrophes before such a character get one more, so that what comes back is always what went out.
_FORMULA = re.compile(r"'*[=+\-@\t\r＝＋－＠]")
_GUARDED = re.compile(r"'+[=+\-@\t\r＝＋－＠]")
# Cells repeat (models, docks, dates): each distinct one is read once. Bounded, for columns where they don't.
_REMEMBERED = 4_096


def as_csv(rows: Iterable[Iterable[str | None]]) -> bytes:
    """Rows as lines of CSV; None is an empty cell."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def guarded(text: str) -> str:
    """Text as it may stand in a cell that a spreadsheet opens."""
    return f"'{text}" if _FORMULA.match(text) else text


def unguarded(text: str) -> str:
    """What ``guarded`` was given."""
    return text[1:] if _GUARDED.match(text) else text


def identifier(text: str) -> str:
    """A serial, tag, collar number or code."""
    return assigned(unguarded(text))


repeated_identifier = lru_cache(_REMEMBERED)(identifier)
_TEXT = Text()


@lru_cache(_REMEMBERED)
def words_of_text(text: str) -> str:
    """Free text, under the same rule as in the API."""
    try:
        read = _TEXT.deserialize(unguarded(text).replace("\r\n", "\n"))
    except ma.ValidationError as error:
        raise ValueError(" ".join(str(message) for message in error.messages)) from error
    return str(read)


def one_of(enum: type[StrEnum]) -> Reader:
    """One of an enum's words, in any case."""
    known = {str(word): str(word) for word in enum}

    @lru_cache(_REMEMBERED)
    def read(text: str) -> str:
        word = known.get(text.lower())
        if word is None:
            raise ValueError(f"{text!r} is not one of {', '.join(known)}")
        return word

    return read


def yes_or_no(text: str) -> str:
    """``yes`` or ``no``, in any case."""
    answers = {"yes": "true", "no": "false"}
    if text.lower() not in answers:
        raise ValueError(f"{text!r} is neither yes nor no")
    return answers[text.lower()]


def whole(low: int, high: int) -> Reader:
    """A whole number from ``low`` to ``high``."""

    @lru_cache(_REMEMBERED)
    def read(text: str) -> str:
        # Longer than any number that can be right, and int() is slow on thousands of digits.
        if not (text.isascii() and text.isdecimal() and len(text) < 10 and low <= int(text) <= high):  # noqa: PLR2004
            raise ValueError(f"{text[:40]!r} is not a whole number from {low} to {high}")
        return str(int(text))

    return read


@lru_cache(_REMEMBERED)
def day(text: str) -> str:
    """An ISO 8601 date."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise ValueError(f"{text[:40]!r} is not a date such as 2027-03-31") from error


@lru_cache(_REMEMBERED)
def instant(text: str) -> str:
    """An ISO 8601 instant; without a zone it is UTC. A date stands for its beginning."""
    try:
        return _instant(text).astimezone(UTC).isoformat()
    except (ValueError, OverflowError) as error:
        wanted = "a date or an instant such as 2027-03-31T22:00:00Z"
        raise ValueError(f"{text[:40]!r} is not {wanted}") from error


def _instant(text: str) -> datetime:
    try:
        read = datetime.combine(date.fromisoformat(text), time())
    except ValueError:
        read = datetime.fromisoformat(text)
    return read if read.tzinfo else read.replace(tzinfo=UTC)
