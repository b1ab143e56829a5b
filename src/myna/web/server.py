"""The web server's process: uvicorn, ended in a way that loses nothing and keeps nobody waiting.

uvicorn waits for open connections before it tells the app that it stops; readers of an answer would
keep theirs open. So the answers are ended first: what is written is saved, every reader is told.
"""

from __future__ import annotations

import socket

import uvicorn

from myna.settings import Settings
from myna.web.app import create_app
from myna.web.parts import Wiring

LAST_REQUESTS_S = 3
"""How long other requests may take to their end."""


class Server(uvicorn.Server):
    """uvicorn with the app of these settings."""

    def __init__(self, settings: Settings) -> None:
        self.app = create_app(settings)
        config = uvicorn.Config(
            self.app,
            host=settings.host,
            port=settings.port,
            log_level="warning",
            timeout_graceful_shutdown=LAST_REQUESTS_S,
            server_header=False,
            proxy_headers=False,
        )
        super().__init__(config)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the answers, then the connections, then the app."""
        wiring: Wiring = self.app.state.wiring
        await wiring.end_answers()
        await super().shutdown(sockets)


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    Server(settings).run()
