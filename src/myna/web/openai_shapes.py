"""The shapes of OpenAI's chat completions, as far as Myna fills them. Their own package has them too,
but takes a third of the web process's start and 40 MB; a test holds these to it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel

FinishReason = Literal["stop", "length"]


class Model(BaseModel):
    """A model that may be asked."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str


class UrlCitation(BaseModel):
    """Where a piece of the text is from."""

    start_index: int
    end_index: int
    url: str
    title: str


class Annotation(BaseModel):
    """What is said of a piece of the text."""

    type: Literal["url_citation"] = "url_citation"
    url_citation: UrlCitation


class Message(BaseModel):
    """The answer; ``myna`` is what OpenAI's has no place for."""

    role: Literal["assistant"] = "assistant"
    content: str | None
    refusal: str | None = None
    annotations: list[Annotation]
    myna: dict[str, Any]


class Choice(BaseModel):
    """One of the answers: there is one."""

    index: int = 0
    message: Message
    finish_reason: FinishReason
    logprobs: None = None


class Usage(BaseModel):
    """Tokens."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatCompletion(BaseModel):
    """An answer in one piece."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: Usage
    system_fingerprint: str | None = None


class Delta(BaseModel):
    """What a chunk adds to the answer."""

    role: Literal["assistant"] | None = None
    content: str | None = None
    annotations: list[Annotation] | None = None
    myna: dict[str, Any] | None = None


class ChunkChoice(BaseModel):
    """Of a chunk."""

    index: int
    delta: Delta
    finish_reason: FinishReason | None


class ChatCompletionChunk(BaseModel):
    """A piece of an answer that streams."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    choices: list[ChunkChoice]
    usage: Usage | None = None
    system_fingerprint: str | None = None
