"""From statuses to records, with what that takes: the addresses of what they reply to, and the
patience that the instance asks for."""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping, Sequence
from typing import Any

from myna.db.aliases import Alias
from myna.feeds.ingest import BATCH_SECONDS
from myna.feeds.mastodon.ids import Ids, Known
from myna.feeds.mastodon.server import MOST_STATUSES, Refused, Server
from myna.feeds.mastodon.status import (
    BadStatus,
    Fields,
    author_of,
    id_of,
    is_public,
    original_of,
    parent_id_of,
    post_of,
    signal_of,
    uri_of,
)
from myna.feeds.source import Record, Rejection
from myna.post import Event, Kind, Signal

Waiting = Generator[Record | None, None, Any]
"""Gives None while it waits, and returns what it waited for."""

NO_WORD_SECONDS = 30.0
"""How long a refusal lasts that does not say how long."""
REMEMBERED_ACCOUNTS = 10_000


class Reading:
    """One reading of an instance, by one source."""

    def __init__(
        self,
        server: Server,
        network: str,
        connection: str,
        known: Known,
        stop: threading.Event,
        *,
        spare: float = 0.0,
    ) -> None:
        """``spare`` is the share of the instance's limit that is left to others."""
        self.network = network
        self.ids = Ids(known)
        self._server = server
        self._connection = connection
        self._stop = stop
        self._spare = spare
        self._signs: dict[str, Signal | None] = {}
        self._number = 0

    def get(self, path: str, params: Mapping[str, Any]) -> Waiting:
        """What the instance gives for ``path``, as soon as its limits let it; an empty list after
        a stop.

        Raises:
            Refused, SourceError: it does not.
        """
        while not self._stop.is_set():
            yield from self._wait(self._server.wait_s(spare=self._spare))
            try:
                return self._server.get(path, params)
            except Refused as refused:
                if refused.status != 429:
                    raise
                yield from self._wait(refused.retry_after_s or NO_WORD_SECONDS)
        return []

    def statuses(self, ids: Sequence[str]) -> Waiting:
        """Those statuses that are there; None after a stop.

        Raises:
            Refused, SourceError: the instance does not say.
        """
        while not self._stop.is_set():
            yield from self._wait(self._server.wait_s(spare=self._spare))
            try:
                return self._server.statuses(ids)
            except Refused as refused:
                if refused.status != 429:
                    raise
                yield from self._wait(refused.retry_after_s or NO_WORD_SECONDS)
        return None

    def records(
        self, statuses: Sequence[object], cursor: str, *, kind: Kind = Kind.CREATE
    ) -> Waiting:
        """The records of statuses in their order; a batch may end between any two of them.

        Raises:
            Refused, SourceError: the instance breaks while it is asked for more.
        """
        originals = [original_of(one) for one in statuses if isinstance(one, Mapping)]
        parents = yield from self._parents([one for one in originals if is_public(one)])
        for status in originals:
            self._number += 1
            try:
                records = self._records(status, parents, cursor, kind)
            except BadStatus as error:
                yield Record(cursor, rejection=Rejection(self._number, str(error)))
                continue
            yield from records

    def _records(
        self, status: Fields, parents: Mapping[str, str | None], cursor: str, kind: Kind
    ) -> list[Record]:
        id = id_of(status)
        if not is_public(status):  # and if it was, by some fault, it is no more
            known = self.ids.uri_of(id)
            return [Record(cursor, Event(Kind.DELETE, self.network, known))] if known else []
        host = self._server.host
        post = post_of(status, self.network, host, parents.get(parent_id_of(status) or ""))
        self.ids.remember(id, post.uri)
        signal = signal_of(status, author_of(status["account"], self.network, host), host)
        records = [Record(cursor, Event(kind, self.network, post.uri, post))]
        records[0] = Record(cursor, records[0].event, alias=Alias(self._connection, id))
        if self._signs.get(signal.uri) != signal.signal:
            if len(self._signs) >= REMEMBERED_ACCOUNTS:
                self._signs.clear()
            self._signs[signal.uri] = signal.signal
            records.insert(0, Record(cursor, signal))
        return records

    def gone(self, id: str, cursor: str) -> Record | None:
        """The record of a deletion; None for a status that Myna does not have."""
        uri = self.ids.uri_of(id)
        return Record(cursor, Event(Kind.DELETE, self.network, uri)) if uri else None

    def _parents(self, statuses: Sequence[Fields]) -> Waiting:
        """From numbers to addresses of what these statuses reply to. What the store does not have
        is asked for where half of the instance's limit is left; else a reply stands alone."""
        for one in statuses:  # a thread often comes in one page
            try:
                self.ids.remember(id_of(one), uri_of(one))
            except BadStatus:
                continue
        wanted = list(dict.fromkeys(filter(None, map(parent_id_of, statuses))))
        found = self.ids.find(wanted)
        missing = [id for id in wanted if id not in found]
        for start in range(0, len(missing), MOST_STATUSES):
            if self._server.wait_s(spare=0.5):
                break
            some = missing[start : start + MOST_STATUSES]
            told = yield from self.statuses(some)
            for status in told or ():
                try:
                    self.ids.remember(id_of(status), uri_of(status))
                except (BadStatus, AttributeError):
                    continue
            for id in some:
                found[id] = self.ids.uri_of(id)
                self.ids.remember(id, found[id])
        return found

    def _wait(self, seconds: float) -> Waiting:
        while seconds > 0 and not self._stop.is_set():
            self._stop.wait(min(seconds, BATCH_SECONDS))
            seconds -= BATCH_SECONDS
            yield None
