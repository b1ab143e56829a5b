"""Which sentence of which post could stand as an answer by itself. Pure.

In a conversation the best hit is often somebody's question, and the answer is what was said to it:
a reply is worth as much as the post above it asks what is asked now. A question answers nothing,
and "I'll restart X, brb" does not say how.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from myna.answer.asked import PAGE, Meaning, Says, kind_asked, meaning_asked
from myna.answer.events import Source
from myna.answer.sentences import sentences
from myna.answer.support import ADDRESS, Idf, unaddressed, weighed
from myna.index.terms import content_terms, tokenize
from myna.post import Post

QUOTED_FIT = 0.2
"""Least fit of a sentence that is quoted."""
LONGEST_QUOTE = 300
"""Characters."""
REPLY_WEIGHT = 0.6
"""What the question's words count in the post above, against 1 in the post itself."""
REPLY_BONUS = 0.15
"""For answering to a post that has words of the question."""
SAME_QUESTION = 0.65
"""Share of the question's words with which a post above asks the same."""
SAME_SUBJECT = 0.5
"""Share of the words of a post above that has only one word of the question, for the same."""
ANSWER_WEIGHT = 0.8
"""What a whole answer to the same question is worth, before its own words of the question."""
SUBSTANCE = 9.0
"""Weight of new words (about two rare ones) from which on a reply says enough to be an answer."""
CONCRETE_BONUS = 0.15
"""For a command, a path, a menu or an address, where a way to do something was asked for."""
ONESELF_COST = 0.4
"""For telling what one does oneself, where a way to do it was asked for."""
DEFINES_BONUS = 0.8
"""For saying what the thing is whose meaning was asked for."""
THIN_COST = 1.0
"""For saying next to nothing, where a meaning was asked for and this does not give it."""
KIND_COST = 0.4
"""For words without a time, where "when" was asked, or without a number, where "how many" was; and
once more where the whole post has none."""
BEHIND_COST = 12.0
"""What a score of zero beside the best one's takes from a post's fit."""
BEHIND_COST_HOW = 2.5
"""The same where a way to do something was asked for: many posts then have the same few words, and
what only asks the same stands before nothing. Also for what says the meaning that was asked for."""

_ASKS = re.compile(
    r"(?:[\w|`^\[\]{}-]+[:,]\s*)?(?:hi|hello|hey|so|ok|guys|please|bonjour|salut)?(?: all)?[\s,]*"
    r"(?:(?:how|what|why|where|which|who|whats|hows) (?:do|does|can|could|to|is|are|would|should|i)\b"
    r"|(?:can|could|does|do|is|has|have|would) (?:any|some)(?:one|body)\b|is there\b|any (?:idea|one)\b"
    r"|(?:when|if) i (?:try|do|run|type|boot)\b"
    r"|i(?:'?m| am)? (?:just )?(?:need help|want to|trying to|having|wondering)\b"
    r"|help\b|comment (?:faire|puis|peut)|pourquoi\b|est-ce que\b|quelqu'un\b)",
    re.IGNORECASE,
)
"""How people begin when they ask, with or without a question mark."""
_ASKS_HOW = re.compile(
    r"\bhow (?:do|can|could|would|should) (?:i|you|we|one)\b|\bhow to\b|\b(?:what|which) command\b"
    r"|\bcomment\b",
    re.IGNORECASE,
)
_ONESELF = re.compile(
    r"\bbrb\b|^\W*(?:(?:so|ok|and|now|well|then)[,\s]+)*(?:i['’]?ll|i['’]?m|i (?:should|could|would|think i|tried|already)|gotta|gonna|going to|my|lemme|let me)\b",
    re.IGNORECASE,
)


_CONCRETE = re.compile(r"(?:^|\s)(?:-{1,2}\w|~?/\w|sudo\b|<\w)|://|`|\w ?(?:->|>|→) ?\w")


@dataclass(frozen=True, slots=True)
class Quotation:
    """The words of a post that could stand as an answer."""

    fit: float
    """0 to about 1.3."""
    source: Source
    words: str
    """A sentence of the post with what stands beside it, as it is there."""
    asked: str = ""
    """How somebody asked the same question, where the post answers to that."""


@dataclass(frozen=True, slots=True)
class _Above:
    """What a post answers to."""

    post: Post
    terms: frozenset[str]
    score: float


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a question wants of an answer, beyond its words."""

    way: bool
    """A way to do something."""
    kind: Says | None
    """Whether words say the kind of thing that is asked for, where that can be seen."""
    meaning: Meaning | None

    @classmethod
    def of(cls, question: str) -> _Wanted:
        way = bool(_ASKS_HOW.search(question))
        return cls(way, kind_asked(question), meaning_asked(question))

    def worth(self, passage: str, substance: float) -> float:
        """What speaks for a passage, or against it, beside its words of the question.
        ``substance`` (0 to 1) is how much it says that is new."""
        worth = 0.0
        if self.meaning is not None:
            worth = DEFINES_BONUS if self.meaning.given_in(passage) else THIN_COST * (substance - 1)
        if self.way:
            worth += CONCRETE_BONUS * bool(_CONCRETE.search(passage))
            worth -= ONESELF_COST * bool(_ONESELF.search(passage))
        return worth

    def cost(self, words: str) -> float:
        """What a score of zero beside the best one's costs."""
        near = self.way or (self.meaning is not None and self.meaning.given_in(words))
        return BEHIND_COST_HOW if near else BEHIND_COST


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


