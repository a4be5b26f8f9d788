"""The gate at the service's front: recognises callers, and keeps refusals that are evidence."""

from datetime import datetime, timedelta

from flask import Flask, Response, g, request
from flask import session as cookie
from sqlalchemy.orm import Session

from fleet import audit
from fleet.actors import NOBODY, Actor
from fleet.api import PREFIX
from fleet.audit import Event, Subject
from fleet.auth.permissions import Permission, require
from fleet.auth.service import SignedIn, note_act, recognise_browser, recognise_token
from fleet.clock import utc_now
from fleet.errors import CounterLocked, Evidence, FleetError, Forbidden, Unauthenticated
from fleet.web import PUBLIC, service

COOKIE_TOKEN = "token"  # noqa: S105 - where in the cookie it lies
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
# A locked counter shows itself, so that a badge can unlock it, and nothing else: these say by themselves what they do
# then. A permission would not do: the counter's has pages of its own, with officers' names and acts.
_WHILE_LOCKED = frozenset(
    {
        "counter_pages.counter",
        "counter_pages.scan",
        "counter_pages.lock",
        "counter_line.session_now",
        "counter_line.blocked",
        "counter_line.act",
        "acknowledging_pages.at_counter",
    }
)
# Often enough for an idle counter, seldom enough not to write at every click.
_NOTED_EVERY = timedelta(seconds=30)
# What the counter's page does by itself, whoever has left it alone.
_UNATTENDED = frozenset({"counter_line.session_now", "counter_line.blocked", "counter_line.act"})
# What an account may do while its password is one that somebody else chose: choose its own.
_BEFORE_OWN_PASSWORD = frozenset({Permission.OWN_ACCOUNT})


class FleetGate:
    """The API takes bearer tokens alone, pages take the browser's cookie alone.

    So no stranger's page can make a browser use the API, and no token needs a CSRF token.
    """

    def admit(self, session: Session, access: str) -> Actor:
        """Who sends this request; refuses who may not.

        Raises:
            Unauthenticated, Forbidden
        """
        now = utc_now()
        actor = self._of_api(session, now) if request.path.startswith(PREFIX) else self._of_page(session, access, now)
        if access != PUBLIC:
            self._require(actor, Permission(access))
        return actor

    def _of_api(self, session: Session, now: datetime) -> Actor:
        authorization = request.authorization
        if authorization is None or authorization.type != "bearer" or not authorization.token:
            return NOBODY
        return recognise_token(session, authorization.token, now)

    def _of_page(self, session: Session, access: str, now: datetime) -> Actor:
        # A style sheet is the same for everybody, and not worth a question to the database.
        g.signed_in = signed_in = None if request.endpoint == "static" else self._browser(session, now)
        if signed_in is None:
            return NOBODY
        if signed_in.is_locked and access != PUBLIC and request.endpoint not in _WHILE_LOCKED:
            raise CounterLocked("This browser is a locked counter. Scan a badge at the counter, or sign in again.")
        if not signed_in.is_locked and signed_in.acted_at is not None:
            self._note(session, signed_in.session_id, signed_in.acted_at, now)
        if signed_in.must_change and access != PUBLIC and Permission(access) not in _BEFORE_OWN_PASSWORD:
            raise MustChangePassword("Choose a password of your own first.")
        return signed_in.actor

    def _note(self, session: Session, session_id: int, acted_at: datetime, now: datetime) -> None:
        """Whoever scans, or looks something up on another page, has not left the counter alone."""
        if request.endpoint in _UNATTENDED:
            return
        idle = service().fleet_settings.policy.counter_idle
        if now - acted_at > min(_NOTED_EVERY, idle / 4):
            note_act(session, session_id, now)

    def _browser(self, session: Session, now: datetime) -> SignedIn | None:
        token = cookie.get(COOKIE_TOKEN)
        if token is None:
            return None
        try:
            idle = service().fleet_settings.policy.counter_idle
            return recognise_browser(session, token, now, idle=idle)
        except Unauthenticated:
            # An ended session is nobody's; a public page is shown all the same, another one asks for a sign-in.
            cookie.pop(COOKIE_TOKEN, None)
            return None

    def _require(self, actor: Actor, permission: Permission) -> None:
        try:
            require(actor, permission)
        except Forbidden as error:
            if request.method not in _SAFE:
                g.actor = actor
                error.evidence = Evidence(Event.ACT_DENIED, Subject.ROUTE, f"{request.method} {request.path}"[:200])
            raise

    def record_refusal(self, session: Session, actor: Actor, error: FleetError) -> None:
        """Log a refusal that is evidence."""
        audit.record_refusal(session, actor, error, at=utc_now())


class MustChangePassword(Forbidden):
    """The account's password is one that somebody else chose."""

    title = "Choose a password"


_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; frame-ancestors 'none'; form-action 'self'; base-uri 'none'; object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
# Nothing that the service answers is for a cache, but for what looks the same to everybody.
_KEPT = frozenset({"static", "counter_shell.asset"})
_NOT_KEPT = _HEADERS | {"Cache-Control": "no-store"}


def security_headers(app: Flask) -> None:
    """Add to every answer what keeps a browser from being turned against its user."""

    @app.after_request
    def add(response: Response) -> Response:
        response.headers.extend(_HEADERS if request.endpoint in _KEPT else _NOT_KEPT)
        return response
