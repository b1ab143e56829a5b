"""What a search gives back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from myna.index.buckets import Bar, Bucket
from myna.index.budget import Stage
from myna.index.rank import Lexical
from myna.index.snippet import Snippet, snippet
from myna.post import StoredPost


@dataclass(frozen=True, slots=True)
class Hit:
    """A live post that was found, and why."""

    post: StoredPost
    score: float
    highlights: tuple[tuple[int, int], ...]
    """Spans (code points) of the post's text to highlight."""
    bm25: float
    """Of the question's content words, in units of a store of a thousand posts."""
    cosine: float | None
    """The best of the whole post and its sentences; None where there are no vectors yet."""
    coverage: float
    """Share (0 to 1) of the question's content words that the post has, weighed by idf."""
    likeness: float | None = None
    """How alike the re-ranker found it to the question (0 to 1); None where it did not look."""
    origin: int | None = None
    """What the post is a copy of, or its own; None where that was not looked up."""
    copies: int = 1
    """Posts that were found and have this origin, this one among them."""
    first: StoredPost | None = None
    """The earliest of them, where there are several."""

    @property
    def snippet(self) -> Snippet:
        """The piece of the post to show in a list."""
        return snippet(self.post.post.text, self.highlights)


def hit_of(post: StoredPost, score: float, lexical: Lexical, cosine: float | None) -> Hit:
    """A post as it compares with what was asked."""
    return Hit(post, score, lexical.spans, lexical.bm25, cosine, lexical.coverage)


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Hits, best first. ``total`` counts the posts that the index has for all parts of a query."""

    hits: list[Hit]
    notes: tuple[str, ...]
    total: int
    took_ms: float
    left_out: tuple[Stage, ...] = ()
    """Stages that were late or broken, without which the search went on."""
    total_exact: bool = True
    """False where there are more posts than ``total``, which were not counted."""
    next_cursor: str | None = None
    """What gives the next page; None where there is none."""
    origins: int | None = None
    """How many of the ``total`` posts are no copy of another; None where there are too many to
    count."""
    refused: int = 0
    """Posts that were left out because their authors do not want to be found: of a search those
    that have all its parts, of a question those that fit its words as well as the last that is shown."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many posts of a search were written when, the oldest first, without gaps."""

    bucket: Bucket
    bars: list[Bar]
    earlier: int
    """Posts before the first bar."""
    notes: tuple[str, ...]
    took_ms: float

    @property
    def total(self) -> int:
        """All posts of the search."""
        return self.earlier + sum(bar.posts for bar in self.bars)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as a re-ranker needs it."""

    text: str
    idf: Callable[[str], float]
    """How much a folded word stands out; 0 for one that every post has."""
    balance: float
    """What likeness is multiplied by beside words (``rank.Matcher.balance``)."""


class Reranker(Protocol):
    """Puts the best hits in a better order, by reading them more closely than ``rank`` does."""

    def rerank(self, asked: Asked, hits: Sequence[Hit], seconds_left: float) -> list[Hit] | None:
        """The same hits, the best first; None where there is no time for it. Called in a thread
        that is not waited for any longer than ``seconds_left`` (infinite without a limit)."""
        ...


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """How far the index has followed the store."""

    indexed_seq: int
    last_seq: int
    documents: int
    vectors: int
    """Posts that have vectors."""
    coverage: float
    """Share (0 to 1) of the store's changes that the embedder has seen to."""
    remade: float | None = None
    """The same of vectors that another embedder makes, which will serve then; None: it makes none."""

    @property
    def lag(self) -> int:
        """Changes that cannot be found yet."""
        return max(0, self.last_seq - self.indexed_seq)
