"""Where an asker wants an answer to end: at one of their stops, or after so many tokens."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

_TOKEN = re.compile(r"\s*(?:\w{1,6}|[^\w\s])|\s+")
"""About one token of common tokenizers; Myna does not know the tokenizer of the model behind it."""


class Bound:
    """Takes text piece by piece and gives out what may be sent.

    Text that could be the beginning of a stop is held back until more is known.
    """

    def __init__(self, stops: Sequence[str] = (), most_tokens: int | None = None) -> None:
        self.stops = [stop for stop in stops if stop]
        self.most_tokens = most_tokens
        self.reached: Literal["stop", "length"] | None = None
        """Why the text ended early; None while it has not."""
        self.sent = 0
        """Characters given out so far."""
        self._text = ""

    def take(self, delta: str) -> str:
        """What may be sent now that ``delta`` has come."""
        if self.reached or not delta:
            return ""
        if not self.stops and self.most_tokens is None:
            self.sent += len(delta)
            return delta
        self._text += delta
        end = len(self._text) - self._held()
        found = [(at + len(stop), at) for stop in self.stops if (at := self._text.find(stop)) >= 0]
        full = self._length_cut()
        if found and (full is None or min(found)[0] <= full):  # the stop that is complete first
            end, self.reached = min(found)[1], "stop"
        elif full is not None:
            end, self.reached = full, "length"
        return self._give(end)

    def rest(self) -> str:
        """What was held back, when no more text will come."""
        return "" if self.reached else self._give(len(self._text))

    def _give(self, end: int) -> str:
        piece = self._text[self.sent : max(end, self.sent)]
        self.sent += len(piece)
        return piece

    def _held(self) -> int:
        """Length of the longest end of the text that begins a stop."""
        longest = max((len(stop) for stop in self.stops), default=1) - 1
        for length in range(min(longest, len(self._text)), 0, -1):
            tail = self._text[-length:]
            if any(stop.startswith(tail) for stop in self.stops):
                return length
        return 0

    def _length_cut(self) -> int | None:
        """Where the last allowed token ends, if the text goes on after it."""
        if self.most_tokens is None or len(self._text) <= self.most_tokens:
            return None
        for number, match in enumerate(_TOKEN.finditer(self._text), start=1):
            if number == self.most_tokens:
                return match.end() if match.end() < len(self._text) else None
        return None
