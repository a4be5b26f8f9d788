"""What every part of the HTTP API shares: schemas' base and fields, lists, ETags, and the description of it all."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, cached_property
from typing import Any, Protocol
from urllib.parse import quote

import flask_smorest
import marshmallow as ma
from flask import Request, Response, make_response, request
from flask.typing import ResponseReturnValue
from flask_smorest import Api
from sqlalchemy.orm import Session
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType

from fleet import paging
from fleet.actors import Actor
from fleet.clock import iso, utc_now
from fleet.description import completed
from fleet.errors import PreconditionRequired, Stale
from fleet.identifiers import assigned
from fleet.paging import Page, Paging
from fleet.problems import answer_to
from fleet.web import Service, allow, caller, public, service

PREFIX = "/api/v1"
LONGEST_TEXT = 1_000
# Of words that an index holds: its entries have at most a third of a page.
LONGEST_NAME = 100
# A row's version as an ETag: an integer of the database's.
_VERSION = re.compile(r"[0-9]{1,10}")


class Schema(ma.Schema):
    """Refuses unknown fields, keeps the order of its fields."""

    class Meta:
        unknown = ma.RAISE


class Identifier(ma.fields.String):
    """A serial, tag, collar number or code, in its one spelling."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            return assigned(text)
        except ValueError as error:
            raise ma.ValidationError(f"This {error}.") from error


class Text(ma.fields.String):
    """Free text of a sensible length without control characters; blank is none."""

    def __init__(self, *, longest: int = LONGEST_TEXT, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._longest = longest

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs).strip()
        if len(text) > self._longest:
            raise ma.ValidationError(f"At most {self._longest} characters.")
        if any(not character.isprintable() and character not in "\n\t" for character in text):
            raise ma.ValidationError("This has a character that cannot be printed.")
        return text or None


class Instant(ma.fields.AwareDateTime):
    """An instant: ISO 8601, written in UTC with ``Z``. One without a zone, or of no year in UTC, is refused."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        try:
            return super()._deserialize(value, attr, data, **kwargs).astimezone(UTC)
        except OverflowError as error:
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE) from error

    def _serialize(self, value: datetime | None, *_: Any, **__: Any) -> str | None:
        return None if value is None else iso(value)


class Word(ma.fields.Enum[Any]):
    """One of an enum's words."""

    def __init__(self, enum: Any, **kwargs: Any) -> None:
        super().__init__(enum, by_value=ma.fields.String(), **kwargs)

    def _serialize(self, value: Any, *_: Any, **__: Any) -> str | None:
        # A hot path hands over the word itself, which is what a StrEnum is as well.
        return None if value is None else str(value)


class Flag(ma.fields.Boolean):
    """Written ``true`` or ``false``."""


class ListQuery(Schema):
    """What every list takes."""

    limit = ma.fields.Integer(
        load_default=paging.DEFAULT_LIMIT, validate=ma.validate.Range(1, paging.HIGHEST_LIMIT), strict=False
    )
    cursor = ma.fields.String(load_default=None, validate=ma.validate.Length(max=2_000))

    @ma.pre_load
    def _refuse_strangers(self, typed: Mapping[str, str], **_: Any) -> Mapping[str, str]:
        """A filter that is misspelt must not find everything, and PostgreSQL takes no NUL."""
        wrong = {name: ["Unknown field."] for name in typed if name not in self.fields}
        wrong |= {name: ["This has a character that cannot be printed."] for name in typed if "\0" in str(typed[name])}
        if wrong:
            raise ma.ValidationError(wrong)
        return typed


def page_of(item: type[Schema]) -> type[Schema]:
    """The schema of a page of items."""
    name = f"{item.__name__.removesuffix('Schema')}Page"
    fields = {
        "items": ma.fields.List(ma.fields.Nested(item)),
        "next": ma.fields.String(allow_none=True, metadata={"description": "cursor of the next page, or null"}),
    }
    return type(name, (Schema,), fields)


def answer_page(name: str, query: Mapping[str, Any], find: Callable[[Paging], Page]) -> dict[str, Any]:
    """One page of a list, with the cursor of the next. ``query`` is what a ``ListQuery`` loaded."""
    binding = {"list": name} | {key: value for key, value in query.items() if key not in {"limit", "cursor"}}
    after = service().cursors.read(query["cursor"], binding)
    found = find(Paging(query["limit"], after))
    return {"items": found.items, "next": service().cursors.write(found.after, binding)}


def expected_version() -> int | None:
    """The row version in ``If-Match``; None for ``*``, which is any (RFC 9110, 13.1.1).

    Raises:
        PreconditionRequired: there is none.
        Stale: it is not a version that this service ever gave.
    """
    if not request.if_match:
        raise PreconditionRequired("Send If-Match with the ETag of what you read, so that nobody's change is lost.")
    if request.if_match.star_tag:
        return None
    versions = [int(tag) for tag in request.if_match.as_set() if _VERSION.fullmatch(tag or "")]
    if not versions:
        raise Stale("This ETag is not one of this resource. Read it again, then decide.")
    # Versions only grow, so of several that a caller has seen none but the newest can be the present one.
    return max(versions)


def tagged(body: Mapping[str, Any], schema: Schema, status: int = 200) -> Response:
    """A single resource with its ETag: the row's version, which a dock's report does not change."""
    response: Response = make_response(schema.dump(body), status)
    response.set_etag(str(body["version"]))
    return response


