"""The model at MYNA_MODEL_URL: any OpenAI-compatible server (vLLM, Ollama, llama.cpp, hosted)."""

from __future__ import annotations

import math
import re
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any

from myna.errors import ModelError
from myna.models.chat import ChatMessage, Delta, Usage
from myna.models.endpoint import Endpoint
from myna.settings import Settings

FALLBACK_CONTEXT_TOKENS = 8192
SMALL_PARAMETERS = 1e9
BYTES_PER_TOKEN = 3.0
"""Of UTF-8. English has about 4, chat and code about 3: an estimate that is seldom too low."""
TOKENS_PER_MESSAGE = 6
"""What chat templates put around a message."""
READY_FOR_S = 10.0
"""A server that answered is taken to be there for so long: /healthz must not cost a call each."""

_CONTEXT_FIELDS = ("max_model_len", "context_length", "context_window", "max_context_length")
_SIZE_IN_NAME = re.compile(r"(?<![\d.])(\d+(?:\.\d+)?)\s*([bm])(?![a-z0-9])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Card:
    """What the server's list of models says of ours."""

    name: str
    context_tokens: int | None = None
    parameters: float | None = None


class RemoteModel:
    """A ``ChatModel`` at a URL. Its name and context are asked of the server at the first use."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._endpoint = Endpoint(settings.model_url, settings.model_key.get_secret_value())
        self._card: _Card | None = None
        self._seen = -math.inf

    @property
    def name(self) -> str:
        """MYNA_MODEL_NAME, else the first model that the server lists."""
        return self._settings.model_name or (self._card.name if self._card else "")

    @property
    def version(self) -> str:
        """Its name: a server does not tell more."""
        return self.name

    def serving(self, asker: str) -> RemoteModel:
        """Always this one: what stands behind the URL is the server's business."""
        del asker
        return self

    @property
    def context_tokens(self) -> int:
        """MYNA_MODEL_CONTEXT, else what the server says, else 8192."""
        told = self._card.context_tokens if self._card else None
        return self._settings.model_context or told or FALLBACK_CONTEXT_TOKENS

    @property
    def small(self) -> bool:
        """Whether the server or the model's name says that it has less than a billion parameters."""
        size = self._card.parameters if self._card else None
        size = size or parameters_in_name(self.name)
        return size is not None and size < SMALL_PARAMETERS

    async def stream(
        self,
        messages: Sequence[ChatMessage],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
    ) -> AsyncGenerator[Delta, None]:
        """As ``ChatModel.stream`` says. A server that does not count gets an estimated usage."""
        if self._card is None:
            await self._look()
        written = 0
        deltas = self._endpoint.chat(
            self.name, messages, max_tokens=max_tokens, temperature=temperature, stop=stop
        )
        async with aclosing(deltas):
            async for delta in deltas:
                written += bool(delta.text)
                if delta.finish is None or delta.usage:
                    yield delta
                else:
                    usage = Usage(estimated_tokens(messages), written)
                    yield Delta(delta.text, usage, delta.finish)
        self._seen = time.monotonic()

    async def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        """An estimate, rather too high: such servers have no common way to count."""
        return estimated_tokens(messages)

    async def ready(self) -> bool:
        """Whether the server lists its models."""
        if time.monotonic() - self._seen < READY_FOR_S:
            return True
        with suppress(ModelError):
            await self._look()
            return True
        return False

    async def close(self) -> None:
        """Close the connections."""
        await self._endpoint.close()

    async def _look(self) -> None:
        """Ask the server what it has.

        Raises:
            ModelNotReady: it is away.
            ModelError: it refuses the key, or has no model.
        """
        listed = await self._endpoint.get("/models")
        entries = listed.get("data") if isinstance(listed, dict) else None
        entries = [e for e in entries or () if isinstance(e, dict) and isinstance(e.get("id"), str)]
        wanted = self._settings.model_name
        entry = next((e for e in entries if not wanted or e["id"] == wanted), None)
        if entry is None and not wanted:
            raise ModelError(
                f"The model server at {self._endpoint.place} lists no model. Set MYNA_MODEL_NAME."
            )
        self._card = _card(entry) if entry else _Card(wanted)
        self._seen = time.monotonic()


def parameters_in_name(name: str) -> float | None:
    """How many parameters a model's name tells (``qwen3:0.6b``, ``SmolLM2-135M``); None: nothing."""
    found = _SIZE_IN_NAME.search(name)
    if found is None:
        return None
    return float(found[1]) * (1e9 if found[2] in "bB" else 1e6)


def estimated_tokens(messages: Sequence[ChatMessage]) -> int:
    """About how many tokens the messages are, rather more than less."""
    return sum(
        TOKENS_PER_MESSAGE + math.ceil(len(m.content.encode()) / BYTES_PER_TOKEN) for m in messages
    )


def _card(entry: dict[str, Any]) -> _Card:
    """vLLM and hosted servers tell the context beside the id, llama.cpp under ``meta``."""
    meta = entry["meta"] if isinstance(entry.get("meta"), dict) else {}
    told = [*(entry.get(field) for field in _CONTEXT_FIELDS), meta.get("n_ctx")]
    context = next((int(n) for n in told if isinstance(n, int | float) and n > 0), None)
    size = meta.get("n_params")
    return _Card(entry["id"], context, float(size) if isinstance(size, int | float) else None)
