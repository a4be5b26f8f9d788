"""Lists as people see them: filters, order, pages by cursor, and the whole of what was found as a file."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol
from urllib.parse import urlencode

import marshmallow as ma
from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from fleet import audit
from fleet.api import ListQuery, answer_page
from fleet.auth.permissions import Permission
from fleet.clock import utc_now
from fleet.errors import Invalid
from fleet.pages import forms, words
from fleet.paging import CAPPED_COUNT, Page, Paging
from fleet.transfer.cells import guarded
from fleet.transfer.export import record_export
from fleet.transfer.kinds import KINDS, sheet_of
from fleet.web import allow, caller, service

# Rows of a file that are read at once: enough to be fast, few enough to be held in memory.
_ROWS_AT_ONCE = 1_000


class Find(Protocol):
    def __call__(
        self, session: Session, filters: Mapping[str, Any], paging: Paging, /, *, sort: str, descending: bool
    ) -> Page: ...


@dataclass(frozen=True)
class Column:
    """A column of a list. ``show`` is how the template writes a value, ``to`` the kind of thing that it names.

    ``by`` is the field that holds that thing's identifier where this one does not; ``empty`` is said for no value.
    """

    name: str
    text: str = ""
    show: str = "text"
    to: str | None = None
    by: str | None = None
    empty: str = ""


@dataclass(frozen=True)
class Above:
    """What stands above a list: a template, and what it tells under the name ``state``."""

    template: str
    facts: Callable[[Session], Mapping[str, Any]]


@dataclass(frozen=True)
class Begin:
    """Where something for the list is begun, when it is not on a page of the list's own: a sentence and a link."""

    says: str
    text: str
    href: str


# What happens to a camera, or to an officer, is begun on that one's page.
ON_A_CAMERA = Begin("It begins on the camera’s page:", "find the camera", "/cameras")
ON_AN_OFFICER = Begin("It begins on the officer’s page:", "find the officer", "/people")


@dataclass(frozen=True)
class Listing:
    """A list of one kind of thing.

    ``query`` is the API's schema of the same list; ``sorts`` names the orders that ``find`` knows, the first being
    the usual one. ``search`` says what a search looks into. The file has the columns ``exported``, or those that an
    import of this kind takes. ``labels`` is what labels of these things are called at ``/labels``.
    ``bulk`` is where something is done with all that the filters find; ``begin`` says where a row's matter begins, and
    ``empty`` what it means that there is none.
    """

    path: str
    title: str
    one: str
    many: str
    view: Permission
    query: type[ListQuery]
    find: Find
    count: Callable[[Session, Mapping[str, Any]], int]
    sorts: Sequence[str]
    columns: Sequence[Column]
    search: str = ""
    descending: bool = False
    add: Permission | None = None
    bulk: str | None = None
    exported: Sequence[str] = ()
    labels: str | None = None
    above: Above | None = None
    begin: Begin | None = None
    empty: str = ""

    @property
    def name(self) -> str:
        """What its file and its cursors are called."""
        return self.path.strip("/").replace("/", "-")

    def when_empty(self) -> str:
        """What is said where the register has none."""
        if self.name in KINDS:
            return f"Add the first, or import a file of them: flask --app wsgi import {self.name} FILE.csv"
        return self.empty

    def add_to(self, blueprint: Blueprint) -> None:
        """Add the page and the file."""
        blueprint.add_url_rule(self.path, f"{self.name}_list", allow(self.view)(self.page))
        blueprint.add_url_rule(f"{self.path}.csv", f"{self.name}_file", allow(self.view)(self.file))

    def page(self) -> ResponseReturnValue:
        """The list; a filter that cannot be used is said beside it."""
        session, _ = caller()
        typed = _typed()
        shown: dict[str, Any] = {
            "listing": self,
            "typed": typed,
            "fields": self.fields(),
            "partial": _is_partial(),
            "now": utc_now(),
            "state": self.above.facts(session) if self.above and not _is_partial() else None,
        }
        try:
            query = self._query(typed)
            found = answer_page(f"page {self.name}", query, lambda paging: self._found(session, query, paging))
        except Invalid as error:
            # A part of a page is only put in place when its status is a success.
            status = 200 if _is_partial() else error.status
            return render_template("listing.html", **shown, errors=forms.errors_of(error)), status
        total = self.count(session, _filters(query))
        shown |= {"found": found, "total": told(total), "links": Links(self, typed, query)}
        return render_template("listing.html", **shown)

    def fields(self) -> list[forms.Field]:
        """The filters, the search box first."""
        named = self.query().fields
        names = sorted((name for name in named if name not in {"limit", "cursor"}), key=lambda name: name != "q")
        return [self._filter(name, named[name]) for name in names]

    def _filter(self, name: str, field: ma.fields.Field[Any]) -> forms.Field:
        text = self.search if name == "q" else words.label(name)
        made = next(made for made in forms.fields_of(self.query) if made.name == name)
        return replace(made, label=text, kind="search" if name == "q" else made.kind, options=forms.options_of(field))

    def file(self) -> Response:
        """Everything that the filters find, as CSV, read in portions while it is sent."""
        session, actor = caller()
        query = self._query(_typed())
        now = utc_now()
        record_export(session, actor, self.name, now=now, **audit.plain(_filters(query)))
        return _download(f"{self.name}-{now:%Y-%m-%d}", self._lines(query))

    def _lines(self, query: Mapping[str, Any]) -> Iterable[str]:
        # What is sent after the view has ended needs the database by itself.
        columns = self.exported or [column.name for column in sheet_of(self.name).columns]
        return _csv(columns, _portions(service().database.transaction, self._found, query))

    def _found(self, session: Session, query: Mapping[str, Any], paging: Paging) -> Page:
        descending = query["order"] == "descending"
        return self.find(session, _filters(query), paging, sort=query["sort"], descending=descending)

    def _query(self, typed: Mapping[str, str]) -> dict[str, Any]:
        unknown = sorted(set(typed) - set(self._schema().fields))
        if unknown:
            raise Invalid("No such filter.", fields={"": [f"There is no filter {name!r} here." for name in unknown]})
        if bad := [name for name, text in typed.items() if not text.isprintable()]:
            said = ["This has a character that cannot be printed."]
            raise Invalid("Cannot be read.", fields=dict.fromkeys(bad, said))
        loaded: dict[str, Any] = forms.read(self._schema(), typed)
        return loaded

    def _schema(self) -> ListQuery:
        order = "descending" if self.descending else "ascending"
        orders = ma.validate.OneOf(["ascending", "descending"])
        added = {
            "sort": ma.fields.String(load_default=self.sorts[0], validate=ma.validate.OneOf(self.sorts)),
            "order": ma.fields.String(load_default=order, validate=orders),
        }
        schema: ListQuery = type(f"{self.query.__name__}OfPage", (self.query,), added)()
        return schema


