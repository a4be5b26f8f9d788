"""The verbs at a terminal: what they say, in words and in JSON, and how they exit."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ble.__main__ import main
from ble.station import radio
from ble.station.errors import Exit
from ble.station.store import Report, Store
from tests.ble.station.test_store import identity


def called(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["station", "--folder", str(folder), *arguments])


class Answers(BaseHTTPRequestHandler):
    """A service that refuses every code, and keeps what it is told."""

    told: list[tuple[str, dict[str, Any]]] = []  # noqa: RUF012 - shared on purpose

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.told.append((self.path, json.loads(body)))
        refused = self.path.endswith("/enrol")
        self._answer(403 if refused else 200, {"detail": "This code is not known.", "mend": "it"} if refused else {})

    def do_GET(self) -> None:
        self._answer(200, {"job": None, "trust_epoch": 0, "poll_s": 1})

    def _answer(self, status: int, found: dict[str, Any]) -> None:
        body = json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def service() -> Iterator[str]:
    Answers.told.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("verb", [(), ("pair",), ("test",), ("read-log",), ("commission",), ("unpair",), ("rekey",),
                                  ("scan",), ("send",)])  # fmt: skip
def test_every_verb_says_how_to_enrol_first(tmp_path: Path, verb: tuple[str, ...]) -> None:
    result = called(tmp_path, *verb)
    assert result.exit_code == Exit.SERVICE
    assert "python -m ble station enrol" in result.output.replace("\n", " ")


def test_errors_are_json_when_asked_for(tmp_path: Path) -> None:
    result = called(tmp_path, "pair", "--json")
    found = json.loads(result.stdout)
    assert (found["outcome"], found["error"]) == ("failed", "NotEnrolled")
    assert result.exit_code == Exit.SERVICE


def test_a_code_that_is_refused_is_said_with_who_can_mend_it(tmp_path: Path, service: str) -> None:
    result = called(tmp_path, "enrol", "--service", service, "AAAAA-BBBBB-CCCCC-DDDDD")
    assert result.exit_code == Exit.REFUSED
    assert "This code is not known." in result.output
    assert "mend it: it" in result.output
    assert set(Answers.told[0][1]) == {"code", "agreement_key", "signing_key"}


def test_an_address_in_the_clear_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    result = called(tmp_path, "enrol", "--service", "http://fleet.example", "CODE")
    assert result.exit_code == Exit.REFUSED
    assert "https://" in result.output


def test_status_tells_no_secret(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    own = identity()
    store.keep(own)
    store.put(Report("a", "/x", {}))
    store.close()
    for arguments in (("status",), ("status", "--json")):
        output = called(tmp_path, *arguments).output
        assert "ARMOURY-1" in output
        assert own.token not in output
        assert own.agreement.secret.hex() not in output
    assert json.loads(called(tmp_path, "status", "--json").stdout)["waiting"] == 1


def test_a_folder_in_use_is_said_to_be(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    result = called(tmp_path, "status")
    store.close()
    assert result.exit_code == Exit.BUSY
    assert "in use" in result.output


def test_what_waits_is_sent(tmp_path: Path, service: str) -> None:
    enrolled_at(tmp_path, service)
    result = called(tmp_path, "send", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {"outcome": "done", "waiting": 0}
    assert Answers.told == [("/api/v1/steps", {"n": 1})]


def enrolled_at(folder: Path, service: str) -> None:
    store = Store.open(folder)
    own = identity()
    store.keep(type(own)(service, own.station, own.token, own.agreement, own.signing, own.credential, own.chain, 2**32))
    store.put(Report("a", "/steps", {"n": 1}))
    store.close()


def test_a_service_that_is_away_is_said_to_be_and_nothing_is_lost(tmp_path: Path) -> None:
    enrolled_at(tmp_path, "http://127.0.0.1:9")
    result = called(tmp_path, "send")
    assert result.exit_code == Exit.SERVICE
    assert "sent later" in result.output.replace("\n", " ")
    assert json.loads(called(tmp_path, "status", "--json").stdout)["waiting"] == 1


def test_a_machine_without_bluetooth_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    enrolled_at(tmp_path, "http://127.0.0.1:9")
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus")
    monkeypatch.setattr(radio, "CONNECT_S", 1.0)
    result = called(tmp_path, "scan", "--seconds", "1")
    assert result.exit_code == Exit.ADAPTER
    assert "bluetooth" in result.output.lower()
