"""Every committed entry gets a place, once, whenever it commits and whoever seals."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, ProgrammingError
from sqlalchemy.orm import Session

from fleet.audit.sealing import seal
from fleet.audit.tree import LogDamaged
from fleet.db import Database
from fleet.errors import Unavailable
from tests.audit.conftest import Log
from tlog.note import Signer, open_checkpoint


def places(log: Log) -> list[tuple[int, int]]:
    rows = log.ask("SELECT position, entry_id FROM audit_seal ORDER BY position")
    return [(row["position"], row["entry_id"]) for row in rows]


def test_entries_get_places_in_the_order_of_their_numbers(log: Log) -> None:
    numbers = log.write(3)
    log.seal()
    numbers += log.write(300)

    log.seal()

    assert places(log) == list(enumerate(numbers))
    newest = log.ask("SELECT size, note FROM audit_checkpoint ORDER BY size DESC")[0]
    assert open_checkpoint(newest["note"], log.identity.verifiers).size == newest["size"] == 303
    assert log.push() == 2
    # One covers both.
    assert sorted(int(path.name[:12]) for path in log.outside.iterdir()) == [303]
    assert log.push() == 0


@contextmanager
def open_transaction(log: Log) -> Iterator[Session]:
    """A writer that has not committed yet; the test commits or rolls it back."""
    with Session(log.app.database.engine) as session:
        yield session
        session.rollback()


def settled(log: Log) -> int:
    return int(log.ask("SELECT settled FROM audit_mark")[0]["settled"])


def sealed(log: Log) -> list[int]:
    return [entry for _, entry in places(log)]


def test_an_entry_that_commits_late_is_sealed_when_it_commits(log: Log) -> None:
    with open_transaction(log) as late:
        number = log.write_in(late)
        after = log.write(3)
        for _ in range(5):
            log.seal()
        assert sealed(log) == after
        assert settled(log) < number

        late.commit()
        log.seal()

    assert sealed(log) == [*after, number]
    log.seal()
    assert settled(log) == after[-1]
    assert log.verify().problems == []


def test_a_number_that_was_rolled_back_does_not_hold_the_mark(log: Log) -> None:
    with open_transaction(log) as lost:
        log.write_in(lost)
        after = log.write(2)
        log.seal()
        assert settled(log) < after[0]
        lost.rollback()

    log.seal()

    assert sealed(log) == after
    assert settled(log) == after[-1]


def test_a_stalled_writer_holds_up_nobody(log: Log) -> None:
    with open_transaction(log) as stalled:
        log.write_in(stalled)
        for _ in range(4):
            numbers = log.write(2)
            log.seal()
            assert sealed(log)[-2:] == numbers


def test_a_writer_who_holds_the_lock_before_it_takes_a_number_is_waited_for(log: Log) -> None:
    (first,) = log.write()
    with open_transaction(log) as early:
        early.execute(sa.text("LOCK TABLE audit_entry IN ROW EXCLUSIVE MODE"))
        log.seal()
        (second,) = log.write()
        log.seal()
        number = log.write_in(early)
        log.seal()
        early.commit()

    log.seal()

    assert sealed(log) == [first, second, number]
    log.seal()
    assert settled(log) == number


def test_writers_never_wait_for_a_sealer_nor_a_sealer_for_writers(log: Log) -> None:
    with open_transaction(log) as writing, log.sealer.transaction() as session:
        log.write_in(writing)
        before = log.write(2)
        assert seal(session, log.identity, now=log.now)
        after = log.write(2)  # would wait here, and be given up after the lock's time-out
        writing.commit()

    log.seal()

    assert set(before) | set(after) < set(sealed(log))
    assert len(sealed(log)) == 5


def test_of_two_sealers_at_once_one_stands_back(log: Log) -> None:
    numbers = log.write(10)
    with log.sealer.transaction() as session:
        assert seal(session, log.identity, now=log.now)
        assert log.seal() == 0

    assert places(log) == list(enumerate(numbers))


def test_many_sealers_and_writers_at_once_lose_nothing_and_double_nothing(log: Log) -> None:
    ending = threading.Event()

    def keep_sealing() -> None:
        while not ending.is_set():
            log.seal()

    with ThreadPoolExecutor(10) as pool:
        sealers = [pool.submit(keep_sealing) for _ in range(3)]
        writers = [pool.submit(log.write, 60) for _ in range(6)]
        numbers = sorted(number for writer in writers for number in writer.result())
        ending.set()
        for one in sealers:
            one.result()
    log.seal()
    log.seal()

    assert sorted(sealed(log)) == numbers
    assert [position for position, _ in places(log)] == list(range(len(numbers)))
    assert settled(log) == numbers[-1]
    assert log.verify().problems == []


def test_a_batch_seals_no_more_than_it_may_and_the_mark_no_further(log: Log) -> None:
    numbers = log.write(25)
    for done in (10, 20, 25):
        with log.sealer.transaction() as session:
            seal(session, log.identity, now=log.now, most=10)
        assert sealed(log) == numbers[:done]
        assert settled(log) == numbers[done - 1]


def test_a_clock_that_goes_back_an_hour_changes_no_place(log: Log) -> None:
    numbers = log.sealed(2)
    log.now -= timedelta(hours=1)
    numbers += log.sealed(2)
    log.now += timedelta(hours=2)
    numbers += log.sealed(1)

    assert sealed(log) == numbers
    assert log.verify().problems == []


def test_nothing_to_seal_signs_nothing(log: Log) -> None:
    log.sealed(1)

    assert log.seal() == 0
    assert len(log.ask("SELECT FROM audit_checkpoint")) == 1


def test_without_a_key_nothing_is_signed_and_nothing_is_lost(new_log: Callable[..., Log]) -> None:
    log = new_log(log_key="")
    log.write()

    with pytest.raises(Unavailable, match="FLEET_LOG_KEY"):
        log.seal()

    assert sealed(log) == []


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE audit_tile SET hashes = set_byte(hashes, 3, 7)",
        "DELETE FROM audit_tile",
        "UPDATE audit_checkpoint SET note = replace(note, '3', '2'), size = 2",
    ],
)
def test_nothing_is_signed_on_top_of_a_tree_that_was_not_signed(log: Log, damage: str) -> None:
    log.sealed(3)
    log.tamper(damage)
    log.write()

    with pytest.raises(LogDamaged):
        log.seal()


def test_after_a_change_of_keys_the_older_one_is_still_believed(log: Log, new_log: Callable[..., Log]) -> None:
    log.sealed(2)
    older = log.identity.signer.verifier
    renewed = new_log(log_key=Signer.new("tests").secret(), log_older_keys=(str(older),))
    renewed.sealed(2)

    assert renewed.verify().problems == []
    assert "not to be trusted" in " ".join(log.verify().problems)


def test_a_dump_restored_elsewhere_goes_on_where_it_was(log: Log) -> None:
    # Numbers of transactions mean nothing in a restored database: none of those waited for is there.
    numbers = log.write(2)
    log.tamper("UPDATE audit_mark SET waiting = '{3/17,9/4}', following = 1")

    log.seal()
    log.seal()

    assert sealed(log) == numbers
    assert settled(log) == numbers[-1]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO audit_seal VALUES (0, 1)",
        "INSERT INTO audit_tile VALUES (0, 0, sha256('x'))",
        "UPDATE audit_tile SET hashes = sha256('x')",
        "UPDATE audit_checkpoint SET pushed_at = now()",
        "UPDATE audit_mark SET settled = 0",
        "UPDATE audit_entry SET erased = '{}'",
        "SET ROLE fleet_sealer",
    ],
)
def test_the_application_may_not_touch_what_proves_the_log(log: Log, statement: str) -> None:
    log.sealed(1)

    with pytest.raises(ProgrammingError, match="permission denied"), log.app.database.transaction() as session:
        session.execute(sa.text(statement))


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO audit_entry (at, actor, event, facts) SELECT now(), 'x', 'x', '1'",
        "UPDATE audit_entry SET actor = 'x'",
        "DELETE FROM audit_seal",
        "UPDATE audit_checkpoint SET note = 'x'",
        "SELECT FROM account",
    ],
)
def test_the_sealer_may_not_write_entries_nor_unsay_what_was_sealed(log: Log, statement: str) -> None:
    log.sealed(1)

    with pytest.raises(ProgrammingError, match="permission denied"), log.sealer.transaction() as session:
        session.execute(sa.text(statement))


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM audit_seal",
        "TRUNCATE audit_tile",
        "UPDATE audit_tile SET hashes = sha256('x')",
        "UPDATE audit_checkpoint SET note = 'x'",
        "DELETE FROM audit_checkpoint",
        "UPDATE audit_entry SET actor = 'x'",
        "DELETE FROM audit_entry",
    ],
)
def test_the_owners_careless_statement_is_refused(log: Log, statement: str) -> None:
    log.sealed(1)
    owner = Database(log.settings.owner_database_url or "", role=None)

    with pytest.raises(DBAPIError, match=r"only|stands"), owner.transaction() as session:
        session.execute(sa.text(statement))
    owner.dispose()
