"""A fake of the service of direct messages (``chat.bsky``), which the test network lacks: conversations in
the shapes of its lexicon, for whoever the server that asks says it asks for."""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import uvicorn
from fastapi import FastAPI, Header, HTTPException


@dataclass
class FakeChat:
    """What was said is in ``said``, by conversation."""

    said: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    requests: set[str] = field(default_factory=set)
    """Conversations that strangers ask for."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    """For whom, and which method."""
    port: int = 0

    def say(self, convo: str, sender: str, words: str, *, stranger: bool = False) -> None:
        """Send Myna a message."""
        number = sum(map(len, self.said.values()))
        self.said.setdefault(convo, []).insert(
            0,
            {
                "$type": "chat.bsky.convo.defs#messageView",
                "id": f"m{number}",
                "rev": f"r{number}",
                "text": words,
                "sender": {"did": sender},
                "sentAt": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            },
        )
        if stranger:
            self.requests.add(convo)

    def app(self) -> FastAPI:
        app = FastAPI()

        def asks(authorization: str, method: str) -> None:
            token = authorization.removeprefix("Bearer ").split(".")
            if len(token) != 3:
                raise HTTPException(401)
            told = json.loads(base64.urlsafe_b64decode(token[1] + "=="))
            assert told["lxm"] == method
            self.asked.append((told["iss"], method))

        def views(requests: bool) -> list[dict[str, Any]]:
            return [
                {
                    "id": convo,
                    "rev": messages[0]["rev"],
                    "members": [],
                    "muted": False,
                    "unreadCount": 1,
                    "lastMessage": messages[0],
                }
                for convo, messages in self.said.items()
                if (convo in self.requests) == requests
            ]

        @app.get("/xrpc/chat.bsky.convo.listConvos")
        def convos(authorization: str = Header("")) -> dict[str, Any]:
            asks(authorization, "chat.bsky.convo.listConvos")
            return {"convos": views(requests=False)}

        @app.get("/xrpc/chat.bsky.convo.listConvoRequests")
        def requests(authorization: str = Header("")) -> dict[str, Any]:
            asks(authorization, "chat.bsky.convo.listConvoRequests")
            return {"requests": views(requests=True)}

        @app.get("/xrpc/chat.bsky.convo.getMessages")
        def messages(convoId: str, authorization: str = Header("")) -> dict[str, Any]:
            asks(authorization, "chat.bsky.convo.getMessages")
            return {"messages": self.said[convoId]}

        return app


@contextmanager
def running(fake: FakeChat) -> Iterator[FakeChat]:
    """Serve it until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        fake.port = probe.getsockname()[1]
    config = uvicorn.Config(fake.app(), host="127.0.0.1", port=fake.port, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        limit = time.monotonic() + 20
        while not server.started:
            assert time.monotonic() < limit
            time.sleep(0.01)
        yield fake
    finally:
        server.should_exit = True
        thread.join(10)
