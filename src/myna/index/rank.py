"""How well a post answers a question: exact features of words and meaning, and their sum. Pure.

The text index and the vectors only propose candidates; the order is decided here, from the post's
text as it is in the store. The weights are in units of BM25 on a thousand posts; they were fitted
on one half of Reddit questions and checked on the other (``evals/retrieval``, ``docs/log.md``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from myna.index.parents import MAX_CONTEXT_CHARACTERS
from myna.index.passages import sentences
from myna.index.terms import Token, find, merge_spans
from myna.index.vectors import Kind
from myna.post import Post, StoredPost

_K1, _B = 1.2, 0.75
_BRIEF_WORDS = 12
"""A post of fewer words counts as long as this: a bare mention is not the better for saying no more."""
_NEAR_WORDS = 6
_TYPO_MIN_CHARACTERS = 5
_USUAL_QUESTION = 20.0
"""Summed idf of a question's words, from which on meaning is weighed up."""
_MAX_BALANCE = 4.0
_ASKS_MAX_CHARACTERS = 250
_REFERENCE = math.log(1 + 1000)
"""Size of store that the weights are for: words weigh more in a larger one and are scaled back."""


@dataclass(frozen=True, slots=True)
class Weights:
    """What each feature counts for."""

    whole: float = 6.0
    """Cosine of the whole post."""
    part: float = 20.0
    """Cosine of its nearest sentence."""
    context: float = 10.0
    """How much nearer a reply is when read behind its parent."""
    adjacent: float = 0.3
    """Words that stand side by side as in the question."""
    near: float = 0.6
    """Pairs of its words within a few words of each other."""
    densest: float = 0.6
    """Its words within two sentences."""
    parent: float = 0.3
    """Its words in the post that this one replies to, where this one lacks them."""
    asks: float = -2.0
    """A short post that only asks: whoever asks the same wants the answer."""
    engagement: float = 0.1
    recency: float = 0.3


WEIGHTS = Weights()


@dataclass(frozen=True, slots=True)
class QueryWord:
    """A word of a question. ``terms`` are its stems in the languages of the index."""

    word: str
    terms: tuple[str, ...]
    idf: float
    """What a post with it stands out by; 0 for a word that says nothing."""
    known: bool = True
    """Whether any post has it; one that none has may be mistyped."""


@dataclass(frozen=True, slots=True)
class Lexical:
    """What a post's words say. All but ``coverage`` in units of idf."""

    bm25: float = 0.0
    adjacent: float = 0.0
    near: float = 0.0
    densest: float = 0.0
    coverage: float = 0.0
    """Share (0 to 1) of the question's content words that the post has, weighed by idf."""
    spans: tuple[tuple[int, int], ...] = ()
    """Where the question's words stand."""


