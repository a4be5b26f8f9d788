"""The one way a request goes: who asks, may they, one transaction, the answer.

Everything here is below the domains. What the domains know (how to recognise somebody, what goes into the log) is
handed to ``Service`` when it is made.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Protocol, TypeVar, cast

from flask import Flask, Response, current_app, g, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from fleet import idempotency
from fleet.actors import NOBODY, Actor
from fleet.db import Database
from fleet.errors import FleetError
from fleet.identifiers import IdentifierConverter
from fleet.paging import Cursors
from fleet.problems import answer_to
from fleet.settings import Settings

View = TypeVar("View", bound=Callable[..., Any])

_ACCESS = "__fleet_access__"
PUBLIC = "public"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Gate(Protocol):
    """What the service needs to know of the domains."""

    def admit(self, session: Session, access: str) -> Actor:
        """Who sends this request; refuses who may not.

        Raises:
            Unauthenticated, Forbidden
        """

    def record_refusal(self, session: Session, actor: Actor, error: FleetError) -> None:
        """Log a refusal that is evidence."""


def allow(permission: str) -> Callable[[View], View]:
    """Declare the permission that a view needs. ``public`` below is the other choice; there is no third."""
    return lambda view: _declared(view, str(permission))


def public(view: View) -> View:
    """Declare that a view is for anybody, signed in or not."""
    return _declared(view, PUBLIC)


def _declared(view: View, access: str) -> View:
    @wraps(view)  # a bound method takes no attribute of its own
    def declared(*args: Any, **kwargs: Any) -> Any:
        return view(*args, **kwargs)

    setattr(declared, _ACCESS, access)
    return cast(View, declared)


def access_of(view: Callable[..., Any]) -> str:
    """What a view declared.

    Raises:
        LookupError: nothing, which is a fault of the program: such a view is never called.
    """
    access = getattr(view, _ACCESS, None)
    if access is None:
        raise LookupError(f"{view!r} declares neither a permission nor that it is public")
    return cast(str, access)


class Service(Flask):
    """Flask with one transaction around every view; a view that declares no access cannot be called."""

    database: Database
    fleet_settings: Settings
    cursors: Cursors
    gate: Gate

    def dispatch_request(self) -> ResponseReturnValue:
        """Recognise, permit, act, commit: in that order, so that an answer tells only of what is committed."""
        if request.routing_exception is not None or request.url_rule is None:
            return super().dispatch_request()
        access = access_of(self.view_functions[request.url_rule.endpoint])
        g.actor = NOBODY
        if request.method not in _SAFE:
            # A body that arrives slowly must not hold a transaction open.
            request.get_data(cache=True)
        work = self.database.reading if request.method in _SAFE else self.database.transaction
        try:
            with work() as session:
                g.session = session
                g.actor = self.gate.admit(session, access)
                return self._act(session)
        except FleetError as error:
            self._keep_evidence(error)
            raise

    def _act(self, session: Session) -> Response:
        # Nobody in particular has no keys: strangers would fill the table, and wait there for one another.
        if g.actor == NOBODY or not idempotency.applies(request):
            return self._view()
        return idempotency.once(session, g.actor, request, self._view, lambda error: self._refusal(session, error))

    def _view(self) -> Response:
        return self.make_response(super().dispatch_request())

    def _refusal(self, session: Session, error: Exception) -> Response:
        if isinstance(error, FleetError) and error.evidence is not None:
            self.gate.record_refusal(session, g.actor, error)
        return self.make_response(answer_to(error))

    def _keep_evidence(self, error: FleetError) -> None:
        if error.evidence is None:
            return
        with self.database.transaction() as session:
            self.gate.record_refusal(session, g.actor, error)


def service() -> Service:
    """The running service."""
    return cast(Service, current_app)


def caller() -> tuple[Session, Actor]:
    """The request's session and actor, as every service function takes them first."""
    return g.session, g.actor


def prepare_routes(app: Flask) -> None:
    """Make ``<identifier:…>`` known to the routes."""
    app.url_map.converters["identifier"] = IdentifierConverter