def quotations(sources: Sequence[Source], question: str, idf: Idf) -> list[Quotation]:
    """What could stand as an answer by itself, the best first, one passage of each post. A post of
    which nothing could is left out, and a lower score than the best one's costs.
    """
    found: list[tuple[Quotation, float]] = []
    wanted, best = _Wanted.of(question), 0.0
    for source in sources:
        above = _above(source, sources)
        if quotation := _of(source, above, question, wanted, idf):
            lent = above.score if above and quotation.asked else 0.0
            found.append((quotation, max(source.score, lent)))
        if quotation or not (wanted.way and asks(source.post.post.text)):
            best = max(best, source.score)
    fits = [
        replace(one, fit=one.fit - wanted.cost(one.words) * (1 - score / max(best, 1e-9)))
        for one, score in found
    ]
    return sorted(fits, key=lambda one: -one.fit)


def best_quotation(sources: Sequence[Source], question: str, idf: Idf) -> Quotation | None:
    """What to quote; None where nothing fits well enough."""
    found = quotations(sources, question, idf)
    return found[0] if found and found[0].fit >= QUOTED_FIT else None


def copies(sentence: str, quoted: str) -> bool:
    """Whether a sentence only repeats the quotation: nearly all its words, of any kind, are there."""
    words = {token.word for token in tokenize(sentence)}
    return len(words - {token.word for token in tokenize(quoted)}) <= len(words) // 5


def _around(text: str, passage: str) -> str:
    """A passage with the sentences after and before it, as many as make no long quotation."""
    spans = [(span.start, span.end) for span in sentences(text)]
    start = text.index(passage)
    end = start + len(passage)
    for _, later in (span for span in spans if span[0] >= end):
        if later - start > LONGEST_QUOTE:
            break
        end = later
    for earlier, _ in reversed([span for span in spans if span[1] <= start]):
        if end - earlier > LONGEST_QUOTE:
            break
        start = earlier
    return text[start:end]


def shortened(words: str, characters: int = LONGEST_QUOTE) -> str:
    """Quoted words on one line, cut where they are very long."""
    line = " ".join(words.split())
    return line if len(line) <= characters else line[: characters - 1].rstrip() + "…"


def _above(source: Source, sources: Sequence[Source]) -> _Above | None:
    """The post that a source replies to, or the source whose author it speaks to by name."""
    post = source.post.post
    scores = {other.post.id: other.score for other in sources}
    if source.parent is not None:
        parent = source.parent
        return _Above(parent.post, _terms(parent.post.text), scores.get(parent.id, 0.0))
    found = ADDRESS.match(post.text)
    if found is None:
        return None
    for other in sources:
        asker = other.post.post
        if (
            asker.author.handle.casefold() == found[1].casefold()
            and (asker.network, asker.channel) == (post.network, post.channel)
            and asker.created_at <= post.created_at
        ):
            return _Above(asker, _terms(asker.text), other.score)
    return None


def _of(
    source: Source, above: _Above | None, question: str, wanted: _Wanted, idf: Idf
) -> Quotation | None:
    """The best passage of one post, and how well it would stand as an answer."""
    asked = frozenset(content_terms(question))
    all_asked = max(weighed(asked, idf), 0.5)
    shared = above.terms & asked if above else frozenset[str]()
    same = _asks_the_same(above, source, asked, idf) if above else ""
    text = unaddressed(source.post.post.text, [above.post.author.handle] if above else [])
    best = Quotation(0.0, source, "")
    for share, passage in passages(text, question, idf):
        own = frozenset(content_terms(passage))
        new = own - asked
        if not new or asks(passage):
            continue
        inherited = weighed(shared - own, idf) / all_asked
        fit = share + REPLY_WEIGHT * inherited + (REPLY_BONUS if shared else 0.0)
        answers = bool(same and above and new - above.terms)
        substance = min(1.0, weighed(new, idf) / SUBSTANCE)
        if answers:
            fit = max(fit, ANSWER_WEIGHT * substance + 0.3 * share)
        fit += wanted.worth(passage, substance)
        if fit > best.fit:
            best = Quotation(fit, source, passage, same if answers else "")
    if not best.words:
        return None
    words = _around(text, best.words)
    if wanted.kind is None:
        return replace(best, words=words)
    lacking = (not wanted.kind(words)) + (not wanted.kind(text))
    return replace(best, words=words, fit=best.fit - KIND_COST * lacking)


def _asks_the_same(above: _Above, source: Source, asked: frozenset[str], idf: Idf) -> str:
    """The sentence with which a post asks what is asked now; empty where it does not."""
    text = unaddressed(above.post.text, [source.post.post.author.handle])
    shared = above.terms & asked
    if weighed(shared, idf) < SAME_QUESTION * weighed(asked, idf):
        return ""
    if len(shared) < 2 and weighed(shared, idf) < SAME_SUBJECT * weighed(above.terms, idf):
        return ""
    asking = [
        text[span.start : span.end] for span in sentences(text) if asks(text[span.start : span.end])
    ]
    return max(asking, key=lambda one: len(_terms(one) & asked), default="")


def asks(text: str) -> bool:
    """Whether a sentence asks, with or without a question mark; one in an address does not count."""
    return "?" in PAGE.sub("", text) or bool(_ASKS.match(text))


def _terms(text: str) -> frozenset[str]:
    return frozenset(token.term for token in tokenize(text))
