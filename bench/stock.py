"""A bulk act of 1,000 cameras, beside the bare statements of as many returns in one transaction."""

import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bench.figures import Figure, alternate, figure
from bench.reference import connect
from bench.served import new_app, new_database
from fleet import embedded
from fleet.actors import command_line
from fleet.cameras.models import Camera
from fleet.cameras.states import Custody, Model, Use
from fleet.people.models import Person
from fleet.settings import Policy
from fleet.stock import bulk
from fleet.stock.states import BulkVerb
from fleet.web import Service

MANY = 1_000
_ACTOR = command_line("bench")
_CLOSE = """UPDATE allocation SET returned_at = now(), condition = 'good', active = false
WHERE returned_at IS NULL RETURNING camera_id"""
_MOVE = "UPDATE camera SET custody = 'in_stock', custody_at = now(), version = version + 1 WHERE id = ANY(%s)"
_RECORD = """INSERT INTO audit_entry (at, actor, event, subject_kind, subject_key, facts)
SELECT now(), 'bench', 'camera.returned', 'camera', serial, '{"condition": "good"}' FROM camera WHERE id = ANY(%s)"""


def measure_stock(server: embedded.Databases, folder: Path) -> list[Figure]:
    """Seconds from the request to carry out a previewed return of 1,000 to its commit."""
    databases = new_database(server, "bench_stock")
    app = new_app(databases, folder)
    _fill(app)
    with connect(databases.application) as bare:
        ours, reference = alternate(lambda: _returned(app), lambda: _bare(app, bare))
    app.database.dispose()
    reach = "under 1 s"
    return [
        figure("bulk return of 1,000", MANY, "seconds", ours, reach=reach, met=lambda s: s < 1, reference=reference)
    ]


def _fill(app: Service) -> None:
    now, trained = datetime.now(UTC), date.today() + timedelta(days=365)  # noqa: DTZ011
    new = {"model": Model.BODY_2, "use": Use.POOL, "custody": Custody.IN_STOCK, "custody_at": now}
    with app.database.transaction() as session:
        session.execute(sa.insert(Camera), [new | {"serial": f"X{number:07d}"} for number in range(MANY)])
        people = [{"collar": f"C{number:05d}", "trained_until": trained} for number in range(MANY)]
        session.execute(sa.insert(Person), people)
        session.execute(sa.text("ANALYZE camera, person"))


def _issue(app: Service) -> None:
    _act(app, BulkVerb.ISSUE, {}, [(f"X{number:07d}", {"collar": f"C{number:05d}"}) for number in range(MANY)])


def _act(app: Service, verb: BulkVerb, wanted: dict[str, Any], rows: list[tuple[str, dict[str, Any]]]) -> float:
    """Preview, then carry out; the seconds of the latter, commit and all."""
    policy = Policy()
    with app.database.transaction() as session:
        now = datetime.now(UTC)
        number = bulk.preview(session, _ACTOR, verb, wanted, rows, policy=policy, now=now)
    began = time.perf_counter()
    with app.database.transaction() as session:
        done = bulk.carry_out(session, _ACTOR, number, policy=policy, now=datetime.now(UTC))
    seconds = time.perf_counter() - began
    assert done["counts"]["done"] == MANY
    return seconds


def _returned(app: Service) -> float:
    _issue(app)
    return _act(app, BulkVerb.RETURN, {"condition": "good"}, [(f"X{number:07d}", {}) for number in range(MANY)])


def _bare(app: Service, connection: Any) -> float:
    _issue(app)
    began = time.perf_counter()
    with connection.transaction():
        ids = [row["camera_id"] for row in connection.execute(_CLOSE).fetchall()]
        connection.execute(_MOVE, [ids])
        connection.execute(_RECORD, [ids])
    seconds = time.perf_counter() - began
    assert len(ids) == MANY
    return seconds
