"""The log's pages say what is proven, what is not yet, and what is not what was sealed."""

from pathlib import Path

import pytest

from fleet.actors import Role
from fleet.web import Service
from tests.audit.conftest import Log
from tests.pages.conftest import Person, signed_in


@pytest.fixture
def log(empty: Service, var: Path, tmp_path: Path) -> Log:
    return Log.over(empty, var, tmp_path / "outside")


@pytest.fixture
def auditor(log: Log) -> Person:
    return signed_in(log.app, Role.AUDITOR)


def test_before_the_first_seal_nothing_is_proven(log: Log, auditor: Person) -> None:
    (number,) = log.write()

    assert "Nothing is proven yet" in auditor.reads("/audit")
    page = auditor.reads(f"/audit/{number}")
    assert "Not proven yet" in page
    log.leave()


def test_a_proven_entry_says_its_place_and_its_checkpoint(log: Log, auditor: Person) -> None:
    log.seal()
    numbers = log.sealed(3)

    listed, page = auditor.reads("/audit"), auditor.reads(f"/audit/{numbers[1]}")

    (newest,) = log.ask("SELECT max(size) AS size FROM audit_checkpoint")
    size = newest["size"]
    assert f"{size} entries are proven by the checkpoint signed 25 November 2026, 12:00pm" in listed
    assert f"kept outside is of {size} entries" in listed
    assert f"Place {size - 2}" in listed
    assert f"Proven Place {size - 2} of the log, by the checkpoint of {size} entries" in page
    log.write(2)
    assert "2 entries are not proven yet" in auditor.reads("/audit")
    log.leave()


def test_an_entry_that_was_changed_is_said_to_be(log: Log, auditor: Person) -> None:
    (number,) = log.sealed(1)
    log.tamper(f"UPDATE audit_entry SET officer = 'C2' WHERE id = {number}")

    assert "Not what was sealed" in auditor.reads(f"/audit/{number}")
    log.leave()


def test_a_place_outside_that_cannot_be_reached_is_said(log: Log, auditor: Person) -> None:
    log.write()
    log.seal()
    log.tamper("UPDATE audit_checkpoint SET push_problem = 'The place outside cannot be used: it burnt down.'")

    page = auditor.reads("/audit")

    assert "No checkpoint has reached the place outside yet" in page
    assert "1 checkpoint has not reached the place outside" in page
    assert "burnt down" in page
    log.leave()


def test_the_file_that_proves_itself_is_for_whoever_sees_the_log(log: Log, auditor: Person) -> None:
    log.sealed(2)

    whole, part = auditor.get("/audit/export.jsonl"), auditor.get("/audit/export.jsonl?from=0&to=1")

    assert whole.headers["Content-Disposition"].startswith("attachment; filename=")
    assert (part.status_code, len(part.text.splitlines())) == (200, 2)
    assert auditor.get("/audit/export.jsonl?from=7&to=1").status_code == 422
    assert auditor.get("/audit/999999").status_code == 404
    assert signed_in(log.app, Role.STORE).get("/audit/export.jsonl").status_code == 403
    log.leave()
