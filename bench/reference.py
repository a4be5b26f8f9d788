"""What the service is measured beside, in the same run and on the same data.

``app`` is the least that a Flask view can do for the same answer: it checks a token and makes one prepared select, the
service's own. ``Bare`` runs the statements of an issue and a return with nothing around them.
"""

import hashlib
import hmac
import os
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import sqlalchemy as sa
from flask import Flask, Response, abort, jsonify, request
from psycopg.rows import dict_row
from sqlalchemy.dialects.postgresql.psycopg import dialect

from fleet.cameras.models import Camera
from fleet.custody.holdings import CAMERA_ROWS
from fleet.db import APPLICATION_ROLE

SELECT = str(CAMERA_ROWS.where(Camera.serial == sa.bindparam("serial")).compile(dialect=dialect()))


def connect(url: str, **more: Any) -> psycopg.Connection[dict[str, Any]]:
    """A connection of the driver alone, in the role that the service acts in."""
    plain = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(plain, options=f"-c role={APPLICATION_ROLE}", row_factory=dict_row, **more)


def create_reference() -> Flask:
    """The reference service, on the database and with the token that the environment names."""
    reference = Flask("reference")
    url = os.environ["REFERENCE_DATABASE_URL"]
    hashed = hashlib.sha256(os.environ["REFERENCE_TOKEN"].encode()).digest()
    local = threading.local()

    @reference.get("/healthz")
    def alive() -> str:
        return "ok"

    @reference.get("/cameras/<serial>")
    def camera(serial: str) -> Response:
        token = (request.authorization.token if request.authorization else "") or ""
        if not hmac.compare_digest(hashlib.sha256(token.encode()).digest(), hashed):
            abort(401)
        if not hasattr(local, "connection"):
            local.connection = connect(url, autocommit=True)
        row = local.connection.execute(SELECT, {"serial": serial}, prepare=True).fetchone()
        return jsonify(row)

    return reference


LOCK_CAMERA = "SELECT * FROM camera WHERE serial = %s FOR NO KEY UPDATE"
STANDING = """
SELECT (SELECT p.collar FROM person p JOIN allocation a ON a.person_id = p.id
        WHERE a.camera_id = c.id AND a.returned_at IS NULL) AS holder,
       s.code, s.stage, r.battery_percent, r.clock_offset_s, r.fault, r.unoffloaded, r.last_seen_at
FROM camera c LEFT JOIN dock d ON d.id = c.home_dock_id LEFT JOIN site s ON s.id = d.site_id
LEFT JOIN camera_report r ON r.camera_id = c.id WHERE c.id = %s"""
LOCK_OFFICER = "SELECT * FROM person WHERE collar = %s FOR NO KEY UPDATE"
HELD = """SELECT a.*, c.* FROM allocation a JOIN camera c ON c.id = a.camera_id
WHERE a.person_id = %s AND a.returned_at IS NULL"""
REST = "UPDATE allocation SET active = false WHERE person_id = %s AND active"
ALLOCATE = """INSERT INTO allocation (camera_id, person_id, kind, issued_at, due_back, active)
VALUES (%s, %s, 'pool', %s, %s, true) RETURNING id"""
MOVE = "UPDATE camera SET custody = %s, custody_at = %s, version = version + 1 WHERE id = %s"
RECORD = """INSERT INTO audit_entry (at, actor, role, event, subject_kind, subject_key, officer, facts)
VALUES (%s, 'bench', 'store', %s, 'camera', %s, %s, '{"kind": "pool"}') RETURNING id"""
OPEN = """SELECT a.*, a.id AS allocation_id, p.* FROM allocation a JOIN person p ON p.id = a.person_id
WHERE a.camera_id = %s AND a.returned_at IS NULL"""
REPORTED = "SELECT camera_id FROM camera_report WHERE camera_id = %s"
CLOSE = "UPDATE allocation SET returned_at = %s, condition = 'good', active = false WHERE id = %s"
WAKE = "UPDATE allocation SET active = true WHERE person_id = %s AND returned_at IS NULL AND NOT active"


class Bare:
    """One connection that issues and returns with the service's statements and nothing else."""

    def __init__(self, url: str) -> None:
        self._connection = connect(url)

    def issue(self, serial: str, collar: str) -> None:
        now = datetime.now(UTC)
        with self._connection.transaction():
            camera = self._one(LOCK_CAMERA, serial)
            self._one(STANDING, camera["id"])
            officer = self._one(LOCK_OFFICER, collar)
            self._run(HELD, officer["id"])
            self._run(REST, officer["id"])
            self._run(ALLOCATE, camera["id"], officer["id"], now, now + timedelta(hours=12))
            self._run(MOVE, "issued", now, camera["id"])
            self._run(RECORD, now, "camera.issued", serial, collar)

    def take_back(self, serial: str) -> None:
        now = datetime.now(UTC)
        with self._connection.transaction():
            camera = self._one(LOCK_CAMERA, serial)
            held = self._one(OPEN, camera["id"])
            self._run(REPORTED, camera["id"])
            self._run(MOVE, "in_stock", now, camera["id"])
            self._run(CLOSE, now, held["allocation_id"])
            self._run(WAKE, held["person_id"])
            self._run(RECORD, now, "camera.returned", serial, held["collar"])

    def close(self) -> None:
        self._connection.close()

    def _run(self, statement: str, *values: Any) -> Any:
        return self._connection.execute(statement, values, prepare=True)

    def _one(self, statement: str, *values: Any) -> dict[str, Any]:
        row: dict[str, Any] = self._run(statement, *values).fetchone()
        return row
