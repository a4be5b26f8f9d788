"""Clients that begin a request and do not go on: by a bad network, or by intent."""

import socket

import httpx

from fleet.actors import Role
from fleet.web import Service
from tests.conftest import new_token
from tests.live import LiveServer

MORE_THAN_ALL_THREADS = 40
HALF_A_HEAD = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Never-Ends: "


def stalled(live: LiveServer, request: bytes) -> list[socket.socket]:
    """As many connections as would take every thread, each with the beginning of a request."""
    connections = [socket.create_connection(("127.0.0.1", live.port)) for _ in range(MORE_THAN_ALL_THREADS)]
    for connection in connections:
        connection.sendall(request)
    return connections


def test_half_sent_heads_do_not_keep_the_service_from_others(live: LiveServer) -> None:
    connections = stalled(live, HALF_A_HEAD)

    # Each thread is given back after its patience, so that an answer comes within a few of them.
    assert httpx.get(f"{live.url}/healthz", timeout=60).status_code == 200

    for connection in connections:
        connection.close()


def test_half_sent_bodies_hold_no_transaction_open(live: LiveServer, app: Service) -> None:
    token = new_token(app, Role.STORE)
    head = f"POST /api/v1/people HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
    connections = stalled(live, (head + "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{").encode())

    assert httpx.get(f"{live.url}/readyz", timeout=60).status_code == 200

    for connection in connections:
        connection.close()
