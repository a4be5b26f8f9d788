"""The service as it is served: gunicorn with several processes, on a free port."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import psutil

from fleet.embedded import Databases

ROOT = Path(__file__).resolve().parent.parent


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class LiveServer:
    """A context that serves until it ends. ``url`` has no trailing slash."""

    def __init__(self, databases: Databases, var: Path, logs: Path, **environ: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = logs / "gunicorn.log"
        self._environ = {name: value for name, value in os.environ.items() if not name.startswith("FLEET_")} | {
            "PORT": str(self.port),
            "FLEET_VAR": str(var),
            "FLEET_DATABASE_URL": databases.application,
            "FLEET_OWNER_DATABASE_URL": databases.owner,
            "FLEET_WEB_WORKERS": "3",
            "FLEET_WEB_THREADS": "8",
            **environ,
        }

    def __enter__(self) -> Self:
        self.start()
        return self

    def start(self) -> None:
        """Serve, on the same port as before if it was killed."""
        command = [sys.executable, "-m", "gunicorn", "wsgi:app"]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=self._environ, stdout=log, stderr=log)
        self._wait()

    def kill(self) -> None:
        """End every process at once, without a word."""
        master = psutil.Process(self.process.pid)
        everybody = [*master.children(recursive=True), master]
        # The master first, so that it cannot replace a worker.
        for process in reversed(everybody):
            process.kill()
        psutil.wait_procs(everybody, 30)
        self.process.wait(30)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.terminate()
        self.process.wait(30)

    def log(self) -> str:
        """What the processes wrote."""
        return self._log.read_text()

    def _wait(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"gunicorn ended:\n{self.log()}")
            try:
                if httpx.get(f"{self.url}/readyz", timeout=2).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise RuntimeError(f"gunicorn does not answer:\n{self.log()}")
