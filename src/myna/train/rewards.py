"""What an answer is worth, from 0 to 1: the product's own checks as rewards. Pure.

A sentence is held against the posts by ``answer.support``, as it is before a reader sees it. Every
reward is earned by a good answer alone: what says nothing that a post says which answers the question,
and is not a refusal that is due, has none of them, however short and well written it is. Stricter than the product in
two things: a sentence that ends in a colon is checked as well, and a mark has to name a post
that answers the question, not just one that says the sentence.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from myna.answer.markers import Cleaner
from myna.answer.phrases import phrase
from myna.answer.question import neutral
from myna.answer.sentences import sentences
from myna.answer.support import Idf, supporting
from myna.index.language import identify, likelier
from myna.index.terms import content_terms
from myna.train.examples import Example

FULL_WORDS, MOST_WORDS = 40, 80
"""An answer of so many words is short; of so many, far too long. Between them it is worth less and
less."""
WEIGHTS: Mapping[str, float] = {
    "citation": 0.3,
    "support": 0.3,
    "refusal": 0.2,
    "length": 0.1,
    "language": 0.1,
}

_MARKS = r"(?:[ \t]*\[\d{1,3}(?: ?, ?\d{1,3})*\])+"
_MARK = re.compile(r"\[(\d{1,3}(?: ?, ?\d{1,3})*)\]")
_BEHIND = re.compile(rf"([.!?…]+)({_MARKS})")
_CODE = re.compile(r"`[^`\n]*`")
_END = re.compile(r"[.!?…]*\s*\Z")


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence of an answer."""

    text: str
    """As the product shows it: without marks."""
    marks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """An answer that was held against its example."""

    refuses: bool
    """It is the refusal, in any language, and nothing else."""
    due: bool
    claims: int
    supported: int
    answered: int
    """Claims that a post says which answers the question."""
    cited: int
    """Claims whose marks all name posts that answer and that say it."""
    refusals: int
    """Sentences that are refusals."""
    words: int
    language: bool
    """Whether it is in the question's language."""

    @property
    def earns(self) -> bool:
        """Whether it is good for anything."""
        return self.refuses if self.due else self.answered > 0 and not self.refusals


def refusal_in(language: str) -> str:
    """What is said where no post answers, as the product says it."""
    return phrase("nothing_found", "fr" if language == "fr" else "en")


def marked(sentence: str, numbers: Iterable[int]) -> str:
    """A sentence with its marks, before its full stop: "Use mount [2]."."""
    end = _END.search(sentence)
    at = end.start() if end else len(sentence)
    return f"{sentence[:at]} {''.join(f'[{number}]' for number in numbers)}{sentence[at:].rstrip()}"


def unmarked(text: str) -> str:
    """A text as the product shows it."""
    cleaner = Cleaner()
    return cleaner.feed(text) + cleaner.finish()


def said(text: str) -> list[Said]:
    """The sentences of an answer with their marks. Marks behind a full stop belong to what is before
    it; marks in code are none."""
    text = _BEHIND.sub(r"\2\1", text)
    found: list[Said] = []
    for span in sentences(text):
        raw = text[span.start : span.end]
        marks = [
            int(number)
            for mark in _MARK.finditer(_CODE.sub(" ", raw))
            for number in mark[1].split(",")
        ]
        found.append(Said(unmarked(raw).strip(), tuple(marks)))
    return found


def judge(example: Example, text: str, idf: Idf) -> Judged:
    """Hold an answer against its example."""
    due = not example.cites
    if "<think>" in text or neutral(text) != text:
        return Judged(False, due, 0, 0, 0, 0, 0, 0, False)
    refusals = {_folded(refusal_in("en")), _folded(refusal_in("fr"))}
    refused = claims = supported = answered = cited = 0
    before: set[str] = set()
    sources = example.sources
    for one in said(text):
        folded = _folded(one.text)
        refused += folded in refusals
        if folded in refusals or not content_terms(one.text):
            continue
        claims += 1
        numbers = supporting(one.text, example.question, sources, idf)
        if not numbers or folded in before:
            continue
        before.add(folded)
        supported += 1
        answered += not set(numbers).isdisjoint(example.cites)
        cited += bool(one.marks) and set(one.marks) <= set(numbers) & set(example.cites)
    shown = unmarked(text)
    told = identify(shown) or likelier(shown, ("en", "fr"))
    refuses = _folded(text) in refusals
    if refuses:
        told = next(one for one in ("en", "fr") if _folded(text) == _folded(refusal_in(one)))
    return Judged(
        refuses,
        due,
        claims,
        supported,
        answered,
        cited,
        refused,
        len(shown.split()),
        told is None or told == example.language,
    )


def citation(judged: Judged) -> float:
    """Share of the claims whose marks name the right posts, and no other."""
    return _share(judged, judged.cited)


def support(judged: Judged) -> float:
    """Share of the claims that a post says."""
    return _share(judged, judged.supported)


def refusal(judged: Judged) -> float:
    """Whether it refuses where it has to, and answers where it can."""
    return float(judged.earns)


def length(judged: Judged) -> float:
    """Whether it is short."""
    if not judged.earns:
        return 0.0
    over = (judged.words - FULL_WORDS) / (MOST_WORDS - FULL_WORDS)
    return min(1.0, max(0.0, 1.0 - over))


def language(judged: Judged) -> float:
    """Whether it speaks the asker's language."""
    return float(judged.earns and judged.language)


REWARDS: Mapping[str, Callable[[Judged], float]] = {
    "citation": citation,
    "support": support,
    "refusal": refusal,
    "length": length,
    "language": language,
}


def reward(example: Example, text: str, idf: Idf) -> float:
    """All of them together, weighed."""
    judged = judge(example, text, idf)
    return sum(WEIGHTS[name] * one(judged) for name, one in REWARDS.items())


def idf_of(texts: Iterable[str]) -> Idf:
    """How much a term stands out among some texts (BM25's, as the index counts it)."""
    having: Counter[str] = Counter()
    count = 0
    for text in texts:
        count += 1
        having.update(set(content_terms(text)))

    def idf(term: str) -> float:
        return math.log(1 + (count - having[term] + 0.5) / (having[term] + 0.5))

    return idf


def _share(judged: Judged, good: int) -> float:
    if not judged.earns:
        return 0.0
    return 1.0 if judged.due else good / judged.claims


def _folded(text: str) -> str:
    return " ".join(text.replace("’", "'").casefold().split())
