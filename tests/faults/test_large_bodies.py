"""Bodies far beyond what anything here takes: refused at once, by what is said of them, not by reading them."""

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from fleet.actors import Role
from fleet.embedded import Databases
from fleet.web import Service
from tests.conftest import SECRET_KEY, new_token
from tests.live import LiveServer
from tests.visits.conftest import key

FIFTY_MEBIBYTES = 50 * 1024 * 1024
PATH = f"/api/v1/visits/{key()}/acknowledgement"


@pytest.fixture(scope="module")
def served(postgres: Databases, var: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """One process, so that its memory is everything that a request could have cost."""
    more = {"FLEET_SECRET_KEY": SECRET_KEY, "FLEET_WEB_WORKERS": "1"}
    with LiveServer(postgres, var, tmp_path_factory.mktemp("large"), **more) as server:
        yield server


def memory_of(served: LiveServer) -> int:
    """The most memory that any of the server's processes ever had, in bytes."""
    processes = psutil.Process(served.process.pid).children()
    lines = [Path(f"/proc/{process.pid}/status").read_text().splitlines() for process in processes]
    return max(int(line.split()[1]) for text in lines for line in text if line.startswith("VmHWM")) * 1024


def head(token: str, length: str) -> bytes:
    lines = [f"POST {PATH} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {token}"]
    return "\r\n".join([*lines, "Content-Type: application/json", length, "", ""]).encode()


def test_a_signature_of_fifty_mebibytes_is_refused_before_any_of_it_arrives(served: LiveServer, app: Service) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as connection:
        began = time.monotonic()
        connection.sendall(head(new_token(app, Role.STORE), f"Content-Length: {FIFTY_MEBIBYTES}"))

        answer = connection.recv(65_536).decode()

    assert answer.startswith("HTTP/1.1 413 ")
    assert "application/problem+json" in answer
    assert time.monotonic() - began < 5


def test_one_that_is_sent_all_the_same_is_not_read_into_memory(served: LiveServer, app: Service) -> None:
    token = new_token(app, Role.STORE)
    httpx.get(f"{served.url}/readyz")
    before = memory_of(served)

    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as connection:
        connection.sendall(head(token, f"Content-Length: {FIFTY_MEBIBYTES}"))
        part = b"1" * 65_536
        try:
            for _ in range(FIFTY_MEBIBYTES // len(part)):
                connection.sendall(part)
        except (BrokenPipeError, ConnectionResetError):
            pass  # What is not read is not taken either.

    assert memory_of(served) - before < 10 * 1024 * 1024
    assert httpx.get(f"{served.url}/readyz").status_code == 200


def test_one_whose_length_is_not_told_is_cut_off_at_the_limit(served: LiveServer, app: Service) -> None:
    headers = {"Authorization": f"Bearer {new_token(app, Role.STORE)}", "Content-Type": "application/json"}
    before = memory_of(served)

    def parts() -> Iterator[bytes]:
        yield b'{"method": "signature", "strokes": ['
        for _ in range(FIFTY_MEBIBYTES // 65_536):
            yield b" " * 65_536
        yield b"]}"

    try:
        answer = httpx.post(served.url + PATH, content=parts(), headers=headers, timeout=30)
        assert answer.status_code == 413
    except httpx.TransportError:
        pass  # The connection is closed on whoever goes on sending.

    assert memory_of(served) - before < 10 * 1024 * 1024
    assert httpx.get(f"{served.url}/readyz").status_code == 200


def test_what_is_below_the_limit_and_too_much_for_a_signature_is_told_apart(served: LiveServer, app: Service) -> None:
    headers = {"Authorization": f"Bearer {new_token(app, Role.STORE)}"}
    strokes = [[[x % 3_000, 500] for x in range(60_000)]]
    body = {"method": "signature", "strokes": strokes}
    assert len(json.dumps(body)) < 1024 * 1024

    answer = httpx.post(served.url + PATH, json=body, headers=headers)

    assert answer.status_code == 422
    assert "too much to be a signature" in answer.text
