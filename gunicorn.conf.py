"""The web processes. Several make one service; each has threads, and connections of its own to the database."""

import os
from typing import Any

from fleet.supervisor import bind_address, watch_supervisor


def _whole(name: str, default: int, highest: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdecimal() or not 1 <= int(text) <= highest:
        raise ValueError(f"{name} must be a whole number from 1 to {highest}, not {text!r}")
    return int(text)


bind = bind_address(os.environ)
workers = _whole("FLEET_WEB_WORKERS", 2, 64)
worker_class = "fleet.worker.Worker"
threads = _whole("FLEET_WEB_THREADS", 4, 64)

timeout = 30
graceful_timeout = 20
keepalive = 5
# The longest line is a list's address with all filters and a cursor of at most 2,000 characters.
limit_request_line = 4_094
limit_request_fields = 50
limit_request_field_size = 8_190

# Every request is in the log of who did what where it matters; errors go to standard error. The Server header names
# gunicorn and no version.
accesslog = None
errorlog = "-"
# A socket to change the running service by, which nothing here needs.
control_socket_disable = True
# Heartbeats are touched on a file, which a disk busy with the database could hold up for long enough to look dead.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - gunicorn makes it safely there


def when_ready(_server: Any) -> None:
    """In the master, as soon as it listens."""
    watch_supervisor()
