"""Whether a post says what a sentence claims. Pure: it compares words, and errs on the side of no.

A sentence is supported by a post when what it adds to the question is in the post (read together
with what the post replies to): every number and name, and nearly all content words, weighed by how
rare they are; and when the two agree on "not". A sentence that adds nothing to the question
answers nothing, and is not supported.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from myna.answer.events import Source
from myna.answer.sentences import sentences
from myna.index.results import Hit
from myna.index.terms import Token, content_terms, content_tokens, tokenize, variants

Idf = Callable[[str], float]

SUPPORTED_SHARE = 0.75
"""Least share of a sentence's new words, weighed, that its post must have."""
ANSWERABLE = 11.05
"""Least confidence in the best hit at which the model is asked at all."""
_MIDDLING = 0.45
_NEARNESS_IN_SCORE = 20.0
"""What a cosine of 1 adds to a hit's score (index/rank)."""
_UNREAD = 0.7
"""Added where the re-ranker had no time: it moves the best hit ahead of the others."""
TOPIC_SHARE = 0.6
"""Least share of all of a sentence's words, those of the question among them."""
MOST_CITED = 2
"""Posts cited for one sentence: the best, and one of the same thread that says the same."""

_NEGATIONS = re.compile(
    r"\b(?:not|no|never|none|nothing|nobody|cannot|without|neither|nor|ne|pas|jamais|rien|aucune?"
    r"|sans)\b|n['’]t\b",
    re.IGNORECASE,
)
_NAME = re.compile(r"\b[A-Z][\w.+-]*\w")
_GRAMMAR = (
    "stands means called refers used use uses using type types named says said post posts user "
    "person author people answer question thing things way get gets want wants try run would "
    "signifie appelle utilise utiliser utilisé message messages auteur personne réponse chose"
)
_LIGHT = frozenset(term for word in _GRAMMAR.split() for term in variants(word))
"""Terms that a sentence needs for its grammar and that claim nothing."""
ADDRESS = re.compile(r"@?([^\s:,]{1,30})\s?[:,]\s*(?=\S)")
"""How a post begins that speaks to somebody ("ann: use mount")."""
_CODE = re.compile(r"`[^`]+`")
_NO_CLAIM = re.compile(
    r"(?:.*:|(?:i hope (?:this|that) helps|let me know|here (?:is|are)|voici|voilà)\b.*)",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Claim:
    """What a sentence says that its question did not."""

    terms: frozenset[str]
    new: frozenset[str]
    exact: frozenset[str]
    """Folded words that must be in the post as they are: numbers, names, versions, commands."""
    negated: bool

    @classmethod
    def of(cls, sentence: str, question: str) -> Claim:
        """The claim of ``sentence`` as an answer to ``question``."""
        asked = {token.term for token in tokenize(question)} | {
            token.word for token in tokenize(question)
        }
        tokens = content_tokens(sentence)
        names = {sentence[m.start() : m.end()].casefold() for m in _NAME.finditer(sentence)}
        code = {token.word for span in _CODE.finditer(sentence) for token in tokenize(span.group())}
        exact = code | {
            token.word
            for token in tokens
            if token.word not in asked
            and token.term not in _LIGHT
            and (any(char.isdigit() for char in token.word) or _covers(names, token))
        }
        terms = frozenset(token.term for token in tokens) - _LIGHT
        return cls(terms, terms - asked, frozenset(exact), bool(_NEGATIONS.search(sentence)))


def _covers(names: set[str], token: Token) -> bool:
    return any(token.word in name for name in names)


def confidence(hits: Sequence[Hit], question: str, idf: Idf) -> float:
    """How sure we are that the best hit answers the question: about 5 to 14, 0 without a hit.

    What counts is its meaning, how much of the question's words it has, its score, and how far
    that is ahead of the second's; a long question reaches a high score more easily. The weights
    were fitted on one half of the questions of evals/answers (docs/log.md has the other half).
    """
    if not hits:
        return 0.0
    best = hits[0]
    near, score = best.cosine, best.score
    if near is None:  # not embedded yet: as if of middling nearness
        near, score = _MIDDLING, score + _NEARNESS_IN_SCORE * _MIDDLING
    second = hits[1].score if len(hits) > 1 else best.score
    asked = sum(idf(term) for term in set(content_terms(question)))
    return (
        (_UNREAD if best.likeness is None else 0.0)
        + 3.6 * near
        + 2.5 * best.coverage
        + 4.4 * (best.score - second) / max(score, 1.0)
        + 2.7 * math.log(max(score, 1.0))
        - 0.5 * math.log(max(asked, 1.0))
    )


def claims_something(sentence: str) -> bool:
    """Whether a sentence needs a post behind it: "Here is what I found:" does not."""
    return bool(content_terms(sentence)) and not _NO_CLAIM.fullmatch(sentence)


def supporting(
    sentence: str,
    question: str,
    sources: Sequence[Source],
    idf: Idf,
    topic_share: float = TOPIC_SHARE,
) -> tuple[int, ...]:
    """Numbers of the posts that support a sentence, the best first; empty where none does."""
    claim = Claim.of(sentence, question)
    shares = [(support(claim, source, idf, topic_share), source) for source in sources]
    good = [(share, source) for share, source in shares if share >= SUPPORTED_SHARE]
    if not good:
        return ()
    good.sort(key=lambda pair: (-round(pair[0], 2), pair[1].number))
    most, best = good[0]
    beside = (
        source.number
        for share, source in good[1:]
        if share >= most - 0.02 and source.post.thread == best.post.thread
    )
    return (best.number, *islice(beside, MOST_CITED - 1))


def support(claim: Claim, source: Source, idf: Idf, topic_share: float = TOPIC_SHARE) -> float:
    """Share (0 to 1) of the claim that the post says; 0 where a name, a number or a "not" differs."""
    if not claim.new:
        return 0.0
    parent = source.parent.post.author.handle if source.parent else ""
    text = unaddressed(source.post.post.text, [parent])
    read = text if source.parent is None else f"{source.parent.post.text}\n{text}"
    tokens = tokenize(read)
    words = {token.word for token in tokens}
    terms = {token.term for token in tokens}
    if any(word not in words for word in claim.exact):
        return 0.0
    own = {token.term for token in tokenize(text)}
    if not claim.new & own:
        return 0.0
    if weighed(claim.terms & terms, idf) < topic_share * weighed(claim.terms, idf):
        return 0.0  # the words are there, about something else
    share = weighed(claim.new & terms, idf) / weighed(claim.new, idf)
    said = _closest(text, claim.new)
    if share >= SUPPORTED_SHARE and claim.negated != bool(_NEGATIONS.search(said)):
        return 0.0
    return share


def unaddressed(text: str, handles: Sequence[str]) -> str:
    """``text`` without the name at its beginning of one to whom it speaks ("ann: use mount")."""
    known = {handle.casefold() for handle in handles}
    found = ADDRESS.match(text)
    return text[found.end() :] if found and found[1].casefold() in known else text


def weighed(terms: Iterable[str], idf: Idf) -> float:
    """How much terms stand out together."""
    return sum(max(idf(term), 0.5) for term in terms)


def _closest(text: str, terms: frozenset[str]) -> str:
    """The sentence of ``text`` that shares most words with ``terms``."""
    spans = [text[span.start : span.end] for span in sentences(text)] or [text]
    return max(spans, key=lambda span: len(terms & {token.term for token in tokenize(span)}))
