"""Which account a handle leads to: asked of the resolver that a network is connected with, and of nobody
else."""

from __future__ import annotations

import re
import threading
import time

import httpx2

from myna.db.connections import list_connections
from myna.db.engine import Database
from myna.errors import SourceError
from myna.telemetry import get_logger

log = get_logger("feeds")

SECONDS = 3.0
"""Longest wait for an answer: somebody waits for theirs."""
KEPT_SECONDS = 600.0
MOST_KEPT = 1_000
_HANDLE = re.compile(r"(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*")


class Handles:
    """Handles of the AT network; share it between threads."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._kept: dict[str, tuple[str | None, float]] = {}
        """Handle → account, and until when that is believed."""
        self._lock = threading.Lock()

    def account_of(self, handle: str) -> str | None:
        """Id of the account; None where the handle leads nowhere, or nobody can be asked now."""
        handle = handle.lower()
        if not _HANDLE.fullmatch(handle):
            return None
        with self._lock:
            found, until = self._kept.get(handle, (None, 0.0))
        if time.monotonic() < until:
            return found
        try:
            found = self._ask(handle)
        except SourceError as error:
            log.info("a handle could not be asked for", reason=str(error))
            return None
        with self._lock:
            self._kept.pop(handle, None)
            self._kept[handle] = found, time.monotonic() + KEPT_SECONDS
            while len(self._kept) > MOST_KEPT:
                del self._kept[next(iter(self._kept))]
        return found

    def _ask(self, handle: str) -> str | None:
        from myna.feeds.bluesky.directory import resolve  # only where such a network is connected
        from myna.feeds.bluesky.server import Server

        with self._db.begin() as conn:
            settings = [one.settings for one in list_connections(conn) if one.kind == "bluesky"]
        resolvers = [one.get("appview") or one.get("service") for one in settings]
        for address in dict.fromkeys(filter(None, resolvers)):
            with httpx2.Client(timeout=SECONDS, follow_redirects=False) as client:
                if found := resolve(Server(address, client), handle):
                    return found
        return None
