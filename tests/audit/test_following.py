"""Following a log over HTTP: a copy that its keeper cannot reach names the very entry that was rewritten."""

import io
import threading
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest
from werkzeug.serving import make_server

from fleet.actors import Role
from tests.audit.conftest import Log
from tests.conftest import api_of, new_token
from tlog.command import SOUND, UNUSABLE, WRONG, main
from tlog.kept import Copy


@dataclass
class Follower:
    """An auditor who follows the log with the command, into a folder."""

    log: Log
    url: str
    folder: Path
    token: Path

    def run(self, *arguments: str) -> tuple[int, str]:
        said = io.StringIO()
        key = str(self.log.identity.signer.verifier)
        with redirect_stdout(said), redirect_stderr(said):
            code = main([*arguments, "--key", key])
        return code, said.getvalue()

    def follow(self, url: str | None = None) -> tuple[int, str]:
        return self.run("follow", url or self.url, "--to", str(self.folder), "--token-file", str(self.token))

    def verify(self) -> tuple[int, str]:
        export = self.folder.parent / "export.jsonl"
        export.write_bytes(api_of(self.log.app, Role.AUDITOR)("GET", "/audit/export").data)
        return self.run("verify", str(export), "--followed", str(self.folder))


@pytest.fixture
def follower(log: Log, tmp_path: Path) -> Iterator[Follower]:
    token = tmp_path / "token"
    token.write_text(new_token(log.app, Role.AUDITOR))
    server = make_server("127.0.0.1", 0, log.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Follower(log, f"http://127.0.0.1:{server.port}/api/v1/audit", tmp_path / "copy", token)
    server.shutdown()
    thread.join()
    server.server_close()


def place_of(log: Log, number: int) -> int:
    return int(log.ask(f"SELECT position FROM audit_seal WHERE entry_id = {number}")[0]["position"])


def test_a_followed_log_is_copied_bit_by_bit_and_proves_an_export(log: Log, follower: Follower) -> None:
    for batch in (3, 300, 1, 513):
        log.sealed(batch)
        assert follower.follow()[0] == SOUND
    assert follower.follow()[0] == SOUND

    copy = Copy(follower.folder)
    stored = b"".join(row["hashes"] for row in log.ask("SELECT hashes FROM audit_tile WHERE level = 0 ORDER BY number"))
    assert b"".join(copy.leaf_hashes()) == stored
    assert len(list(copy.checkpoints.iterdir())) == 4
    code, said = follower.verify()
    assert code == SOUND, said
    assert "compared with 4 sizes" in said


def test_a_rewritten_history_is_pinned_to_its_first_entry(log: Log, follower: Follower) -> None:
    numbers = log.sealed(290)
    assert follower.follow()[0] == SOUND
    place = place_of(log, numbers[270])
    log.rewrite(f"UPDATE audit_entry SET officer = 'C2' WHERE id = {numbers[270]}")

    code, said = follower.follow()
    assert code == WRONG
    assert f"rewritten from place {place} on; it tells there now of entry {numbers[270]}" in said
    code, said = follower.verify()
    assert code == WRONG
    assert said.startswith(
        f"WRONG: Entry {numbers[270]} (place {place}) is not what stood there when the log was followed"
    )


def test_an_entry_taken_out_of_a_rewritten_history_is_pinned(log: Log, follower: Follower) -> None:
    numbers = log.sealed(20)
    follower.follow()
    place = place_of(log, numbers[5])
    log.rewrite(f"DELETE FROM audit_entry WHERE id = {numbers[5]}")
    log.sealed(10)

    code, said = follower.follow()

    assert code == WRONG
    assert f"rewritten from place {place} on" in said
    assert follower.verify()[0] == WRONG


def test_a_log_that_was_cut_off_is_found(log: Log, follower: Follower) -> None:
    numbers = log.sealed(20)
    follower.follow()
    place = place_of(log, numbers[15])
    log.rewrite(f"DELETE FROM audit_entry WHERE id >= {numbers[15]}")

    code, said = follower.follow()

    assert code == WRONG
    assert f"from place {place} on is gone" in said


def test_a_copy_that_was_killed_while_it_grew_goes_on(log: Log, follower: Follower) -> None:
    log.sealed(5)
    follower.follow()
    with (follower.folder / "hashes").open("ab") as file:
        file.write(b"half of what comes nex")
    log.sealed(300)

    assert follower.follow()[0] == SOUND
    assert follower.verify()[0] == SOUND


def test_what_cannot_be_reached_is_not_called_wrong(log: Log, follower: Follower) -> None:
    log.sealed(5)
    assert follower.follow("http://127.0.0.1:1/api/v1/audit")[0] == UNUSABLE
    assert follower.follow("file:///etc/passwd")[0] == UNUSABLE
    follower.token.write_text("nonsense")
    assert follower.follow()[0] == UNUSABLE


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", "null", '{"format": "tlog-export 1"}', "not JSON", '{"format": "x 1"}']
)
def test_what_is_no_export_is_said_to_be_none(log: Log, follower: Follower, tmp_path: Path, content: str) -> None:
    path = tmp_path / "export"
    path.write_text(content + "\n")

    assert follower.run("verify", str(path))[0] == UNUSABLE
    assert follower.run("verify", str(tmp_path / "nonesuch"))[0] == UNUSABLE
