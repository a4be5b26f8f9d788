"""What the log can prove, over HTTP, checked with the auditor's own arithmetic."""

import json

import pytest

from fleet.actors import Role
from tests.audit.conftest import Log
from tests.conftest import Api, api_of
from tlog import tree
from tlog.note import open_checkpoint
from tlog.tiles import hashes_in, tiles_of


@pytest.fixture
def auditor(log: Log) -> Api:
    return api_of(log.app, Role.AUDITOR)


def test_an_entry_is_proven_by_a_path_to_the_signed_root(log: Log, auditor: Api) -> None:
    log.seal()
    numbers = log.sealed(5, 300)

    for number in (numbers[0], numbers[7], numbers[-1]):
        told = auditor("GET", f"/audit/{number}/proof").json

        checkpoint = open_checkpoint(told["checkpoint"], log.identity.verifiers)
        assert told["standing"] == "proven"
        assert json.loads(told["leaf"])["entry"] == number
        path = [bytes.fromhex(found) for found in told["proof"]]
        leaf_hash = tree.leaf_hash(told["leaf"].encode())
        tree.verify_inclusion(leaf_hash, told["position"], checkpoint.size, path, checkpoint.root)


def test_a_proof_against_an_older_checkpoint(log: Log, auditor: Api) -> None:
    first, second = log.sealed(1, 1)
    older = log.ask("SELECT size FROM audit_checkpoint ORDER BY size")[0]["size"]

    assert auditor("GET", f"/audit/{first}/proof?size={older}").json["size"] == older
    assert auditor("GET", f"/audit/{second}/proof?size={older}").json["standing"] == "unproven"
    assert auditor("GET", f"/audit/{second}/proof?size=999").status_code == 404


def test_what_is_not_sealed_is_said_to_be_unproven(log: Log, auditor: Api) -> None:
    log.seal()
    (number,) = log.write()

    assert auditor("GET", f"/audit/{number}/proof").json["standing"] == "unproven"
    assert auditor("GET", "/audit").json["items"][0]["position"] is None
    assert auditor("GET", "/audit/state").json["unproven"] == 1
    log.seal()
    assert auditor("GET", "/audit").json["items"][0]["position"] is not None
    assert auditor("GET", "/audit/state").json["unproven"] == 0


def test_an_entry_that_is_not_what_was_sealed_is_said_to_be_broken(log: Log, auditor: Api) -> None:
    number, _ = log.sealed(2)
    log.tamper(f"UPDATE audit_entry SET officer = 'C2' WHERE id = {number}")

    told = auditor("GET", f"/audit/{number}/proof").json

    assert told["standing"] == "broken"
    assert "not what the checkpoint" in told["problem"]


def test_the_log_only_grew_between_any_two_checkpoints(log: Log, auditor: Api) -> None:
    log.sealed(1, 3, 260, 7)
    notes = [row["note"] for row in log.ask("SELECT note FROM audit_checkpoint ORDER BY size")]
    checkpoints = [open_checkpoint(note, log.identity.verifiers) for note in notes]

    for old in checkpoints:
        for new in checkpoints:
            answer = auditor("GET", f"/audit/consistency?from={old.size}&to={new.size}")
            if old.size > new.size:
                assert answer.status_code == 422
                continue
            path = [bytes.fromhex(found) for found in answer.json["proof"]]
            tree.verify_consistency(old.size, new.size, path, old.root, new.root)


def test_tiles_hold_every_leaf_hash_and_bundles_every_leaf(log: Log, auditor: Api) -> None:
    log.sealed(300)
    note = auditor("GET", "/audit/checkpoint")
    size = open_checkpoint(note.text, log.identity.verifiers).size

    hashes, leaves = [], []
    for tile in tiles_of(size):
        hashes += hashes_in(auditor("GET", f"/audit/tile/{tile.path}").data)
        bundle = auditor("GET", f"/audit/tile/entries/{tile.path.removeprefix('0/')}").data
        while bundle:
            length = int.from_bytes(bundle[:2])
            leaves.append(bundle[2 : 2 + length])
            bundle = bundle[2 + length :]

    assert note.content_type.startswith("text/plain")
    assert [tree.leaf_hash(leaf) for leaf in leaves] == hashes
    assert len(hashes) == size
    assert b"tests" not in b"".join(leaves)


@pytest.mark.parametrize(
    "path", ["0/001", "0/000.p/0", "0/000.p/256", "9/000", "0/0", "x", "entries/x001", "0/000.p/200"]
)
def test_a_tile_that_is_not_there_is_not_found(log: Log, auditor: Api, path: str) -> None:
    log.sealed(3)

    assert auditor("GET", f"/audit/tile/{path}").status_code == 404


def test_before_anything_is_sealed_there_is_nothing_to_prove_with(log: Log, auditor: Api) -> None:
    (number,) = log.write()

    assert auditor("GET", "/audit/checkpoint").status_code == 404
    assert auditor("GET", "/audit/consistency?from=1").status_code == 404
    assert auditor("GET", f"/audit/{number}/proof").json["standing"] == "unproven"
    assert auditor("GET", "/audit/999999/proof").status_code == 404
    state = auditor("GET", "/audit/state").json
    assert (state["size"], state["signed_at"], state["waiting"]) == (0, None, 0)
