"""Every error leaves the service here: as RFC 9457 problem details for programs, as a page for people."""

import json
import logging
from typing import Any
from urllib.parse import quote

from flask import Flask, Response, current_app, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from fleet.errors import CounterLocked, FleetError, Invalid, TooMany, Unauthenticated, Unavailable

_logger = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"
_OUT_OF_DATE = (
    "Nothing was changed. You have signed in or out since this form was opened, or it is not from this service. "
    "Go back, load the page again, and send it once more. Your browser must accept cookies."
)
_UNPROCESSABLE = 422
_UNAUTHORISED = 401
# Whose password is one that somebody else chose is sent to where they choose their own.
_PASSWORD_NEEDED = "/problems#choose-a-password"  # noqa: S105 - a kind of problem


def register(app: Flask) -> None:
    """Send every exception of ``app`` through ``answer_to``."""
    app.register_error_handler(Exception, answer_to)


def answer_to(error: Exception) -> ResponseReturnValue:
    """The response to an error. An unforeseen one is logged, and its text stays in the log."""
    if isinstance(error, FleetError):
        return _answer(error.status, _of_domain(error), _headers(error))
    if isinstance(error, HTTPException) and error.code is not None:
        if error.response is not None or error.code < 400:  # noqa: PLR2004 - redirects and ready answers
            return error.get_response()
        return _answer(error.code, _of_http(error), dict(error.get_headers()))
    _logger.error("unforeseen error in %s %s", request.method, request.path, exc_info=error)
    if current_app.testing:
        raise error
    detail = "Something went wrong in the service. What you asked for was not done."
    return _answer(500, _problem(500, "Internal error", detail), {})


def slug(title: str) -> str:
    """What a kind of problem is called in its ``type``, and on the page that explains every kind."""
    return title.lower().replace(" ", "-").replace("'", "")


def _problem(status: int, title: str, detail: str, **more: Any) -> dict[str, Any]:
    return {"type": f"/problems#{slug(title)}", "title": title, "status": status, "detail": detail} | {
        name: value for name, value in more.items() if value
    }


def _of_domain(error: FleetError) -> dict[str, Any]:
    fields = error.fields if isinstance(error, Invalid) else None
    return _problem(
        error.status, error.title, error.detail, rule=error.rule, found=error.found, mend=error.mend, errors=fields
    )


def _of_http(error: HTTPException) -> dict[str, Any]:
    if error.code == _UNPROCESSABLE:
        messages = getattr(error, "data", {}).get("messages", {})
        fields = {name: text for part in messages.values() for name, text in _by_name(part)}
        return _problem(422, Invalid.title, "Some of what was sent cannot be used; see errors.", errors=fields)
    if isinstance(error, CSRFError):
        return _problem(400, "Form out of date", _OUT_OF_DATE)
    return _problem(error.code or 500, error.name, error.description or error.name)


def _by_name(part: Any) -> list[tuple[str, Any]]:
    return list(part.items()) if isinstance(part, dict) else [("body", part)]


def _headers(error: FleetError) -> dict[str, str]:
    if isinstance(error, Unavailable | TooMany):
        return {"Retry-After": str(error.retry_after)}
    if isinstance(error, Unauthenticated):
        return {"WWW-Authenticate": 'Bearer realm="fleet"'}
    return {}


def wants_problem() -> bool:
    """Whether the caller is a program: the API, or a script on a page that asks for JSON."""
    if request.path.startswith("/api/"):
        return True
    accepted = request.accept_mimetypes
    return accepted["application/json"] > accepted["text/html"]


def _answer(status: int, problem: dict[str, Any], headers: dict[str, str]) -> Response:
    if wants_problem():
        response = Response(json.dumps(problem), status=status, content_type=MEDIA_TYPE)
    else:
        response = _page(status, problem)
    for name, value in headers.items():
        if name.lower() not in {"content-type", "content-length"}:
            response.headers[name] = value
    return response


def _page(status: int, problem: dict[str, Any]) -> Response:
    # A part of a page that a script asked for cannot show another page in its place; the script loads the whole again.
    if "HX-Request" not in request.headers:
        if status == _UNAUTHORISED:
            return current_app.make_response(current_app.redirect(f"/sign-in?next={_here()}"))
        if status == CounterLocked.status:
            return current_app.make_response(current_app.redirect("/counter"))
        if problem["type"] == _PASSWORD_NEEDED:
            return current_app.make_response(current_app.redirect("/password"))
    return Response(render_template("error.html", problem=problem), status=status)


def _here() -> str:
    """Where to go on after signing in: a form that was sent too late has to be filled in again."""
    if request.method not in {"GET", "HEAD"}:
        return "/"
    return quote(request.full_path.rstrip("?"), safe="/")
