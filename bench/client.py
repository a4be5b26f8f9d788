"""A load generator that costs little: kept-alive connections, requests written beforehand, answers hardly read.

On a machine of two cores the client takes its share of them; the references are measured by the same client.
"""

import json
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Request = bytes
_BUFFER = 65_536


def request(method: str, path: str, headers: dict[str, str], body: object = None) -> Request:
    """An HTTP/1.1 request as bytes."""
    content = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(content)}"]
    if body is not None:
        lines.append("Content-Type: application/json")
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


class Connection:
    """One kept-alive connection, opened anew when the server closes it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None

    def send(self, wanted: Request) -> tuple[int, bytes]:
        """Send a request and answer its status and body."""
        for attempt in range(2):
            try:
                return self._send(wanted)
            except (ConnectionError, BrokenPipeError):
                self.close()
                if attempt:
                    raise
        raise AssertionError

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, wanted: Request) -> tuple[int, bytes]:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=30)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(wanted)
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._more()
        head, _, body = received.partition(b"\r\n\r\n")
        length = _length(head)
        while len(body) < length:
            body += self._more()
        if b"connection: close" in head.lower():
            self.close()
        return int(head[9:12]), body

    def _more(self) -> bytes:
        assert self._socket is not None
        part = self._socket.recv(_BUFFER)
        if not part:
            raise ConnectionError("closed by the server")
        return part


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            return int(line[15:])
    raise ValueError("an answer without a length")


@dataclass(frozen=True)
class Load:
    """What a load showed: requests a second, and each request's seconds."""

    rate: float
    latencies: list[float]


def load(
    port: int, queues: Sequence[Sequence[Request]], expected: int | tuple[int, ...], *, pause_s: float = 0.0
) -> Load:
    """Send each queue over a connection of its own, all at once, with ``pause_s`` before each request.

    Raises:
        RuntimeError: an answer had another status than ``expected``; then nothing was measured.
    """
    latencies: list[list[float]] = [[] for _ in queues]
    wrong: list[str] = []
    barrier = threading.Barrier(len(queues) + 1)
    statuses = (expected,) if isinstance(expected, int) else expected

    def work(number: int) -> None:
        connection = Connection(port)
        barrier.wait()
        for wanted in queues[number]:
            if pause_s:
                time.sleep(pause_s)
            began = time.perf_counter()
            status, body = connection.send(wanted)
            latencies[number].append(time.perf_counter() - began)
            if status not in statuses:
                wrong.append(f"{status}: {body[:300]!r}")
                break
        connection.close()

    seconds = in_threads(len(queues), work, barrier)
    if wrong:
        raise RuntimeError(f"unexpected answers: {wrong[0]}")
    return Load(sum(map(len, queues)) / seconds, [one for queue in latencies for one in queue])


def in_threads(count: int, work: Callable[[int], None], barrier: threading.Barrier) -> float:
    """Run ``work(0…count-1)`` in threads that wait at ``barrier``; the seconds from its opening to the last end."""
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    barrier.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    return time.perf_counter() - began
