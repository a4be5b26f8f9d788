"""``audit verify``: the whole log worked out anew, against its tiles and every checkpoint that was ever signed.

Done in blocks of 65,536 places, the leaves below one tile of level 1, by as many processes as there are processors; all
of them see the database as it was when the work began. What is held in memory is a block's rows, some at a time, and
the tree's right edge.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet.audit.identity import Identity
from fleet.audit.models import AuditCheckpoint, AuditMark, AuditSeal
from fleet.audit.outside import Outside
from fleet.audit.tree import ENTRY, LEAF_COLUMNS, leaf_hash_of, newest_checkpoint, read_tile
from fleet.db import APPLICATION_ROLE, Database, Prepared
from tlog.note import Checkpoint, NoteError, open_checkpoint
from tlog.tiles import WIDTH, hashes_in, whole_root
from tlog.tree import Growing

BLOCK = WIDTH * WIDTH
_ROWS_AT_ONCE = 16 * WIDTH
_MOST_KEPT = 100
_NUMBERS_AT_ONCE = 200_000

_ROWS = Prepared(
    sa.select(AuditSeal.position, AuditSeal.entry_id, *LEAF_COLUMNS)
    .outerjoin(ENTRY.id.table, ENTRY.id == AuditSeal.entry_id)
    .where(AuditSeal.position >= sa.bindparam("first"), AuditSeal.position < sa.bindparam("last"))
    .order_by(AuditSeal.position)
)
_CHECKPOINTS = Prepared(
    sa.select(AuditCheckpoint.size, AuditCheckpoint.root, AuditCheckpoint.note)
    .where(AuditCheckpoint.size > sa.bindparam("first"), AuditCheckpoint.size <= sa.bindparam("last"))
    .order_by(AuditCheckpoint.size)
)


@dataclass
class Findings:
    """What is wrong, the first in the log's order first. ``wrong`` counts also what is not kept."""

    problems: list[str] = field(default_factory=list)
    wrong: int = 0

    def add(self, problem: str) -> None:
        """Note a problem."""
        self.wrong += 1
        if len(self.problems) < _MOST_KEPT:
            self.problems.append(problem)

    def take(self, others: "Findings") -> None:
        """Note all of another's."""
        for problem in others.problems:
            self.add(problem)
        self.wrong += others.wrong - len(others.problems)


@dataclass
class Report(Findings):
    """What came of it."""

    size: int = 0
    signed: int = 0
    outside: int = 0
    unproven: int = 0


@dataclass(frozen=True)
class Claim:
    """A signed checkpoint, wherever it lies: in the database, or at a path outside."""

    checkpoint: Checkpoint
    path: str | None

    def __str__(self) -> str:
        where = "in the database" if self.path is None else f"outside, {self.path.rsplit('/', 1)[-1]}"
        return f"the checkpoint of {self.checkpoint.size} entries kept {where}"


@dataclass(frozen=True)
class Task:
    """A block of places, for a process of its own, and the names of the checkpoints outside that are about it."""

    url: str
    snapshot: str
    identity: Identity
    place: str | None
    first: int
    last: int
    outside: Sequence[tuple[int, str]]


@dataclass
class Block:
    """What a block is: its hash, and for each claim about a size in it the hash of its places up to there."""

    task: Task
    found: bytes = b""
    claims: list[tuple[Claim, bytes]] = field(default_factory=list)
    # Size → the number of the entry in the place before.
    numbers: dict[int, int] = field(default_factory=dict)
    findings: Findings = field(default_factory=Findings)


