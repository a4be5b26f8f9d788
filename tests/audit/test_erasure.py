"""Personal data goes by law, and the proof stands."""

import json
from dataclasses import replace

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from fleet.actors import Role, command_line
from fleet.audit import Event, Subject, erasure, record
from fleet.audit.erasure import About, Erased, Ground
from fleet.db import Database
from fleet.errors import Conflict, Invalid
from tests.audit.conftest import Log
from tests.conftest import api_of
from tlog.leaf import commitment, field_salt

GROUND = Ground("UK GDPR Article 17(1)(d)", "Data protection officer")


def erase(log: Log, about: About, *names: str, ground: Ground = GROUND) -> Erased:
    owner = Database(log.settings.owner_database_url or "", role=None, pool_size=1)
    try:
        with owner.transaction() as session:
            return erasure.erase(session, command_line("tests"), about, names, ground, now=log.now)
    finally:
        owner.dispose()


def told(log: Log, officer: str | None, subject: tuple[Subject, str], actor: str = "tests", **facts: object) -> int:
    with log.app.database.transaction() as session:
        who = replace(command_line(actor), name=actor)
        return record(session, who, Event.PERSON_CHANGED, subject, at=log.now, officer=officer, **facts)


def row(log: Log, number: int) -> dict[str, object]:
    return log.ask(f"SELECT * FROM audit_entry WHERE id = {number}")[0]


def everything(log: Log) -> str:
    return json.dumps(log.ask("SELECT * FROM audit_entry"), default=str)


def test_all_that_tells_of_an_officer_goes_and_the_proof_stands(log: Log) -> None:
    about = told(log, None, (Subject.PERSON, "PC77"), name="Ann Example")
    concerned = told(log, "PC77", (Subject.CAMERA, "X1"), kind="pool")
    mentioned = told(log, None, (Subject.CAMERA, "X2"), holder=["PC77", None])
    other = told(log, "PC78", (Subject.CAMERA, "X3"), kind="pool")
    log.seal()
    log.push()
    later = told(log, "PC77", (Subject.CAMERA, "X1"))

    done = erase(log, About.OFFICER, "PC77")

    assert done.entries == 4
    assert "PC77" not in everything(log)
    assert "Ann Example" not in everything(log)
    assert row(log, about)["subject_key"] == row(log, concerned)["officer"] == "[erased]"
    assert row(log, concerned)["subject_key"] == "X1"
    assert row(log, mentioned)["facts"] == {"erased": True}
    assert row(log, other)["officer"] == "PC78"
    assert row(log, other)["salt"] is not None
    log.seal()
    log.push()
    assert log.verify().problems == []
    auditor = api_of(log.app, Role.AUDITOR)
    log.seal()
    for number in (about, concerned, mentioned, other, later, done.recorded):
        assert auditor("GET", f"/audit/{number}/proof").json["standing"] == "proven"


def test_the_erasure_is_an_entry_that_names_nobody(log: Log) -> None:
    told(log, "PC77", (Subject.CAMERA, "X1"))

    done = erase(log, About.OFFICER, "PC77")

    entry = row(log, done.recorded)
    assert entry["event"] == "log.erased"
    facts = {"basis": GROUND.basis, "decided_by": GROUND.decided, "entries": 1, "fields": ["facts", "officer"]}
    assert entry["facts"] == facts
    assert "PC77" not in json.dumps(entry, default=str)


def test_a_commitment_left_behind_cannot_be_guessed(log: Log) -> None:
    number = told(log, "PC77", (Subject.CAMERA, "X1"))
    before = row(log, number)["salt"].bytes  # type: ignore[attr-defined]

    erase(log, About.OFFICER, "PC77")

    left = row(log, number)["erased"]
    assert isinstance(left, dict)
    # With the salt anybody finds whose number it was; of the salt nothing is left that leads back to it.
    assert commitment(field_salt(before, "officer"), "PC77") == left["commitments"]["officer"]
    known = [bytes.fromhex(salt) for salt in left["salts"].values()] + [b"", bytes(16), bytes(32)]
    guesses = {
        commitment(salt, f"PC{guess}")
        for known_salt in known
        for salt in (known_salt, field_salt(known_salt, "officer"))
        for guess in range(100)
    }
    assert left["commitments"]["officer"] not in guesses
    assert set(left["salts"]) == {"actor", "subject_key"}
    assert before.hex() not in everything(log).replace("-", "")


def test_an_account_goes_as_who_acted_and_as_what_was_acted_on(log: Log) -> None:
    acted = told(log, None, (Subject.CAMERA, "X1"), actor="account:ann")
    made = told(log, None, (Subject.ACCOUNT, "ann"), actor="account:root")

    assert erase(log, About.ACCOUNT, "ann").entries == 2

    assert row(log, acted)["actor"] == row(log, made)["subject_key"] == "[erased]"
    assert row(log, made)["actor"] == "account:root"