class Matcher:
    """One question, ready to be compared with many posts."""

    def __init__(self, words: Sequence[QueryWord], *, posts: int, average_words: float) -> None:
        self.words = words
        self._average = max(1.0, average_words)
        self.scale = _REFERENCE / max(1.0, math.log(1 + posts))
        self._place: dict[str, int] = {}
        self._seen: dict[str, dict[str, int | None]] = {}
        self._found: dict[tuple[str, str | None], tuple[int, list[tuple[int, int, Token]]]] = {}
        self._idf: list[float] = []
        self._order: list[int] = []
        for word in words:
            place = self._place.get(word.terms[0])
            if place is None:
                place = len(self._idf)
                self._idf.append(word.idf)
                for term in (*word.terms, word.word):
                    self._place.setdefault(term, place)
            self._order.append(place)
        self._unknown = [
            (word.word, self._place[word.terms[0]])
            for word in words
            if not word.known and len(word.word) >= _TYPO_MIN_CHARACTERS
        ]
        self._adjacent = {
            pair: max(self._idf[pair[0]], self._idf[pair[1]]) for pair in pairwise(self._order)
        }
        content = [(at, place) for at, place in enumerate(self._order) if self._idf[place] > 0]
        self._near = {
            (min(one, other), max(one, other))
            for index, (at, one) in enumerate(content)
            for there, other in content[index + 1 : index + 5]
            if there - at <= _NEAR_WORDS and one != other
        }
        self._total = sum(self._idf)
        self.balance = min(max(1.0, self._total * self.scale / _USUAL_QUESTION), _MAX_BALANCE)
        """What cosines are multiplied by: the more words there are to be found, the more BM25
        adds up to, while a cosine stays within 1."""

    def compare(self, post: Post) -> Lexical:
        """The features of a post's own text."""
        count, found = self._find(post.text, post.lang)
        content = [(at, place, token) for at, place, token in found if self._idf[place] > 0]
        if not content:
            return Lexical()
        counts: dict[int, int] = {}
        for _, place, _ in content:
            counts[place] = counts.get(place, 0) + 1
        length = _K1 * (1 - _B + _B * max(count, _BRIEF_WORDS) / self._average)
        bm25 = sum(
            self._idf[place] * times * (_K1 + 1) / (times + length)
            for place, times in counts.items()
        )
        coverage = sum(self._idf[place] for place in counts) / self._total
        return Lexical(
            bm25 * self.scale,
            self._side_by_side(found) * self.scale,
            self._pairs(content) * self.scale,
            self._densest(post.text, content) * self.scale,
            coverage,
            merge_spans((token.start, token.end) for _, _, token in content),
        )

    def missing(self, post: Post, other: Post) -> float:
        """Summed idf of the question's words that ``other`` has and ``post`` has not."""
        mine = {place for _, place, _ in self._find(post.text, post.lang)[1]}
        text = other.text[:MAX_CONTEXT_CHARACTERS]
        theirs = {place for _, place, _ in self._find(text, other.lang)[1]}
        return sum(self._idf[place] for place in theirs - mine) * self.scale

    def _find(self, text: str, lang: str | None) -> tuple[int, list[tuple[int, int, Token]]]:
        """A post is looked at twice, a parent of many as often as it has replies."""
        found = self._found.get((text, lang))
        if found is None:
            found = find(text, lang, self._place, self._typo, self._seen)
            self._found[text, lang] = found
        return found

    def _typo(self, word: str) -> int | None:
        """Which of the question's words that no post has this one may stand for."""
        for unknown, place in self._unknown:
            if one_letter_apart(unknown, word):
                return place
        return None

    def _side_by_side(self, found: Sequence[tuple[int, int, Token]]) -> float:
        seen = {(one[1], other[1]) for one, other in pairwise(found) if other[0] == one[0] + 1}
        return sum(self._adjacent[pair] for pair in seen & self._adjacent.keys())

    def _pairs(self, content: Sequence[tuple[int, int, Token]]) -> float:
        seen: set[tuple[int, int]] = set()
        for index, (at, place, _) in enumerate(content):
            for there, other, _ in content[index + 1 : index + 5]:
                if there - at <= _NEAR_WORDS and place != other:
                    seen.add((min(place, other), max(place, other)))
        return sum(min(self._idf[one], self._idf[other]) for one, other in seen & self._near)

    def _densest(self, text: str, content: Sequence[tuple[int, int, Token]]) -> float:
        spans = sentences(text)
        inside: list[set[int]] = [set() for _ in spans]
        index = 0
        for _, place, token in content:
            while index + 1 < len(spans) and token.start >= spans[index + 1][0]:
                index += 1
            if inside:
                inside[index].add(place)
        pairs = zip(inside, [*inside[1:], set[int]()], strict=True)
        return max(
            (sum(self._idf[place] for place in one | other) for one, other in pairs), default=0.0
        )


def one_letter_apart(one: str, other: str) -> bool:
    """Whether two words differ by one letter more, less, other, or by two letters swapped."""
    if one == other:
        return True
    if abs(len(one) - len(other)) > 1 or len(other) < _TYPO_MIN_CHARACTERS - 1:
        return False
    start = 0
    shorter = min(len(one), len(other))
    while start < shorter and one[start] == other[start]:
        start += 1
    if len(one) != len(other):
        longer, short = (one, other) if len(one) > len(other) else (other, one)
        return longer[start + 1 :] == short[start:]
    if one[start + 1 :] == other[start + 1 :]:
        return True
    return one[start : start + 2] == other[start : start + 2][::-1] and (
        one[start + 2 :] == other[start + 2 :]
    )


