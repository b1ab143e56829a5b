"""An answer in the shapes of OpenAI's chat completions, from its first word on."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

from myna.answer.allowed import is_withheld
from myna.chats.draft import Draft
from myna.post import StoredPost
from myna.web.bound import Bound
from myna.web.completion import MODEL
from myna.web.openai_shapes import (
    Annotation,
    ChatCompletion,
    ChatCompletionChunk,
    Choice,
    ChunkChoice,
    Delta,
    FinishReason,
    Message,
    UrlCitation,
    Usage,
)
from myna.web.views import app_path, source_view

TITLE_CHARACTERS = 80


class Reply:
    """Shapes one answer, as far as it has come."""

    def __init__(self, answer_id: UUID, draft: Draft, base_url: str, bound: Bound) -> None:
        self.id = f"chatcmpl-{answer_id.hex}"
        self.created = int(time.time())
        self.draft = draft
        self.base_url = base_url
        self.bound = bound

    def whole(self) -> ChatCompletion:
        """The answer in one piece."""
        message = Message(
            content=self.draft.text[: self.bound.sent],
            annotations=self.annotations(),
            myna=self.extension(),
        )
        return ChatCompletion(
            id=self.id,
            created=self.created,
            model=MODEL,
            choices=[Choice(message=message, finish_reason=self.finish_reason)],
            usage=self.usage(),
            system_fingerprint=self.draft.model_version,
        )

    def first(self) -> ChatCompletionChunk:
        """The chunk that begins a stream."""
        return self._chunk(Delta(role="assistant", content=""))

    def piece(self, text: str) -> ChatCompletionChunk:
        """A chunk with a piece of the text."""
        return self._chunk(Delta(content=text))

    def last(self) -> ChatCompletionChunk:
        """The chunk that ends the text: citations and everything else that is known by now."""
        delta = Delta(annotations=self.annotations(), myna=self.extension())
        return self._chunk(delta, self.finish_reason)

    def usage_alone(self) -> ChatCompletionChunk:
        """The chunk after the last one, for those who asked for the usage."""
        chunk = self._chunk(Delta())
        return chunk.model_copy(update={"choices": [], "usage": self.usage()})

    @property
    def finish_reason(self) -> FinishReason:
        """``length`` where the answer was cut."""
        cut = any(notice["code"] == "truncated" for notice in self.draft.progress().notices)
        return self.bound.reached or ("length" if cut else "stop")

    def usage(self) -> Usage:
        """Tokens as the model's server counts them, over all its calls for this answer."""
        prompt = self.draft.usage.get("prompt_tokens", 0)
        completion = self.draft.usage.get("completion_tokens", 0)
        return Usage(
            prompt_tokens=prompt, completion_tokens=completion, total_tokens=prompt + completion
        )

    def annotations(self) -> list[Annotation]:
        """One for each post that a sentence is cited from."""
        posts = {source.number: source.post for source in self.draft.sources}
        return [
            self._annotation(span["start"], span["end"], posts[number])
            for span in self._spans()
            if span["kind"] == "citation"
            for number in span["numbers"]
            if number in posts
        ]

    def extension(self) -> dict[str, Any]:
        """What Myna says beyond OpenAI's API."""
        progress = self.draft.progress()
        return {
            "outcome": progress.outcome,
            "spans": self._spans(),
            "sources": [source_view(one).model_dump(mode="json") for one in self.draft.sources],
            "notices": list(progress.notices),
            "left_out": progress.left_out,
            "model": progress.model,
            "prompt_version": progress.prompt_version,
            "model_version": progress.model_version,
        }

    def _spans(self) -> list[dict[str, Any]]:
        """The spans of what was sent."""
        spans = self.draft.progress().spans
        return [dict(span) for span in spans if span["end"] <= self.bound.sent]

    def _annotation(self, start: int, end: int, post: StoredPost) -> Annotation:
        words = "" if is_withheld(post) else " ".join(post.post.text.split())
        short = words if len(words) <= TITLE_CHARACTERS else words[: TITLE_CHARACTERS - 1] + "…"
        citation = UrlCitation(
            start_index=start,
            end_index=end,
            url=self.base_url + app_path(post.post.network, post.post.uri),
            title=f"{post.post.author.handle}: {short}" if words else post.post.author.handle,
        )
        return Annotation(type="url_citation", url_citation=citation)

    def _chunk(
        self, delta: Delta, finish_reason: FinishReason | None = None
    ) -> ChatCompletionChunk:
        return ChatCompletionChunk(
            system_fingerprint=self.draft.model_version,
            id=self.id,
            object="chat.completion.chunk",
            created=self.created,
            model=MODEL,
            choices=[ChunkChoice(index=0, delta=delta, finish_reason=finish_reason)],
        )
