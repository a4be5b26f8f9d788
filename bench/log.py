"""The log that proves itself: sealing while writers write, and proof and verification at 10,000,000 entries."""

import multiprocessing
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from multiprocessing.synchronize import Barrier
from pathlib import Path

import psycopg
import sqlalchemy as sa

from bench.figures import RUNS, Figure, alternate, console, figure
from bench.served import new_database
from fleet import embedded
from fleet.audit import export, proofs, sealer
from fleet.audit.export import Range
from fleet.db import Database
from fleet.settings import Settings
from tests.live import ROOT
from tlog import tree
from tlog.note import Signer

SIZE = int(os.environ.get("BENCH_LOG_ENTRIES", "10000000"))
RATE = 2_000
SECONDS = 10
# Each waits for the disk at its commit, so that a few reach less than the disk can take.
WRITERS = 8
_COLUMNS = "(at, actor, role, event, subject_kind, subject_key, officer, facts)"
WRITE = f"""INSERT INTO audit_entry {_COLUMNS} VALUES
(now(), 'account:store', 'store', 'camera.issued', 'camera', %s, 'C12345', '{{"kind": "pool", "allocation": 7}}')"""
FILL = f"""INSERT INTO audit_entry {_COLUMNS} SELECT now(), 'account:store', 'store', 'camera.issued', 'camera',
'X' || n, 'C' || n %% 5000, '{{"kind": "pool", "allocation": 7}}' FROM generate_series(1, %s) n"""


def _settings(databases: embedded.Databases, folder: Path) -> Settings:
    return Settings(
        var=folder,
        secret_key="",
        database_url=databases.application,
        owner_database_url=databases.owner,
        sealer_database_url=databases.owner,
        log_key=Signer.new("bench").secret(),
        checkpoints_url=(folder / "checkpoints").as_uri(),
    )


def _connect(databases: embedded.Databases, *, autocommit: bool = True) -> psycopg.Connection[tuple[object, ...]]:
    owner = sa.make_url(databases.owner).set(drivername="postgresql").render_as_string(False)
    return psycopg.connect(owner, autocommit=autocommit)


def write_steadily(url: str, rate: float, seconds: float, together: Barrier) -> None:
    """One writer at a steady rate, an entry a transaction; behind its time it writes as fast as it can."""
    with psycopg.connect(url, autocommit=True) as connection:
        together.wait()
        began = time.monotonic()
        for number in range(int(rate * seconds)):
            connection.execute(WRITE, [f"X{number}"], prepare=True)
            ahead = began + (number + 1) / rate - time.monotonic()
            if ahead > 0.005:
                time.sleep(ahead)
        together.wait()


def measure_sealing(server: embedded.Databases, folder: Path) -> list[Figure]:
    """2,000 entries a second, each a transaction, while the sealer seals once a second; beside the same without it."""
    console.print(f"Writing {RATE:,} entries a second for {SECONDS} s, with and without sealing")
    databases = new_database(server, "bench_sealing")
    settings = _settings(databases, folder)
    lags: list[float] = []
    sealed = [_written_and_sealed(databases, settings, lags) for _ in range(3)]
    bare = [_written(databases) for _ in range(3)]
    seal_alone = _seal_rate(databases, settings)
    sealer.sealers_database(databases.owner).dispose()
    return [
        figure(
            "entries written while they are sealed", RATE * SECONDS, "a second", sealed,
            reach=f"at least {RATE:,} wanted, 95% of them", met=lambda value: value >= 0.95 * RATE, reference=bare,
        ),
        figure(
            "oldest unsealed entry meanwhile", RATE * SECONDS, "s, worst of a run", lags,
            reach="sealed within 5 s", met=lambda value: value < 5,
        ),
        figure(
            "entries sealed of a backlog", 100_000, "a second", seal_alone[0],
            reach="more than are written", met=lambda value: value > RATE, reference=seal_alone[1],
        ),
    ]  # fmt: skip


def _written(databases: embedded.Databases) -> float:
    """Entries a second that the writers reach."""
    url = sa.make_url(databases.owner).set(drivername="postgresql").render_as_string(False)
    context = multiprocessing.get_context("spawn")
    together = context.Barrier(WRITERS + 1)
    arguments = [url, RATE / WRITERS, SECONDS, together]
    writers = [context.Process(target=write_steadily, args=arguments, daemon=True) for _ in range(WRITERS)]
    with _connect(databases) as connection:
        before = _count(connection)
        for writer in writers:
            writer.start()
        together.wait()
        began = time.monotonic()
        together.wait()
        # A process takes a while to end, which is no writing.
        reached = (_count(connection) - before) / (time.monotonic() - began)
    for writer in writers:
        writer.join()
    return reached


def _written_and_sealed(databases: embedded.Databases, settings: Settings, lags: list[float]) -> float:
    with _sealing(settings) as lag:
        rate = _written(databases)
    lags.append(max(lag))
    return rate


@contextmanager
def _sealing(settings: Settings) -> Iterator[list[float]]:
    """Seal once a second, as the scheduler does; answers how long each round left the oldest entry unsealed."""
    ending, lag = threading.Event(), [0.0]

    def work() -> None:
        began = time.monotonic()
        while not ending.is_set():
            sealer.seal_everything(settings, now=datetime.now(UTC))
            ended = time.monotonic()
            lag.append(ended - began)
            ending.wait(max(0.0, 1 - (ended - began)))
            began = ended

    thread = threading.Thread(target=work)
    thread.start()
    yield lag
    ending.set()
    thread.join()
    sealer.seal_everything(settings, now=datetime.now(UTC))


def _count(connection: psycopg.Connection[tuple[object, ...]]) -> int:
    row = connection.execute("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM audit_entry_id_seq").fetchone()
    assert row is not None
    return int(str(row[0]))