def test_a_named_entry_goes_whole_and_one_erased_in_part_can_be_erased_further(log: Log) -> None:
    number = told(log, "PC77", (Subject.CAMERA, "X1"), actor="account:ann", kind="pool")
    log.sealed(1)
    erase(log, About.OFFICER, "PC77")
    assert erase(log, About.ACCOUNT, "ann").entries == 1

    with pytest.raises(Conflict):
        erase(log, About.ACCOUNT, "ann")
    other = told(log, "PC79", (Subject.CAMERA, "X1"))
    erase(log, About.ENTRY, str(other))

    assert (row(log, number)["actor"], row(log, number)["officer"]) == ("[erased]", "[erased]")
    assert row(log, other)["actor"] == row(log, other)["subject_key"] == "[erased]"
    log.seal()
    log.push()
    assert log.verify().problems == []


@pytest.mark.parametrize("ground", [Ground("", "DPO"), Ground("Article 17", " ")])
def test_without_a_ground_nothing_is_erased(log: Log, ground: Ground) -> None:
    told(log, "PC77", (Subject.CAMERA, "X1"))

    with pytest.raises(Invalid):
        erase(log, About.OFFICER, "PC77", ground=ground)

    assert "PC77" in everything(log)


ERASED = """'{"commitments": {"officer": "00"}, "salts": {"actor": "", "facts": "", "subject_key": ""}}'"""


@pytest.mark.parametrize(
    "change",
    [
        "actor = 'somebody else'",
        "officer = '[erased]'",
        f"salt = NULL, erased = {ERASED}, officer = 'C2'",
        f"salt = NULL, erased = {ERASED}, officer = '[erased]', actor = '[erased]'",
        f"salt = NULL, erased = {ERASED}, officer = '[erased]', at = now()",
        f"salt = gen_random_uuid(), erased = {ERASED}, officer = '[erased]'",
        'salt = NULL, erased = \'{"commitments": {"officer": "00"}, "salts": {}}\', officer = \'[erased]\'',
        "salt = NULL, erased = '{}', officer = '[erased]'",
    ],
)
def test_the_owner_can_change_an_entry_in_no_other_way(log: Log, change: str) -> None:
    (number,) = log.write()
    owner = Database(log.settings.owner_database_url or "", role=None, pool_size=1)

    with pytest.raises(DBAPIError, match=r"only appended|salted_or_erased"), owner.transaction() as session:
        session.execute(sa.text(f"UPDATE audit_entry SET {change} WHERE id = {number}".replace(":", "\\:")))
    owner.dispose()


def test_an_erasure_with_a_false_commitment_is_found(log: Log) -> None:
    (number,) = log.sealed(1)
    erase(log, About.OFFICER, "C1")
    log.seal()
    log.tamper(
        "UPDATE audit_entry SET erased = jsonb_set(erased, '{commitments,officer}', to_jsonb(repeat('0', 64)))"
        f" WHERE id = {number}"
    )

    assert f"Entry {number} " in log.verify().problems[0]


def test_the_command_erases_says_so_and_leaves_nothing_in_the_files(log: Log) -> None:
    log.write(3)
    runner = log.app.test_cli_runner()
    ground = ["--basis", GROUND.basis, "--decided-by", GROUND.decided]

    dry = runner.invoke(args=["audit", "erase", "--officer", "C1", "--dry-run", *ground])
    assert dry.exit_code == 0
    assert "3 entries tell of it" in dry.output
    done = runner.invoke(args=["audit", "erase", "--officer", "C1", *ground])
    again = runner.invoke(args=["audit", "erase", "--officer", "C1", *ground])
    both = runner.invoke(args=["audit", "erase", "--officer", "C1", "--entry", "1", *ground])

    assert done.exit_code == 0, done.output
    assert "3 entries were erased in part" in done.output
    assert (again.exit_code, both.exit_code) == (1, 2)
    assert log.ask("SELECT FROM audit_entry WHERE officer = 'C1'") == []


def test_the_command_that_verifies_ends_with_what_it_found(log: Log) -> None:
    (number,) = log.sealed(1)
    runner = log.app.test_cli_runner()

    sound = runner.invoke(args=["audit", "verify"])
    log.tamper(f"UPDATE audit_entry SET role = 'admin' WHERE id = {number}")
    wrong = runner.invoke(args=["audit", "verify"])

    assert (sound.exit_code, wrong.exit_code) == (0, 1), sound.output
    assert "The log is sound." in sound.output
    assert f"WRONG: Entry {number} " in wrong.output
    key = runner.invoke(args=["audit", "key"]).output.strip()
    assert key == str(log.identity.signer.verifier)
    assert runner.invoke(args=["audit", "new-key"]).output.startswith("PRIVATE+KEY+camera-fleet+")
