"""gunicorn's threaded worker, with a limit to how long a client may keep a thread waiting.

gunicorn puts a connection on which nothing has arrived aside, but reads the rest of a request that has begun for as
long as it takes: eight half-sent requests, from a bad network or a bad neighbour, would be the end of eight threads.
"""

from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

# Between two bytes of one request. A proxy in front, as in production, sends whole requests at once.
PATIENCE_S = 10


class _ImpatientSocket:
    """A socket whose every wait is limited, also after gunicorn has made it blocking again."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def setblocking(self, flag: bool) -> None:
        self._sock.settimeout(PATIENCE_S if flag else 0)


class Worker(ThreadWorker):  # type: ignore[misc] # gunicorn is not typed
    """Gives a request that does not arrive up, and its thread back."""

    def enqueue_req(self, conn: TConn) -> None:
        if not isinstance(conn.sock, _ImpatientSocket):
            conn.sock = _ImpatientSocket(conn.sock)
        super().enqueue_req(conn)
