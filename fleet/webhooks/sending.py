"""One attempt: a POST over HTTP to an address that was looked at, in a bounded time, with a bounded answer.

The name is resolved once, and the connection goes to an address that was found allowed, whatever the name leads to a
moment later. Redirects are not followed. However slowly a receiver answers, byte by byte, the attempt ends in time.
"""

import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any

import httpcore

from fleet.webhooks.addresses import NotAllowed, Where

# Seconds from the resolved name to the last byte that is read.
LIMIT_S = 15.0
_READ_BYTES = 16_384
_LONGEST_RETRY_AFTER_S = 86_400
_SUCCESS, _REDIRECT, _AFTER_REDIRECT = 200, 300, 400


@dataclass(frozen=True)
class Outcome:
    """What came back. ``status`` is None when no answer did; ``retry_after_s`` is what the receiver asked for."""

    status: int | None
    error: str | None = None
    retry_after_s: float | None = None

    @property
    def is_success(self) -> bool:
        return self.status is not None and _SUCCESS <= self.status < _REDIRECT


@dataclass(frozen=True)
class Message:
    """What is sent where."""

    url: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class _Late(Exception):
    pass


@cache
def _trust() -> ssl.SSLContext:
    """The machine's own certificate authorities, or those that ``SSL_CERT_FILE`` names."""
    return ssl.create_default_context()


class _Timed(httpcore.NetworkStream):
    """A stream each of whose waits ends at the deadline."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - the deadline is what counts
        return self._stream.read(max_bytes, _left(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._stream.write(buffer, _left(self._deadline))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        return _Timed(self._stream.start_tls(ssl_context, server_hostname, _left(self._deadline)), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Pinned(httpcore.NetworkBackend):
    """Connects to addresses that were looked at, never to a name."""

    def __init__(self, where: Where, deadline: float) -> None:
        self._where, self._deadline = where, deadline
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        problem: Exception = httpcore.ConnectError("the name has no address")
        for address in self._where.resolve(host, port):
            try:
                left = _left(self._deadline)
                stream = self._backend.connect_tcp(address, port, left, local_address, socket_options)
            except httpcore.ConnectError as error:
                problem = error
            else:
                return _Timed(stream, self._deadline)
        raise problem


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise _Late
    return left


def send(message: Message, where: Where, *, now: datetime, limit_s: float = LIMIT_S) -> Outcome:
    """Make one attempt. It never raises for anything that the receiver or the network does."""
    deadline = time.monotonic() + limit_s
    try:
        where.require_url(message.url)
        return _posted(message, _Pinned(where, deadline), deadline, now)
    except NotAllowed as error:
        return Outcome(None, f"The address {error}.")
    except (_Late, httpcore.TimeoutException):
        return Outcome(None, f"No whole answer within {limit_s:g} seconds.")
    except ssl.SSLError as error:
        return Outcome(None, f"No secure connection: {error.reason or 'refused'}.")
    except (httpcore.ProtocolError, httpcore.NetworkError) as error:
        return Outcome(None, f"No answer: {str(error)[:200] or type(error).__name__}.")
    except (OSError, UnicodeError) as error:  # the latter: no host can have this name
        return Outcome(None, f"Not reached: {getattr(error, 'strerror', None) or type(error).__name__}.")


def _posted(message: Message, backend: _Pinned, deadline: float, now: datetime) -> Outcome:
    headers: list[tuple[bytes | str, bytes | str]] = [
        ("Content-Type", "application/json"),
        ("User-Agent", "camera-fleet-webhooks"),
        ("Connection", "close"),
        *message.headers.items(),
    ]
    with (
        httpcore.ConnectionPool(ssl_context=_trust(), network_backend=backend, retries=0) as pool,
        pool.stream("POST", message.url, headers=headers, content=message.body) as response,
    ):
        _read_some(response, deadline)
        return _told(response, now)


def _read_some(response: httpcore.Response, deadline: float) -> None:
    """Read the answer's beginning, so that its sender is not cut off in the middle of a short one."""
    read = 0
    for chunk in response.iter_stream():
        read += len(chunk)
        if read > _READ_BYTES:
            return
        _left(deadline)


def _told(response: httpcore.Response, now: datetime) -> Outcome:
    status = response.status
    named = {name.lower(): value for name, value in response.headers}
    retry_after = _seconds(named.get(b"retry-after", b"").decode("latin-1"), now)
    if _SUCCESS <= status < _REDIRECT:
        return Outcome(status)
    if _REDIRECT <= status < _AFTER_REDIRECT:
        return Outcome(status, "Answered with a redirect, which is not followed. Change the subscription's URL.")
    return Outcome(status, f"Answered with {status}.", retry_after)


def _seconds(text: str, now: datetime) -> float | None:
    """What ``Retry-After`` asks for (RFC 9110, 10.2.3): seconds or a date; at most a day."""
    if text.isascii() and text.isdecimal() and len(text) < 10:  # noqa: PLR2004 - a number of years
        return float(min(int(text), _LONGEST_RETRY_AFTER_S))
    try:
        asked = (parsedate_to_datetime(text) - now).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(asked, 0.0), _LONGEST_RETRY_AFTER_S)
