"""A look at one window: which subjects may rise in it, how much they do, and what is told of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from myna.index.rising import LEAST_AUTHORS, PRIOR_POSTS, Candidate, Window, rise
from myna.index.terms import TAGS, fold, tokenize
from myna.index.traffic import Said, Span, Traffic
from myna.post import StoredPost

LOOKED_AT = 300
"""Subjects that are looked at, those that stand out most in the sample first."""
COUNTED = 48
"""Subjects with enough authors that are counted in full."""
READ = 200
"""Newest posts of a subject whose authors are counted one by one and that must be live."""
EXAMPLES = 3
_DAY_MS = 24 * 60 * 60 * 1000

Kind = Literal["word", "tag", "link"]


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
class Past:
    """Traffic before a window."""

    span: Span
    posts: list[int]
    subjects: dict[str, int]
    sampled: int


@dataclass(frozen=True, slots=True)
class Look:
    """One look at one window."""

    traffic: Traffic
    span: Span
    past: Past
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
        days = max(1, _DAY_MS // self.width)
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


def _standing_out(count: int, sampled: int, before: int, past: Past) -> float:
    """A first guess from samples: deviations above the share of the past."""
    share = (before + 0.5) / (past.sampled + PRIOR_POSTS)
    expected = sampled * share
    return (count - expected) / (expected + 1.0) ** 0.5


def examples_of(topic: Sequence[Candidate], said: dict[str, list[Said]]) -> list[int]:
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
