"""The supervisor: everything starts and stops together, and nothing stays behind, whoever is killed."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from fleet import supervisor

ROOT = Path(__file__).resolve().parents[2]

PROCESS = """
import os, signal, sys, time
from pathlib import Path
from fleet import supervisor
supervisor._ORPHANS_GRACE_S = 0.5
if "deaf" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
supervisor.watch_supervisor()
Path(sys.argv[1]).write_text(str(os.getpid()))
print("hello from", sys.argv[1], flush=True)
time.sleep(60)
"""

SUPERVISE = """
import os, sys
from pathlib import Path
from fleet import supervisor
supervisor._GRACE_S = 1
sys.exit(supervisor.run(Path("Procfile"), os.environ, Path("var/run.lock")))
"""


class Project:
    """A folder with a Procfile of two processes."""

    def __init__(self, folder: Path, *, deaf: bool = False) -> None:
        self.folder = folder
        self.lock = folder / "var" / "run.lock"
        self.runs: list[subprocess.Popen[bytes]] = []
        (folder / "process.py").write_text(PROCESS)
        how = " deaf" if deaf else ""
        (folder / "Procfile").write_text(
            f"one: exec python process.py one{how}\ntwo: exec python process.py two{how}\n"
        )

    def start(self) -> subprocess.Popen[bytes]:
        with (self.folder / "out").open("ab") as out:
            self.runs.append(
                subprocess.Popen(
                    [sys.executable, "-c", SUPERVISE],
                    cwd=self.folder,
                    env=os.environ | {"PYTHONPATH": str(ROOT), "FLEET_BIND": "unix:unused"},
                    stdout=out,
                    stderr=out,
                )
            )
        return self.runs[-1]

    def processes(self) -> list[psutil.Process]:
        wait_for(lambda: all((self.folder / name).exists() for name in ("one", "two")))
        wait_for(lambda: all((self.folder / name).read_text() for name in ("one", "two")))
        found = [psutil.Process(int((self.folder / name).read_text())) for name in ("one", "two")]
        for name in ("one", "two"):
            (self.folder / name).unlink()
        return found

    def all_of_it(self) -> list[psutil.Process]:
        """Every process in this folder: the supervisor, its relays and what they started."""
        return [process for process in psutil.process_iter() if self._is_here(process)]

    def _is_here(self, process: psutil.Process) -> bool:
        try:
            return process.status() != psutil.STATUS_ZOMBIE and process.cwd() == str(self.folder)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return False

    def output(self) -> str:
        return (self.folder / "out").read_text()


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    made = Project(tmp_path)
    yield made
    for process in made.all_of_it():
        process.kill()
    for run in made.runs:
        run.wait()


def wait_for(done: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_everything(project: Project, number: signal.Signals, code: int) -> None:
    run = project.start()
    project.processes()
    run.send_signal(number)
    assert run.wait(10) == code
    assert project.all_of_it() == []
    assert "one    | hello from one" in project.output()


def test_a_signal_at_any_moment_of_the_start_leaves_nothing_behind(project: Project) -> None:
    for _ in range(4):
        project.lock.unlink(missing_ok=True)
        run = project.start()
        wait_for(project.lock.exists)
        time.sleep(random.uniform(0, 0.15))
        run.send_signal(signal.SIGINT)
        assert run.wait(10) != 0
        wait_for(lambda: project.all_of_it() == [], 5)


def test_when_one_process_ends_the_others_are_stopped(project: Project) -> None:
    run = project.start()
    project.processes()[0].kill()
    run.wait(10)
    assert project.all_of_it() == []


def test_a_process_that_does_not_heed_sigterm_is_killed(tmp_path: Path, project: Project) -> None:
    Project(tmp_path, deaf=True)
    run = project.start()
    project.processes()
    run.terminate()
    assert run.wait(10) == 143
    assert project.all_of_it() == []


@pytest.mark.parametrize("deaf", [False, True])
def test_a_killed_supervisor_leaves_nothing_behind(tmp_path: Path, project: Project, deaf: bool) -> None:
    Project(tmp_path, deaf=deaf)
    run = project.start()
    project.processes()
    run.kill()
    wait_for(lambda: project.all_of_it() == [], 5)


def test_after_a_kill_it_can_be_started_again_at_once(project: Project) -> None:
    first = project.start()
    before = project.processes()
    first.kill()
    first.wait()
    second = project.start()
    after = project.processes()
    assert not set(before) & set(after)
    assert second.poll() is None


def test_a_second_run_is_refused(project: Project) -> None:
    run = project.start()
    project.processes()
    with pytest.raises(supervisor.SupervisorError, match=rf"already running \(pid {run.pid}\)"):
        supervisor.run(project.folder / "Procfile", {}, project.lock)


def test_a_port_of_another_program_is_named(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "_ORPHANS_LEAVE_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        with pytest.raises(supervisor.SupervisorError, match=f"Port {port} .*set PORT"):
            supervisor.run(project.folder / "Procfile", {"PORT": port}, project.lock)


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1", "8000 "])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(supervisor.SupervisorError, match="PORT"):
        supervisor.bind_address({"PORT": port})


def test_a_process_that_nobody_supervises_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLEET_SUPERVISOR_PID", raising=False)
    before = psutil.Process().num_threads()
    supervisor.watch_supervisor()
    assert psutil.Process().num_threads() == before
