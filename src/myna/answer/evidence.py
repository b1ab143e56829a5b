"""Which posts support a sentence. Pure, but for the embedder that a caller may pass.

A sentence is supported by a post when its numbers, names, addresses and code are in the post (or
in what the post replies to), when most of its other words are within two neighbouring sentences of
it, and when both say yes or both say no. A question supports no statement, only that somebody
asks. Words of the member's own question weigh less: repeating them is no evidence.

What this cannot see: who did what to whom, and claims that need several posts. See
``docs/log.md`` for how often it errs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from myna.answer.claims import Sentence, bounded_alike, canonical, opposed, take_apart, terms_of
from myna.index.terms import fold, tokenize
from myna.post import StoredPost

SUPPORT_SHARE = 0.7
"""Share of the weight of a sentence's words that a post must have."""
NEW_SHARE = 0.6
"""The same among the words that the question does not have."""
QUESTION_WEIGHT = 0.4
"""What a word of the question counts for, against 1 for another."""
PARENT_WEIGHT = 0.6
"""What a word counts for that only the post's parent has."""
EQUAL = 0.02
"""Posts whose support differs by no more are cited together."""
MAX_CITED = 2
NEAR_CHARACTERS = 24
"""A negation further than this from the words in question negates something else."""


class Verdict(Enum):
    """What the posts say to a sentence."""

    SUPPORTED = "supported"
    UNSUPPORTED = "unsupported"
    NO_CLAIM = "no claim"


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on one sentence; ``numbers`` are the posts that support it, best first."""

    verdict: Verdict
    numbers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Passage:
    """A post that may support sentences, with its number among the sources."""

    number: int
    post: StoredPost
    parent: StoredPost | None


Idf = Callable[[str], float]
"""How much a term stands out in the network (0 for one in every post)."""


class Checker:
    """Checks the sentences of one answer against its posts."""

    def __init__(self, passages: Sequence[Passage], question: str, idf: Idf) -> None:
        self._passages = passages
        self._asked = terms_of([question])
        self._idf = idf

    def judge(self, text: str) -> Judgement:
        """Check one sentence (``text`` may be a list item or a block of code)."""
        parts = take_apart(text)
        claims = [part for part in parts if not _claims_nothing(part, text)]
        if not claims:
            return Judgement(Verdict.NO_CLAIM)
        scores = dict[int, float]()
        for passage in self._passages:
            shares = [self._support(claim, passage) for claim in claims]
            if min(shares) > 0:
                scores[passage.number] = min(shares)
        if not scores:
            return Judgement(Verdict.UNSUPPORTED)
        best = max(scores.values())
        numbers = [number for number, share in scores.items() if share >= best - EQUAL]
        numbers.sort(key=lambda number: -scores[number])
        return Judgement(Verdict.SUPPORTED, tuple(numbers[:MAX_CITED]))

    def _support(self, claim: Sentence, passage: Passage) -> float:
        """Share (0 to 1) of the claim that the post says; 0 where it does not support it."""
        post, parent = passage.post.post, passage.parent.post if passage.parent else None
        around = f"{post.text}\n{parent.text}" if parent else post.text
        flat = " ".join(around.split())
        if any(exact not in flat for exact in claim.exact):
            return 0.0
        author = {token.term for token in tokenize(f"{post.author.handle} {post.author.name}")}
        author |= {fold(post.author.handle)}
        known = terms_of([around]) | {canonical(term) for term in author}
        raw = {token.word for token in tokenize(around)} | author
        raws = {word.term: word.raw for word in claim.words}
        if any(name not in known and raws[name] not in raw for name in claim.names):
            return 0.0
        parts = take_apart(post.text, post.lang)
        context = terms_of([parent.text]) if parent else frozenset[str]()
        best = 0.0
        for index in range(len(parts)):
            for window in (parts[index : index + 1], parts[index : index + 2]):
                best = max(best, self._share(claim, window, context | author, parent is not None))
        return best

    def _share(
        self,
        claim: Sentence,
        window: Sequence[Sentence],
        context: frozenset[str] | set[str],
        replies: bool,
    ) -> float:
        numbers = frozenset().union(*(part.numbers for part in window))
        if not claim.numbers <= numbers:
            return 0.0
        if all(part.asks for part in window) and not (claim.asks or claim.reports_asking):
            return 0.0
        terms = frozenset().union(*(part.terms for part in window))
        total = said = new_total = new_said = 0.0
        for term in claim.terms:
            asked = term in self._asked
            weight = max(0.5, self._idf(term)) * (QUESTION_WEIGHT if asked else 1.0)
            found = weight if term in terms else PARENT_WEIGHT * weight if term in context else 0.0
            total += weight
            said += found
            if not asked:
                new_total += weight
                new_said += found
        if not total:  # numbers or code alone
            return 1.0 if claim.numbers or claim.exact else 0.0
        share = said / total
        if share < SUPPORT_SHARE or (new_total and new_said / new_total < NEW_SHARE):
            return 0.0
        own = claim.terms & terms
        if not own and not (replies and claim.numbers):
            return 0.0
        plain = frozenset().union(*(part.plain for part in window))
        if _negated(claim, claim.terms) != any(_negated(part, own) for part in window if part.terms & own):
            return 0.0
        if opposed(claim.plain, plain) or not bounded_alike(claim, plain):
            return 0.0
        return share


def _claims_nothing(part: Sentence, text: str) -> bool:
    """Whether a sentence says nothing that a post could bear out: an opening, a question back."""
    if part.numbers or part.exact:
        return False
    if not part.words or part.asks:
        return True
    return text[part.start : part.end].rstrip("*_ ").endswith(":") and not part.names


def _negated(part: Sentence, terms: frozenset[str]) -> bool:
    """Whether an odd number of negations stands near these words of a sentence."""
    places = [(word.start, word.end) for word in part.words if word.term in terms]
    near = [
        at
        for at in part.negations
        if any(
            start - NEAR_CHARACTERS <= at <= end + NEAR_CHARACTERS for start, end in places
        )
    ]
    return len(near) % 2 == 1
