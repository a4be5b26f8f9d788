"""A register of many years: made by the database itself, as a million rows one by one would take an hour."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

_FILL = (
    (
        "INSERT INTO camera (serial, model, use, custody, custody_at) "
        "SELECT 'C' || n, 'body-2', 'pool', 'in_stock', now() FROM generate_series(1, :size) n"
    ),
    (
        "INSERT INTO taser (serial, model, sppm, custody) "
        "SELECT 'T' || n, 'x2', 'SP' || n, 'registered' FROM generate_series(1, :size) n"
    ),
    "INSERT INTO taser_report (taser_id, log_entries, last_seen_at) SELECT id, id % 12003, now() FROM taser",
    # Nine in ten are history; of the rest most are active.
    (
        "INSERT INTO pairing (taser_id, sppm, camera_id, state, because, created_at, created_by, agreed_at, tested_at, "
        "changed_at) SELECT t.id, t.sppm, c.id, s.state, s.because, now(), 'tests', now(), now(), now() "
        "FROM generate_series(1, :size) n JOIN taser t ON t.serial = 'T' || n JOIN camera c ON c.serial = 'C' || n, "
        "LATERAL (SELECT CASE WHEN n % 10 > 0 THEN 'revoked' WHEN n % 100 = 0 THEN 'suspended' ELSE 'active' END, "
        "CASE WHEN n % 10 > 0 THEN 'by-hand' WHEN n % 100 = 0 THEN 'clock-error' END) s (state, because)"
    ),
    (
        "INSERT INTO station_job (kind, state, taser_id, camera_id, pairing_id, by, created_at, expires_at, ended_at) "
        "SELECT 'pair', 'done', taser_id, camera_id, id, 'tests', now(), now(), now() FROM pairing"
    ),
    (
        "INSERT INTO device_identity (kind, serial, agreement_key, signing_key, key_ids, credential, issued_at, "
        "expires_at) SELECT 'camera', serial, serial::bytea, ('s' || serial)::bytea, ARRAY[serial::bytea], '', now(), "
        "now() + interval '1 year' FROM camera"
    ),
    (
        "INSERT INTO activation (sppm, counter, kind, at, taser_id, outcome, received_at) "
        "SELECT t.sppm, 1, 'arc', now() - n * interval '1 minute', t.id, "
        "CASE WHEN n % 50 = 0 THEN 'not-paired' ELSE 'captured' END, now() "
        "FROM generate_series(1, :size) n JOIN taser t ON t.serial = 'T' || n"
    ),
)
TABLES = ("camera", "taser", "taser_report", "pairing", "station_job", "device_identity", "activation")


def fill(session: Session, size: int) -> None:
    """``size`` rows in each of ``TABLES``, with statistics. The caller's role may do so in five minutes."""
    session.execute(sa.text("SET LOCAL statement_timeout = '5min'"))
    for statement in _FILL:
        session.execute(sa.text(statement), {"size": size})


@contextmanager
def statements(session: Session) -> Iterator[list[tuple[str, Any]]]:
    """What SQLAlchemy sends meanwhile, with its parameters."""
    sent: list[tuple[str, Any]] = []
    engine = session.get_bind()

    def note(_connection: Any, _cursor: Any, text: str, parameters: Any, *_: Any) -> None:
        sent.append((text, parameters))

    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)


def plans(session: Session, sent: list[tuple[str, Any]]) -> list[str]:
    """The server's plan of each statement."""
    connection = session.connection()
    found = []
    for text, parameters in sent:
        if text.lstrip().startswith(("SELECT", "UPDATE", "WITH")):
            rows = connection.exec_driver_sql(f"EXPLAIN {text}", parameters).fetchall()
            found.append("\n".join(row[0] for row in rows))
    return found