def _seal_rate(databases: embedded.Databases, settings: Settings) -> tuple[list[float], list[float]]:
    """Entries a second that a backlog is sealed at, beside the same rows inserted by one statement."""
    count = 100_000

    def insert() -> float:
        with _connect(databases) as connection:
            began = time.perf_counter()
            connection.execute(FILL, [count])
            return count / (time.perf_counter() - began)

    def seal() -> float:
        insert()
        began = time.perf_counter()
        done = sealer.seal_everything(settings, now=datetime.now(UTC))["sealed"]
        return done / (time.perf_counter() - began)

    sealer.seal_everything(settings, now=datetime.now(UTC))
    measured = [(insert(), sealer.seal_everything(settings, now=datetime.now(UTC)), seal()) for _ in range(RUNS)]
    return [one[2] for one in measured], [one[0] for one in measured]


def measure_log(server: embedded.Databases, folder: Path) -> list[Figure]:
    """Proof, verification and export of a log of ``SIZE`` entries."""
    databases = new_database(server, "bench_log")
    settings = _settings(databases, folder)
    _fill(databases, settings)
    database = Database(databases.application)
    figures = [_proof(database), _verify(databases, settings, folder), *_outside(database, settings, folder)]
    database.dispose()
    sealer.sealers_database(databases.owner).dispose()
    return figures


def _fill(databases: embedded.Databases, settings: Settings) -> None:
    began = time.perf_counter()
    portion = min(SIZE, 250_000)
    for done in range(0, SIZE, portion):
        with _connect(databases) as connection:
            connection.execute("SET synchronous_commit = off")
            connection.execute(FILL, [min(portion, SIZE - done)])
        while sealer.seal_everything(settings, now=datetime.now(UTC))["sealed"]:
            pass
        console.print(f"Sealed {done + portion:,} of {SIZE:,} after {time.perf_counter() - began:,.0f} s")
    while sealer.push(settings, now=datetime.now(UTC))["pushed"]:
        pass
    with _connect(databases) as connection:
        connection.execute("VACUUM ANALYZE")


def _proof(database: Database) -> Figure:
    """A proof of one entry, checked, beside reading the entry by its number."""
    numbers = [number * 7_919 % SIZE + 1 for number in range(1, 1_001)]
    read = sa.text("SELECT * FROM audit_entry WHERE id = :number")

    def prove() -> float:
        began = time.perf_counter()
        with database.reading() as session:
            for number in numbers:
                assert proofs.proof_of(session, number).standing is proofs.Standing.PROVEN
        return (time.perf_counter() - began) / len(numbers) * 1_000

    def bare() -> float:
        began = time.perf_counter()
        with database.reading() as session:
            for number in numbers:
                session.execute(read, {"number": number}).one()
        return (time.perf_counter() - began) / len(numbers) * 1_000

    ours, theirs = alternate(prove, bare)
    return figure(
        "proof of an entry", SIZE, "ms", ours, reach="under 20 ms", met=lambda value: value < 20, reference=theirs
    )


def _environ(databases: embedded.Databases, settings: Settings, folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FLEET_")}
    return kept | {
        "FLEET_VAR": str(folder),
        "FLEET_DATABASE_URL": databases.application,
        "FLEET_OWNER_DATABASE_URL": databases.owner,
        "FLEET_LOG_KEY": settings.log_key,
        "FLEET_CHECKPOINTS_URL": settings.checkpoints_url or "",
    }


def _verify(databases: embedded.Databases, settings: Settings, folder: Path) -> Figure:
    """The whole command ``audit verify``, beside SHA-256 over as many leaves and nodes in one process."""
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "audit", "verify"]
    began = time.perf_counter()
    done = subprocess.run(
        command, cwd=ROOT, env=_environ(databases, settings, folder), check=True, capture_output=True, text=True
    )
    seconds = time.perf_counter() - began
    assert "The log is sound." in done.stdout, done.stdout
    return figure(
        "audit verify of the whole log", SIZE, "seconds", [seconds], reach="under 15 minutes",
        met=lambda value: value < 900, reference=[_bare_hashes()],
    )  # fmt: skip


def _bare_hashes() -> float:
    leaf = b"x" * 430
    began = time.perf_counter()
    for _ in range(SIZE):
        sha256(leaf).digest()
        sha256(leaf[:65]).digest()
    return time.perf_counter() - began


def _outside(database: Database, settings: Settings, folder: Path) -> list[Figure]:
    """Export of a tenth of the log, and what the auditor's command takes to check it, beside reading its lines."""
    path, count = folder / "export.jsonl", SIZE // 10
    began = time.perf_counter()
    with database.reading() as session:
        header = export.begin(session, Range(SIZE - count, SIZE), origin=settings.log_origin, now=datetime.now(UTC))
    with path.open("w", encoding="utf-8") as file:
        file.writelines(export.lines(database, header))
    exported = count / (time.perf_counter() - began)
    command = [sys.executable, "-m", "tlog", "verify", str(path), "--checkpoints", str(folder / "checkpoints")]
    command += ["--key", str(Signer.parse(settings.log_key).verifier)]
    began = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    checked = count / (time.perf_counter() - began)
    began = time.perf_counter()
    with path.open(encoding="utf-8") as file:
        hashes = [tree.leaf_hash(line.encode()) for line in file]
    bare = len(hashes) / (time.perf_counter() - began)
    path.unlink()
    return [
        figure("export with proof", count, "entries a second", [exported], reach="10,000", met=lambda v: v > 10_000),
        figure(
            "the auditor's command", count, "entries a second", [checked], reach="10,000",
            met=lambda v: v > 10_000, reference=[bare],
        ),
    ]  # fmt: skip
