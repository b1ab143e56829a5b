"""A fake in the place of the answerer: says what a test tells it to, when it tells it to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime

from myna.answer.events import (
    AnswerEvent,
    Citation,
    Done,
    Source,
    Sources,
    Status,
    Text,
    Turn,
    Unsupported,
    Usage,
)
from myna.post import Author, Post, State, StoredPost

Step = AnswerEvent | float | Exception | asyncio.Event
"""An event; a pause in seconds; an error to raise; something to wait for."""
DONE = Done("answered", "fake-model", "v1")


def stored(number: int = 1, text: str = "mount -o loop image.iso /mnt") -> StoredPost:
    """A post that no store knows."""
    when = datetime(2008, 4, 20, 12, tzinfo=UTC)
    author = Author("irc", "ada", "ada")
    post = Post("irc", f"2008-04-20/{number}", author, text, when, channel="#ubuntu")
    return StoredPost(number, number, State.LIVE, post, post.uri, when)


def script(*posts: StoredPost, words: str = "Use the loop option.") -> list[Step]:
    """A whole answer that cites the first post."""
    sources = tuple(Source(n, post, None, 1.0) for n, post in enumerate(posts, start=1))
    pieces = [word + " " for word in words.split()]
    text = "".join(pieces).rstrip()
    pieces[-1] = pieces[-1].rstrip()
    span = Citation(0, len(text), (1,)) if posts else Unsupported(0, len(text))
    return [
        Status("searching"),
        Sources(sources),
        Status("writing"),
        *map(Text, pieces),
        span,
        Usage(50, len(pieces)),
        DONE,
    ]


class FakeAnswerer:
    """Plays ``steps`` for each question and remembers what it was asked."""

    def __init__(self, steps: Sequence[Step] | None = None) -> None:
        self.steps: Sequence[Step] = script() if steps is None else steps
        self.conversations: list[list[Turn]] = []
        self.languages: list[str] = []
        self.open = 0
        """Answers whose stream is open now: the model's slots in use."""

    async def answer(
        self,
        conversation: Sequence[Turn],
        *,
        language: str = "en",
        now: datetime | None = None,
        asker: str = "",
    ) -> AsyncGenerator[AnswerEvent]:
        """Play the steps."""
        del now, asker
        self.conversations.append(list(conversation))
        self.languages.append(language)
        self.open += 1
        try:
            for step in self.steps:
                if isinstance(step, Exception):
                    raise step
                if isinstance(step, asyncio.Event):
                    await step.wait()
                elif isinstance(step, float | int):
                    await asyncio.sleep(step)
                else:
                    yield step
        finally:
            self.open -= 1
