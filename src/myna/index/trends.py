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
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from myna.db.engine import Database
from myna.db.posts import get_posts, store_id, which_live
from myna.errors import DatabaseError, StorageError
from myna.index.rising import (
    LEAST_AUTHORS,
    PRIOR_POSTS,
    Candidate,
    Window,
    rise,
    topics,
)
from myna.index.terms import TAGS, fold, tokenize
from myna.index.text import TextReader
from myna.index.traffic import Said, Span, Traffic
from myna.post import StoredPost
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
_DAY = timedelta(days=1)
LOOKED_AT = 300
"""Subjects that are looked at, those that stand out most in the sample first."""
COUNTED = 48
"""Subjects with enough authors that are counted in full."""
READ = 200
"""Newest posts of a subject whose authors are counted one by one and that must be live."""
EXAMPLES = 3
MOST = 50
"""Trends of an answer."""
KEPT_S = 5.0
"""How long an answer is given again."""
STALE_S = 60.0
"""How long it is still given while a new one is made."""
_STALE = 0.1
"""Share of a window by which the past may be old."""
_KEPT_ANSWERS = 32

Kind = Literal["word", "tag", "link"]
_Key = tuple[str, str | None, datetime | None]
_log = get_logger("index")


@dataclass(frozen=True, slots=True)
class Trend:
    """A topic that rises."""

    name: str
    kind: Kind
    """Of the subject that rises most."""
    subjects: tuple[str, ...]
    """As people write them, the one that rises most first."""
    score: float
    """Standard deviations above what the past lets expect."""
    authors: int
    """Who spoke of it in their own words: no copies, no bots."""
    expected: float
    """Authors that the past lets expect."""
    origins: int
    """Posts that are no copy of an earlier one."""
    posts: int
    """With their copies."""
    first_at: datetime
    """When it was first said within the window."""
    query: str
    """The search that finds its posts."""
    examples: tuple[StoredPost, ...]


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


@dataclass(frozen=True, slots=True)
class _Past:
    """Traffic before a window."""

    span: Span
    posts: list[int]
    subjects: dict[str, int]
    sampled: int


