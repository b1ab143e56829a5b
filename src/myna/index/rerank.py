"""A closer look at the best hits: each word of the question against each word of the post.

Late interaction as in ColBERT (Khattab and Zaharia, SIGIR 2020), without its training: the encoder
that makes the vectors also gives one vector for each word in its sentence. For each word of the
question the most alike word of the passage counts, weighed by how rare the question's word is. What
one vector of a whole passage blurs (who did what to whom) is partly kept this way.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from myna.index.embed import Words
from myna.index.passages import windows
from myna.index.results import Asked, Hit
from myna.index.terms import tokenize

READ_HITS = 20
LEAST_HITS = 5
"""With time for fewer there is no new order."""
MOST_GAIN = 0.25
"""Likeness that a hit can be ahead of the best one's at most, or nearly: what is too far behind for
that to bring it to the front is not read."""
WEIGHT = 40.0
"""Of a likeness of 1 in units of a hit's score (``index/rank``)."""
WINDOW_WORDS = 45
_TIME_SHARE = 0.8
"""Of the time that is left; what is begun then still has to end before nobody waits any more."""
MOST_WINDOWS = 2
"""Of a long post: those with most of the question's words."""


class WordEncoder(Protocol):
    """Gives each word of a text a vector that depends on the words around it."""

    def words(self, text: str) -> Words:
        """The words of a text, as far as the encoder reads. Thread-safe."""
        ...


class LateInteraction:
    """The re-ranker. Stateless; one thread a call."""

    def __init__(self, encoder: WordEncoder) -> None:
        self._encoder = encoder

    def rerank(self, asked: Asked, hits: Sequence[Hit], seconds_left: float) -> list[Hit] | None:
        """``hits``, those that there was time to read first and in their new order. Their scores
        move by what they differ from the mean of all that were read."""
        end = time.monotonic() + _TIME_SHARE * seconds_left
        question = self._encoder.words(asked.text)
        weights = _weights(question, asked)
        if not weights.any():
            return None
        least = hits[0].score - WEIGHT * asked.balance * MOST_GAIN
        near = [hit for hit in hits[:READ_HITS] if hit.score >= least]
        likeness: list[float] = []
        for hit in near:
            if time.monotonic() >= end:
                break
            likeness.append(self._likeness(question.vectors, weights, hit))
        if len(likeness) < min(LEAST_HITS, len(near)):
            return None
        mean = sum(likeness) / len(likeness)
        read = [
            replace(hit, score=hit.score + WEIGHT * asked.balance * (value - mean), likeness=value)
            for hit, value in zip(hits, likeness, strict=False)
        ]
        read.sort(key=lambda hit: -hit.score)
        return [*read, *hits[len(read) :]]

    def _likeness(self, question: np.ndarray, weights: np.ndarray, hit: Hit) -> float:
        """0 to 1: that of the post's most alike passage."""
        text = hit.post.post.text
        best = 0.0
        for start, end in _likely(windows(text, WINDOW_WORDS), text, hit.highlights):
            passage = self._encoder.words(text[start:end]).vectors
            if len(passage):
                best = max(best, float((question @ passage.T).max(axis=1) @ weights))
        return best


def _weights(words: Words, asked: Asked) -> np.ndarray:
    """For each piece, the idf of the word that it is a part of; 0 for punctuation. They sum to 1,
    or all are 0."""
    tokens = tokenize(asked.text)
    starts = [token.start for token in tokens]
    weights = np.zeros(len(words.spans), np.float32)
    for place, (start, end) in enumerate(words.spans):
        at = bisect_right(starts, start) - 1
        if at >= 0 and end <= tokens[at].end:
            weights[place] = asked.idf(tokens[at].word)
    return weights / max(float(weights.sum()), 1e-9)


def _likely(
    spans: Sequence[tuple[int, int]], text: str, matches: Sequence[tuple[int, int]]
) -> list[tuple[int, int]]:
    """At most ``MOST_WINDOWS`` windows, those with most different words of the question."""
    if len(spans) <= MOST_WINDOWS:
        return list(spans)
    words = [
        {text[a:b].casefold() for a, b in matches if start <= a and b <= end}
        for start, end in spans
    ]
    order = sorted(range(len(spans)), key=lambda place: -len(words[place]))
    return [spans[place] for place in order[:MOST_WINDOWS]]
