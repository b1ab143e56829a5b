"""A live stream of the network: a websocket to the first host that can be reached, read from where
it was left, with what could not be read noted as a gap.

Whatever breaks ends a reading with ``SourceError``, and ``feeds.ingest.run_live`` reads anew from the
last place that is stored. Which host is next is remembered between readings.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx2
import zstandard
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from myna.db.sources import Gap
from myna.errors import SourceError
from myna.feeds.bluesky import records
from myna.feeds.bluesky.frames import Frames
from myna.feeds.bluesky.jetstream import MAX_MESSAGE_BYTES, Jetstream
from myna.feeds.bluesky.message import BadMessage, Message, Notice, StreamRefused
from myna.feeds.bluesky.place import FRAMED, REWIND, Place, Protocol, Target, microseconds
from myna.feeds.ingest import BATCH_SECONDS, STEADY_SECONDS
from myna.feeds.source import Record, Rejection
from myna.telemetry import get_logger

log = get_logger("feeds")

OPEN_SECONDS = 10.0
QUEUED_MESSAGES = 1024
"""Received and not yet read; then the host waits."""
FALLBACK_AFTER = 3
"""Failures in a row after which the next host is tried."""
HOME_SECONDS = 900.0
"""How long another host than the first is kept before the first is tried again."""
IDLE_CURSOR_SECONDS = 1.0
"""How often the place is stored while nothing comes that Myna reads."""
SILENT_GAP = timedelta(minutes=10)
"""Jetstream v1 begins later than asked for without a word: more than this is a gap."""
_OTHER_PROTOCOL = frozenset({400, 404, 405, 426, 501})
"""How a host answers that does not speak v2."""


@dataclass(slots=True)
class _Start:
    """Where a connection begins."""

    cursor: int | None
    """What is sent; None is the live end."""
    place: Place | None
    """What is stored."""
    skip: int = -1
    """Numbers up to this one have been read."""
    lost: str | None = None
    """Why what lies between the place and the first message is missing."""


class _Refused(Exception):
    """The host answered, and refuses: the status and the name of the error."""

    def __init__(self, status: int, name: str) -> None:
        super().__init__(status, name)
        self.status, self.name = status, name


RENAMED, DIVERGED = 10_000, 1_000
"""Most accounts that wait to be looked after."""


@dataclass(slots=True)
class Side:
    """What a stream notices and does not tell: whoever looks after accounts takes it from here.
    Bounded: what is too much is found by the look at all accounts."""

    renamed: deque[str] = field(default_factory=lambda: deque(maxlen=RENAMED))
    diverged: deque[str] = field(default_factory=lambda: deque(maxlen=DIVERGED))
    unlabelled: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=RENAMED))


class Stream:
    """The source of what happens on the network."""

    def __init__(
        self,
        network: str,
        targets: Sequence[Target],
        *,
        name: str | None = None,
        begin: datetime | None = None,
        side: Side | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        """``begin`` is where a Jetstream that was never read begins; None is the live end."""
        self.name = name or network
        self.side = side or Side()
        self._network = network
        self._targets = list(targets)
        self._begin = begin
        self._stop = stop or threading.Event()
        self._current = 0
        self._failures = 0
        self._away_since = 0.0
        self._dictionaries: dict[str, zstandard.ZstdCompressionDict | None] = {}

    def read(self, cursor: str) -> Iterator[Record | None]:
        """See ``Source.read``; it ends only with an error or a stop."""
        while not self._stop.is_set():
            target = self._targets[self._current]
            began = time.monotonic()
            try:
                for record in self._follow(target, cursor):
                    if record is not None:
                        cursor = record.cursor
                        self._failures = 0
                    yield record
            except _Refused as refused:
                if target.protocol is Protocol.JETSTREAM_2 and refused.status in _OTHER_PROTOCOL:
                    other = replace(target, protocol=Protocol.JETSTREAM_1)
                    if other in self._targets:  # an older Jetstream: for good
                        self._targets.remove(target)
                        continue
                self._fail(target, began)
                raise SourceError(
                    f"{target.host} refuses the stream (status {refused.status}"
                    f"{', ' + refused.name if refused.name else ''}). It is tried again; "
                    "`myna connect bluesky --stream` takes another host."
                ) from None
            except StreamRefused as refused:
                self._fail(target, began)
                raise SourceError(
                    f"{target.host} ended the stream ({refused.name}). It is opened again."
                ) from None
            except ConnectionClosed:
                self._fail(target, began)
                raise SourceError(
                    f"{target.host} closed the connection. It is opened again."
                ) from None
            except (OSError, WebSocketException) as error:
                self._fail(target, began)
                raise SourceError(
                    f"{target.host} cannot be reached ({_reason(error)}). It is tried again; see "
                    "that this machine reaches it."
                ) from None

    def _fail(self, target: Target, began: float) -> None:
        """Count a failure; after some, the next host is tried."""
        lasted = time.monotonic() - began > STEADY_SECONDS
        self._failures = 1 if lasted else self._failures + 1
        if self._failures >= FALLBACK_AFTER and len(self._targets) > 1:
            self._failures = 0
            self._current = (self._targets.index(target) + 1) % len(self._targets)
            self._away_since = time.monotonic()
            log.warning("another host is tried", host=self._targets[self._current].host)

    def _is_away(self) -> bool:
        return self._current > 0 and time.monotonic() - self._away_since > HOME_SECONDS

    def _follow(self, target: Target, cursor: str) -> Iterator[Record | None]:
        """Read one host until it breaks, or until it is time to try the first one again."""
        start = self._start(target, cursor)
        decoder, dictionary = self._decoder(target)
        try:
            socket = _open(target, start, dictionary)
        except _Refused as refused:
            if refused.name not in {"CursorTooOld", "FutureCursor"} or start.place is None:
                raise
            start = self._without_number(target, start, refused.name)
            socket = _open(target, start, dictionary)
        with socket:
            try:
                yield from self._messages(socket, decoder, start, cursor)
            except StreamRefused as refused:
                if refused.name != "FutureCursor":
                    raise
                place = replace(start, cursor=None, skip=-1, lost=_future(target))
                with _open(target, place, dictionary) as again:
                    yield from self._messages(again, decoder, place, cursor)
        if self._is_away():
            self._current = 0

    def _messages(
        self,
        socket: ClientConnection,
        decoder: Jetstream | Frames,
        start: _Start,
        cursor: str,
    ) -> Iterator[Record | None]:
        told = time.monotonic()
        count = 0
        while not self._stop.is_set():
            try:
                data = socket.recv(timeout=BATCH_SECONDS, decode=False)
            except TimeoutError:
                yield None
                if self._is_away():
                    return
                continue
            count += 1
            try:
                message = decoder.decode(data)
            except BadMessage as error:
                yield Record(cursor, rejection=Rejection(count, str(error)))
                continue
            if isinstance(message, Notice):
                self._note(message, start)
                continue
            if message.number <= start.skip:
                continue
            if start.lost or (start.place and count == 1):
                if gap := _gap(start, message):
                    log.warning("the network did not give all", source=self.name, why=gap.reason)
                    yield Record(cursor, gap=gap)
                start.lost = None
            self._aside(message)
            *first, last = message.events or (None,)
            for event in first:  # a batch may end between them: then the message comes again
                yield Record(cursor, event)
            cursor = message.cursor
            if last is not None:
                yield Record(cursor, last)
                told = time.monotonic()
            elif time.monotonic() - told > IDLE_CURSOR_SECONDS:
                yield Record(cursor)
                told = time.monotonic()
                if self._is_away():
                    return

    def _aside(self, message: Message) -> None:
        if message.renamed:
            self.side.renamed.append(message.renamed)
        if message.diverged:
            self.side.diverged.append(message.diverged)
        self.side.unlabelled.extend(message.unlabelled)

    def _note(self, notice: Notice, start: _Start) -> None:
        if notice.name == "OutdatedCursor":
            start.lost = "the host keeps no more of the past"
        elif notice.name == "FutureCursor":
            start.lost, start.skip = "the host has numbered anew", -1

    def _start(self, target: Target, cursor: str) -> _Start:
        place = Place.read(cursor)
        if place is None:
            begin = microseconds(self._begin) if self._begin else None
            return _Start(begin if target.protocol not in FRAMED else None, None)
        if not place.is_of(target):
            return self._without_number(target, _Start(None, place), "")
        if target.protocol is Protocol.JETSTREAM_1:
            return _Start(place.number - REWIND // timedelta(microseconds=1), place)
        return _Start(place.number, place, skip=place.number)

    def _without_number(self, target: Target, start: _Start, why: str) -> _Start:
        """Begin by the time of the place, as near as the host can."""
        time = start.place.time if start.place else None
        if target.protocol in FRAMED or time is None:
            lost = _future(target) if why == "FutureCursor" else "another host went on"
            return _Start(None, start.place, lost=lost)
        lost = "the host keeps no more of the past" if why == "CursorTooOld" else None
        return _Start(microseconds(time - REWIND), start.place, lost=lost)

    def _decoder(self, target: Target) -> tuple[Jetstream | Frames, int | None]:
        """What decodes this host's messages, and the number of its dictionary."""
        if target.protocol in FRAMED:
            return Frames(self._network, target.protocol, target.host), None
        dictionary = None
        if target.protocol is Protocol.JETSTREAM_2:
            if target.host not in self._dictionaries:
                self._dictionaries[target.host] = _fetch_dictionary(target)
            dictionary = self._dictionaries[target.host]
        number = dictionary.dict_id() if dictionary else None
        return Jetstream(self._network, target.protocol, target.host, dictionary), number


