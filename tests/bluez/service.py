"""The force's service of the station's tests, over HTTP, so that a station in a process of its own can ask it."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from tests.ble.station.force import Force


@contextmanager
def served(force: Force) -> Iterator[str]:
    """Answer on this machine while the block runs; the address. Requests are handled in the running loop."""
    loop = asyncio.get_running_loop()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked = httpx.Request(self.command, f"http://service{self.path}", headers=dict(self.headers), content=body)
            answer = asyncio.run_coroutine_threadsafe(force.handle(asked), loop).result()
            self.send_response(answer.status_code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *args: Any) -> None:
            """Into the guest's log, among the rest."""
            print("service:", args[0] % args[1:], flush=True)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
