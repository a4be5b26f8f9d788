"""The commands themselves: their answers, their exits, being killed, and their appetite."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import sqlalchemy as sa

from fleet.web import Service
from tests.transfer import files

_ROOT = Path(__file__).resolve().parents[2]
_MEBIBYTE = 1024 * 1024


def environment(app: Service) -> dict[str, str]:
    settings = app.fleet_settings
    return os.environ | {
        "FLEET_VAR": str(settings.var),
        "FLEET_DATABASE_URL": settings.database_url or "",
        "FLEET_OWNER_DATABASE_URL": settings.owner_database_url or "",
    }


def start(app: Service, *command: str) -> subprocess.Popen[bytes]:
    """A command in a process of its own."""
    line = [sys.executable, "-m", "flask", "--app", "wsgi", *command]
    pipe = subprocess.PIPE
    return subprocess.Popen(line, cwd=_ROOT, env=environment(app), stdin=pipe, stdout=pipe, stderr=pipe)


def test_out_of_one_register_into_another_through_the_commands(empty: Service, tmp_path: Path) -> None:
    runner = empty.test_cli_runner()
    for kind, text in files.ESTATE.items():
        path = tmp_path / f"{kind}.csv"
        path.write_text(text)
        done = runner.invoke(args=["import", kind, str(path)])
        assert done.exit_code == 0, done.stderr
        assert done.stdout.startswith(f"{kind}: ")
    done = runner.invoke(args=["export", "docks"])
    assert done.stdout == files.exported(empty, "docks")
    assert files.log_of(empty)[-1][0] == "register.exported"
    again = runner.invoke(args=["import", "docks", "-", "--dry-run"], input=done.stdout)
    assert again.stdout == "docks: 0 added, 0 changed, 3 unchanged (dry run: nothing was written)\n"


def test_bad_rows_go_to_standard_error_and_the_exit_is_1(empty: Service) -> None:
    rows = "".join(f"X{number},body-3\n" for number in range(150))
    done = empty.test_cli_runner().invoke(args=["import", "cameras", "-"], input="serial,model\n" + rows)
    assert done.exit_code == 1
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert lines[0] == "Nothing was imported. 150 problems:"
    assert lines[-1] == "  line 151, column model: 'body-3' is not one of body-2, flex-2"


def test_a_refusal_is_a_sentence_without_a_traceback(empty: Service) -> None:
    runner = empty.test_cli_runner()
    for exit_code in (0, 1):
        done = runner.invoke(args=["users", "create", "jo", "--role", "store"])
        assert done.exit_code == exit_code
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr


def test_killed_in_the_middle_leaves_nothing(empty: Service) -> None:
    process = start(empty, "import", "cameras", "-")
    try:
        stream = pipe_of(process.stdin)
        stream.write(b"serial,model\n" + b"".join(b"X%d,body-2\n" % number for number in range(50_000)))
        stream.flush()
        wait_until_copying(empty)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert files.ask(empty, "SELECT count(*) FROM camera") == [(0,)]
    assert files.log_of(empty) == []
    assert files.load(empty, "cameras", "serial,model\nX1,body-2\n").added == 1


def pipe_of(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe


def wait_until_copying(app: Service) -> None:
    # A COPY into a table has this lock on it; what it has read so far is for its own role's eyes only.
    copying = (
        "SELECT count(*) > 0 FROM pg_locks JOIN pg_database d ON d.oid = database AND d.datname = current_database() "
        "WHERE mode = 'RowExclusiveLock' AND pid <> pg_backend_pid()"
    )
    deadline = time.monotonic() + 60
    while files.ask(app, copying) == [(False,)]:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_reader_that_goes_away_is_no_error(empty: Service) -> None:
    rows = "".join(f"X{number},body-2,{'f' * 900}\n" for number in range(5_000))
    files.load(empty, "cameras", "serial,model,firmware\n" + rows)
    process = start(empty, "export", "cameras")
    pipe_of(process.stdout).readline()
    pipe_of(process.stdout).close()
    _, said = (process.wait(60), pipe_of(process.stderr).read())
    assert b"Traceback" not in said
    assert b"BrokenPipe" not in said
    pipe_of(process.stdin).close()
    pipe_of(process.stderr).close()


_MEASURE = """
import itertools
import pathlib
from wsgi import app
from fleet import transfer
from fleet.actors import command_line
from fleet.clock import utc_now

class Generated:
    def __init__(self, count):
        rows = (b"X%d,T%d,body-2,1.0\\n" % (number, number) for number in range(count))
        self.lines = itertools.chain([b"serial,asset_tag,model,firmware\\n"], rows)
    def readline(self, limit=-1):
        return next(self.lines, b"")

def load(count):
    with app.database.transaction() as session:
        transfer.load(session, command_line("tests"), "cameras", Generated(count), now=utc_now())

def memory(name):
    # Not getrusage: what that says includes the process that started this one.
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name + ":"))

def growth(work):
    # Forgets the peak so far, that of starting up.
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    before = memory("VmRSS")
    work()
    return memory("VmHWM") - before

def export():
    for part in transfer.stream(app.database, "cameras"):
        pass

load(5_000)
export()
print(growth(lambda: load(200_000)), growth(export))
"""


def test_two_hundred_thousand_rows_in_bounded_memory(empty: Service) -> None:
    command = [sys.executable, "-c", _MEASURE]
    done = subprocess.run(command, cwd=_ROOT, env=environment(empty), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    imported, exported = map(int, done.stdout.split())
    assert imported < 8 * _MEBIBYTE
    assert exported < 8 * _MEBIBYTE
    with empty.database.transaction() as session:
        assert session.execute(sa.text("SELECT count(*) FROM camera")).scalar_one() == 200_000
