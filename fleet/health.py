"""What a load balancer and a monitoring system ask."""

from flask import Blueprint, Response
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest

from fleet import migrate
from fleet.errors import Unavailable
from fleet.web import caller, public

health = Blueprint("health", __name__)


@health.get("/healthz")
@public
def alive() -> dict[str, str]:
    """This process answers."""
    return {"status": "ok"}


@health.get("/readyz")
@public
def ready() -> dict[str, str]:
    """The register can be reached and has the structure that this version needs."""
    session, _ = caller()
    if not migrate.is_current(session.connection()):
        raise Unavailable("The database's structure is not this version's. Run: flask --app wsgi db upgrade")
    return {"status": "ok"}


@health.get("/metrics")
@public
def metrics() -> Response:
    """Prometheus' text format."""
    return Response(generate_latest(REGISTRY), content_type=CONTENT_TYPE_LATEST)
