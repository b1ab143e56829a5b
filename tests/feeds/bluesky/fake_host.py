"""A fake of a host that streams: Jetstream of both versions or a relay, with what it was told to have
and to refuse. It is a fake and speaks no more of the protocols than stands here."""

from __future__ import annotations

import http
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

from myna.feeds.bluesky.place import PATHS, Protocol


@dataclass
class FakeHost:
    """What it streams is in ``messages``, each under its number."""

    protocol: Protocol
    messages: list[tuple[int, str | bytes]] = field(default_factory=list)
    asked: list[dict[str, list[str]]] = field(default_factory=list)
    """The query of each stream that was opened."""
    refuse: Callable[[dict[str, list[str]]], tuple[int, str] | None] = lambda _query: None
    """Status and error with which an opening is refused."""
    greet: Callable[[dict[str, list[str]]], Sequence[str | bytes]] = lambda _query: ()
    """What is sent before everything else."""
    dictionary: bytes = b""
    encode: Callable[[str | bytes], str | bytes] = lambda message: message
    hang_up_after: int = 0
    """Messages after which the connection is closed; 0 is never."""
    down: bool = False
    port: int = 0
    _new: threading.Condition = field(default_factory=threading.Condition)

    @property
    def base(self) -> str:
        """Its address."""
        return f"ws://127.0.0.1:{self.port}"

    @property
    def host(self) -> str:
        """Its name in places."""
        return f"127.0.0.1:{self.port}"

    def say(self, *messages: tuple[int, str | bytes]) -> None:
        """Have more, also for those who listen already."""
        with self._new:
            self.messages.extend(messages)
            self._new.notify_all()

    def answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """Refuse, give the dictionary, or let the stream be opened."""
        parts = urlsplit(request.path)
        query = parse_qs(parts.query)
        if self.down:
            return _json(http.HTTPStatus.SERVICE_UNAVAILABLE, {})
        if parts.path == "/xrpc/network.bsky.jetstream.getZstdDictionary" and self.dictionary:
            headers = Headers({"Content-Length": str(len(self.dictionary))})
            return Response(200, "OK", headers, self.dictionary)
        if parts.path != PATHS[self.protocol]:
            return _json(http.HTTPStatus.NOT_FOUND, {"error": "MethodNotFound"})
        if refused := self.refuse(query):
            self.asked.append(query)
            return _json(http.HTTPStatus(refused[0]), {"error": refused[1], "message": "no"})
        del connection
        return None

    def stream(self, connection: ServerConnection) -> None:
        """Send what the query asks for, and what comes later."""
        assert connection.request
        query = parse_qs(urlsplit(connection.request.path).query)
        self.asked.append(query)
        cursor = query.get("cursor")
        place = self._begin(int(cursor[0])) if cursor else len(self.messages)
        sent = 0
        try:
            for message in self.greet(query):
                connection.send(message)
            while True:
                with self._new:
                    if not self._new.wait_for(lambda at=place: len(self.messages) > at, 0.05):
                        connection.ping()
                        continue
                    message = self.messages[place][1]
                connection.send(self.encode(message))
                place, sent = place + 1, sent + 1
                if sent == self.hang_up_after:
                    return
        except ConnectionClosed:
            return

    def _begin(self, cursor: int) -> int:
        for place, (number, _) in enumerate(self.messages):
            if number >= cursor:
                return place
        return len(self.messages)


@contextmanager
def running(host: FakeHost) -> Iterator[FakeHost]:
    """The fake on a free port."""
    server: Server = serve(
        host.stream, "127.0.0.1", host.port, process_request=host.answer, compression=None
    )
    host.port = server.socket.getsockname()[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield host
    finally:
        server.shutdown()
        thread.join(5)


def _json(status: http.HTTPStatus, body: Any) -> Response:
    data = json.dumps(body).encode()
    headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(data))})
    return Response(status.value, status.phrase, headers, data)