def verify(database: Database, url: str, identity: Identity, place: str | None) -> Iterator[tuple[int, Report]]:
    """Work the log out anew; answers how many places are done, and the report, again and again until it is whole.

    ``url`` is the database's for the processes that do it, ``place`` where checkpoints lie outside.

    Raises:
        Unavailable: the place outside, or the database, cannot be read.
    """
    report = Report()
    outside = Outside(place).sizes() if place else []
    with database.transaction() as session:
        session.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
        session.execute(sa.text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        snapshot = session.scalar(sa.select(sa.func.pg_export_snapshot())) or ""
        report.size = _size(session, report)
        tasks = _tasks(url, snapshot, identity, place, report.size, outside)
        yield 0, report
        whole = _Whole(session, report)
        for block in _worked(tasks):
            whole.take(block)
            yield block.task.last, report
        whole.finish()
        _check_length(report, outside)
        _check_unsealed(session, report)
    yield report.size, report


def _size(session: Session, report: Report) -> int:
    """How large the log is: by its newest checkpoint, and by the places in it, which must agree."""
    newest = newest_checkpoint(session)
    signed = int(newest["size"]) if newest else 0
    placed = (session.scalar(sa.select(sa.func.max(AuditSeal.position))) or 0) + 1
    if session.scalar(sa.select(sa.func.count()).select_from(sa.select(AuditSeal.position).limit(1).subquery())) == 0:
        placed = 0
    if placed > signed:
        report.add(f"Places {signed} to {placed - 1} are sealed by no checkpoint.")
    return signed


def _tasks(
    url: str, snapshot: str, identity: Identity, place: str | None, size: int, outside: Sequence[tuple[int, str]]
) -> Iterator[Task]:
    at = 0
    for first in range(0, size, BLOCK):
        last = min(first + BLOCK, size)
        begin = at
        while at < len(outside) and outside[at][0] <= last:
            at += 1
        yield Task(url, snapshot, identity, place, first, last, outside[begin:at])


def _worked(tasks: Iterator[Task]) -> Iterator[Block]:
    """Every block, in order; a few are worked on at once."""
    first = next(tasks, None)
    if first is None:
        return
    if first.last < BLOCK:
        # Not worth a process: what there is is in the one block.
        yield work(first)
        return
    processes = os.cpu_count() or 1
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(work, first)]
        for task in tasks:
            waiting.append(pool.submit(work, task))
            if len(waiting) > 2 * processes:
                yield waiting.pop(0).result()
        for one in waiting:
            yield one.result()


def work(task: Task) -> Block:
    """Work out one block: every row's leaf against its tile, tiles against the one above, claims about its sizes."""
    database = Database(task.url, role=APPLICATION_ROLE, pool_size=1)
    try:
        with database.transaction() as session:
            session.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
            session.execute(sa.text(f"SET TRANSACTION SNAPSHOT '{task.snapshot}'"))
            return _Work(session, task).run()
    finally:
        database.dispose()