class Trends:
    """Reads the index that another process writes. Thread-safe."""

    def __init__(self, db: Database, index_dir: Path) -> None:
        self._db = db
        self._text = TextReader(index_dir)
        self._mutex = threading.Lock()
        self._pasts: dict[tuple[str, str, str | None], _Past] = {}
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
        looking = _Looking(traffic, span, past, width, posts, moment is now)
        found, counted = self._shown(looking, looking.candidates())
        took_ms = (time.perf_counter() - start) * 1000
        since = moment - WINDOWS[window]
        result = TrendsResult(window, network, moment, since, posts, tuple(found), took_ms)
        return _Answer(result, counted)

    def _past(
        self, traffic: Traffic, key: tuple[str, str, str | None], span: Span, width: int
    ) -> _Past:
        kept = self._pasts.get(key)
        if kept is not None and 0 <= span.after - kept.span.to <= _STALE * width:
            return kept
        before = Span(span.after - _ms(_PAST[key[1]]) // width * width, span.after)
        subjects, sampled = traffic.subjects(before)
        made = _Past(before, traffic.windows(before, width), subjects, sampled)
        if len(self._pasts) >= _KEPT_ANSWERS:
            self._pasts.clear()
        self._pasts[key] = made
        return made

    def _shown(
        self, looking: _Looking, said: dict[str, list[Said]]
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
            chosen = [_examples(topic, said) for topic in made]
            examples = get_posts(conn, [id for one in chosen for id in one])
        shown: list[Trend] = []
        for topic, ids in zip(made, chosen, strict=True):
            posts = tuple(examples[id] for id in ids if id in examples)
            if posts:
                shown.append(looking.trend(topic, said[topic[0].subject], live, posts))
        counted = frozenset(post for topic in made for one in topic for post in one.posts)
        return shown, counted


@dataclass(frozen=True, slots=True)
class _Looking:
    """One look at one window."""

    traffic: Traffic
    span: Span
    past: _Past
    width: int
    posts: int
    open_end: bool
    """Whether the window ends now."""

    def candidates(self) -> dict[str, list[Said]]:
        """Subject → its newest posts, of those that stand out and have enough authors."""
        counts, sampled = self.traffic.subjects(self.span)
        scored = [
            (_standing_out(count, sampled, self.past.subjects.get(subject, 0), self.past), subject)
            for subject, count in counts.items()
            if count >= LEAST_AUTHORS or sampled < self.posts
        ]
        scored.sort(key=lambda one: (-one[0], one[1]))
        found: dict[str, list[Said]] = {}
        for _, subject in scored[:LOOKED_AT]:
            posts, _ = self.traffic.said(subject, self.span, READ)
            enough = len({one.person for one in posts}) >= LEAST_AUTHORS
            if enough and not self.traffic.is_named(subject, self.span):
                found[subject] = posts
                if len(found) == COUNTED:
                    break
        return found

    def counted(self, subject: str, posts: Sequence[Said], live: set[int]) -> Candidate | None:
        """The subject with its rise; None where it does not rise enough."""
        alive = [one for one in posts if one.post in live]
        people = len({one.person for one in alive})
        if people < LEAST_AUTHORS:
            return None
        if len(posts) == READ:  # there are more than were read
            people = round(self.traffic.people(subject, self.span) * len(alive) / len(posts))
        authors = self.traffic.windows(self.past.span, self.width, subject)
        windows = [Window(*pair) for pair in zip(authors, self.past.posts, strict=True)]
        days = max(1, _ms(_DAY) // self.width)
        now = Window(people, self.posts)
        risen = rise(now, windows, windows[days - 1 :: days], self.traffic.overall(subject))
        if not risen.is_trend:
            return None
        return Candidate(subject, risen, people, frozenset(one.post for one in alive))

    def trend(
        self,
        topic: Sequence[Candidate],
        said: Sequence[Said],
        live: set[int],
        examples: tuple[StoredPost, ...],
    ) -> Trend:
        """What is shown of a topic."""
        first = topic[0]
        alive = [one for one in said if one.post in live]
        origins = len(alive)
        if len(said) == READ:
            _, every = self.traffic.said(first.subject, self.span, 1)
            origins = round(every * len(alive) / len(said))
        posts = self.traffic.repeated([one.origin for one in alive], self.span)
        written = list(dict.fromkeys(_written(one.subject, examples) for one in topic))
        return Trend(
            name=written[0] if len(written) == 1 else " · ".join(written[:3]),
            kind=_kind(first.subject),
            subjects=tuple(written),
            score=first.rise.score,
            authors=first.authors,
            expected=first.rise.expected,
            origins=origins,
            posts=max(origins, round(posts * origins / len(alive))),
            first_at=datetime.fromtimestamp(min(one.posted_at for one in alive) / 1000, UTC),
            query=_query(written, self.span, open_end=self.open_end),
            examples=examples,
        )


def _standing_out(count: int, sampled: int, before: int, past: _Past) -> float:
    """A first guess from samples: deviations above the share of the past."""
    share = (before + 0.5) / (past.sampled + PRIOR_POSTS)
    expected = sampled * share
    return (count - expected) / (expected + 1.0) ** 0.5


def _examples(topic: Sequence[Candidate], said: dict[str, list[Said]]) -> list[int]:
    """Posts with most of a topic's subjects, newest first, each by another author."""
    has = Counter(post for one in topic for post in one.posts)
    ordered = sorted(
        (one for one in said[topic[0].subject] if one.post in topic[0].posts),
        key=lambda one: (-has[one.post], -one.posted_at),
    )
    by_person: dict[int, int] = {}
    for one in ordered:
        by_person.setdefault(one.person, one.post)
    return list(by_person.values())[:EXAMPLES]


def _kind(subject: str) -> Kind:
    if subject.startswith("#"):
        return "tag"
    return "link" if "/" in subject else "word"


def _written(subject: str, examples: Sequence[StoredPost]) -> str:
    """A subject as its posts write it: a word is a stem in the index, a tag is folded."""
    if _kind(subject) == "link":
        return subject
    if _kind(subject) == "tag":
        tags = Counter(
            match[1]
            for stored in examples
            for match in TAGS.finditer(stored.post.text)
            if fold(match[1]) == subject[1:]
        )
        return f"#{tags.most_common(1)[0][0]}" if tags else subject
    forms = Counter(
        stored.post.text[token.start : token.end]
        for stored in examples
        for token in tokenize(stored.post.text, stored.post.lang)
        if token.term == subject
    )
    return forms.most_common(1)[0][0] if forms else subject


def _query(written: Sequence[str], span: Span, *, open_end: bool) -> str:
    parts = [f"url:{one}" if _kind(one) == "link" else one for one in written]
    query = f"{' OR '.join(parts)} since:{_time(span.after // 1000)}"
    return query if open_end else f"{query} until:{_time(span.to // 1000 + 1)}"


def _time(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _before(moment: datetime, width: int) -> Span:
    to = int(moment.timestamp() * 1000)
    return Span(to - width, to)


def _ms(span: timedelta) -> int:
    return int(span.total_seconds() * 1000)
