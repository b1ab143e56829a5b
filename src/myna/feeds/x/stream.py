"""What matches the rules, live, and from the recent search what matched them during a break; and
posts that mention Myna, which X is asked for now and then.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from myna.db.sources import Gap
from myna.errors import SourceError
from myna.feeds.ingest import BATCH_SECONDS
from myna.feeds.source import Record, Rejection
from myna.feeds.x.lines import Lines
from myna.feeds.x.place import Place
from myna.feeds.x.post import ASKED, is_id
from myna.feeds.x.reading import Reading, Waiting
from myna.feeds.x.server import Server
from myna.telemetry import get_logger

log = get_logger("feeds")

STREAM = "/2/tweets/search/stream"
RULES = "/2/tweets/search/stream/rules"
SEARCH = "/2/tweets/search/recent"
TAG = "myna"
"""Rules under this tag are Myna's; others of the application are left alone."""
MENTIONS_SECONDS = 60.0
OPEN_SECONDS = 60.0


class Stream:
    """The source of what matches the rules."""

    def __init__(
        self,
        server: Server,
        rules: Sequence[str],
        *,
        network: str,
        connection: str,
        stop: threading.Event | None = None,
    ) -> None:
        self.name = f"{connection}:stream"
        self._server = server
        self._rules = list(rules)
        self._network = network
        self._stop = stop or threading.Event()

    def read(self, cursor: str) -> Iterator[Record | None]:
        """See ``Source.read``; it ends only with an error or a stop."""
        reading = Reading(self._server, self._network, self._stop)
        yield from reading.patiently(self._follow(reading, cursor))

    def _follow(self, reading: Reading, cursor: str) -> Iterator[Record | None]:
        """The stream is opened before the past is read, so that nothing lies between."""
        set_rules(self._server, self._rules)
        place = Place.read(cursor)
        with Lines(self._server, STREAM, ASKED) as lines:
            yield from self._opened(lines)
            if place:
                place = yield from self._catch_up(reading, place)
            while not self._stop.is_set():
                line = lines.next(BATCH_SECONDS)
                if not line:
                    yield None
                    continue
                yield from self._take(reading, line, place)
                place = _further(place, line)
                if place:
                    yield Record(place.id)

    def _opened(self, lines: Lines) -> Waiting:
        waited = 0.0
        while lines.next(BATCH_SECONDS) is None and not self._stop.is_set():
            waited += BATCH_SECONDS
            if waited > OPEN_SECONDS:
                raise SourceError("X does not open the stream. It is tried again.")
            yield None

    def _catch_up(self, reading: Reading, place: Place) -> Waiting:
        """What matched during the break; where the place is in the end."""
        now = datetime.now(UTC)
        begin, is_whole = place.begin(now)
        newest, is_all = place.id, True
        for rule in self._rules:
            last, done = yield from reading.pages(
                SEARCH, {"query": rule, "since_id": begin}, place.id
            )
            newest, is_all = max(newest, last, key=int), is_all and done
        why = None
        if not is_whole:
            why = "X's search goes back seven days"
        elif not is_all:
            why = "more posts matched than are read after a break"
        place = place.later(newest)
        if why:
            log.warning("X did not give all", source=self.name, why=why)
            yield Record(place.id, gap=Gap(Place(begin).time, now, why))
        yield Record(place.id)
        return place

    def _take(self, reading: Reading, line: str, place: Place | None) -> Waiting:
        cursor = place.id if place else ""
        told = _object(line)
        if told is None:
            yield Record(cursor, rejection=Rejection(0, "is not a line of a stream"))
        elif "data" in told:
            yield from reading.records(told, cursor)
        elif "errors" in told:
            raise SourceError("X ended the stream (a fault of its own). It is opened again.")


class Mentions:
    """The source of posts that mention an account. They come by the stream too, where there is one;
    X's stream may lose some."""

    def __init__(
        self,
        server: Server,
        account: str,
        *,
        network: str,
        connection: str,
        stop: threading.Event | None = None,
        every_s: float = MENTIONS_SECONDS,
    ) -> None:
        self.name = f"{connection}:mentions"
        self._server = server
        self._path = f"/2/users/{account}/mentions"
        self._network = network
        self._stop = stop or threading.Event()
        self._every_s = every_s

    def read(self, cursor: str) -> Iterator[Record | None]:
        """See ``Source.read``; it ends only with an error or a stop. What is older than the first
        look is not asked for."""
        reading = Reading(self._server, self._network, self._stop)
        place = Place.read(cursor)
        while not self._stop.is_set():
            since = {"since_id": place.id} if place else {}
            newest, _ = yield from reading.pages(self._path, since, cursor)
            if newest != "0":
                place = place.later(newest) if place else Place(newest)
                cursor = place.id
                yield Record(cursor)
            yield from reading.wait(self._every_s)


def set_rules(server: Server, rules: Sequence[str]) -> None:
    """Make ``rules`` those under Myna's tag.

    Raises:
        Refused, SourceError: X does not.
    """
    told = server.get(RULES).get("data")
    mine = {
        str(one.get("value")): str(one.get("id"))
        for one in (told if isinstance(told, list) else [])
        if isinstance(one, Mapping) and one.get("tag") == TAG
    }
    if old := [id for value, id in mine.items() if value not in rules]:
        server.post(RULES, {"delete": {"ids": old}})
    if new := [rule for rule in rules if rule not in mine]:
        server.post(RULES, {"add": [{"value": rule, "tag": TAG} for rule in new]})


def _further(place: Place | None, line: str) -> Place | None:
    data = (_object(line) or {}).get("data")
    id = data.get("id") if isinstance(data, Mapping) else None
    if not is_id(id):
        return place
    return place.later(str(id)) if place else Place(str(id))


def _object(line: str) -> dict[str, Any] | None:
    try:
        told = json.loads(line)
    except ValueError:
        return None
    return told if isinstance(told, dict) else None
