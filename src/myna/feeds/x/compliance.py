"""What X wants deleted: twice a day all posts and accounts that are held are compared by a compliance
job, so that a deletion on X is one here within its 24 hours, also when one run fails.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from myna.db.held import HeldAuthor
from myna.errors import SourceError
from myna.feeds.source import Record
from myna.feeds.x.post import id_of, is_id, uri_of
from myna.feeds.x.reading import Reading, Waiting
from myna.feeds.x.server import Server
from myna.post import Event, Kind

JOBS = "/2/compliance/jobs"
EVERY = timedelta(hours=12)
ALLOWED = timedelta(hours=24)
"""X's developer policy: how long what was deleted may be kept."""
MOST_IDS = 500_000
"""In one job."""
POLL_SECONDS = 10.0
LONGEST_JOB_SECONDS = 3 * 3600.0

_GONE = {"deleted": Kind.PURGE}
"""Why an account is listed → what becomes of it; for every other reason it is hidden, and its posts
are deleted by the other job."""
_HARMLESS = frozenset({"scrub_geo"})
"""Myna keeps no places."""

HeldPosts = Callable[[int], Sequence[tuple[int, str]]]
"""Key and URI of the next live posts behind a key."""
HeldAuthors = Callable[[int], Sequence[HeldAuthor]]
"""The next authors behind a key."""


class Compliance:
    """The source of deletions. Its place is when it last went through."""

    def __init__(
        self,
        server: Server,
        posts: HeldPosts,
        authors: HeldAuthors,
        *,
        network: str,
        connection: str,
        stop: threading.Event | None = None,
        poll_s: float = POLL_SECONDS,
    ) -> None:
        self.name = f"{connection}:compliance"
        self._server = server
        self._posts = posts
        self._authors = authors
        self._network = network
        self._stop = stop or threading.Event()
        self._poll_s = poll_s

    def read(self, cursor: str) -> Iterator[Record | None]:
        """See ``Source.read``; it ends only with an error or a stop.

        Raises:
            SourceError: a job failed; beyond X's time it says so.
        """
        reading = Reading(self._server, self._network, self._stop)
        yield from reading.patiently(self._compare(reading, cursor))

    def _compare(self, reading: Reading, cursor: str) -> Iterator[Record | None]:
        while not self._stop.is_set():
            began, last = datetime.now(UTC), _time(cursor)
            if last and began < last + EVERY:
                yield from reading.wait(min(60.0, (last + EVERY - began).total_seconds()))
                continue
            try:
                yield from self._compare_posts(reading, cursor)
                yield from self._compare_authors(reading, cursor)
            except SourceError as error:
                if last and began > last + ALLOWED:
                    raise SourceError(
                        f"X's posts have not been compared for {ALLOWED.total_seconds() / 3600:.0f} "
                        f"hours, which its policy does not allow: {error}"
                    ) from None
                raise
            if not self._stop.is_set():
                cursor = began.isoformat()
                yield Record(cursor)

    def _compare_posts(self, reading: Reading, cursor: str) -> Waiting:
        after = 0
        while not self._stop.is_set():
            ids, after = _gather(self._posts, after, lambda row: id_of(row[1]), lambda row: row[0])
            if not ids:
                return
            for told in (yield from self._job(reading, "tweets", ids)):
                if told.get("action") == "delete" and told.get("reason") not in _HARMLESS:
                    uri = uri_of(str(told["id"]))
                    yield Record(cursor, Event(Kind.DELETE, self._network, uri))

    def _compare_authors(self, reading: Reading, cursor: str) -> Waiting:
        after = 0
        while not self._stop.is_set():
            hidden: set[str] = set()

            def id_and_state(row: HeldAuthor, hidden: set[str] = hidden) -> str | None:
                if row.state == "hidden":
                    hidden.add(row.author)
                return row.author if is_id(row.author) and row.state != "purged" else None

            ids, after = _gather(self._authors, after, id_and_state, lambda row: row.id)
            if not ids:
                return
            listed: set[str] = set()
            for told in (yield from self._job(reading, "users", ids)):
                if told.get("reason") in _HARMLESS:
                    continue
                listed.add(str(told["id"]))
                kind = _GONE.get(str(told.get("reason")), Kind.HIDE)
                yield Record(cursor, Event(kind, self._network, str(told["id"])))
            for back in sorted(hidden - listed):
                yield Record(cursor, Event(Kind.RETURN, self._network, back))

    def _job(self, reading: Reading, type: str, ids: Sequence[str]) -> Waiting:
        """Have ids compared; the objects of the result, whole: half a result would bring accounts
        back that are listed in the other half."""
        job = _object(self._server.post(JOBS, {"type": type, "name": "myna"}).get("data"))
        if not is_id(job.get("id")):
            raise SourceError("X does not begin a compliance job.")
        self._server.upload(str(job.get("upload_url")), ids)
        waited = 0.0
        while waited < LONGEST_JOB_SECONDS and not self._stop.is_set():
            answer = yield from reading.get(f"{JOBS}/{job['id']}", {})
            status = _object(answer.get("data")).get("status")
            if status == "complete":
                told = self._server.download(str(job.get("download_url")))
                return [one for one in told if is_id(one.get("id"))]
            if status in {"failed", "expired"}:
                raise SourceError(f"X's compliance job {status}. Another one is begun.")
            yield from reading.wait(self._poll_s)
            waited += self._poll_s
        if self._stop.is_set():
            return []
        raise SourceError("X's compliance job takes too long. Another one is begun.")


def _gather(
    give: Callable[[int], Sequence[Any]],
    after: int,
    id: Callable[[Any], str | None],
    key: Callable[[Any], int],
) -> tuple[list[str], int]:
    """Up to ``MOST_IDS`` ids behind a key, and the key of the last."""
    ids: list[str] = []
    while len(ids) < MOST_IDS:
        rows = give(after)
        if not rows:
            break
        after = key(rows[-1])
        ids += [found for row in rows if (found := id(row))]
    return ids, after


def _time(cursor: str) -> datetime | None:
    try:
        return datetime.fromisoformat(cursor) if cursor else None
    except ValueError:
        return None


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
