"""When nobody has asked for a while, the web process gives back what the last questions needed.

A search maps a part of the index into memory and leaves freed heap behind, 50 MB on the demo network.
Nothing is closed: what is needed again is in the system's cache.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from anyio import to_thread
from starlette.types import ASGIApp, Receive, Scope, Send

from myna.index.memory import release_memory

REST_S = 20.0
"""After the end of the last request."""
_LOOKED_IN = ("/healthz", "/metrics")
"""Programs ask for these all the time."""


class Rest:
    """ASGI middleware that notices when requests cease."""

    def __init__(self, app: ASGIApp, folder: Path) -> None:
        self._app = app
        self._folder = folder
        self._timer: asyncio.TimerHandle | None = None
        self._resting: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _LOOKED_IN:
            await self._app(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        finally:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = asyncio.get_running_loop().call_later(REST_S, self._begin)

    def _begin(self) -> None:
        self._timer = None
        self._resting = asyncio.create_task(
            to_thread.run_sync(release_memory, self._folder), name="rest"
        )
