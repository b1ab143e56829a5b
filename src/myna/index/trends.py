"""Trends: what more people speak of now than its own past lets expect.

``Trends`` proposes subjects of a window from the text index, counts those that stand out in full,
author by author, makes one topic of subjects that are said in the same posts, and reads the posts
back from the store: what is not live at this moment is neither counted nor shown. Nothing is kept
between answers but the past, for a tenth of a window, and an answer for some seconds, as long as
all of its posts are live; an older one is given while the next is made.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from myna.db.engine import Database
from myna.db.posts import get_posts, store_id, which_live
from myna.errors import DatabaseError, StorageError
from myna.index.look import Look, Past, Trend, examples_of
from myna.index.rising import topics
from myna.index.text import TextReader
from myna.index.traffic import Said, Span, Traffic
from myna.telemetry import get_logger

WINDOWS = {
    "15m": timedelta(minutes=15),
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(hours=24),
}
"""What a trend can be looked for in."""
_PAST = {
    "15m": timedelta(hours=26),
    "1h": timedelta(hours=50),
    "6h": timedelta(days=7),
    "24h": timedelta(days=28),
}
MOST = 50
"""Trends of an answer."""
KEPT_S = 5.0
"""How long an answer is given again."""
STALE_S = 60.0
"""How long it is still given while a new one is made."""
_STALE = 0.1
"""Share of a window by which the past may be old."""
_KEPT_ANSWERS = 32

_Key = tuple[str, str | None, datetime | None]
_log = get_logger("index")


@dataclass(frozen=True, slots=True)
class TrendsResult:
    """What rises in a window that ends at ``at``."""

    window: str
    network: str | None
    at: datetime
    since: datetime
    posts: int
    """All posts of the window."""
    trends: tuple[Trend, ...]
    took_ms: float


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer, and the posts that must be live for it to be given again."""

    result: TrendsResult
    counted: frozenset[int] = frozenset()
    made_at: float = field(default_factory=time.monotonic)

    @property
    def age(self) -> float:
        """Seconds since it was made."""
        return time.monotonic() - self.made_at


class Trends:
    """Reads the index that another process writes. Thread-safe."""

    def __init__(self, db: Database, index_dir: Path) -> None:
        self._db = db
        self._text = TextReader(index_dir)
        self._mutex = threading.Lock()
        self._pasts: dict[tuple[str, str, str | None], Past] = {}
        self._answers: dict[_Key, _Answer] = {}
        self._renewing: set[_Key] = set()
        self._thread = ThreadPoolExecutor(1, "trends")
        with db.begin() as conn:
            self._store = str(store_id(conn))

    def rising(
        self,
        window: str = "1h",
        *,
        network: str | None = None,
        limit: int = 10,
        at: datetime | None = None,
    ) -> TrendsResult:
        """What rises in the ``window`` (a key of ``WINDOWS``) that ends at ``at``: by default now,
        or where nothing was posted in that window the time of the newest post, so that an archive
        shows its last day.

        Raises:
            DatabaseError: the store is away.
        """
        key = (window, network, at)
        answer = self._answers.get(key)
        if answer is None or not self._holds(answer, STALE_S):
            answer = self._renew(key)
        elif answer.age > KEPT_S:
            self._renew_later(key)
        return replace(answer.result, trends=answer.result.trends[:limit])

    def _holds(self, answer: _Answer, most_s: float) -> bool:
        """Whether an answer is young enough, and every post that it counts is still live."""
        if answer.age > most_s:
            return False
        with self._db.begin() as conn:
            return which_live(conn, list(answer.counted)) == answer.counted

    def _renew(self, key: _Key) -> _Answer:
        """One at a time: who waited for another's answer takes that."""
        with self._mutex:
            answer = self._answers.get(key)
            if answer is None or not self._holds(answer, KEPT_S):
                if len(self._answers) >= _KEPT_ANSWERS:
                    self._answers.clear()
                answer = self._answers[key] = self._look(*key)
            return answer

    def _renew_later(self, key: _Key) -> None:
        if key in self._renewing:
            return
        self._renewing.add(key)

        def renew() -> None:
            try:
                self._renew(key)
            except (DatabaseError, StorageError) as error:
                _log.info("trends are not renewed", reason=str(error))
            finally:
                self._renewing.discard(key)

        self._thread.submit(renew)

    def _look(self, window: str, network: str | None, at: datetime | None) -> _Answer:
        start = time.perf_counter()
        now = datetime.now(UTC)
        moment = at or now
        width = _ms(WINDOWS[window])
        empty = TrendsResult(window, network, moment, moment - WINDOWS[window], 0, (), 0.0)
        snapshot = self._text.snapshot()
        if snapshot is None or snapshot.store_id != self._store:
            return _Answer(empty)
        traffic = Traffic(snapshot, network)
        span = _before(moment, width)
        posts = traffic.posts(span)
        if posts == 0 and at is None:
            newest = traffic.newest()
            if newest is None:
                return _Answer(empty)
            moment = datetime.fromtimestamp(newest / 1000, UTC)
            span = _before(moment, width)
            posts = traffic.posts(span)
        past = self._past(traffic, (snapshot.generation, window, network), span, width)
        looking = Look(traffic, span, past, width, posts, moment is now)
        found, counted = self._shown(looking, looking.candidates())
        took_ms = (time.perf_counter() - start) * 1000
        since = moment - WINDOWS[window]
        result = TrendsResult(window, network, moment, since, posts, tuple(found), took_ms)
        return _Answer(result, counted)

    def _past(
        self, traffic: Traffic, key: tuple[str, str, str | None], span: Span, width: int
    ) -> Past:
        kept = self._pasts.get(key)
        if kept is not None and 0 <= span.after - kept.span.to <= _STALE * width:
            return kept
        before = Span(span.after - _ms(_PAST[key[1]]) // width * width, span.after)
        subjects, sampled = traffic.subjects(before)
        made = Past(before, traffic.windows(before, width), subjects, sampled)
        if len(self._pasts) >= _KEPT_ANSWERS:
            self._pasts.clear()
        self._pasts[key] = made
        return made

    def _shown(
        self, looking: Look, said: dict[str, list[Said]]
    ) -> tuple[list[Trend], frozenset[int]]:
        """Topics of what still rises when only live posts are counted, and these posts."""
        ids = {one.post for posts in said.values() for one in posts}
        with self._db.begin() as conn:
            live = which_live(conn, list(ids))
            risen = [
                candidate
                for subject, posts in said.items()
                if (candidate := looking.counted(subject, posts, live)) is not None
            ]
            made = topics(risen)[:MOST]
            chosen = [examples_of(topic, said) for topic in made]
            examples = get_posts(conn, [id for one in chosen for id in one])
        shown: list[Trend] = []
        for topic, ids in zip(made, chosen, strict=True):
            posts = tuple(examples[id] for id in ids if id in examples)
            if posts:
                shown.append(looking.trend(topic, said[topic[0].subject], live, posts))
        counted = frozenset(post for topic in made for one in topic for post in one.posts)
        return shown, counted


def _before(moment: datetime, width: int) -> Span:
    to = int(moment.timestamp() * 1000)
    return Span(to - width, to)


def _ms(span: timedelta) -> int:
    return int(span.total_seconds() * 1000)
