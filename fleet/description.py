"""The API's description, completed with what its views do not say: errors, headers and tags that all of them share."""

from typing import Any

Described = dict[str, Any]

_WRITES = frozenset({"post", "patch", "put", "delete"})
_PROBLEM: Described = {
    "type": "object",
    "description": "What went wrong (RFC 9457).",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "description": "what kind of problem, as a reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "a sentence for a person"},
        "rule": {"type": "integer", "description": "the number of the domain's rule that refused"},
        "found": {"type": "object", "description": "the facts that broke the rule", "additionalProperties": True},
        "mend": {"type": "string", "description": "who can do something about it"},
        "errors": {"type": "object", "description": "what is wrong, by field", "additionalProperties": True},
    },
}
_SEES = {
    "400": "Not JSON",
    "401": "No bearer token, or one that is unknown, expired or revoked",
    "403": "Not permitted to this role",
    "404": "Not in the register",
    "409": "Refused, by a rule or because it is taken",
    "412": "Changed since it was read",
    "413": "More than a megabyte",
    "415": "Does not say that it is JSON",
    "422": "A field, filter, cursor or key that cannot be used",
    "428": "If-Match is needed",
    "503": "Not available just now; Retry-After says when",
}
_KEY: Described = {
    "in": "header",
    "name": "Idempotency-Key",
    "description": "The same key and body give the same answer without a second effect.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}
_IF_MATCH: Described = {
    "in": "header",
    "name": "If-Match",
    "required": True,
    "description": "The ETag of what was read.",
    "schema": {"type": "string"},
}
_TAGGED = frozenset({"Camera", "Person", "Site", "Dock", "Taser"})
_ETAG: Described = {"ETag": {"description": "The version; If-Match wants it.", "schema": {"type": "string"}}}


def completed(spec: Described) -> Described:
    """The description with every route's errors as problem details, and the headers it takes and gives."""
    paths = {path: _path(path, routes) for path, routes in spec["paths"].items()}
    components: Described = {**spec["components"], "responses": {}}
    schemas = {name: schema for name, schema in components["schemas"].items() if name != "Error"}
    components["schemas"] = schemas | {"Problem": _PROBLEM}
    return {**spec, "paths": paths, "components": components}


def _path(path: str, routes: Described) -> Described:
    is_one = "{" in path
    return {
        verb: _operation(verb, route, is_one=is_one) if verb != "parameters" else route
        for verb, route in routes.items()
    }


def _operation(verb: str, route: Described, *, is_one: bool) -> Described:
    parameters = [*route.get("parameters", [])]
    parameters += [_KEY] if verb in _WRITES else []
    parameters += [_IF_MATCH] if verb == "patch" else []
    good = {status: _answer(answer) for status, answer in route["responses"].items() if status.startswith("2")}
    bad = {status: _problem(_SEES[status]) for status in sorted(_refusals(verb, is_one=is_one))}
    described = route | {"responses": good | bad | {"default": _problem("Anything else")}}
    return described | ({"parameters": parameters} if parameters else {})


def _answer(answer: Described) -> Described:
    """Every answer that is one thing of the register carries its tag; pages, histories and allocations do not."""
    if "application/json" not in answer["content"]:
        return answer
    shown = answer["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    return answer | ({"headers": _ETAG} if shown in _TAGGED else {})


def _refusals(verb: str, *, is_one: bool) -> set[str]:
    statuses = {"401", "403", "422", "503"}
    statuses |= {"404"} if is_one else set()
    statuses |= {"400", "409", "413", "415"} if verb in _WRITES else set()
    return statuses | ({"412", "428"} if verb == "patch" else set())


def _problem(description: str) -> Described:
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": description, "content": content}
