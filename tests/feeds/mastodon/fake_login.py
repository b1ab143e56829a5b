"""A fake of the part of Mastodon by which one signs in elsewhere, in the shapes of its documentation. It
checks what the program sends as Mastodon does: its secret, where it wants the browser back, PKCE."""

from __future__ import annotations

import base64
import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI, Header, HTTPException


@dataclass
class FakeLogin:
    """Whoever comes is ``person`` and says yes."""

    person: str = "ann"
    claims: str = ""
    """URI that the instance claims the person has, where it lies."""
    port: int = 0
    apps: dict[str, dict[str, Any]] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    revoked: list[str] = field(default_factory=list)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def consent(self, asked: dict[str, str]) -> dict[str, str]:
        """The person says yes; what the browser brings back."""
        app = self.apps[asked["client_id"]]
        assert asked["redirect_uri"] == app["redirect_uris"]
        assert asked["scope"] == app["scopes"]
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return {"code": code, "state": asked["state"]}

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.post("/api/v1/apps")
        def register(body: dict[str, Any]) -> dict[str, Any]:
            id = f"app-{len(self.apps)}"
            self.apps[id] = body
            return {"client_id": id, "client_secret": f"secret of {id}", **body}

        @app.post("/oauth/token")
        def token(body: dict[str, Any]) -> dict[str, Any]:
            asked = self.codes.pop(body["code"], None)
            digest = hashlib.sha256(body["code_verifier"].encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            if (
                asked is None
                or body["grant_type"] != "authorization_code"
                or body["client_id"] != asked["client_id"]
                or body["client_secret"] != f"secret of {asked['client_id']}"
                or body["redirect_uri"] != asked["redirect_uri"]
                or challenge != asked["code_challenge"]
            ):
                raise HTTPException(400, "invalid_grant")
            made = f"token-{len(self.tokens)}"
            self.tokens.add(made)
            return {"access_token": made, "token_type": "Bearer", "scope": asked["scope"]}

        @app.post("/oauth/revoke")
        def revoke(body: dict[str, Any]) -> dict[str, Any]:
            self.tokens.discard(body["token"])
            self.revoked.append(body["token"])
            return {}

        @app.get("/api/v1/accounts/verify_credentials")
        def credentials(authorization: str = Header("")) -> dict[str, Any]:
            if authorization.removeprefix("Bearer ") not in self.tokens:
                raise HTTPException(401)
            return {
                "id": "1",
                "acct": self.person,
                "uri": self.claims or f"{self.base}/users/{self.person}",
                "url": f"{self.base}/@{self.person}",
                "display_name": self.person,
            }

        return app


@contextmanager
def running(fake: FakeLogin) -> Iterator[FakeLogin]:
    """The fake on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        fake.port = probe.getsockname()[1]
    config = uvicorn.Config(fake.app(), host="127.0.0.1", port=fake.port, log_level="critical")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    limit = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < limit
        time.sleep(0.01)
    try:
        yield fake
    finally:
        server.should_exit = True
        thread.join(10)