def _open(target: Target, start: _Start, dictionary: int | None) -> ClientConnection:
    """Connect.

    Raises:
        _Refused: the host answers, and does not stream. OSError, WebSocketException: it is away.
    """
    query: list[tuple[str, Any]] = []
    if start.cursor is not None:
        query.append(("cursor", start.cursor))
    protocols = None
    if target.protocol is Protocol.JETSTREAM_2:
        query += [("collections", one) for one in records.COLLECTIONS]
        if dictionary:
            query.append(("zstdDictionary", dictionary))
        protocols = [Subprotocol("xrpc.v1.json")]
    elif target.protocol is Protocol.JETSTREAM_1:
        query += [("wantedCollections", one) for one in records.COLLECTIONS]
    try:
        return connect(
            f"{target.url}?{urlencode(query)}" if query else target.url,
            subprotocols=protocols,
            compression="deflate" if target.protocol is Protocol.JETSTREAM_1 else None,
            open_timeout=OPEN_SECONDS,
            close_timeout=1,
            max_size=MAX_MESSAGE_BYTES,
            max_queue=QUEUED_MESSAGES,
            legacy=True,  # opened here, so that a refusal is seen here
        )
    except InvalidStatus as error:
        raise _Refused(error.response.status_code, _error_name(error.response.body)) from None


