"""The embedded PostgreSQL: a server of our own under ``var``, for as long as any process needs it.

Three lock files, all released by the kernel when a process ends however it ends, carry the whole protocol:

* *change* is held alone by whoever starts or stops the server, so that these never overlap.
* *holders* is shared by every process that needs the server; who can have it alone was the last and stops the server.
* *server* is inherited on purpose by the programs of PostgreSQL themselves, and so is free exactly when none of them is
  alive. No process number is ever trusted: ``postmaster.pid`` is stale whenever this lock is free.
"""

import atexit
import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from fleet.embedded.account import EmbeddedError, account_for
from fleet.embedded.server import Databases, Place, Server
from fleet.locks import alone, if_free, open_lock

__all__ = ["Databases", "EmbeddedError", "hold", "running"]


@contextmanager
def running(var: Path) -> Iterator[Databases]:
    """Keep the embedded server running for as long as the context lasts, and as any other process needs it.

    A child forked inside keeps the server alive too, but never stops it: what it needs longer than its parent does, it
    must hold itself.

    Raises:
        EmbeddedError: the server cannot be made, or did not start within a minute.
    """
    place = Place(_made(var))
    holder = os.getpid()
    with alone(place.lock("change")):
        lock = open_lock(place.lock("holders"))
        try:
            # Nobody has it alone without "change", so this never waits.
            fcntl.flock(lock, fcntl.LOCK_SH)
            databases = Server(place, account_for(place.data)).ready()
        except BaseException:
            os.close(lock)
            raise
    try:
        yield databases
    finally:
        if os.getpid() == holder:
            _release(place, lock)


def hold(var: Path) -> Databases:
    """The same until this process ends, for one that has no block to leave.

    Raises:
        EmbeddedError: as ``running``.
    """
    stack = ExitStack()
    databases = stack.enter_context(running(var))
    atexit.register(stack.close)
    return databases


def _release(place: Place, lock: int) -> None:
    with alone(place.lock("change")):
        # A forked child shares this very lock, and making it exclusive would take it from the child. Closed and opened
        # anew, it is refused while a child still has it.
        os.close(lock)
        with if_free(place.lock("holders")) as was_last:
            if was_last is not None:
                Server(place, account_for(place.data)).stop()


def _made(var: Path) -> Path:
    # An existing folder keeps its mode: it may be a home, or a volume that others use too.
    var.parent.mkdir(parents=True, exist_ok=True)
    var.mkdir(mode=0o700, exist_ok=True)
    return var.resolve()
