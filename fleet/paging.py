"""Keyset pagination: a page costs the same wherever in a list it lies, and rows that arrive meanwhile shift nothing."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeAlias

import sqlalchemy as sa
from itsdangerous import BadData, URLSafeSerializer
from sqlalchemy.orm import InstrumentedAttribute, Session

from fleet.db import AnySelect, row_dict
from fleet.errors import Invalid

# What a list is ordered by.
Key: TypeAlias = sa.ColumnElement[Any] | InstrumentedAttribute[Any]

DEFAULT_LIMIT = 50
HIGHEST_LIMIT = 200
CAPPED_COUNT = 10_000


@dataclass(frozen=True)
class Page:
    """``after`` holds the sort keys of the last item when there are more, else None."""

    items: list[dict[str, Any]]
    after: list[Any] | None


@dataclass(frozen=True)
class Paging:
    """Where a page begins: after the row with the sort keys ``after``, or at the list's start."""

    limit: int = DEFAULT_LIMIT
    after: Sequence[Any] | None = None

    def page(
        self,
        session: Session,
        statement: AnySelect,
        keys: Sequence[Key],
        *,
        descending: bool = False,
    ) -> Page:
        """One page of ``statement`` in the order of ``keys``, which together are unique and never NULL.

        The statement must select each key under a label ``key_0``, ``key_1``, … or the key's own column; keys are
        added as labelled columns here and taken off again.
        """
        labelled = [key.label(f"key_{number}") for number, key in enumerate(keys)]
        statement = statement.add_columns(*labelled)
        if self.after is not None:
            bounds = [sa.literal(value, key.type) for key, value in zip(keys, self._read(keys), strict=True)]
            here = sa.tuple_(*keys)
            statement = statement.where(here < sa.tuple_(*bounds) if descending else here > sa.tuple_(*bounds))
        order = [key.desc() if descending else key.asc() for key in keys]
        rows = session.execute(statement.order_by(*order).limit(self.limit + 1)).all()
        items = [row_dict(row) for row in rows[: self.limit]]
        places = [[item.pop(f"key_{number}") for number in range(len(keys))] for item in items]
        return Page(items, _written(places[-1]) if len(rows) > self.limit else None)

    def newest_first(self, session: Session, statement: AnySelect, key: Key) -> Page:
        """One page in descending order of a single unique key."""
        return self.page(session, statement, [key], descending=True)

    def _read(self, keys: Sequence[Key]) -> list[Any]:
        values = list(self.after or ())
        return [_from_text(key.type, value) for key, value in zip(keys, values, strict=True)]


def _from_text(kind: sa.types.TypeEngine[Any], value: Any) -> Any:
    if isinstance(kind, sa.DateTime):
        return datetime.fromisoformat(value)
    if isinstance(kind, sa.Date):
        return date.fromisoformat(value)
    return value


def _written(place: Sequence[Any]) -> list[Any]:
    return [value.isoformat() if isinstance(value, date) else value for value in place]


class Cursors:
    """Cursors as callers see them: signed, and bound to one list with its filters and order."""

    def __init__(self, secret_key: str) -> None:
        self._serializer = URLSafeSerializer(secret_key, salt="list-cursor")

    def write(self, after: Sequence[Any] | None, binding: Mapping[str, Any]) -> str | None:
        """The cursor of the next page, or None at the end."""
        if after is None:
            return None
        return self._serializer.dumps([_digest(binding), *after])

    def read(self, cursor: str | None, binding: Mapping[str, Any]) -> list[Any] | None:
        """The sort keys in a cursor.

        Raises:
            Invalid: it was edited, or belongs to another list or other filters.
        """
        if not cursor:
            return None
        try:
            digest, *after = self._serializer.loads(cursor)
        except (BadData, ValueError, TypeError) as error:
            raise _bad_cursor() from error
        if digest != _digest(binding):
            raise _bad_cursor()
        return list(after)


def _bad_cursor() -> Invalid:
    detail = "This cursor does not belong to this list and these filters. Begin again without a cursor."
    return Invalid(detail, fields={"cursor": [detail]})


def _digest(binding: Mapping[str, Any]) -> str:
    text = json.dumps(binding, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def capped_count(session: Session, statement: AnySelect) -> int:
    """How many rows a statement finds, counted no further than one past ``CAPPED_COUNT``."""
    bare = statement.with_only_columns(sa.literal(1), maintain_column_froms=True)
    capped = bare.order_by(None).limit(CAPPED_COUNT + 1).subquery()
    return session.execute(sa.select(sa.func.count()).select_from(capped)).scalar_one()
