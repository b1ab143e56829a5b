"""What happens while a question is answered: the one stream that app, shell and API consume.

Offsets are Unicode code points in the answer's text, which is the concatenation of all ``Text``
deltas so far. ``Sources`` comes before the first ``Text``. Spans never overlap and come in order.
A failure is raised as a ``MynaError``, it is not an event.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from myna.post import StoredPost

OWN = "myna"
"""Recorded as the model where no words of a model are shown."""
Stage = Literal["searching", "reading", "writing"]
Outcome = Literal["answered", "declined", "small_talk"]


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a conversation as the answer room needs it."""

    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True)
class Serving:
    """The version of the model that stands behind the answer, whoever finds its words. The first
    event; empty where it is not known yet."""

    version: str


@dataclass(frozen=True, slots=True)
class Status:
    """What Myna is doing now."""

    stage: Stage


@dataclass(frozen=True, slots=True)
class Source:
    """A post that the answer may rest on. ``number`` counts from 1 and is what citations name."""

    number: int
    post: StoredPost
    parent: StoredPost | None
    """What the post replies to: it is read together with it."""
    score: float
    """How well it fits the question; comparable within one answer only."""
    copies: int = 1
    """Posts that were found and say the same, this one among them."""


@dataclass(frozen=True, slots=True)
class Sources:
    """All the posts of the answer, best first. Sent once; empty where nothing was found."""

    posts: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """So many posts were found and left out, for their authors do not want to be found. Sent once,
    after ``Sources``, where posts were searched for."""

    posts: int


@dataclass(frozen=True, slots=True)
class Text:
    """The answer's text goes on with ``delta`` (never empty)."""

    delta: str


@dataclass(frozen=True, slots=True)
class Citation:
    """The sentence at [start, end) is supported by the posts with these numbers."""

    start: int
    end: int
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Unsupported:
    """The sentence at [start, end) claims something that none of the posts says."""

    start: int
    end: int


NoticeCode = Literal[
    "no_evidence", "nearest_posts", "truncated", "repeated", "search_note", "withdrawn"
]


@dataclass(frozen=True, slots=True)
class Notice:
    """A remark of Myna about the answer, not part of its text, in the asker's language.

    ``no_evidence``: nothing good enough was found. ``nearest_posts``: the sources are only the
    nearest posts. ``truncated``: the answer was cut at its longest. ``repeated``: the model began
    to repeat itself and was stopped. ``search_note``: something in the question was read
    differently from what the asker may expect (an unknown search operator). ``withdrawn``: a post
    was withdrawn while it was read, and the answer was ended.
    """

    code: NoticeCode
    text: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of the model, as its server counts them; zeros where the model was not asked. Of a model
    that was cut off, its pieces count as tokens."""

    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Done:
    """The answer is whole. Always the last event."""

    outcome: Outcome
    model: str
    prompt_version: str


AnswerEvent = (
    Serving | Status | Sources | LeftOut | Text | Citation | Unsupported | Notice | Usage | Done
)
