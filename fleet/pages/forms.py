"""Forms made from the schemas that the API takes: their fields, what was typed, and what was refused."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

import marshmallow as ma

from fleet.api import Flag, Instant, Schema, Text, Word
from fleet.clock import LOCAL
from fleet.errors import FleetError, Invalid
from fleet.pages import words
from fleet.web import caller, service

_KINDS: tuple[tuple[type[ma.fields.Field[Any]], str], ...] = (
    (Flag, "choice"),
    (Word, "choice"),
    (Instant, "instant"),
    (ma.fields.Date, "date"),
    (ma.fields.Integer, "number"),
)
# What somebody explains in more than a line.
_AREAS = frozenset(
    {
        "note",
        "address",
        "circumstances",
        "reason",
        "fault",
        "recordings",
        "affected",
        "measures",
        "ico_reason",
        "method",
    }
)
_YES_OR_NO = [("true", "Yes"), ("false", "No")]
# What marshmallow says to a program, said to a person after the field's name.
_PLAINLY = {
    "Not a valid integer.": "must be a whole number.",
    "Not a valid date.": "must be a date, such as 2026-03-31.",
    "Not a valid aware datetime.": "must be a date, such as 2026-03-31.",
    "Not a valid datetime.": "must be a date, such as 2026-03-31.",
}


@dataclass(frozen=True)
class Field:
    """One field of a form or a filter. ``kind`` is ``text``, ``area``, ``choice``, ``number``, ``date``, ``instant``.

    ``options`` are the values of a choice with their words; ``empty`` is what its blank option says, None without one.
    """

    name: str
    label: str
    kind: str
    options: list[tuple[str, str]] = field(default_factory=list)
    empty: str | None = None
    hint: str | None = None


def fields_of(
    schema: type[Schema],
    *,
    without: Collection[str] = (),
    hints: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    prefix: str = "",
    blank: str = "Not known",
) -> list[Field]:
    """A schema's fields as a form shows them; their names begin with ``prefix``.

    ``blank`` is what a choice that need not be made says for none.
    """
    # Bodies name the identifier last, since it is what is added to a change; people begin with it.
    found = sorted(schema().fields.items(), key=lambda item: not item[1].required)
    texts = labels or {}
    return [
        _field(name, field, (hints or {}).get(name), prefix, texts.get(name) or words.label(name), blank)
        for name, field in found
        if name not in without
    ]


def _field(
    name: str, schema_field: ma.fields.Field[Any], hint: str | None, prefix: str, text: str, blank: str
) -> Field:
    kind = next((kind for kind_of, kind in _KINDS if isinstance(schema_field, kind_of)), "text")
    options = options_of(schema_field)
    if not schema_field.required and not isinstance(schema_field, Flag):
        text += " (optional)"
    if name in _AREAS and isinstance(schema_field, Text):
        kind = "area"
    if isinstance(schema_field, ma.fields.List):
        kind = "area"
    empty = None if isinstance(schema_field, Flag) else "Choose one" if schema_field.required else blank
    return Field(f"{prefix}{name}", text, "choice" if options else kind, options, empty, hint)


def options_of(schema_field: ma.fields.Field[Any]) -> list[tuple[str, str]]:
    """The values that a field can have with their words, when they are few; else nothing."""
    if isinstance(schema_field, Flag):
        return _YES_OR_NO
    if isinstance(schema_field, Word):
        # The log's events have their own words.
        said = words.event if schema_field.enum.__name__ == "Event" else words.word
        return [(str(value), said(value)) for value in schema_field.enum]
    if isinstance(schema_field.validate, ma.validate.OneOf):
        return [(str(value), words.word(value)) for value in schema_field.validate.choices]
    return []


def read(
    schema: Schema,
    typed: Mapping[str, str],
    *,
    prefix: str = "",
    without: Collection[str] = (),
    labels: Mapping[str, str] | None = None,
) -> Any:
    """What somebody typed as plain data. ``labels`` are what the form calls its fields, as for ``fields_of``.

    A form sends every field as text, an empty one too: empty is none where the field may be none, else not said.

    Raises:
        Invalid: with what is wrong with which field.
    """
    sent: dict[str, Any] = {}
    for name, schema_field in schema.fields.items():
        text = typed.get(f"{prefix}{name}")
        if text is None or name in without:
            continue
        text = text.strip()
        if text:
            sent[name] = _as_sent(name, schema_field, text)
        elif schema_field.allow_none:
            sent[name] = None
    try:
        return schema.load(sent)
    except ma.ValidationError as error:
        messages: dict[str, Any] = error.normalized_messages()  # type: ignore[no-untyped-call]
        called = {name: (labels or {}).get(name) or words.label(name) for name in messages}
        fields = {f"{prefix}{name}": _plain(called[name], texts) for name, texts in messages.items()}
        raise Invalid("Some of what was typed cannot be used.", fields=fields) from error


def _as_sent(name: str, schema_field: ma.fields.Field[Any], text: str) -> Any:
    """Text as a program would send it: a number as a number, a local time with its zone."""
    if isinstance(schema_field, ma.fields.Integer) and text.removeprefix("-").isdecimal():
        return int(text)
    if isinstance(schema_field, Instant):
        return _with_zone(text, end_of_day=name == "until")
    return text


def _with_zone(text: str, *, end_of_day: bool) -> str:
    """A day or a local time as an instant; what is neither is left for the schema to refuse."""
    try:
        on = date.fromisoformat(text) + timedelta(days=1 if end_of_day else 0)
        return datetime.combine(on, time(), LOCAL).isoformat()
    except (ValueError, OverflowError):
        pass
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return (at if at.tzinfo is not None else at.replace(tzinfo=LOCAL)).isoformat()


def _plain(label: str, texts: Any) -> list[str]:
    """What is wrong with a field, with its label: the summary at a page's top stands far from it."""
    said = texts if isinstance(texts, list) else [str(texts)]
    if any("required" in text or "null" in text for text in said):
        return [f"{label} is missing."]
    return [f"{label} {_PLAINLY[text]}" if text in _PLAINLY else f"{label}: {text}" for text in said]


def attempt(act: Callable[[], Any]) -> FleetError | None:
    """Carry out what a form asks for, and answer what refused it.

    A refusal undoes the act alone, not the request's transaction, in which the page is then shown again.
    """
    session, actor = caller()
    try:
        with session.begin_nested():
            act()
    except FleetError as error:
        service().gate.record_refusal(session, actor, error)
        return error
    return None


def errors_of(error: FleetError | None) -> dict[str, str]:
    """A refusal as the form macros take it: field → message, the form as a whole under the name ``""``."""
    if error is None:
        return {}
    if isinstance(error, Invalid) and error.fields:
        return {name: " ".join(texts) for name, texts in error.fields.items()}
    return {"": words.refusal(error)}