class _Work:
    def __init__(self, session: Session, task: Task) -> None:
        self._session = session
        self._task = task
        self._growing = Growing()
        self._roots: list[bytes] = []
        self.block = Block(task)
        self._claims = _claims(session, task, self.block.findings)
        self._at_claim = 0

    def run(self) -> Block:
        for first in range(self._task.first, self._task.last, _ROWS_AT_ONCE):
            self._rows(first, min(first + _ROWS_AT_ONCE, self._task.last))
        self._above()
        self.block.found = self._growing.root()
        return self.block

    def _rows(self, first: int, last: int) -> None:
        rows = {row["position"]: row for row in _ROWS.all(self._session, first=first, last=last)}
        for number in range(first // WIDTH, -(-last // WIDTH)):
            stated = hashes_in(read_tile(self._session, 0, number))
            from_ = number * WIDTH
            width = min(WIDTH, last - from_)
            for place in range(width):
                self._place(from_ + place, rows.get(from_ + place), stated[place] if place < len(stated) else None)
            if len(stated) == WIDTH:
                self._roots.append(whole_root(stated))

    def _place(self, position: int, row: dict[str, Any] | None, stated: bytes | None) -> None:
        findings, number = self.block.findings, row["entry_id"] if row else None
        computed = _computed(row)
        if row is None:
            findings.add(f"Place {position} is empty: the log has lost what entry stood there.")
        elif row["entry"] is None:
            findings.add(f"Entry {number} (place {position}) was removed.")
        elif stated is None:
            findings.add(f"The hash of entry {number} (place {position}) is missing in its tile.")
        elif computed != stated:
            findings.add(f"Entry {number} (place {position}) is not what was sealed in this place.")
        # The tile speaks for what is missing or changed, so that what comes after is judged by itself.
        self._growing.append(stated or computed or bytes(32))
        self._compare(position + 1, number)

    def _compare(self, size: int, number: int | None) -> None:
        while self._at_claim < len(self._claims) and self._claims[self._at_claim].checkpoint.size <= size:
            self.block.claims.append((self._claims[self._at_claim], self._growing.root()))
            self.block.numbers[size] = number or 0
            self._at_claim += 1

    def _above(self) -> None:
        """The hashes of whole tiles are what stands in the tile above."""
        above = hashes_in(read_tile(self._session, 1, self._task.first // BLOCK))
        for place, found in enumerate(self._roots):
            if place >= len(above) or above[place] != found:
                number = self._task.first // WIDTH + place
                self.block.findings.add(f"Tile {number} of level 0 is not what the tile above it says.")


def _computed(row: dict[str, Any] | None) -> bytes | None:
    """The hash of a row's leaf; None for one that is gone, or of which no leaf can be made."""
    if row is None or row["entry"] is None:
        return None
    try:
        return leaf_hash_of(row)
    except (KeyError, TypeError, ValueError):
        return None


def _claims(session: Session, task: Task, findings: Findings) -> list[Claim]:
    """Every checkpoint about a size in the block, smallest first; one whose signature is wrong is a finding."""
    found = []
    for row in _CHECKPOINTS.all(session, first=task.first, last=task.last):
        claim = _claim(row["note"], None, row["size"], task.identity, findings)
        if claim and claim.checkpoint.root != bytes(row["root"]):
            findings.add(f"The checkpoint of {row['size']} entries has another root in the database than it signed.")
        found.append(claim)
    place = Outside(task.place or "")
    for size, path in task.outside:
        found.append(_claim(place.read(path), path, size, task.identity, findings))
    return sorted((claim for claim in found if claim), key=lambda claim: claim.checkpoint.size)


def _claim(note: str, path: str | None, size: int, identity: Identity, findings: Findings) -> Claim | None:
    where = "in the database" if path is None else f"outside as {path.rsplit('/', 1)[-1]}"
    try:
        checkpoint = open_checkpoint(note, identity.verifiers, origin=identity.origin)
    except NoteError as error:
        findings.add(f"The checkpoint of {size} entries kept {where} is not to be trusted: {error}.")
        return None
    if checkpoint.size != size:
        findings.add(f"The checkpoint of {size} entries kept {where} is of {checkpoint.size}.")
        return None
    return Claim(checkpoint, path)


class _Whole:
    """The blocks put together: the tree over them, and the tiles above level 1."""

    def __init__(self, session: Session, report: Report) -> None:
        self._session = session
        self._report = report
        self._growing = Growing()
        self._roots: list[bytes] = []
        # The first place, and the last size, that a checkpoint was right about.
        self._right = 0
        self._is_contradicted = False

    def take(self, block: Block) -> None:
        """Add the next block."""
        self._report.take(block.findings)
        for claim, part in block.claims:
            self._judge(claim, part, block)
        if block.task.last - block.task.first == BLOCK:
            self._growing.append_subtree(16, block.found)
            self._roots.append(block.found)

    def _judge(self, claim: Claim, part: bytes, block: Block) -> None:
        size = claim.checkpoint.size
        is_whole = size - block.task.first == BLOCK
        root = self._with_whole(part) if is_whole else self._growing.root_with(part)
        self._report.signed += claim.path is None
        self._report.outside += claim.path is not None
        if claim.checkpoint.root == root:
            self._right = size if not self._is_contradicted else self._right
        elif not self._is_contradicted:
            self._is_contradicted = True
            first = _entry_at(self._session, self._right)
            self._report.add(
                f"History was rewritten and sealed anew, first in an entry from place {self._right} (entry {first}) "
                f"to place {size - 1} (entry {block.numbers[size]}), by {claim}."
            )

    def _with_whole(self, part: bytes) -> bytes:
        grown = Growing(self._growing.size, list(self._growing.peaks))
        grown.append_subtree(16, part)
        return grown.root()

    def finish(self) -> None:
        """The tiles from level 2 on, each from the one below."""
        level, roots = 2, self._roots
        while roots:
            stored = b"".join(read_tile(self._session, level, at) for at in range(-(-len(roots) // WIDTH)))
            if stored != b"".join(roots):
                self._report.add(f"The tiles of level {level} are not what those below them say.")
            roots = [whole_root(roots[at : at + WIDTH]) for at in range(0, len(roots) - WIDTH + 1, WIDTH)]
            level += 1


def _entry_at(session: Session, position: int) -> int | None:
    return session.scalar(sa.select(AuditSeal.entry_id).where(AuditSeal.position == position))


def _check_length(report: Report, outside: Sequence[tuple[int, str]]) -> None:
    """A checkpoint outside of a longer log says that this one was cut off."""
    beyond = [path for size, path in outside if size > report.size]
    if beyond:
        longest = outside[-1][0]
        report.add(
            f"The log was cut off: everything from place {report.size} on is gone, of {longest} entries that were "
            f"signed ({beyond[-1].rsplit('/', 1)[-1]})."
        )


def _check_unsealed(session: Session, report: Report) -> None:
    """Entries without a place: those above the mark wait for one, those below it were slipped in."""
    settled = session.execute(sa.select(AuditMark.settled)).scalar_one()
    highest = session.scalar(sa.select(sa.func.max(ENTRY.id))) or 0
    for first in range(1, highest + 1, _NUMBERS_AT_ONCE):
        for number in session.scalars(_unsealed(first, first + _NUMBERS_AT_ONCE)):
            if number <= settled:
                report.add(f"Entry {number} was inserted: all up to {settled} were sealed, and it has no place.")
            else:
                report.unproven += 1


def _unsealed(first: int, last: int) -> sa.Select[int]:
    is_placed = sa.exists().where(AuditSeal.entry_id == ENTRY.id)
    return sa.select(ENTRY.id).where(ENTRY.id >= first, ENTRY.id < last, ~is_placed).order_by(ENTRY.id)
