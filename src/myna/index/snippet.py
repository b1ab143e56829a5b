"""The piece of a long post that shows best why it was found. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LONG = 280
"""Characters of a post that is shown whole."""
LENGTH = 200
"""Characters of a piece, about."""
_LEAD = 40
"""Before the first word that was found."""


@dataclass(frozen=True, slots=True)
class Snippet:
    """``text`` is the post's from ``start`` on; highlights are spans within it. Code points."""

    text: str
    start: int
    highlights: tuple[tuple[int, int], ...]


def snippet(text: str, spans: Sequence[tuple[int, int]], length: int = LENGTH) -> Snippet:
    """The whole of a short text, else the piece with most of the different words that were found
    (the first of such), cut between words."""
    if len(text) <= max(LONG, length):
        return Snippet(text, 0, tuple(spans))
    start = _best_start(text, spans, length)
    end = min(len(text), start + length)
    if end < len(text):
        cut = max(text.rfind(" ", start, end + 1), text.rfind("\n", start, end + 1))
        last = max((stop for _, stop in spans if stop <= end), default=start)
        if cut > start and cut >= last:
            end = cut
    while end > start and text[end - 1].isspace():
        end -= 1
    inside = tuple((a - start, b - start) for a, b in spans if start <= a and b <= end)
    return Snippet(text[start:end], start, inside)


def _best_start(text: str, spans: Sequence[tuple[int, int]], length: int) -> int:
    best, most = 0, 0
    for index, (start, _) in enumerate(spans):
        words = {text[a:b].casefold() for a, b in spans[index:] if b <= start + length - _LEAD}
        if len(words) > most:
            best, most = start, len(words)
    return _word_start(text, max(0, min(best - _LEAD, len(text) - length)), best)


def _word_start(text: str, start: int, latest: int) -> int:
    """The nearest beginning of a word from ``start`` on, but not behind ``latest``."""
    if start == 0 or text[start - 1].isspace():
        return start
    for place in range(start, min(latest, len(text))):
        if text[place].isspace():
            return place + 1
    return start
