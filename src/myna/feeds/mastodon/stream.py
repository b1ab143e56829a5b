"""A timeline of an instance as a source: its past from the stored place on, then what is streamed.

A stream has no memory: what is said while nobody listens is said to nobody. So the stream is opened
first, then the past is read up to the present, then what was streamed meanwhile, and once more the
past: what comes twice changes nothing. Deletions and edits that were missed are found by ``review``.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

from myna.db.sources import Gap
from myna.errors import SourceError
from myna.feeds.ingest import BATCH_SECONDS
from myna.feeds.mastodon.ids import Known
from myna.feeds.mastodon.place import Place, at, order, tells_time
from myna.feeds.mastodon.reading import Reading, Waiting
from myna.feeds.mastodon.server import Server
from myna.feeds.mastodon.status import BadStatus, id_of, time_of
from myna.feeds.mastodon.timeline import Timeline
from myna.feeds.source import Record, Rejection
from myna.post import Kind
from myna.telemetry import get_logger

log = get_logger("feeds")

OPEN_SECONDS = 15.0
MAX_MESSAGE_BYTES = 4 << 20
QUEUED_MESSAGES = 4096
"""Received while the past is read; then the instance waits."""
PAGE = 40
"""Statuses in a page: as many as Mastodon gives."""
SECOND_LOOK_SECONDS = 2.0
"""After a stream is opened: it may begin a moment after it says that it is open."""
SWEEP_SECONDS = 300.0
"""Between later looks at the past: an instance may drop what it should have streamed."""
LONGEST_BREAK = timedelta(hours=72)
"""A timeline is not read further back than this after a break: it would never catch up."""


class Stream:
    """One timeline."""

    def __init__(
        self,
        server: Server,
        timeline: Timeline,
        *,
        network: str,
        connection: str,
        streaming: str,
        known: Known,
        begin: datetime | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        """``streaming`` is the address of the instance's streams, ``begin`` where a timeline that
        was never read begins; None is its end."""
        self.name = f"{connection}:{timeline.word}"
        self._server = server
        self._timeline = timeline
        self._network = network
        self._connection = connection
        self._url = f"{streaming.rstrip('/')}/api/v1/streaming?{timeline.query}"
        self._known = known
        self._begin = begin
        self._stop = stop or threading.Event()

    def read(self, cursor: str) -> Iterator[Record | None]:
        """See ``Source.read``; it ends only with an error or a stop."""
        host = self._server.host
        try:
            with open_stream(self._url, self._server) as socket:
                yield from _Following(
                    self._reading(), self._timeline, socket, self._stop, cursor
                ).follow(self._begin)
        except InvalidStatus as error:
            raise SourceError(_refusal(host, error.response.status_code)) from None
        except ConnectionClosed:
            raise SourceError(f"{host} closed the stream. It is opened again.") from None
        except (OSError, WebSocketException):
            raise SourceError(
                f"The streams of {host} cannot be reached. They are tried again; see that this "
                "machine reaches it."
            ) from None

    def _reading(self) -> Reading:
        return Reading(self._server, self._network, self._connection, self._known, self._stop)


class _Following:
    """One connection: where it stands."""

    def __init__(
        self,
        reading: Reading,
        timeline: Timeline,
        socket: ClientConnection,
        stop: threading.Event,
        cursor: str,
    ) -> None:
        self._reading = reading
        self._timeline = timeline
        self._socket = socket
        self._stop = stop
        self._place = Place.read(cursor)
        self._messages = 0

    @property
    def _cursor(self) -> str:
        return self._place.cursor if self._place else ""

    def follow(self, begin: datetime | None) -> Iterator[Record | None]:
        """Everything behind the place, for ever."""
        if self._place is None:
            yield from self._start(begin)
        else:
            yield from self._resume(self._place)
        yield from self._live()

    def _start(self, begin: datetime | None) -> Waiting:
        """Begin a timeline that was never read: at its end, or at a time."""
        page = yield from self._page({"limit": "1"})
        if not page:
            return
        place = _place_of(page[0])
        if begin and place and tells_time(place.id):
            yield from self._catch_up(at(begin))
        elif place:
            self._place = place
            yield Record(self._cursor)

    def _resume(self, place: Place) -> Waiting:
        """Go on after a break, and say what cannot be had any more."""
        if place.time < datetime.now(UTC) - LONGEST_BREAK and tells_time(place.id):
            begin = at(datetime.now(UTC) - LONGEST_BREAK)
            yield from self._note(Gap(place.time, begin.time, "the break was too long to catch up"))
            yield from self._catch_up(begin)
            return
        if self._timeline.is_feed:
            before = yield from self._page({"limit": "1", "max_id": _after(place.id)})
            if not before:
                now = datetime.now(UTC)
                yield from self._note(
                    Gap(place.time, now, "the instance keeps no more of the past")
                )
        yield from self._catch_up(place.rewound())

    def _note(self, gap: Gap) -> Waiting:
        log.warning("the instance did not give all", timeline=self._timeline.word, why=gap.reason)
        yield Record(self._cursor, gap=gap)

    def _catch_up(self, begin: Place) -> Waiting:
        """Read the past from ``begin`` to the present, the oldest first. The stored place never
        goes back meanwhile."""
        here = begin
        while not self._stop.is_set():
            page = yield from self._page({"limit": str(PAGE), "min_id": here.id})
            places = [place for place in map(_place_of, page) if place]
            further = [place for place in places if order(place.id) > order(here.id)]
            if not further:
                return
            here = max(further, key=lambda place: order(place.id))
            yield from self._reading.records(list(reversed(page)), self._cursor)
            self._place = self._place.later(here) if self._place else here
            yield Record(self._cursor)

    def _first(self) -> Waiting:
        """What there is by now of a timeline that had nothing."""
        page = yield from self._page({"limit": str(PAGE)})
        yield from self._reading.records(list(reversed(page)), self._cursor)
        if place := next(filter(None, map(_place_of, page)), None):
            self._place = self._place.later(place) if self._place else place
            yield Record(self._cursor)

    def _page(self, params: dict[str, str]) -> Waiting:
        page = yield from self._reading.get(
            self._timeline.path, {**self._timeline.params, **params}
        )
        return page if isinstance(page, list) else []

    def _live(self) -> Iterator[Record | None]:
        """What is streamed; now and then a look at the past, whether it was all."""
        look = time.monotonic() + SECOND_LOOK_SECONDS
        looked = self._place
        while not self._stop.is_set():
            try:
                message = self._socket.recv(timeout=BATCH_SECONDS)
            except TimeoutError:
                yield None
            else:
                yield from self._take(message)
            if time.monotonic() > look:
                yield from self._catch_up(looked) if looked else self._first()
                looked = self._place
                look = time.monotonic() + SWEEP_SECONDS

    def _take(self, message: str | bytes) -> Waiting:
        self._messages += 1
        try:
            told = json.loads(message)
            event, payload = told["event"], told.get("payload")
            if event in {"update", "status.update"}:
                status = json.loads(payload) if isinstance(payload, str) else payload
                place = _place_of(status)
                kind = Kind.EDIT if event == "status.update" else Kind.CREATE
            elif event == "delete":
                if record := self._reading.gone(str(payload), self._cursor):
                    yield record
                return
            else:
                return
        except (ValueError, TypeError, KeyError):
            yield Record(
                self._cursor, rejection=Rejection(self._messages, "is not a message of a stream")
            )
            return
        yield from self._reading.records([status], self._cursor, kind=kind)
        if place and kind is Kind.CREATE:
            self._place = self._place.later(place) if self._place else place
            yield Record(self._cursor)


def open_stream(url: str, server: Server) -> ClientConnection:
    """Connect; the token goes in a header, since addresses are written into logs.

    Raises:
        InvalidStatus: the instance refuses. OSError, WebSocketException: it is away.
    """
    return connect(
        url,
        additional_headers=server.authorization,
        open_timeout=OPEN_SECONDS,
        close_timeout=1,
        max_size=MAX_MESSAGE_BYTES,
        max_queue=QUEUED_MESSAGES,
        legacy=True,  # opened here, so that a refusal is seen here
    )


def _refusal(host: str, status: int) -> str:
    if status in {401, 403}:
        return (
            f"{host} does not take the token for its streams. Connect again with "
            "`myna connect mastodon`."
        )
    return f"{host} refuses the stream (status {status}). It is tried again."


def _place_of(status: Any) -> Place | None:
    try:
        return Place(id_of(status), time_of(status))
    except (BadStatus, AttributeError):
        return None


def _after(id: str) -> str:
    """So that the status itself is before it."""
    return str(int(id) + 1) if id.isdecimal() else id
