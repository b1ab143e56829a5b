"""A fake of the servers of the AT network that answer requests: AppView, directory, relay and PDS in
one. It is a fake and says what it was told to say."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Answer = Callable[[dict[str, list[str]]], Any]


@dataclass
class FakeServers:
    """Path → what it answers; a number is the status of a refusal, bytes are sent as they are."""

    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, list[str]]]] = field(default_factory=list)
    base: str = ""


@contextmanager
def serving(fake: FakeServers) -> Iterator[FakeServers]:
    """The fake on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = parse_qs(parts.query)
            fake.asked.append((parts.path, query))
            answer = fake.answers.get(parts.path, 404)
            if callable(answer):
                answer = answer(query)
            status = answer if isinstance(answer, int) else 200
            if isinstance(answer, int):
                answer = {"error": "Refused", "message": "no"}
            data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.base = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
