"""What the events of an answer add up to: the row of its message, at any moment."""

from __future__ import annotations

from datetime import UTC, datetime

from myna.answer.events import (
    AnswerEvent,
    Citation,
    Done,
    LeftOut,
    Notice,
    Source,
    Sources,
    Text,
    Unsupported,
    Usage,
)
from myna.db.chats import Progress


class Draft:
    """Takes events in order; ``progress`` says what they have come to."""

    def __init__(self) -> None:
        self.sources: tuple[Source, ...] = ()
        self.done: Done | None = None
        self.state = "running"
        self.error: dict[str, str] | None = None
        self.finished_at: datetime | None = None
        self.characters = 0
        self.usage: dict[str, int] = {}
        self.left_out = 0
        self._text: list[str] = []
        self._spans: list[dict[str, object]] = []
        self._notices: list[dict[str, str]] = []

    def take(self, event: AnswerEvent) -> None:
        """Add one event."""
        match event:
            case Text(delta=delta):
                self._text.append(delta)
                self.characters += len(delta)
            case Sources(posts=posts):
                self.sources = posts
            case LeftOut(posts=posts):
                self.left_out = posts
            case Citation(start=start, end=end, numbers=numbers):
                self._span("citation", start, end, numbers)
            case Unsupported(start=start, end=end):
                self._span("unsupported", start, end, ())
            case Notice(code=code, text=text):
                self._notices.append({"code": code, "text": text})
            case Usage(prompt_tokens=prompt, completion_tokens=completion):
                self.usage = {"prompt_tokens": prompt, "completion_tokens": completion}
            case Done():
                self.done = event
            case _:
                pass

    def end(self, state: str, error: dict[str, str] | None = None) -> None:
        """Say how it ended: done, stopped, failed or interrupted."""
        self.state, self.error, self.finished_at = state, error, datetime.now(UTC)

    @property
    def text(self) -> str:
        """The answer so far."""
        return "".join(self._text)

    @property
    def numbered(self) -> dict[int, int]:
        """Shown number → post id."""
        return {source.number: source.post.id for source in self.sources}

    def progress(self) -> Progress:
        """A copy for the store; later events do not change it."""
        return Progress(
            state=self.state,
            outcome=self.done.outcome if self.done else None,
            text=self.text,
            spans=tuple(self._spans),
            notices=tuple(self._notices),
            usage=dict(self.usage),
            error=self.error,
            model=self.done.model if self.done else None,
            prompt_version=self.done.prompt_version if self.done else None,
            finished_at=self.finished_at,
            left_out=self.left_out,
        )

    def _span(self, kind: str, start: int, end: int, numbers: tuple[int, ...]) -> None:
        self._spans.append({"kind": kind, "start": start, "end": end, "numbers": list(numbers)})
