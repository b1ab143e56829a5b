"""The demo network: real help conversations from #ubuntu, so that Myna has something to tell.

The file beside this module holds 75,000 posts (``tools/make_demo_network.py`` makes it). All but
the last ones are history and are loaded at once; the rest comes in one by one as if it were said
now, so that something new happens while one looks.
"""

from __future__ import annotations

import hashlib
import io
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from pathlib import Path

import zstandard

from myna.db.engine import Database
from myna.db.networks import Network, save_network
from myna.db.posts import load_cursor
from myna.errors import DatabaseError
from myna.feeds.ingest import BATCH_SECONDS, run_live, run_source
from myna.feeds.line import decode_line
from myna.feeds.source import Record
from myna.post import Event, Kind, Post
from myna.settings import Settings
from myna.telemetry import get_logger

log = get_logger("feeds")

NETWORK = Network(
    name="ubuntu-irc",
    title="Ubuntu IRC",
    attribution=(
        "Posts of #ubuntu, 2004–2018, from J. K. Kummerfeld et al., “A Large-Scale Corpus for "
        "Conversation Disentanglement”, ACL 2019 (https://aclanthology.org/P19-1374), licensed "
        "CC BY 4.0; a selection, with addresses of the original logs added."
    ),
    license_url="https://creativecommons.org/licenses/by/4.0/",
    home_url="https://irclogs.ubuntu.com/",
)

FILE = Path(__file__).parent / "ubuntu_irc.jsonl.zst"
POSTS = 75_000
LIVE_POSTS = 2_000
"""How many of them are replayed; the others are history."""
HISTORY_POSTS = POSTS - LIVE_POSTS

_CHANNEL = "#ubuntu"
_DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
_LONGEST_WAIT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class History:
    """The source of what was said before: it ends."""

    name: str = f"demo:{NETWORK.name}:history"

    def read(self, cursor: str) -> Iterator[Record | None]:
        """See ``Source.read``; the cursor counts posts, and belongs to this very file."""
        begin = _count(cursor)
        for number, post in enumerate(_posts(begin, HISTORY_POSTS), begin + 1):
            yield Record(_cursor(number), _create(post))


class Replay:
    """The source of what is said now, at ``pace`` posts a second; it waits when it is through."""

    name = f"demo:{NETWORK.name}:replay"

    def __init__(self, pace: float, stop: threading.Event) -> None:
        self._pace = pace
        self._stop = stop

    def read(self, cursor: str) -> Iterator[Record | None]:
        """See ``Source.read``. The first post comes after one interval."""
        begin = _count(cursor)
        posts = _posts(HISTORY_POSTS + begin, POSTS) if self._pace > 0 else iter(())
        due = time.monotonic()
        for number, post in enumerate(posts, begin + 1):
            due = max(due + 1 / self._pace, time.monotonic() - 1)  # catch up a second at most
            while (wait := due - time.monotonic()) > 0:
                if self._stop.wait(min(wait, BATCH_SECONDS)):
                    return
                if wait > BATCH_SECONDS:
                    yield None
            raw = {**post.raw, "original_created_at": post.created_at.isoformat()}
            yield Record(
                _cursor(number), _create(replace(post, created_at=datetime.now(UTC), raw=raw))
            )
        while not self._stop.wait(BATCH_SECONDS):
            yield None


def load_history(db: Database, on_progress: Callable[[int, int], None] | None = None) -> None:
    """Load the history at full speed, from where an earlier run was stopped or killed.

    ``on_progress`` gets the number of posts done and of all. When all is there, this costs one
    query.

    Raises:
        DatabaseError, StorageError: the store refused; calling it again goes on.
    """
    with db.begin() as conn:
        state = load_cursor(conn, History().name)
        done = _count(state.cursor) if state else 0
        if done < HISTORY_POSTS:
            save_network(conn, NETWORK)
    report = on_progress or (lambda _done, _total: None)
    report(done, HISTORY_POSTS)
    if done < HISTORY_POSTS:
        run_source(
            db,
            History(),
            on_batch=lambda summary: report(done + summary.accepted, HISTORY_POSTS),
        )


def run_demo(
    settings: Settings,
    db: Database,
    stop: threading.Event,
    on_progress: Callable[[int, int], None] | None = None,
) -> None:
    """The demo's process: load what is missing, then replay until ``stop`` is set.

    A database that goes away is waited for.
    """
    wait = 1.0
    while not stop.is_set():
        try:
            load_history(db, on_progress)
            break
        except DatabaseError as error:
            log.warning("demo waits for the database", reason=str(error), seconds=wait)
            stop.wait(wait)
            wait = min(2 * wait, _LONGEST_WAIT_SECONDS)
    run_live(db, Replay(settings.demo_pace, stop), stop)


def _posts(begin: int, end: int) -> Iterator[Post]:
    """The file's posts from ``begin`` up to ``end``, counted from 0."""
    with FILE.open("rb") as file:
        lines = io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(file))  # pyright: ignore[reportArgumentType]
        for line in islice(lines, begin, end):
            post = decode_line(line, NETWORK.name).post
            if post:
                yield replace(post, lang="en", channel=_CHANNEL, url=_log_page(post.uri))


def _log_page(uri: str) -> str | None:
    """The public log of the post's day: its URI begins with the date."""
    day = _DAY.match(uri)
    if not day:
        return None
    year, month, date = day.groups()
    return f"https://irclogs.ubuntu.com/{year}/{month}/{date}/%23ubuntu.html"


def _create(post: Post) -> Event:
    return Event(Kind.CREATE, post.network, post.uri, post)


def _cursor(count: int) -> str:
    return f"{_version()} {count}"


def _count(cursor: str) -> int:
    """How many posts are behind ``cursor``; 0 where it belongs to another version of the file."""
    match cursor.split(" "):
        case [version, count] if version == _version():
            return int(count)
        case _:
            return 0


@cache
def _version() -> str:
    return hashlib.sha256(FILE.read_bytes()).hexdigest()[:16]
