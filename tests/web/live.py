"""The app on a real uvicorn server, in a thread of the test's own process."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import httpx2
import uvicorn

from myna.chats.generations import Generations
from myna.chats.service import ChatService
from myna.db.engine import Database
from myna.settings import Settings
from myna.web.app import create_app
from myna.web.parts import Parts
from myna.web.suggestions import Suggestions
from tests.web.fake_answerer import FakeAnswerer


class FakeModel:
    """A fake in the place of the model, for routes that only ask how it is."""

    name = version = "fake-model"
    context_tokens = 1000
    small = True
    up = True

    async def ready(self) -> bool:
        """Whether the test says that it is up."""
        return self.up

    async def close(self) -> None:
        """Nothing is open."""


@dataclass
class Live:
    """A running server, and the parts behind it."""

    base: str
    parts: Parts
    server: uvicorn.Server

    @property
    def fake(self) -> FakeAnswerer:
        """The answerer, where it is the fake one."""
        return cast("FakeAnswerer", self.parts.answerer)

    def client(self) -> httpx2.Client:
        """A browser without cookies yet."""
        return httpx2.Client(base_url=self.base, timeout=10)


def fake_parts(db: Database, searcher: object = None, trends: object = None) -> Parts:
    """Parts over a real store, with a fake answerer and model."""
    fake = FakeAnswerer()
    chats = ChatService(db, fake, Generations())
    found = cast("Any", searcher)
    return Parts(
        db,
        found,
        cast("Any", FakeModel()),
        cast("Any", fake),
        chats,
        Suggestions(db, found),
        cast("Any", trends),
    )


@contextmanager
def serving(settings: Settings, parts: Parts | None) -> Iterator[Live]:
    """Serve the app until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = uvicorn.Config(
        create_app(settings, parts),
        host="127.0.0.1",
        port=port,
        log_level="warning",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        limit = time.monotonic() + 30
        while not server.started:
            assert time.monotonic() < limit, "the server did not start"
            time.sleep(0.01)
        yield Live(f"http://127.0.0.1:{port}", cast("Any", parts), server)
    finally:
        server.should_exit = True
        thread.join(timeout=20)


@dataclass(frozen=True)
class Frame:
    """A server-sent event as a browser gets it."""

    id: int | None
    kind: str
    data: Any


def read_frames(lines: Iterator[str]) -> Iterator[Frame]:
    """The events of a stream of lines, comments left out."""
    event_id, kind, data = None, "", ""
    for line in lines:
        name, _, value = line.partition(": ")
        if not line and data:
            yield Frame(event_id, kind, json.loads(data))
            event_id, kind, data = None, "", ""
        elif name == "id":
            event_id = int(value)
        elif name == "event":
            kind = value
        elif name == "data":
            data += value


def ask(client: httpx2.Client, text: str = "How?", **more: object) -> dict[str, Any]:
    """Ask in a new chat; the answer's message."""
    chat = client.post("/api/chats", json={}).raise_for_status().json()
    body = {"text": text, "parent_id": None, "language": "en", **more}
    asked = client.post(f"/api/chats/{chat['id']}/messages", json=body).raise_for_status()
    return asked.json()["assistant"]


def events(
    client: httpx2.Client,
    message_id: str,
    after: int | None = None,
    last_event_id: int | None = None,
) -> list[Frame]:
    """All events of an answer."""
    params = {} if after is None else {"after": after}
    headers = {} if last_event_id is None else {"Last-Event-ID": str(last_event_id)}
    path = f"/api/messages/{message_id}/events"
    with client.stream("GET", path, params=params, headers=headers) as response:
        response.raise_for_status()
        return list(read_frames(response.iter_lines()))
