"""The application: settings, database and every part of the service put together."""

import dataclasses
import hashlib
import logging
from datetime import timedelta

from flask_wtf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

from fleet import cli, embedded, health, pages, problems
from fleet.api import PREFIX, description
from fleet.audit.identity import kept_key
from fleet.audit.proof_views import proof
from fleet.audit.views import audit
from fleet.capture.views import activations
from fleet.counter.views import counter
from fleet.custody.reservation_views import reservations
from fleet.custody.views import cameras
from fleet.db import Database
from fleet.gate import FleetGate, security_headers
from fleet.jobs.views import jobs
from fleet.labels.views import labels
from fleet.lifecycle.views import lifecycle
from fleet.paging import Cursors
from fleet.pairings.station_views import station_work
from fleet.pairings.views import pairings
from fleet.people.views import people
from fleet.settings import Settings, kept_secret
from fleet.sites.views import docks, sites
from fleet.statistics.views import statistics
from fleet.stock.bulk_views import bulk
from fleet.stock.kit_views import kits
from fleet.stock.views import stock
from fleet.tasers.views import tasers
from fleet.visits.views import visiting
from fleet.web import Service, prepare_routes, public
from fleet.webhooks.views import webhooks

_MEBIBYTE = 1024 * 1024


def create_app(settings: Settings) -> Service:
    """The service with these settings. Starts the embedded database when no other is named."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    # Commands that print a token or a password alone should not talk of the database's structure as well.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    app = Service("fleet", template_folder="../templates")
    settings = _with_database(settings)
    app.fleet_settings = settings
    app.secret_key = settings.secret_key or kept_secret(settings.var / "secrets" / "secret-key")
    app.database = Database(settings.database_url or "")
    app.cursors = Cursors(app.secret_key)
    app.gate = FleetGate()
    _configure(app, settings)
    _add_api(app)
    pages.register(app)
    cli.register(app)
    return app


def _with_database(settings: Settings) -> Settings:
    if settings.database_url is not None:
        return settings
    urls = embedded.hold(settings.var)
    return dataclasses.replace(
        settings,
        database_url=urls.application,
        owner_database_url=urls.owner,
        sealer_database_url=urls.owner,
        log_key=settings.log_key
        or kept_key(settings.log_origin, kept_secret(settings.var / "secrets" / "log-key", length=32)),
        checkpoints_url=settings.checkpoints_url or (settings.var / "checkpoints").as_uri(),
    )


def _configure(app: Service, settings: Settings) -> None:
    app.config.update(
        MAX_CONTENT_LENGTH=_MEBIBYTE,
        # Cookies know no ports: two services on one machine must not take each other's.
        SESSION_COOKIE_NAME=f"fleet-{hashlib.blake2b(str(app.secret_key).encode(), digest_size=4).hexdigest()}",
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.secure_cookies,
        PERMANENT_SESSION_LIFETIME=timedelta(hours=settings.session_hours),
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_SSL_STRICT=settings.secure_cookies,
    )
    if settings.trusted_proxies:
        count = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)  # type: ignore[method-assign]
    # Answers keep the order of their schemas' fields.
    app.json.sort_keys = False  # type: ignore[attr-defined]
    prepare_routes(app)
    problems.register(app)
    security_headers(app)
    app.view_functions["static"] = public(app.view_functions["static"])


def _add_api(app: Service) -> None:
    api = description(app)
    protection = CSRFProtect(app)
    for blueprint in (
        cameras, people, sites, docks, tasers, station_work, pairings, lifecycle, counter, visiting, labels, stock,
        reservations, bulk, kits, activations, audit, proof, jobs, statistics, webhooks,
    ):  # fmt: skip
        api.register_blueprint(blueprint, url_prefix=PREFIX)
        # The API knows no cookie, so there is nothing to forge.
        protection.exempt(blueprint)
    app.register_blueprint(health.health)
