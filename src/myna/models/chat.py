"""What the answer room sees of a language model: messages in, text out as it is written."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from myna.settings import Settings


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of the prompt."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that the model read and wrote."""

    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Delta:
    """The text goes on with ``text``; the last one carries the usage and why the text ended."""

    text: str
    usage: Usage | None = None
    finish: str | None = None
    """``stop``, ``length`` (cut at ``max_tokens``) or another word of the server; None before."""


class ChatModel(Protocol):
    """A language model behind an OpenAI-compatible server."""

    @property
    def name(self) -> str:
        """The model's name, as answers record it."""
        ...

    @property
    def version(self) -> str:
        """Which of its versions that is, as far as it is known: recorded on every answer."""
        ...

    @property
    def context_tokens(self) -> int:
        """How much it reads and writes at most in one request."""
        ...

    @property
    def small(self) -> bool:
        """Below about a billion parameters: it follows no instructions reliably."""
        ...

    def serving(self, asker: str) -> ChatModel:
        """The model for this asker: while a new version is tried, some askers get that one, and always
        the same ones. ``asker`` is any text that stays the same within a conversation."""
        ...

    def stream(
        self,
        messages: Sequence[ChatMessage],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
    ) -> AsyncGenerator[Delta, None]:
        """Write an answer. Leaving the iterator (``aclose``, cancellation) stops the model at once,
        also while it still reads the prompt.

        Raises:
            ModelNotReady: the server is starting, away or overloaded.
            ModelError: it refused the request or broke off.
        """
        ...

    async def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        """Tokens of these messages with the model's chat template; never too few where the server
        cannot count and it is estimated.
        """
        ...

    async def ready(self) -> bool:
        """Whether a request would be answered now."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


def open_model(settings: Settings) -> ChatModel:
    """The model that writes the answers: the one at MYNA_MODEL_URL, else the local one.

    It connects at the first use, so the server may start later.
    """
    if settings.model_url:
        from myna.models.remote import RemoteModel

        return RemoteModel(settings)
    from myna.models.bundled import BundledModel

    return BundledModel(settings)
