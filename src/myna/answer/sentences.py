"""Sentences of a text that is still being written, as spans of code points. Pure.

A sentence is what one citation stands behind: a sentence of prose, a list item, a heading, a
table row, or a whole fenced block of code. Markup around it (``- ``, ``## ``, ``> ``) is outside
the span. However the text is cut into pieces, the spans are the same.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_TERMINATORS = ".!?…。！？"
_UNSPACED = "。！？"
_CLOSERS = "\"'”’»)]}*_~"
_OPENERS = re.compile(r"[\"'“‘«(\[*_~¿¡]*")
_MARKUP = re.compile(r"(?:[#>|]+[ \t]*|(?:[-*+•–]|\d{1,3}[.)])[ \t]+|\s+)+")
_ONLY_MARKUP = re.compile(r"[\s#>|*+•–_\-=:.`~]*")
_FENCE = "```"

_ABBREVIATIONS = frozenset(
    [
        "e.g",
        "i.e",
        "cf",
        "vs",
        "ca",
        "approx",
        "dept",
        "est",
        "etc",
        "fig",
        "figs",
        "inc",
        "incl",
        "jr",
        "ltd",
        "misc",
        "mr",
        "mrs",
        "ms",
        "mt",
        "no",
        "nos",
        "nr",
        "op",
        "p",
        "pp",
        "prof",
        "dr",
        "rev",
        "sr",
        "st",
        "ver",
        "vol",
        "al",
        "resp",
        "max",
        "min",
        "c.-à-d",
        "p.ex",
        "ex",
        "mme",
        "mm",
        "mlle",
        "env",
        "chap",
        "éd",
    ]
)
"""Words that a full stop may follow in mid-sentence, in lower case."""
_OFTEN_LAST = frozenset(
    {"etc", "inc", "ltd", "al", "no", "max", "min", "jr", "sr", "st", "p", "ex"}
)
"""Of these, those that end a sentence when a capital letter follows."""
_LAST_WORD = re.compile(r"[\w.\-]+$")


class Span(NamedTuple):
    """``text[start:end]``."""

    start: int
    end: int


class Segmenter:
    """Takes a text piece by piece; each call gives the sentences that have become certain."""

    def __init__(self) -> None:
        self.text = ""
        self._at = 0
        self._start = 0
        self._in_fence = False
        self._in_code = False

    def feed(self, delta: str) -> list[Span]:
        """The text goes on."""
        self.text += delta
        return self._scan(final=False)

    def finish(self) -> list[Span]:
        """The text ends here."""
        spans = self._scan(final=True)
        spans += self._close(len(self.text))
        return spans

    def _scan(self, *, final: bool) -> list[Span]:
        text, spans = self.text, list[Span]()
        while self._at < len(text):
            at = self._at
            if at == 0 or text[at - 1] == "\n":
                line = text[at : at + 3]
                if len(line) < 3 and _FENCE.startswith(line) and not final:
                    break
                if line == _FENCE:
                    if not self._fence_line(spans, final):
                        break
                    continue
            if self._in_fence:
                newline = text.find("\n", at)
                self._at = newline + 1 if newline >= 0 else len(text)
                continue
            char = text[at]
            if char == "\n":
                spans += self._close(at)
                self._in_code = False
                self._at = at + 1
            elif char == "`":
                self._in_code = not self._in_code
                self._at = at + 1
            elif char in _TERMINATORS and not self._in_code:
                if not self._stop(spans, final):
                    break
            else:
                self._at = at + 1
        return spans

    def _fence_line(self, spans: list[Span], final: bool) -> bool:
        """Pass the line of a fence; False: it is not whole yet."""
        newline = self.text.find("\n", self._at)
        if newline < 0 and not final:
            return False
        end = newline + 1 if newline >= 0 else len(self.text)
        if self._in_fence:
            spans += self._close(end)
        else:
            spans += self._close(self._at)
            self._start = self._at
        self._in_fence = not self._in_fence
        self._at = end
        return True

    def _stop(self, spans: list[Span], final: bool) -> bool:
        """Decide about a full stop at ``_at`` and pass it; False: more text is needed."""
        text, at, end = self.text, self._at, self._at + 1
        while end < len(text) and (text[end] in _TERMINATORS or text[end] in _CLOSERS):
            end += 1
        if end == len(text) and not final:
            return False
        behind = end
        while behind < len(text) and text[behind] in " \t":
            behind += 1
        if behind == len(text) and not final:
            return False
        spaced = behind > end or end == len(text) or text[end] == "\n"
        if spaced or text[at] in _UNSPACED:
            opened = _OPENERS.match(text, behind)
            first = opened.end() if opened else behind
            if first == len(text) and behind < len(text) and not final:
                return False
            follows = text[first : first + 1]
            if text[behind : behind + 1] in ("", "\n") or self._ends(at, follows):
                spans += self._close(end)
        self._at = end
        return True

    def _ends(self, at: int, follows: str) -> bool:
        """Whether the full stop at ``at`` ends its sentence, if ``follows`` comes next."""
        text = self.text
        if text[at] != ".":
            return not follows.islower() or text[at] in _UNSPACED
        if follows.islower():
            return False
        before = text[self._start : at]
        if not _MARKUP.sub("", before + " ", count=1).strip() or before.strip().isdigit():
            return False  # "1." of a list
        found = _LAST_WORD.search(before)
        word = found.group().lower().strip("-") if found else ""
        if word in _ABBREVIATIONS:
            return word in _OFTEN_LAST and follows.isupper() and len(before.split()) > 1
        return not (len(word) == 1 and word.isalpha() and word not in "iy")

    def _close(self, end: int) -> list[Span]:
        """End the current sentence at ``end``; nothing if it has no words."""
        start, self._start = self._start, end
        if self._in_fence or self.text.startswith(_FENCE, start):
            span = _stripped(self.text, start, end)
            return [span] if span.end - span.start > 2 * len(_FENCE) else []
        markup = _MARKUP.match(self.text, start, end)
        span = _stripped(self.text, markup.end() if markup else start, end)
        if _ONLY_MARKUP.fullmatch(self.text, span.start, span.end):
            return []
        return [span]


def _stripped(text: str, start: int, end: int) -> Span:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return Span(start, end)


def sentences(text: str) -> list[Span]:
    """The sentences of a whole text."""
    segmenter = Segmenter()
    return segmenter.feed(text) + segmenter.finish()
