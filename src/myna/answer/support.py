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
ANSWERABLE = 11.25
"""Least confidence in the best hit at which the model is asked at all."""
_MIDDLING = 0.45
_NEARNESS_IN_SCORE = 20.0
"""What a cosine of 1 adds to a hit's score (index/rank)."""
_UNREAD = 0.7
"""Added where the re-ranker had no time: it moves the best hit ahead of the others."""
TOPIC_SHARE = 0.6
"""Least share of all of a sentence's words, those of the question among them."""
REPLY_WEIGHT = 0.6
"""What the question's words count in the post above, against 1 in the post itself."""
REPLY_BONUS = 0.15
"""For answering to a post that has words of the question."""
BEHIND_COST = 6.0
"""What a score of zero beside the best one's takes from a post's fit as evidence."""
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
_CODE = re.compile(r"`[^`]+`")
_ASKS = re.compile(
    r"(?:[\w|`^\[\]{}-]+[:,]\s*)?(?:hi|hello|hey|so|ok|guys|please|bonjour|salut)?[\s,]*"
    r"(?:(?:how|what|why|where|which|who|whats|hows) (?:do|does|can|could|to|is|are|would|should|i)\b"
    r"|(?:can|could|does|do|is|has|have|would) (?:any|some)(?:one|body)\b|is there\b|any (?:idea|one)\b"
    r"|(?:when|if) i (?:try|do|run|type|boot)\b|i(?:'?m| am)? (?:need help|want to|trying to|having)\b"
    r"|help\b|comment (?:faire|puis|peut)|pourquoi\b|est-ce que\b|quelqu'un\b)",
    re.IGNORECASE,
)
"""How people begin when they ask, with or without a question mark."""
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
    sentence: str, question: str, sources: Sequence[Source], idf: Idf
) -> tuple[int, ...]:
    """Numbers of the posts that support a sentence, the best first; empty where none does."""
    claim = Claim.of(sentence, question)
    shares = [(support(claim, source, idf), source) for source in sources]
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
    if _weighed(claim.terms & terms, idf) < TOPIC_SHARE * _weighed(claim.terms, idf):
        return 0.0  # the words are there, about something else
    share = _weighed(claim.new & terms, idf) / _weighed(claim.new, idf)
    said = _closest(text, claim.new)
    if share >= SUPPORTED_SHARE and claim.negated != bool(_NEGATIONS.search(said)):
        return 0.0
    return share


def _weighed(terms: Iterable[str], idf: Idf) -> float:
    return sum(max(idf(term), 0.5) for term in terms)


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


def quotable(source: Source, question: str, idf: Idf) -> tuple[float, str]:
    """The sentence of a post that could stand as an answer by itself, and how well it would (0 to
    about 1.1): a question answers nothing, and a reply is about what it replies to."""
    parent = source.parent.post.text if source.parent else ""
    asked = set(content_terms(question))
    above = {token.term for token in tokenize(parent)} & asked
    best = (0.0, "")
    for share, passage in passages(source.post.post.text, question, idf):
        own = set(content_terms(passage))
        if "?" in passage or _ASKS.match(passage) or not own - asked:
            continue
        inherited = _weighed(above - own, idf) / max(_weighed(asked, idf), 0.5)
        fit = share + REPLY_WEIGHT * inherited + (REPLY_BONUS if above else 0.0)
        if fit > best[0]:
            best = (fit, passage)
    return best


def by_evidence(
    sources: Sequence[Source], question: str, idf: Idf
) -> list[tuple[float, Source, str]]:
    """(fit, source, sentence): what could stand as an answer by itself, the best first. A source
    of which nothing could is left out, and a lower score than the first one's costs."""
    fits: list[tuple[float, Source, str]] = []
    for source in sources:
        fit, passage = quotable(source, question, idf)
        if passage:
            behind = 1 - source.score / max(sources[0].score, 1e-9)
            fits.append((fit - BEHIND_COST * behind, source, passage))
    return sorted(fits, key=lambda one: -one[0])


def _closest(text: str, terms: frozenset[str]) -> str:
    """The sentence of ``text`` that shares most words with ``terms``."""
    spans = [text[span.start : span.end] for span in sentences(text)] or [text]
    return max(spans, key=lambda span: len(terms & {token.term for token in tokenize(span)}))
