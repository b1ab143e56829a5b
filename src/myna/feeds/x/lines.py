"""Lines of a stream, read in a thread of their own: HTTP cannot be read with a time limit and go on."""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping

from myna.errors import SourceError
from myna.feeds.x.server import Server

QUEUED_LINES = 1024
"""Received and not yet read; then X waits."""
_WAIT_SECONDS = 0.5


class Lines:
    """One connection. Use it with ``with``."""

    def __init__(self, server: Server, path: str, params: Mapping[str, str]) -> None:
        self._server, self._path, self._params = server, path, dict(params)
        self._queue: queue.Queue[str | SourceError | None] = queue.Queue(QUEUED_LINES)
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._run, name="x-lines", daemon=True)

    def __enter__(self) -> Lines:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()  # the thread sees it with the next line, 20 seconds at most

    def next(self, timeout: float) -> str | None:
        """The next line; an empty one says that the stream is alive, and None that nothing came.

        Raises:
            Refused: X does not stream. SourceError: the stream ended.
        """
        try:
            line = self._queue.get(timeout=timeout)
        except queue.Empty:
            return None
        if isinstance(line, SourceError):
            raise line
        if line is None:
            raise SourceError("X closed the stream. It is opened again.")
        return line

    def _run(self) -> None:
        try:
            with self._server.lines(self._path, self._params) as lines:
                self._put("")  # it is open
                for line in lines:
                    if not self._put(line):
                        return
            self._put(None)
        except SourceError as error:
            self._put(error)

    def _put(self, item: str | SourceError | None) -> bool:
        while not self._left.is_set():
            try:
                self._queue.put(item, timeout=_WAIT_SECONDS)
            except queue.Full:
                continue
            return True
        return False