def _fetch_dictionary(target: Target) -> zstandard.ZstdCompressionDict | None:
    """The dictionary that the host compresses with; None where it has none: then it sends plain
    text."""
    with suppress(httpx2.HTTPError, zstandard.ZstdError):
        answer = httpx2.get(
            f"{target.http}/xrpc/network.bsky.jetstream.getZstdDictionary", timeout=OPEN_SECONDS
        )
        if answer.status_code == 200:
            dictionary = zstandard.ZstdCompressionDict(
                answer.content, dict_type=zstandard.DICT_TYPE_FULLDICT
            )
            return dictionary if dictionary.dict_id() else None
    return None


def _gap(start: _Start, message: Message) -> Gap | None:
    """What lies between the stored place and the first message, where it is missing."""
    since = start.place.time if start.place else None
    here = Place.read(message.cursor)
    until = (here.time if here else None) or datetime.now(UTC)
    if start.lost:
        return Gap(since, until, start.lost)
    is_silent = here is not None and here.protocol == Protocol.JETSTREAM_1
    if is_silent and since and until - since > SILENT_GAP:
        return Gap(since, until, "the host keeps no more of the past")
    return None


def _future(target: Target) -> str:
    return f"{target.host} has numbered anew"


def _error_name(body: bytes | bytearray | memoryview | None) -> str:
    """The name of an XRPC error; never what else the answer says."""
    with suppress(ValueError, AttributeError, TypeError):
        name = json.loads(bytes(body or b"")).get("error")
        if isinstance(name, str) and name.isalnum() and len(name) < 64:
            return name
    return ""


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
