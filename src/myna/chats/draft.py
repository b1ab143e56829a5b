"""What the events of an answer add up to: the row of its message, at any moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from myna.answer.events import (
    OWN,
    AnswerEvent,
    Citation,
    Done,
    LeftOut,
    Notice,
    Serving,
    Source,
    Sources,
    Text,
    Unsupported,
    Usage,
)
from myna.chats.redaction import redact, rests_on_parent
from myna.db.chats import Progress
from myna.db.content import text_digest
from myna.db.grounds import PARENT, POST, Ground, Reason


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
        self.version = ""
        """Of the model that stands behind it."""
        self.first_word_ms: int | None = None
        self.given: list[Ground] = []
        """All posts that it was given, and what these reply to."""
        self.gone: Mapping[int, Reason] = {}
        """Sources that were withdrawn while it was written, and why: nothing rests on them."""
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
                self.given = [ground for source in posts for ground in _grounds(source)]
            case Serving(version=version):
                self.version = version
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

    def grounds(self) -> list[Ground]:
        """What it rests on. What a source replies to counts where a model has read it, or where
        its words are quoted."""
        if not self.done or self.done.model != OWN:
            return self.given
        above = {one.number: one.parent.post.text for one in self.sources if one.parent}
        text = self.text
        return [
            ground
            for ground in self.given
            if ground.part == POST
            or rests_on_parent(text, self._spans, ground.number, above[ground.number])
        ]

    def uses(self) -> dict[int, list[tuple[int, int]]]:
        """Post → the spans that rest on it; none of a source that is not cited."""
        spans = [span for span in self.progress().spans if span["kind"] == "citation"]
        found: dict[int, list[tuple[int, int]]] = {}
        for ground in self.grounds():
            found[ground.post_id] = [
                (span["start"], span["end"]) for span in spans if ground.number in span["numbers"]
            ]
        return found

    @property
    def outcome(self) -> str | None:
        """answered, declined or small_talk; None until it is known."""
        return self.done.outcome if self.done else None

    @property
    def model(self) -> str | None:
        """What wrote it; None until it is known."""
        return self.done.model if self.done else None

    @property
    def model_version(self) -> str | None:
        """Of the model that stands behind it; None where that is not known (yet)."""
        return self.version or (self.model if self.model != OWN else None)

    def progress(self) -> Progress:
        """A copy for the store and for those who look; later events do not change it."""
        return redact(self._progress(), self.gone)

    def _progress(self) -> Progress:
        return Progress(
            state=self.state,
            outcome=self.outcome,
            text=self.text,
            spans=tuple(self._spans),
            notices=tuple(self._notices),
            usage=dict(self.usage),
            error=self.error,
            model=self.done.model if self.done else None,
            prompt_version=self.done.prompt_version if self.done else None,
            finished_at=self.finished_at,
            left_out=self.left_out,
            model_version=self.model_version,
            first_word_ms=self.first_word_ms,
        )

    def _span(self, kind: str, start: int, end: int, numbers: tuple[int, ...]) -> None:
        self._spans.append({"kind": kind, "start": start, "end": end, "numbers": list(numbers)})


def _grounds(source: Source) -> Iterator[Ground]:
    for part, stored in ((POST, source.post), (PARENT, source.parent)):
        if stored is not None:
            digest = text_digest(stored.post.text)
            copies = source.copies if part == POST else 1
            yield Ground(source.number, part, stored.id, digest, stored.refused, copies)
