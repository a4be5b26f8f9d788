"""Import and export of 100,000 cameras, each in a process of its own, beside bare COPY."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
import sqlalchemy as sa

from bench.figures import Figure, console, figure
from bench.served import fill, new_app, new_database, vacuum
from fleet import embedded
from tests.live import ROOT

SIZE = 100_000
RUNS = 3


def measure_files(server: embedded.Databases, folder: Path) -> list[Figure]:
    """Import, export, and the export's memory."""
    few = _export_of_few(server, folder)
    runs = [_run(server, folder, number) for number in range(RUNS)]
    imports, copies, exports, bare, memory = ([run[place] for run in runs] for place in range(5))
    return [
        figure(
            "import", SIZE, "rows a second", imports, reach="at least 5,000", met=lambda v: v >= 5_000, reference=copies
        ),
        figure("export", SIZE, "seconds", exports, reach="under 5 s", met=lambda v: v < 5, reference=bare),
        figure(
            "export, memory above that for 1,000",
            SIZE,
            "MiB",
            [peak - few for peak in memory],
            reach="flat: under 20 MiB",
            met=lambda v: v < 20,
        ),
    ]


def _run(server: embedded.Databases, folder: Path, number: int) -> tuple[float, float, float, float, float]:
    console.print(f"Importing and exporting {SIZE:,} cameras, run {number + 1} of {RUNS}")
    databases = new_database(server, f"files_{number}")
    app = new_app(databases, folder)
    seconds = fill(app, SIZE, folder)
    app.database.dispose()
    vacuum(databases)
    out, peak = export(databases, folder)
    into, bare_out = bare_copy(databases, SIZE)
    return SIZE / seconds, into, out, bare_out, peak


def export(databases: embedded.Databases, folder: Path) -> tuple[float, float]:
    """Seconds and peak MiB of the whole command ``flask --app wsgi export cameras``."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("FLEET_")} | {
        "FLEET_VAR": str(folder),
        "FLEET_DATABASE_URL": databases.application,
        "FLEET_OWNER_DATABASE_URL": databases.owner,
    }
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "export", "cameras"]
    peak = 0.0
    with tempfile.TemporaryFile() as out:
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=out)
        while process.poll() is None:
            peak = max(peak, _peak_of(process.pid))
            time.sleep(0.02)
        seconds = time.perf_counter() - began
    if process.returncode:
        raise RuntimeError("the export failed")
    return seconds, peak


def _peak_of(pid: int) -> float:
    """The most memory that a process had until now, in MiB; what ``wait4`` tells begins with its parent's."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    lines = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(lines[0].split()[1]) / 1024 if lines else 0.0


def _export_of_few(server: embedded.Databases, folder: Path) -> float:
    databases = new_database(server, "transfer_few")
    app = new_app(databases, folder)
    fill(app, 1_000, folder)
    app.database.dispose()
    return export(databases, folder)[1]


def bare_copy(databases: embedded.Databases, size: int) -> tuple[float, float]:
    """Rows a second of COPY into a table like ``camera`` with its indexes, and seconds of COPY out."""
    owner = sa.make_url(databases.owner).set(drivername="postgresql").render_as_string(False)
    with psycopg.connect(owner) as connection:
        began = time.perf_counter()
        chunks = []
        with connection.cursor().copy("COPY camera TO STDOUT") as copy:
            chunks = [bytes(chunk) for chunk in copy]
        out = time.perf_counter() - began
        connection.execute("CREATE TABLE camera_like (LIKE camera INCLUDING ALL)")
        began = time.perf_counter()
        with connection.cursor().copy("COPY camera_like FROM STDIN") as copy:
            for chunk in chunks:
                copy.write(chunk)
        connection.commit()
        into = time.perf_counter() - began
        connection.execute("DROP TABLE camera_like")
    return size / into, out
