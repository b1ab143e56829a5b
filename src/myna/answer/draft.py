"""An answer while a model writes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from myna.answer.events import Source, Usage
from myna.answer.markers import Cleaner
from myna.answer.sentences import Segmenter, Span
from myna.models.chat import Delta


@dataclass
class Draft:
    """What the model has written so far, and what is shown of it."""

    question: str
    sources: Sequence[Source]
    evidence: Sequence[Source] = ()
    """The posts that the model was shown."""
    cleaner: Cleaner = field(default_factory=Cleaner)
    segmenter: Segmenter = field(default_factory=Segmenter)
    shown: str = ""
    """The answer's text so far; of a large model all that it wrote."""
    quoted: str = ""
    said_by_model: bool = False
    supported: int = 0
    said: list[str] = field(default_factory=list)
    repeats: bool = False
    prompt_tokens: int = 0
    usage: Usage | None = None
    """As the model's server tells it, with the last words."""
    pieces: int = 0
    finish: str | None = None

    def take(self, delta: Delta) -> str:
        """Note what comes with a piece of the model's text; returns what is new of the text."""
        if delta.usage:
            self.usage = Usage(delta.usage.prompt_tokens, delta.usage.completion_tokens)
        self.pieces += bool(delta.text)
        self.finish = delta.finish or self.finish
        return self.cleaner.feed(delta.text)

    def feed(self, text: str, *, last: bool = False) -> list[Span]:
        """Add to what is written; returns the sentences that it completes."""
        spans = self.segmenter.feed(text) if text else []
        spans += self.segmenter.finish() if last else []
        for span in spans:
            folded = " ".join(self.sentence(span).casefold().split())
            self.repeats = self.repeats or (len(folded) > 20 and folded in self.said)
            self.said.append(folded)
        return spans

    def sentence(self, span: Span) -> str:
        """The words of a sentence."""
        return self.segmenter.text[span.start : span.end]

    def spent(self) -> Usage:
        """The usage; of a model that was cut off, which never told it, one token a piece."""
        return self.usage or Usage(self.prompt_tokens, self.pieces)
