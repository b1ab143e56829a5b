"""What members said of the use of their posts before Myna read the stream.

A relay lists who has a record of a kind; each one's record comes from the server where the account
lives. It is done when a network is connected, and once a day again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from myna.errors import SourceError
from myna.feeds.bluesky import records
from myna.feeds.bluesky.directory import Directory
from myna.feeds.bluesky.server import Refused, Server
from myna.feeds.ingest import BATCH_SECONDS
from myna.feeds.source import Record
from myna.post import Event
from myna.telemetry import get_logger

log = get_logger("feeds")

AT_ONCE = 500
AGAIN = timedelta(days=1)
PAUSE_SECONDS = 0.05
"""Between two accounts: their servers are asked no faster."""
_NOT_THERE = frozenset({400, 401, 403, 404, 501})
"""How a server answers that does not list accounts by what they have."""


class Consents:
    """The source of records of consent that are older than the stream. Its place is when it was
    through last, or the collection and the page that it is at."""

    def __init__(self, network: str, *, relay: str, plc: str, stop: threading.Event) -> None:
        self.name = f"{network}:consents"
        self._network, self._stop = network, stop
        self._relay, self._directory = Server(relay), Directory(plc)

    def read(self, cursor: str) -> Iterator[Record | None]:
        """See ``Source.read``; it ends with a stop."""
        while not self._stop.is_set():
            done, collection, page = _place(cursor)
            if done and datetime.now(UTC) - done < AGAIN:
                yield None
                self._stop.wait(BATCH_SECONDS)
                continue
            for name in records.CONSENTS[records.CONSENTS.index(collection) :]:
                yield from self._collection(name, page if name == collection else "")
            if self._stop.is_set():
                return
            cursor = f"done {datetime.now(UTC).isoformat()}"
            yield Record(cursor)

    def _collection(self, collection: str, page: str) -> Iterator[Record | None]:
        while not self._stop.is_set():
            asked = {"collection": collection, "limit": AT_ONCE}
            if page:
                asked["cursor"] = page
            try:
                told = self._relay.get("com.atproto.sync.listReposByCollection", asked)
            except Refused as refused:
                if refused.status in _NOT_THERE:
                    log.info("the relay lists no accounts", source=self.name)
                    return
                raise
            repos = told.get("repos")
            for one in repos if isinstance(repos, list) else ():
                did = one.get("did") if isinstance(one, dict) else None
                if isinstance(did, str) and not self._stop.is_set():
                    for event in self._account(did, collection):
                        yield Record(f"at {collection} {page}", event)
                    yield None
                    self._stop.wait(PAUSE_SECONDS)
            page = str(told.get("cursor") or "")
            if not page:
                return
            yield Record(f"at {collection} {page}")

    def _account(self, did: str, collection: str) -> Iterator[Event]:
        """An account's records of a kind; without a revision, so that one that came over the
        stream stays. What cannot be asked for now is asked for tomorrow."""
        try:
            server = self._directory.host_of(did)
            if server is None:
                return
            asked = {"repo": did, "collection": collection, "limit": 100}
            told = server.get("com.atproto.repo.listRecords", asked)
        except SourceError as error:
            log.debug("an account's server did not answer", source=self.name, reason=str(error))
            return
        found = told.get("records")
        for one in found if isinstance(found, list) else ():
            if isinstance(one, dict) and isinstance(one.get("value"), dict):
                rkey = str(one.get("uri")).rpartition("/")[2]
                operation = records.Operation(
                    self._network, did, "create", collection, rkey, "", records.NOWHEN
                )
                yield from records.events_of(operation, one["value"])


def _place(cursor: str) -> tuple[datetime | None, str, str]:
    """When it was through, the collection to go on with, and its page."""
    match cursor.split(" "):
        case ["done", time]:
            try:
                return datetime.fromisoformat(time), records.CONSENTS[0], ""
            except ValueError:
                pass
        case ["at", collection, page] if collection in records.CONSENTS:
            return None, collection, page
    return None, records.CONSENTS[0], ""