@dataclass(frozen=True, slots=True)
class Candidate:
    """A post with all that its score is made of."""

    post: StoredPost
    lexical: Lexical
    cosines: Mapping[Kind, float]
    parent: float = 0.0
    """``Matcher.missing`` of its parent."""

    @property
    def cosine(self) -> float | None:
        """The best cosine of the post itself: whole or of a part; None without vectors."""
        own = [self.cosines[kind] for kind in (Kind.WHOLE, Kind.PART) if kind in self.cosines]
        return max(own) if own else None


def likeliest(
    proposals: Mapping[int, float],
    cosines: Mapping[int, Mapping[Kind, float]],
    matcher: Matcher,
    count: int,
    weights: Weights = WEIGHTS,
) -> list[int]:
    """The ``count`` of the proposals (id → BM25 of the index) that are worth reading, by what is
    known without their text."""
    whole, part = _typical(list(cosines.values()))
    values = {
        post: bm25 * matcher.scale
        + matcher.balance * _nearness(cosines[post], weights, whole, part)
        for post, bm25 in proposals.items()
    }
    return sorted(values, key=lambda post: (-values[post], -post))[:count]


def rank(
    candidates: Sequence[Candidate],
    *,
    now: datetime,
    balance: float = 1.0,
    weights: Weights = WEIGHTS,
) -> list[tuple[float, Candidate]]:
    """Candidates by falling score. A post without vectors yet counts as near as the average.
    ``balance`` is ``Matcher.balance``."""
    whole, part = _typical([one.cosines for one in candidates])
    scored = [
        (
            _said(one, weights)
            + balance * _nearness(one.cosines, weights, whole, part)
            + prior(one.post, now, weights),
            one,
        )
        for one in candidates
    ]
    return sorted(scored, key=lambda pair: (-pair[0], -pair[1].post.id))


def _said(candidate: Candidate, weights: Weights) -> float:
    words = candidate.lexical
    return (
        words.bm25
        + weights.adjacent * words.adjacent
        + weights.near * words.near
        + weights.densest * words.densest
        + weights.parent * candidate.parent
        + weights.asks * asks(candidate.post.post.text)
    )


def asks(text: str) -> bool:
    """Whether a post is short and ends in a question."""
    return len(text) <= _ASKS_MAX_CHARACTERS and text.rstrip(" \t\n)\"'’”").endswith(("?", "？"))


def _nearness(cosines: Mapping[Kind, float], weights: Weights, whole: float, part: float) -> float:
    """``whole`` and ``part`` stand in for cosines that are not there yet."""
    whole = cosines.get(Kind.WHOLE, whole)
    part = max(cosines.get(Kind.PART, whole if Kind.WHOLE in cosines else part), whole)
    context = max(0.0, cosines.get(Kind.CONTEXT, whole) - whole)
    return weights.whole * whole + weights.part * part + weights.context * context


def _typical(cosines: Sequence[Mapping[Kind, float]]) -> tuple[float, float]:
    """Mean cosine of whole posts and of their nearest parts among those that have vectors."""
    known = [one for one in cosines if Kind.WHOLE in one]
    if not known:
        return 0.0, 0.0
    whole = sum(one[Kind.WHOLE] for one in known)
    part = sum(max(one.get(Kind.PART, -1.0), one[Kind.WHOLE]) for one in known)
    return whole / len(known), part / len(known)


def prior(stored: StoredPost, now: datetime, weights: Weights) -> float:
    """What speaks for a post whatever is asked: that people liked it, that it is new."""
    popular = math.log1p(stored.post.likes + 2 * stored.post.reposts)
    days = max(0.0, (now - stored.posted_at) / timedelta(days=1))
    return weights.engagement * min(popular, 10.0) + weights.recency * 2 ** (-days / 7)
