"""What the register's words are called on pages, and how instants are told: local time, while the database has UTC."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import date, datetime
from typing import Any

from fleet.audit import Event
from fleet.clock import LOCAL
from fleet.errors import FleetError

_WORDS = {
    "body-2": "Body 2",
    "flex-2": "Flex 2",
    "x2": "X2",
    "x26": "X26",
    "aes128": "AES-128",
    "aes256": "AES-256",
    "it": "IT",
    "any": "Any reason",
    "risk": "A risk to their rights",
    "high": "A high risk to their rights",
    "unlikely": "Unlikely to harm anybody",
    "holding": "Still holds kit",
    "overdue": "Overdue",
    "ahead": "Last day to come",
    "waiting": "Waiting for a second person",
}
_LABELS = {
    "q": "Search",
    "nte": "Night-time economy",
    "sppm": "Magazine (SPPM)",
    "collar": "Collar number",
    "trained_until": "Trained until",
    "at": "When",
    "actor": "Who",
    "officer": "Officer concerned",
    "subject_kind": "About what kind",
    "subject_key": "About which",
    "override_reason": "Reason for an override",
    "placed": "Has a site",
    "noticed_at": "Noticed missing",
    "reported_at": "Reported",
    "last_seen": "Last seen where",
    "last_seen_by": "Last seen by whom",
    "assess_due_at": "Assess by",
    "assess_late": "Not assessed in time",
    "late": "Reported late",
    "rma": "RMA number",
    "waste_note": "Waste transfer note",
    "wiped_by": "Wiped by whom",
    "wiped_on": "Wiped on",
    "psd_told_at": "Professional standards told",
    "ico_told_at": "Information Commissioner told",
    "ico_reason": "Why the Commissioner is not told",
    "to_rule": "Exception to rule",
    "to_team": "To team",
    "to_site": "To site",
    "sign_in": "Sign-in still open",
    "because": "Why",
    "log": "Log",
    "leaves_on": "Last day",
}
_EVENTS = {Event.SIGNED_IN: "Signed in", Event.SIGNED_OUT: "Signed out", Event.ACT_DENIED: "Act not permitted"}
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_A_CHANGE = 2


def word(value: Any) -> str:
    """One of the register's words as a person reads it, beginning with a capital."""
    text = str(value)
    return _WORDS.get(text) or _spaced(text)


def _spaced(text: str) -> str:
    text = text.replace("_", " ").replace("-", " ")
    return text[:1].upper() + text[1:]


def encryption(level: Any) -> str:
    """A level of encryption where nobody knows it too, and where none must not read as nothing known."""
    return "Not known" if level is None else "Not encrypted" if str(level) == "none" else word(level)


_OUTCOMES = {
    "captured": "Filmed",
    "off": "No: the camera was off",
    "out-of-range": "No: out of range",
    "memory-full": "No: its memory was full",
    "not-paired": "No: not paired",
    "suspended": "No: the pairing was suspended",
    "cancelled": "Cancelled by the wearer",
    "not-offloaded": "Not known yet: the camera is not offloaded",
    "unknown": "Not known",
}


def outcome(value: Any) -> str:
    """Whether an activation was filmed, as a person reads it."""
    return _OUTCOMES.get(str(value)) or word(value)


def label(name: str) -> str:
    """A field's name as a person reads it."""
    return _LABELS.get(name) or _spaced(name)


def event(value: Any) -> str:
    """An event of the log as a person reads it."""
    return _EVENTS.get(value) or _spaced(str(value).replace(".", " "))


def when(instant: datetime | None) -> str:
    """An instant in local time, as GOV.UK writes it: 3 March 2026, 2:05pm."""
    if instant is None:
        return ""
    local = instant.astimezone(LOCAL)
    hour = local.hour % 12 or 12
    return f"{day(local.date())}, {hour}:{local.minute:02d}{'am' if local.hour < 12 else 'pm'}"  # noqa: PLR2004


def clock_time(instant: datetime) -> str:
    """An instant of today in local time: 14:05."""
    return f"{instant.astimezone(LOCAL):%H:%M}"


def day(value: date | None) -> str:
    """A day as GOV.UK writes it: 3 March 2026."""
    return "" if value is None else f"{value.day} {value:%B %Y}"


def who(actor: str) -> str:
    """An actor of the log without the kind that its name begins with, where a person would not miss it."""
    return actor.removeprefix("account:").replace(":", " ")


def with_article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def as_text(value: Any) -> str:
    """A stored value as a form's field holds it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date) else str(value)


def facts(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """An entry's facts as label and text. What changed inside it is told field by field."""
    for name, value in found.items():
        if isinstance(value, Mapping):
            yield from facts(value)
        elif name != "allocation":
            yield label(name.removesuffix("_id")), _fact(value)


def _fact(value: Any) -> str:
    if isinstance(value, list):
        told = [_fact(part) for part in value]
        return " → ".join(told) if len(told) == _A_CHANGE else ", ".join(told) or "none"
    if isinstance(value, Mapping):
        return " ".join(f"{name} {_fact(part)}" for name, part in value.items())
    if value is None or value == "":
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _told_text(str(value))


def _told_text(text: str) -> str:
    if _INSTANT.fullmatch(text):
        return when(datetime.fromisoformat(text))
    # What looks like a day may be somebody's serial.
    with suppress(ValueError):
        if _DAY.fullmatch(text):
            return day(date.fromisoformat(text))
    return text.replace("_", " ")


def told(found: Mapping[str, Any]) -> str:
    """An entry's facts in a line."""
    return "; ".join(f"{name}: {text}" for name, text in facts(found))


def refusal(error: FleetError) -> str:
    """What refused an act, what it found, and who can mend it."""
    # A program reads instants as they are; people know the time on the wall.
    parts = [_INSTANT.sub(lambda found: when(datetime.fromisoformat(found[0])), error.detail)]
    if error.rule is not None:
        parts.append(f"This is rule {error.rule}.")
    if error.found:
        parts.append(f"Found: {told(error.found)}.")
    if error.mend:
        parts.append(f"Who can mend it: {word(error.mend)}.")
    return " ".join(parts)


FILTERS = {
    "word": word,
    "label": label,
    "encryption": encryption,
    "outcome": outcome,
    "event_word": event,
    "when": when,
    "day": day,
    "who": who,
    "told": told,
    "facts": facts,
    "with_article": with_article,
}