def json_of(req: Request) -> Any:
    """A request's body; ``missing`` when there is none.

    Raises:
        UnsupportedMediaType, BadRequest, RequestEntityTooLarge: it is not JSON in UTF-8 of a sensible depth and size.
    """
    body = req.get_data(cache=True)
    if not body:
        return ma.missing
    if req.content_length is None and len(body) >= (req.max_content_length or len(body) + 1):
        # Werkzeug cuts off a body of unknown length at the limit and says nothing.
        raise RequestEntityTooLarge
    if not req.is_json:
        raise UnsupportedMediaType("Send JSON, with Content-Type: application/json.")
    try:
        return json.loads(body.decode())
    except RecursionError as error:
        raise BadRequest("This JSON is nested too deeply.") from error
    # A JSONDecodeError, a UnicodeDecodeError, or a number of thousands of digits.
    except ValueError as error:
        raise BadRequest(f"This is not JSON in UTF-8: {error}.") from error


class _BodyParser(FlaskParser):
    """Reads bodies that say they are JSON and are; anything else is told apart from a field that is missing."""

    def load_json(self, req: Request, schema: ma.Schema) -> Any:  # noqa: ARG002 - webargs' interface
        return json_of(req)


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc] # flask-smorest is not typed
    """A part of the API."""

    ARGUMENTS_PARSER = _BodyParser()


class Find(Protocol):
    def __call__(self, session: Session, filters: Mapping[str, Any], paging: Paging, /) -> Page: ...


class Register(Protocol):
    def __call__(self, session: Session, actor: Actor, values: Mapping[str, Any], /, *, now: datetime) -> Any: ...


class Revise(Protocol):
    def __call__(
        self,
        session: Session,
        actor: Actor,
        identifier: str,
        values: Mapping[str, Any],
        /,
        *,
        at_version: int | None,
        now: datetime,
    ) -> Any: ...


@dataclass(frozen=True)
class Resource:
    """A kind of thing in the register as the API shows it: ``GET``, ``POST`` on a list, ``GET``, ``PATCH`` on one.

    ``key`` names the identifier in the bodies. ``new`` and ``change`` are the schemas of what may be sent, ``query``
    of the list's filters, ``out`` of what is answered.
    """

    path: str
    key: str
    view: str
    edit: str
    query: type[ListQuery]
    new: type[Schema]
    change: type[Schema]
    out: type[Schema]
    find: Find
    get: Callable[[Session, str], dict[str, Any]]
    register: Register
    revise: Revise

    @cached_property
    def _shown(self) -> Schema:
        return self.out()

    def add_to(self, blueprint: Blueprint) -> None:
        """Add the four views."""
        self._add_list(blueprint)
        self._add_new(blueprint)
        self._add_one(blueprint)
        self._add_change(blueprint)

    def _add_list(self, blueprint: Blueprint) -> None:
        @blueprint.route(self.path, endpoint="find")
        @allow(self.view)
        @blueprint.arguments(self.query, location="query")
        @blueprint.response(200, page_of(self.out))
        def find(query: dict[str, Any]) -> dict[str, Any]:
            """One page of the list that the filters find."""
            session, _ = caller()
            return answer_page(self.path, query, lambda page: self.find(session, query, page))

    def _add_new(self, blueprint: Blueprint) -> None:
        @blueprint.route(self.path, methods=["POST"], endpoint="register")
        @allow(self.edit)
        @blueprint.arguments(self.new)
        @blueprint.response(201, self.out)
        def register(body: dict[str, Any]) -> Response:
            """Add one to the register."""
            self.register(*caller(), body, now=utc_now())
            response = self._answer(body[self.key], 201)
            response.location = f"{PREFIX}{self.path}/{quote(body[self.key], safe='')}"
            return response

    def _add_one(self, blueprint: Blueprint) -> None:
        @blueprint.route(f"{self.path}/<identifier:identifier>", endpoint="get")
        @allow(self.view)
        @blueprint.response(200, self.out)
        def get(identifier: str) -> Response:
            """One, with the tag that a change of it needs."""
            return self._answer(identifier)

    def _add_change(self, blueprint: Blueprint) -> None:
        @blueprint.route(f"{self.path}/<identifier:identifier>", methods=["PATCH"], endpoint="revise")
        @allow(self.edit)
        @blueprint.arguments(self.change)
        @blueprint.response(200, self.out)
        def revise(body: dict[str, Any], identifier: str) -> Response:
            """Change what is written about one; what is not sent stays as it is."""
            self.revise(*caller(), identifier, body, at_version=expected_version(), now=utc_now())
            return self._answer(identifier)

    def _answer(self, identifier: str, status: int = 200) -> Response:
        session, _ = caller()
        return tagged(self.get(session, identifier), self._shown, status)


class ProblemApi(Api):  # type: ignore[misc]
    """Leaves errors to ``fleet.problems``."""

    def handle_http_exception(self, error: Exception) -> ResponseReturnValue:
        return answer_to(error)


def description(app: Service) -> Api:
    """The API's machine-readable description, at ``/api/v1/openapi.json``, and the blueprints' register."""
    app.config.update(
        API_TITLE="Camera fleet",
        API_VERSION="v1",
        OPENAPI_VERSION="3.0.3",
        OPENAPI_URL_PREFIX=PREFIX,
        OPENAPI_JSON_PATH="openapi.json",
    )
    api = ProblemApi(
        app,
        spec_kwargs={
            "components": {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
            "security": [{"bearer": []}],
        },
    )

    @cache
    def described() -> str:
        return json.dumps(completed(api.spec.to_dict()), indent=2)

    app.view_functions["api-docs.openapi_json"] = public(lambda: Response(described(), mimetype="application/json"))
    return api
