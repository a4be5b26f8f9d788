"""All the processes of the Procfile on one machine, run as one: they start together, stop together, and never twice.

A supervisor that is killed cannot stop anything, so each process watches it and leaves when it is gone.
"""

import errno
import fcntl
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from honcho.environ import parse_procfile
from honcho.manager import Manager
from honcho.process import Process

from fleet.locks import open_lock

_PID = "FLEET_SUPERVISOR_PID"
_STARTED = "FLEET_SUPERVISOR_STARTED"
# Both clocks are the machine's; the allowance is for its being set right in between.
_SAME_START_S = 5.0
# Longer than gunicorn takes to stop (graceful_timeout) and the last process to stop the database.
_GRACE_S = 25.0
_ORPHANS_GRACE_S = 5.0
_ORPHANS_LEAVE_S = 15.0
_POLL_S = 0.1
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_HIGHEST_PORT = 65_535


class SupervisorError(Exception):
    """The processes cannot be started; the message says why."""


def run(procfile: Path, env: Mapping[str, str], lock: Path, *, prepare: Callable[[], None] = lambda: None) -> int:
    """Run every process of the Procfile until one ends or SIGINT or SIGTERM comes, then stop them all.

    ``env`` is their environment; the folder of this Python comes first in their PATH. Returns the exit code: 130 or
    143 after a signal, otherwise that of the process that ended first. ``prepare`` is called once nothing stands in the
    way any more, before the first process starts.

    Raises:
        SupervisorError: this is running already, the Procfile names nothing, or the port is another program's.
    """
    commands = parse_procfile(procfile.read_text("utf-8")).processes
    if not commands:
        raise SupervisorError(f"{procfile} names no process.")
    with _only_run(lock):
        for address in bind_address(env).split(","):
            _wait_until_free(address)
        prepare()
        manager = _Processes()
        for name, command in commands.items():
            manager.add_process(name, command, env=_environment(env), cwd=str(procfile.resolve().parent))
        manager.loop()
    return int(manager.returncode)


def bind_address(env: Mapping[str, str]) -> str:
    """Where the web processes listen, as gunicorn writes it: ``FLEET_BIND``, or this machine alone at ``PORT``.

    Raises:
        SupervisorError: ``PORT`` is not a port.
    """
    port = env.get("PORT") or "8000"
    if not port.isdecimal() or not 0 < int(port) <= _HIGHEST_PORT:
        raise SupervisorError(f"PORT must be a whole number from 1 to {_HIGHEST_PORT}, not {port!r}.")
    return env.get("FLEET_BIND") or f"127.0.0.1:{port}"


def watch_supervisor() -> None:
    """Stop this process soon after the supervisor that started it is gone; one that nobody supervises lives on.

    Looks once a second. SIGTERM comes first, and SIGKILL 5 s later.
    """
    if _PID not in os.environ:
        return
    supervisor = _find(int(os.environ[_PID]), float(os.environ[_STARTED]))
    threading.Thread(target=_leave_with, args=[supervisor], name="watch-supervisor", daemon=True).start()


def _find(pid: int, started: float) -> psutil.Process | None:
    try:
        process = psutil.Process(pid)
        return process if abs(process.create_time() - started) < _SAME_START_S else None
    except psutil.NoSuchProcess:
        return None


def _leave_with(supervisor: psutil.Process | None) -> None:
    while _lives(supervisor):
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_ORPHANS_GRACE_S)
    os.kill(os.getpid(), signal.SIGKILL)


def _lives(process: psutil.Process | None) -> bool:
    # A killed process that its parent has not fetched yet still has its number.
    try:
        return process is not None and process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _environment(env: Mapping[str, str]) -> dict[str, str]:
    programs = str(Path(sys.executable).parent)
    return {
        **env,
        "PATH": os.pathsep.join([programs, env.get("PATH", os.defpath)]),
        "PYTHONUNBUFFERED": "1",
        _PID: str(os.getpid()),
        _STARTED: str(psutil.Process().create_time()),
    }


@contextmanager
def _only_run(path: Path) -> Iterator[None]:
    """Have the lock alone, waiting for a killed run's relays, which keep it while they have a process to relay."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = open_lock(path)
    try:
        _wait(lambda: _locked(lock), lambda: _refuse_second(lock), "An earlier run that was killed has not left yet.")
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()} {psutil.Process().create_time()}".encode(), 0)
        yield
    finally:
        os.close(lock)


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _refuse_second(lock: int) -> None:
    written = os.pread(lock, 100, 0).decode().split()
    if written and _lives(_find(int(written[0]), float(written[1]))):
        raise SupervisorError(f"This is already running (pid {written[0]}).")


def _wait_until_free(address: str) -> None:
    """Wait for a TCP port: the processes of a killed run take a moment to leave."""
    host, separator, port = address.rpartition(":")
    if not separator or not port.isdecimal():
        return
    where = (host.strip("[]"), int(port))
    otherwise = f"Port {port} on {host} is in use by another program. Stop it, or set PORT to another port."
    _wait(lambda: _can_bind(where), lambda: None, otherwise)


def _can_bind(where: tuple[str, int]) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in where[0] else socket.AF_INET) as probe:
        # As gunicorn does: connections that are long closed do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(where)
        except OSError as error:
            # Whatever else is wrong with the address, gunicorn says it better.
            return error.errno != errno.EADDRINUSE
    return True


def _wait(done: Callable[[], bool], meanwhile: Callable[[], None], otherwise: str) -> None:
    deadline = time.monotonic() + _ORPHANS_LEAVE_S
    while not done():
        meanwhile()
        if time.monotonic() > deadline:
            raise SupervisorError(otherwise)
        time.sleep(_POLL_S)


class _Relay(Process):  # type: ignore[misc]
    """The process beside each of the Procfile's that passes its output on."""

    def run(self, events: Any = None, ignore_signals: bool = False) -> None:
        supervisor = os.getppid()
        # Handlers that do nothing, not SIG_IGN: what is ignored stays ignored in the program that is started.
        for number in _STOP_SIGNALS:
            signal.signal(number, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)
        super().run(events, ignore_signals)
        if os.getppid() != supervisor:
            # Nobody reads what is still queued, and to wait until somebody has would be to stay for ever.
            events.cancel_join_thread()


class _Processes(Manager):  # type: ignore[misc]
    """Honcho's manager, made safe against a signal while it starts, and patient while things stop."""

    def __init__(self) -> None:
        super().__init__()
        self._process_ctor = _Relay

    def _start(self) -> None:
        # A relay that hears Ctrl-C before it is one would run our handler, and die without its process.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
        try:
            super()._start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def terminate(self) -> None:
        if self._terminating:
            return
        if not self._all_started():
            # What has not told its number yet cannot be signalled.
            self._later(_POLL_S, self.terminate)
            return
        self._later(_GRACE_S, super().kill)
        super().terminate()

    def kill(self) -> None:
        """Not after honcho's five seconds, but by the timer set in ``terminate``."""

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        timer = threading.Timer(seconds, act)
        timer.daemon = True
        timer.start()
