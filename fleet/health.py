"""What a load balancer and a monitoring system ask."""

import threading
import time
from collections.abc import Iterator
from datetime import datetime

import sqlalchemy as sa
from flask import Blueprint, Response, current_app
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from fleet import migrate
from fleet.audit import proofs
from fleet.counter import exceptions
from fleet.errors import Unavailable
from fleet.jobs import history
from fleet.jobs.table import JOBS
from fleet.paging import capped_count
from fleet.web import caller, public, service
from fleet.webhooks.models import DeliveryState, WebhookDelivery

health = Blueprint("health", __name__)
# Anybody may ask, and as often as they like; the database is asked no more often than this.
_FRESH_S = 5.0
# Name, what it is, and how much; None is left out.
_Found = list[tuple[str, str, float | None]]


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
    """Prometheus' text format: this process, and what the whole service has left to do."""
    figures: ServiceFigures = current_app.extensions.setdefault("service_figures", ServiceFigures())
    return Response(generate_latest(REGISTRY) + figures.text(), content_type=CONTENT_TYPE_LATEST)


class ServiceFigures(Collector):
    """What the database says of the service, the same from every process; without one, that there is none."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        self._lock = threading.Lock()
        self._text, self._good_until = b"", 0.0

    def text(self) -> bytes:
        """All of it; while one thread asks the database, others wait for what it finds."""
        with self._lock:
            if time.monotonic() >= self._good_until:
                self._text = generate_latest(self._registry)
                self._good_until = time.monotonic() + _FRESH_S
            return self._text

    def collect(self) -> Iterator[GaugeMetricFamily]:
        try:
            with service().database.reading() as session:
                found = [*_log(session), *_jobs(session), *_deliveries(session), *_counter(session)]
        except (Unavailable, DBAPIError):
            found = []
        yield GaugeMetricFamily("fleet_database_up", "Whether the database answers.", float(bool(found)))
        for name, what, value in found:
            if value is not None:
                yield GaugeMetricFamily(f"fleet_{name}", what, float(value))


def _seconds(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()


def _log(session: Session) -> _Found:
    state = proofs.state(session)
    sealed, pushed = _seconds((state["newest"] or {}).get("signed_at")), _seconds(state["pushed_at"])
    return [
        ("log_unsealed_entries", "Entries of the log without a place in the tree yet.", state["unproven"]),
        ("log_sealed_timestamp_seconds", "When the newest checkpoint was signed.", sealed),
        ("log_pushed_timestamp_seconds", "When a checkpoint last reached outside.", pushed),
        ("log_checkpoints_waiting", "Signed checkpoints that are not outside yet.", state["waiting"]),
    ]


def _jobs(session: Session) -> _Found:
    processes = history.processes(session)
    return [
        ("scheduler_active", "Whether a process runs the jobs.", processes.active is not None),
        ("schedulers_standing_by", "Processes that would take the jobs over.", len(processes.standing_by)),
        ("jobs_failing", "Jobs that failed when they last ran.", history.failing(session, JOBS)),
    ]


def _deliveries(session: Session) -> _Found:
    pending = sa.select(WebhookDelivery.id).where(WebhookDelivery.state == DeliveryState.PENDING)
    oldest = sa.select(WebhookDelivery.created_at).where(WebhookDelivery.state == DeliveryState.PENDING)
    since = session.scalars(oldest.order_by(WebhookDelivery.id).limit(1)).one_or_none()
    return [
        ("webhook_deliveries_pending", "Deliveries that are still to be made.", capped_count(session, pending)),
        ("webhook_oldest_pending_timestamp_seconds", "Since when the oldest waits.", _seconds(since)),
    ]


def _counter(session: Session) -> _Found:
    return [("counter_exceptions_open", "Acts of counters that somebody must settle.", exceptions.count_open(session))]
