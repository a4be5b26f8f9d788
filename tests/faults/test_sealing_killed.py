"""The sealing process killed between any two statements, the disk full, the place outside gone: nothing is lost."""

import os
import resource
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import sqlalchemy as sa

from fleet.audit.outside import Outside
from fleet.audit.sealer import push, seal_everything, sealers_database
from fleet.errors import Unavailable
from fleet.web import Service
from tests.audit.conftest import Log

KILLED = 9
# More of a file than PostgreSQL's write-ahead log ever writes to one, and less than the tiles' file has.
FILE_LIMIT = 17 * 1024 * 1024


@pytest.fixture
def log(empty: Service, var: Path, tmp_path: Path) -> Iterator[Log]:
    made = Log.over(empty, var, tmp_path / "outside")
    yield made
    made.leave()


def sealed_in_a_child(log: Log, kill_at: int) -> bool:
    """Seal and push in a process that is killed just before its statement or file ``kill_at``; whether it was."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
        return os.WIFSIGNALED(status)
    try:
        # Not the parent's connections.
        sealers_database.cache_clear()
        left = [kill_at]

        def counting(genuine: Callable[..., Any]) -> Callable[..., Any]:
            def counted(*arguments: Any, **named: Any) -> Any:
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return genuine(*arguments, **named)

            return counted

        psycopg.Cursor.execute = counting(psycopg.Cursor.execute)  # type: ignore[method-assign]
        psycopg.Connection.commit = counting(psycopg.Connection.commit)  # type: ignore[method-assign]
        Outside.keep = counting(Outside.keep)  # type: ignore[method-assign]
        seal_everything(log.settings, now=log.now)
        push(log.settings, now=log.now)
    except BaseException:
        os._exit(1)
    os._exit(0)


def test_killed_between_any_two_statements_the_next_run_completes_it(log: Log) -> None:
    numbers, kills = log.write(3), 0
    while sealed_in_a_child(log, kills + 1):
        kills += 1
        numbers += log.write(2)

    log.seal()
    log.push()
    log.seal()

    # Lock, mark, numbers, writers, entries, checkpoint, tiles, places, tiles, checkpoint, mark, commit; then the push.
    assert kills >= 15
    rows = log.ask("SELECT position, entry_id FROM audit_seal ORDER BY position")
    assert sorted(row["entry_id"] for row in rows) == numbers
    assert [row["position"] for row in rows] == list(range(len(numbers)))
    assert log.ask("SELECT FROM audit_checkpoint WHERE pushed_at IS NULL") == []
    report = log.verify()
    assert (report.problems, report.unproven) == ([], 0)
    assert report.outside >= 1


def let_write_no_more(backend: int) -> None:
    """Limit the files that a server's process may write, as its own user: root in a container may not."""
    child = os.fork()
    if child == 0:
        try:
            server = psutil.Process(backend)
            os.setgid(server.gids().real)
            os.setuid(server.uids().real)
            resource.prlimit(backend, resource.RLIMIT_FSIZE, (FILE_LIMIT, FILE_LIMIT))
        except BaseException:
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_full_disk_while_sealing_loses_nothing_and_the_next_run_completes_it(log: Log) -> None:
    numbers = log.sealed(80)
    # Tiles that were rolled back leave their file larger than what this backend will be let write.
    with log.superuser() as connection:
        connection.execute("ALTER TABLE audit_tile SET (autovacuum_enabled = off, toast.autovacuum_enabled = off)")
        connection.execute(
            "BEGIN; INSERT INTO audit_tile SELECT 9, n, decode(repeat('00', 8192), 'hex')"
            " FROM generate_series(1, 2500) n; ROLLBACK"
        )
        connection.execute("CHECKPOINT")
    with log.sealer.transaction() as session:
        backend = session.scalar(sa.select(sa.func.pg_backend_pid()))
    numbers += log.write(90)

    let_write_no_more(backend)
    with pytest.raises((psycopg.Error, Unavailable), match=r"File too large|could not"):
        log.seal()

    assert len(log.ask("SELECT FROM audit_seal")) == 80
    assert log.verify().problems == []
    numbers += log.write(1)
    log.sealer.dispose()
    assert log.seal() == 91
    assert [row["entry_id"] for row in log.ask("SELECT entry_id FROM audit_seal ORDER BY position")] == numbers
    assert log.verify().problems == []


@pytest.mark.parametrize(
    "place", ["ftp://somebody:hunter2@127.0.0.1:1/log", "file:///proc/nonesuch/log", "under-a-file"]
)
def test_a_place_outside_that_cannot_be_used_is_said_and_tried_again(log: Log, tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("not a folder")
    url = place if "://" in place else (tmp_path / "file" / "log").as_uri()
    log.write(2)
    log.seal()
    away = Log.over(log.app, log.var, log.outside, checkpoints_url=url)

    with pytest.raises(Unavailable, match="place outside cannot be used"):
        away.push()

    (waiting,) = log.ask("SELECT pushed_at, push_problem FROM audit_checkpoint")
    assert waiting["pushed_at"] is None
    assert "cannot be used" in waiting["push_problem"]
    assert "hunter2" not in waiting["push_problem"]
    assert log.push() == 1
    (pushed,) = log.ask("SELECT pushed_at, push_problem FROM audit_checkpoint")
    assert pushed == {"pushed_at": log.now, "push_problem": None}


def test_a_place_outside_that_is_full_keeps_nothing_half_written(log: Log) -> None:
    log.write(2)
    log.seal()
    child = os.fork()
    if child == 0:
        try:
            sealers_database.cache_clear()
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20))
            push(log.settings, now=log.now)
        except Unavailable:
            os._exit(KILLED)
        except BaseException:
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == KILLED

    assert [path for path in log.outside.iterdir() if not path.name.startswith(".")] == []
    assert log.push() == 1
    assert log.verify().outside == 1


def test_a_checkpoint_outside_is_never_overwritten(log: Log) -> None:
    log.sealed(2)
    (kept,) = log.outside.iterdir()
    before = kept.read_bytes()
    log.tamper("UPDATE audit_checkpoint SET pushed_at = NULL")
    assert log.push() == 1
    assert kept.read_bytes() == before

    kept.write_text("something else")
    log.tamper("UPDATE audit_checkpoint SET pushed_at = NULL")
    with pytest.raises(Unavailable, match="Something else lies"):
        log.push()
    assert kept.read_text() == "something else"
