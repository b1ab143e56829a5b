"""Whether a post says what a sentence claims. Pure: it compares words, and errs on the side of no.

A sentence is supported by a post when what it adds to the question is in the post (read together
with what the post replies to): every number and name, and nearly all content words, weighed by how
rare they are; and when the two agree on "not". A sentence that adds nothing to the question
answers nothing, and is not supported.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from myna.answer.events import Source
from myna.answer.sentences import sentences
from myna.index.results import Hit
from myna.index.terms import Token, content_terms, content_tokens, tokenize

Idf = Callable[[str], float]

SUPPORTED_SHARE = 0.75
"""Least share of a sentence's new words, weighed, that its post must have."""
ANSWERABLE = 2.35
"""Least confidence in the best hit at which the model is asked at all (docs/log.md)."""
MOST_CITED = 2
"""Posts cited for one sentence."""

_NEGATIONS = re.compile(
    r"\b(?:not|no|never|none|nothing|nobody|cannot|without|neither|nor|ne|pas|jamais|rien|aucune?"
    r"|sans)\b|n['’]t\b",
    re.IGNORECASE,
)
_NAME = re.compile(r"(?<![.!?:\n] )(?<!^)\b[A-Z][\w.+-]*\w", re.MULTILINE)
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
        exact = {
            token.word
            for token in tokens
            if token.word not in asked
            and (any(char.isdigit() for char in token.word) or _covers(names, token))
        }
        terms = frozenset(token.term for token in tokens)
        return cls(terms, terms - asked, frozenset(exact), bool(_NEGATIONS.search(sentence)))


def _covers(names: set[str], token: Token) -> bool:
    return any(token.word in name for name in names)


def confidence(hits: Sequence[Hit], question: str, idf: Idf) -> float:
    """How likely it is that the best hit answers the question: about 1 to 5, 0 without a hit.

    Its match by words (as a share of the best possible), by meaning, how much of the question it
    has, and how far it is ahead of the second. The weights come from the half of the questions
    that the benchmark does not report (evals/answers).
    """
    if not hits:
        return 0.0
    best = hits[0]
    total = sum(idf(term) for term in set(content_terms(question)))
    margin = best.score - hits[1].score if len(hits) > 1 else 0.0
    near = 0.45 if best.cosine is None else best.cosine
    return (best.bm25 + 0.1 * margin) / max(total, 1.0) + 2 * near + best.coverage


def claims_something(sentence: str) -> bool:
    """Whether a sentence needs a post behind it: "Here is what I found:" does not."""
    return bool(content_terms(sentence)) and not _NO_CLAIM.fullmatch(sentence)


def supporting(
    sentence: str, question: str, sources: Sequence[Source], idf: Idf
) -> tuple[int, ...]:
    """Numbers of the posts that support a sentence, the best first; empty where none does."""
    claim = Claim.of(sentence, question)
    shares = [(support(claim, source, idf), source) for source in sources]
    good = [(share, source) for share, source in shares if share >= SUPPORTED_SHARE]
    good.sort(key=lambda pair: (-round(pair[0], 2), pair[1].number))
    best = good[0][0] if good else 0.0
    return tuple(source.number for share, source in good[:MOST_CITED] if share >= best - 0.02)


def support(claim: Claim, source: Source, idf: Idf) -> float:
    """Share (0 to 1) of the claim that the post says; 0 where a name, a number or a "not" differs."""
    if not claim.new:
        return 0.0
    text = source.post.post.text
    read = text if source.parent is None else f"{source.parent.post.text}\n{text}"
    tokens = tokenize(read)
    words = {token.word for token in tokens}
    terms = {token.term for token in tokens}
    if any(word not in words for word in claim.exact):
        return 0.0
    own = {token.term for token in tokenize(text)}
    if not claim.new & own:
        return 0.0
    total = sum(max(idf(term), 0.5) for term in claim.new)
    share = sum(max(idf(term), 0.5) for term in claim.new if term in terms) / total
    if share >= SUPPORTED_SHARE and claim.negated != bool(
        _NEGATIONS.search(_closest(read, claim.terms))
    ):
        return 0.0
    return share


def passages(text: str, question: str, idf: Idf) -> list[tuple[float, str]]:
    """The sentences of a post with the share of the question's words that each has, best first."""
    asked = set(content_terms(question))
    total = sum(max(idf(term), 0.1) for term in asked) or 1.0
    spans = [text[span.start : span.end] for span in sentences(text)] or [text]
    scored: list[tuple[float, str]] = []
    for span in spans:
        have = {token.term for token in tokenize(span)}
        share = sum(max(idf(term), 0.1) for term in asked if term in have) / total
        says_more = 0.1 if len(have - asked) >= 3 else 0.0
        scored.append((share + says_more - 0.15 * span.rstrip().endswith("?"), span))
    return sorted(scored, key=lambda pair: -pair[0])


def _closest(text: str, terms: frozenset[str]) -> str:
    """The sentence of ``text`` that shares most words with ``terms``."""
    spans = [text[span.start : span.end] for span in sentences(text)] or [text]
    return max(spans, key=lambda span: len(terms & {token.term for token in tokenize(span)}))
