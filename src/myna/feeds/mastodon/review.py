"""A look again at what came from an instance, at growing ages: what was edited or deleted while nobody
listened, how often it was boosted and favourited, and what its author allows by now.

A status that the instance does not have any more is deleted: whatever the reason is, its author
or the instance does not show it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from myna.db.aliases import Reviewed
from myna.feeds.ingest import BATCH_SECONDS
from myna.feeds.mastodon.ids import Known
from myna.feeds.mastodon.reading import Reading
from myna.feeds.mastodon.server import MOST_STATUSES, Server
from myna.feeds.mastodon.status import BadStatus, id_of
from myna.feeds.source import Record

AGES = (
    timedelta(minutes=10),
    timedelta(hours=1),
    timedelta(hours=6),
    timedelta(days=1),
    timedelta(days=3),
    timedelta(days=7),
    timedelta(days=30),
)
IDLE_SECONDS = 5.0
SPARE = 0.5
"""The share of the instance's limit that is left to the streams and the bot."""

Due = Callable[[int, datetime, int], Sequence[Reviewed]]
"""Posts behind a key that were stored before a time, at most so many, by key."""


class Review:
    """The source of what has become of an instance's posts. Its place is, for each age, the key of
    the last post that was looked at when it was so old."""

    def __init__(
        self,
        server: Server,
        *,
        network: str,
        connection: str,
        known: Known,
        due: Due,
        stop: threading.Event | None = None,
        ages: Sequence[timedelta] = AGES,
    ) -> None:
        self.name = f"{connection}:review"
        self._server = server
        self._network = network
        self._connection = connection
        self._known = known
        self._due = due
        self._stop = stop or threading.Event()
        self._ages = ages

    def read(self, cursor: str) -> Iterator[Record | None]:
        """See ``Source.read``; it ends only with an error or a stop."""
        places = _places(cursor, self._ages)
        reading = Reading(
            self._server, self._network, self._connection, self._known, self._stop, spare=SPARE
        )
        while not self._stop.is_set():
            busy = False
            for age in self._ages:
                rows = self._due(places[age], datetime.now(UTC) - age, MOST_STATUSES)
                if rows:
                    busy = True
                    found = yield from reading.statuses([row.id for row in rows])
                    if found is None:
                        return
                    yield from self._compare(reading, rows, found, _cursor(places))
                    places[age] = rows[-1].post
                    yield Record(_cursor(places))
            if not busy:
                yield from self._rest()

    def _compare(
        self, reading: Reading, rows: Sequence[Reviewed], found: Sequence[object], cursor: str
    ) -> Iterator[Record | None]:
        for row in rows:
            reading.ids.remember(row.id, row.uri)
        there = set(filter(None, map(_id, found)))
        yield from reading.records(found, cursor)
        for row in rows:
            if row.id not in there and (record := reading.gone(row.id, cursor)):
                yield record

    def _rest(self) -> Iterator[None]:
        for _ in range(round(IDLE_SECONDS / BATCH_SECONDS)):
            if self._stop.wait(BATCH_SECONDS):
                return
            yield None


def _places(cursor: str, ages: Sequence[timedelta]) -> dict[timedelta, int]:
    """Age → key; an age that is new begins where the next older one stands: at the beginning."""
    stored: dict[int, int] = {}
    for part in cursor.split():
        age, _, key = part.partition(":")
        if age.isdecimal() and key.isdecimal():
            stored[int(age)] = int(key)
    return {age: stored.get(round(age.total_seconds()), 0) for age in ages}


def _cursor(places: Mapping[timedelta, int]) -> str:
    return " ".join(f"{round(age.total_seconds())}:{key}" for age, key in places.items())


def _id(status: object) -> str | None:
    try:
        return id_of(status) if isinstance(status, Mapping) else None
    except BadStatus:
        return None
