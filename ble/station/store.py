"""What a station keeps, in one SQLite file: who it is, what it still has to say, and how far each job is.

Every call is one transaction that is on the disk when it returns, so a process killed at any line has either said a
thing or not. The file is readable to its owner alone, and locked for as long as it is open.
"""

import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from ble.protocol import cbor
from ble.protocol.cose import PrivateKey
from ble.station.errors import StoreBusy, StoreDamaged

FILE: Final = "station.db"
_OWNER_ONLY, _OWNER_ONLY_FOLDER = 0o600, 0o700
_BUSY = "Stop the station that runs on this folder, or use the page /armoury, which gives it its work."
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS identity (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    service TEXT NOT NULL, station TEXT NOT NULL, token TEXT NOT NULL,
    agreement BLOB NOT NULL, signing BLOB NOT NULL, credential BLOB NOT NULL, chain BLOB NOT NULL,
    ends_at INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE, path TEXT NOT NULL, body TEXT NOT NULL, refused TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS journal (
    job TEXT NOT NULL, fact TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (job, fact)
) STRICT;
CREATE TABLE IF NOT EXISTS step (job TEXT PRIMARY KEY, last INTEGER NOT NULL) STRICT;
"""


@dataclass(frozen=True)
class Identity:
    """Who this station is.

    Attributes:
        service: the service's address.
        station: the name that the service knows it by.
        token: its bearer token.
        agreement: the key it makes sessions with devices with.
        signing: its other key.
        credential: the authority's word for both keys, for devices to read.
        chain: signed trusts, oldest first, for devices that hold an older one.
        ends_at: the credential's end, in seconds since 1970 UTC.
    """

    service: str
    station: str
    token: str = field(repr=False)
    agreement: PrivateKey
    signing: PrivateKey
    credential: bytes
    chain: tuple[bytes, ...]
    ends_at: int


@dataclass(frozen=True)
class Report:
    """Something that the service is to be told once. ``name`` is its natural key, and the ``Idempotency-Key``."""

    name: str
    path: str
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Queued:
    """A report that waits, in its place."""

    id: int
    report: Report


class Store:
    """The open store of one folder. Closing it, or the end of the process in any way, frees it for another."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open the folder's store, made if there is none.

        Raises:
            StoreBusy: it is open already, here or in another process.
            StoreDamaged: its file is no such store.
        """
        folder.mkdir(mode=_OWNER_ONLY_FOLDER, parents=True, exist_ok=True)
        path = folder / FILE
        # Made by us with its rights; SQLite gives its side files the same ones.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, _OWNER_ONLY))
        path.chmod(_OWNER_ONLY)
        connection = sqlite3.connect(path, timeout=0, isolation_level=None)
        try:
            _prepare(connection)
        except sqlite3.OperationalError as error:
            connection.close()
            raise StoreBusy(f"{path} is in use.", _BUSY) from error
        except sqlite3.DatabaseError as error:
            connection.close()
            raise StoreDamaged(f"{path}: {error}", "Move the file away, and enrol this station anew.") from error
        return cls(connection)

    def close(self) -> None:
        """Let another use the folder."""
        self._connection.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    # Who it is

    def identity(self) -> Identity | None:
        """Who this station is; None before it is enrolled."""
        columns = "service, station, token, agreement, signing, credential, chain, ends_at"
        row = self._connection.execute(f"SELECT {columns} FROM identity").fetchone()  # noqa: S608
        if row is None:
            return None
        service, station, token, agreement, signing, credential, chain, ends_at = row
        keys = PrivateKey(agreement), PrivateKey(signing)
        return Identity(service, station, token, *keys, credential, _chain(chain), ends_at)

    def keep(self, identity: Identity) -> None:
        """Be this from now on."""
        values = (
            identity.service, identity.station, identity.token, identity.agreement.secret, identity.signing.secret,
            identity.credential, cbor.encode(list(identity.chain)), identity.ends_at,
        )  # fmt: skip
        with self._writing() as connection:
            connection.execute("INSERT OR REPLACE INTO identity VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)", values)

    # What it has to say

    def put(self, *reports: Report, facts: Mapping[str, bytes] | None = None, job: str = "") -> None:
        """Have reports sent, each behind those put before, and keep what a job has come to with them.

        A report whose name waits already, or was refused, is not put again.
        """
        with self._writing() as connection:
            for report in reports:
                values = (report.name, report.path, json.dumps(report.body, separators=(",", ":")))
                connection.execute("INSERT OR IGNORE INTO outbox (name, path, body) VALUES (?, ?, ?)", values)
            for fact, value in (facts or {}).items():
                connection.execute("INSERT OR REPLACE INTO journal VALUES (?, ?, ?)", (job, fact, value))

    def step(self, job: str, report: Callable[[int], Report]) -> int:
        """Put a job's next step, whose number is one above its last; ``report`` makes it. Returns the number."""
        with self._writing() as connection:
            row = connection.execute("SELECT last FROM step WHERE job = ?", (job,)).fetchone()
            number = 1 if row is None else row[0] + 1
            made = report(number)
            connection.execute("INSERT OR REPLACE INTO step VALUES (?, ?)", (job, number))
            values = (made.name, made.path, json.dumps(made.body, separators=(",", ":")))
            connection.execute("INSERT OR IGNORE INTO outbox (name, path, body) VALUES (?, ?, ?)", values)
        return int(number)

    def next(self) -> Queued | None:
        """The report that has waited longest."""
        found = self._connection.execute(
            "SELECT id, name, path, body FROM outbox WHERE refused IS NULL ORDER BY id LIMIT 1"
        ).fetchone()
        return None if found is None else Queued(found[0], Report(found[1], found[2], json.loads(found[3])))

    def waiting(self) -> int:
        """How many reports wait."""
        return int(self._connection.execute("SELECT count(*) FROM outbox WHERE refused IS NULL").fetchone()[0])

    def delivered(self, queued: Queued) -> None:
        """The service has it."""
        with self._writing() as connection:
            connection.execute("DELETE FROM outbox WHERE id = ?", (queued.id,))

    def refused(self, queued: Queued, why: str) -> None:
        """The service will never take it; it is kept for a person to look at, and does not hold up the others."""
        with self._writing() as connection:
            connection.execute("UPDATE outbox SET refused = ? WHERE id = ?", (why, queued.id))

    def refusals(self) -> list[tuple[Report, str]]:
        """What the service would not take, and what it said, oldest first."""
        rows = self._connection.execute(
            "SELECT name, path, body, refused FROM outbox WHERE refused IS NOT NULL ORDER BY id"
        )
        return [(Report(name, path, json.loads(body)), why) for name, path, body, why in rows]

    # How far a job is

    def fact(self, job: str, fact: str) -> bytes | None:
        """What a job has come to, kept with ``put``."""
        row = self._connection.execute("SELECT value FROM journal WHERE job = ? AND fact = ?", (job, fact)).fetchone()
        return None if row is None else bytes(row[0])

    def forget(self, job: str) -> None:
        """A job is over: nothing of it is needed but what waits in the outbox."""
        with self._writing() as connection:
            connection.execute("DELETE FROM journal WHERE job = ?", (job,))


def _chain(stored: bytes) -> tuple[bytes, ...]:
    found = cbor.decode(stored)
    return tuple(item for item in found if isinstance(item, bytes)) if isinstance(found, list) else ()


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    # A token that was replaced is not left in the file's free pages.
    connection.execute("PRAGMA secure_delete = ON")
    connection.executescript(_TABLES)
    # An exclusive lock is taken at the first write, not at opening.
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("COMMIT")