class Links:
    """Where a list's links lead: the same filters in another order, on another page, in a file."""

    def __init__(self, listing: Listing, typed: Mapping[str, str], query: Mapping[str, Any]) -> None:
        self._listing = listing
        self._kept = {name: text for name, text in typed.items() if text and name != "cursor"}
        self.sort, self.order = query["sort"], query["order"]

    def _to(self, suffix: str = "", **changed: str) -> str:
        named = urlencode(self._kept | changed)
        return f"{self._listing.path}{suffix}" + (f"?{named}" if named else "")

    def sorted_by(self, name: str) -> str | None:
        """The list in the order of a column; in the other direction when it is in that order now."""
        if name not in self._listing.sorts or len(self._listing.sorts) == 1:
            return None
        flip = name == self.sort and self.order == "ascending"
        return self._to(sort=name, order="descending" if flip else "ascending")

    def first(self) -> str:
        return self._to()

    def next(self, cursor: str | None) -> str | None:
        return self._to(cursor=cursor) if cursor else None

    def file(self) -> str:
        return self._to(".csv")

    def labels(self) -> str | None:
        """The form that prints labels of what the list shows."""
        if self._listing.labels is None:
            return None
        return "/labels?" + urlencode({"what": self._listing.labels} | self._kept)

    def bulk(self) -> str | None:
        """Where something is done with all that was found; None where there is no such page, or no filter."""
        filters = {name: text for name, text in self._kept.items() if name not in {"sort", "order", "limit"}}
        return f"{self._listing.bulk}?{urlencode(filters)}" if self._listing.bulk and filters else None

    def kept(self) -> dict[str, str]:
        """What a change of filters leaves as it is."""
        return {name: text for name, text in self._kept.items() if name in {"sort", "order", "limit"}}


def file_of(name: str, columns: Sequence[str], find: Callable[[Session, Paging], Page]) -> Response:
    """The whole of a list that belongs to something else as CSV, logged as an export."""
    session, actor = caller()
    record_export(session, actor, name, now=utc_now())

    def found(session: Session, _query: Mapping[str, Any], paging: Paging) -> Page:
        return find(session, paging)

    return _download(name, _csv(columns, _portions(service().database.transaction, found, {})))


def _download(name: str, lines: Iterable[str]) -> Response:
    response = Response(lines, content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def told(total: int) -> str:
    """A count that was not counted to its end says so."""
    return f"More than {CAPPED_COUNT:,}" if total > CAPPED_COUNT else f"{total:,}"


def older(name: str, find: Callable[[Paging], Page], **kept: str) -> dict[str, Any]:
    """One page of a list that stands on a page about something else, with the address of the next.

    ``kept`` is what else the address says, such as which of several lists it is.
    """
    query = {"limit": 20, "cursor": request.args.get("cursor")}
    found = answer_page(name, query, find)
    found["href"] = f"{request.path}?{urlencode({'cursor': found['next'], **kept})}#history" if found["next"] else None
    return found


def _typed() -> dict[str, str]:
    return {name: text for name, text in request.args.items() if text.strip()}


def _filters(query: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in query.items() if name not in {"limit", "cursor", "sort", "order"}}


def _is_partial() -> bool:
    """Whether a script asks for the list alone. Going back in the browser asks for the page in whole."""
    return "HX-Request" in request.headers and "HX-History-Restore-Request" not in request.headers


def _portions(transaction: Any, find: Callable[..., Page], query: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every item, each portion in a transaction of its own: a slow reader keeps no connection from others."""
    after = None
    while True:
        with transaction() as session:
            page = find(session, query, Paging(_ROWS_AT_ONCE, after))
        yield from page.items
        after = page.after
        if after is None:
            return


def _csv(columns: Sequence[str], items: Iterable[dict[str, Any]]) -> Iterator[str]:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for number, item in enumerate(items, 1):
        writer.writerow([_in_file(item[name]) for name in columns])
        if number % _ROWS_AT_ONCE == 0:
            yield text.getvalue()
            text.seek(0)
            text.truncate()
    yield text.getvalue()


def _in_file(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return words.told(value)
    return guarded(str(audit.as_json(value))) if value is not None else ""
