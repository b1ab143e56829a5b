"""Pages of posts, with the patience that X asks for."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator, Mapping
from typing import Any

from myna.feeds.ingest import BATCH_SECONDS
from myna.feeds.source import Record, Rejection
from myna.feeds.x.post import ASKED, BadPost, Given, events_of, is_id
from myna.feeds.x.server import Refused, Server

Waiting = Generator[Record | None, None, Any]
"""Gives None while it waits, and returns what it waited for."""

PAGE = "100"
MOST_PAGES = 10
"""Of one catching up: X counts each post, and many must be paid."""
NO_WORD_SECONDS = 60.0


class Reading:
    """One reading of X, by one source."""

    def __init__(self, server: Server, network: str, stop: threading.Event) -> None:
        self.network = network
        self._server = server
        self._stop = stop
        self._number = 0

    def get(self, path: str, params: Mapping[str, str]) -> Waiting:
        """What X gives for ``path``, as soon as its limits let it; {} after a stop.

        Raises:
            Refused, SourceError: it does not.
        """
        while not self._stop.is_set():
            yield from self.wait(self._server.wait_s(path))
            try:
                return self._server.get(path, params)
            except Refused as refused:
                if refused.status != 429:
                    raise
                yield from self.wait(refused.retry_after_s or NO_WORD_SECONDS)
        return {}

    def patiently(self, records: Iterator[Record | None]) -> Waiting:
        """``records``; where X has had enough of opening streams and jobs, the pause that it asks
        for comes before the error.

        Raises:
            SourceError: as ``records`` does.
        """
        try:
            yield from records
        except Refused as refused:
            if refused.status == 429:
                yield from self.wait(refused.retry_after_s or NO_WORD_SECONDS)
            raise

    def pages(self, path: str, params: Mapping[str, str], cursor: str) -> Waiting:
        """The records of all pages; returns the largest number among them, and whether those were
        all. X gives the newest first, so the stored place must not move before the end.

        Raises:
            Refused, SourceError: X does not give them.
        """
        newest, token = "0", ""
        for _ in range(MOST_PAGES):
            more = {**ASKED, **params, "max_results": PAGE}
            answer = yield from self.get(
                path, {**more, "pagination_token": token} if token else more
            )
            yield from self.records(answer, cursor)
            meta = answer.get("meta") or {}
            if is_id(meta.get("newest_id")):
                newest = max(newest, meta["newest_id"], key=int)
            token = meta.get("next_token") or ""
            if not token:
                return newest, True
        return newest, False

    def records(self, answer: Mapping[str, Any], cursor: str) -> Waiting:
        """The records of the posts in an answer, or in a line of the stream."""
        data = answer.get("data")
        given = Given.read(answer.get("includes"))
        for told in data if isinstance(data, list) else [data]:
            self._number += 1
            try:
                events = events_of(told, given, self.network) if isinstance(told, Mapping) else []
            except BadPost as error:
                yield Record(cursor, rejection=Rejection(self._number, str(error)))
                continue
            yield from (Record(cursor, event) for event in events)

    def wait(self, seconds: float) -> Waiting:
        """Give None until the time has passed or a stop is set."""
        while seconds > 0 and not self._stop.is_set():
            self._stop.wait(min(seconds, BATCH_SECONDS))
            seconds -= BATCH_SECONDS
            yield None
