"""Which of several scheduler processes is the active one: whoever has the database's advisory lock.

The lock belongs to a connection that does nothing else. It is free as soon as that connection ends: when the process
is killed, when PostgreSQL is restarted, when the network is cut, and also when the process hangs, since PostgreSQL
ends a connection on which no sign of life came for ten seconds. The active process stops starting jobs before that.
"""

import logging
import os
import socket
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg
import sqlalchemy as sa

from fleet.db import APPLICATION_ROLE

_logger = logging.getLogger(__name__)

LOCK = 0x66_6C_65_65_74_6A
BEAT_S = 1.0
# For as long after a sign of life that reached the database, jobs may be started.
SURE_S = 4.0
# For as long PostgreSQL keeps the lock of a process that gives no sign of life.
LIMIT_S = 10
_OPTIONS = {
    "role": APPLICATION_ROLE,
    "idle_session_timeout": f"{LIMIT_S}s",
    "statement_timeout": "5s",
    # That it lives need not be on the disk before it goes on.
    "synchronous_commit": "off",
}
# Seconds, but for the last, which is in milliseconds: when the kernel gives up what the other side does not confirm.
_NETWORK: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 3,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
_SIGN_OF_LIFE = """
INSERT INTO scheduler_process (id, host, pid, started_at, seen_at)
VALUES (%(id)s, %(host)s, %(pid)s, clock_timestamp(), clock_timestamp())
ON CONFLICT (id) DO UPDATE SET seen_at = clock_timestamp(), active_since = CASE
    WHEN %(active)s THEN coalesce(scheduler_process.active_since, clock_timestamp()) END
"""
_FORGET_LONG_GONE = "DELETE FROM scheduler_process WHERE seen_at < clock_timestamp() - interval '1 hour'"


class Leader:
    """This process among all the schedulers.

    ``is_ready`` says whether this process could take over at all; it is asked before it does.
    """

    def __init__(self, url: str, *, is_ready: Callable[[], bool] = lambda: True) -> None:
        self.process = uuid.uuid4()
        self.is_active = False
        self._address = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._is_ready = is_ready
        self._connection: psycopg.Connection[tuple[object, ...]] | None = None
        self._confirmed = float("-inf")

    def beat(self) -> None:
        """Give a sign of life, and take the lock if it is free. Call this every ``BEAT_S`` seconds."""
        asked = time.monotonic()
        try:
            self._beat()
            self._confirmed = asked
        except psycopg.Error as error:
            self._lose(str(error).strip())

    def may_begin(self) -> bool:
        """Whether it is certain enough that no other process is the active one to start a job."""
        return self.is_active and time.monotonic() - self._confirmed < SURE_S

    def resign(self) -> None:
        """Begin nothing more; the lock stays until ``leave``, so that what runs can end undisturbed."""
        self.is_active = False

    def leave(self) -> None:
        """Give the lock back and be gone."""
        connection, self._connection, self.is_active = self._connection, None, False
        if connection is not None:
            with suppress(psycopg.Error):
                connection.execute("DELETE FROM scheduler_process WHERE id = %s", [self.process])
            connection.close()

    def _beat(self) -> None:
        connection = self._connected()
        if not self.is_active and self._is_ready() and self._takes_lock(connection):
            self.is_active = True
            connection.execute(_FORGET_LONG_GONE)
            _logger.info("This process runs the jobs now.")
        named = {"id": self.process, "host": socket.gethostname(), "pid": os.getpid(), "active": self.is_active}
        connection.execute(_SIGN_OF_LIFE, named)

    def _connected(self) -> psycopg.Connection[tuple[object, ...]]:
        if self._connection is None:
            options = " ".join(f"-c {name}={value}" for name, value in _OPTIONS.items())
            self._connection = psycopg.connect(self._address, autocommit=True, options=options, **_NETWORK)
        return self._connection

    def _takes_lock(self, connection: psycopg.Connection[tuple[object, ...]]) -> bool:
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", [LOCK]).fetchone()
        return row is not None and bool(row[0])

    def _lose(self, why: str) -> None:
        if self.is_active or self._connection is not None:
            _logger.warning("The scheduler's connection is gone, and with it its place: %s", why)
        connection, self._connection, self.is_active = self._connection, None, False
        if connection is not None:
            connection.close()
