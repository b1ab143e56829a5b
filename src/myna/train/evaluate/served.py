"""Models behind a server: any OpenAI-compatible one, and a GGUF in llama.cpp's.

A server tells the likelihood of a text where it takes ``echo`` with ``logprobs`` on ``/completions``, as
vLLM does. llama.cpp's does not: of a GGUF, likelihoods are those of its weights, de-quantised, in this
process; what it writes comes from llama.cpp itself.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import secrets
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from myna.errors import ModelError, ModelNotReady, NotFound
from myna.models.chat import ChatModel
from myna.models.endpoint import Endpoint
from myna.models.remote import RemoteModel
from myna.settings import Settings, load_settings
from myna.train.evaluate.local import LocalSubject
from myna.train.evaluate.subject import Likelihood, NotMeasurable

CONTEXT_TOKENS = 2_048
"""Of the llama.cpp server."""
WAIT_S = 300.0
_NO_LIKELIHOODS = (
    "The server does not tell likelihoods of a prompt (echo with logprobs on /completions, as vLLM has "
    "it): bits per byte, tasks and canaries are measured on the weights themselves."
)


class _Server:
    """One server's plain completions, and the model as one that is talked to."""

    def __init__(self, url: str, key: str, model: str) -> None:
        self._url, self._key = url.rstrip("/"), key
        self.model = model or self._first()

    def chat(self) -> ChatModel:
        settings: Settings = load_settings(
            model_url=self._url, model_key=SecretStr(self._key), model_name=self.model
        )
        return RemoteModel(settings)

    def complete(self, **body: Any) -> dict[str, Any]:
        """The first choice."""
        told = self._asked("/completions", {"model": self.model, "temperature": 0, **body})
        try:
            return told["choices"][0]
        except (KeyError, IndexError, TypeError):
            raise ModelError("The server's answer has no choices.") from None

    def write(self, prompts: Sequence[str], *, tokens: int, stop: Sequence[str]) -> list[str]:
        more = {"stop": list(stop)} if stop else {}
        return [
            str(self.complete(prompt=prompt, max_tokens=tokens, **more).get("text") or "")
            for prompt in prompts
        ]

    def _first(self) -> str:
        listed = self._asked("/models")
        try:
            return str(listed["data"][0]["id"])
        except (KeyError, IndexError, TypeError):
            raise NotFound(f"{self._url} lists no model. Write URL#NAME.") from None

    def _asked(self, path: str, body: dict[str, Any] | None = None) -> Any:
        async def ask() -> Any:
            endpoint = Endpoint(self._url, self._key)
            try:
                if body is None:
                    return await endpoint.get(path)
                return await endpoint.post(path, body, timeout_s=WAIT_S)
            finally:
                await endpoint.close()

        return asyncio.run(ask())


class RemoteSubject:
    """A model at a URL. The key is the setting MYNA_MODEL_KEY."""

    def __init__(self, told: str, label: str) -> None:
        url, _, name = told.partition("#")
        key = load_settings().model_key.get_secret_value()
        self._server = _Server(url, key, name)
        self._label = label or self._server.model
        self._url = url

    @property
    def label(self) -> str:
        return self._label

    @property
    def fingerprint(self) -> str:
        """Of URL and name alone: that a server has other weights now, nobody can see."""
        told = f"{self._url}#{self._server.model}"
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    def likelihoods(self, asked: Sequence[tuple[str, str]]) -> list[Likelihood]:
        """As ``Subject`` says."""
        return [self._likelihood(*pair) for pair in asked]

    def _likelihood(self, context: str, continuation: str) -> Likelihood:
        text = context + continuation
        try:
            choice = self._server.complete(prompt=text, max_tokens=1, echo=True, logprobs=1)
        except ModelNotReady:
            raise
        except ModelError:
            raise NotMeasurable(_NO_LIKELIHOODS) from None
        told = choice.get("logprobs") or {}
        values, words = told.get("token_logprobs") or [], told.get("tokens") or []
        whole = str(choice.get("text", "")).startswith(text)
        if not (whole and values and len(values) == len(words)):
            raise NotMeasurable(_NO_LIKELIHOODS)
        tops = told.get("top_logprobs") or [None] * len(values)
        nats, greedy, at, first = 0.0, True, 0, len(text)
        for value, word, top in zip(values, words, tops, strict=True):
            start, at = at, at + len(word)
            if value is None or at <= len(context) or start >= len(text):
                continue
            first = min(first, start)
            nats -= float(value)
            greedy = greedy and (not top or max(top.values()) <= float(value) + 1e-6)
        return Likelihood(nats, len(text[first:].encode()), greedy)

    def write(self, prompts: Sequence[str], *, tokens: int, stop: Sequence[str] = ()) -> list[str]:
        """As ``Subject`` says."""
        return self._server.write(prompts, tokens=tokens, stop=stop)

    def chat(self) -> ChatModel:
        """As ``Subject`` says."""
        return self._server.chat()

    def close(self) -> None:
        """Nothing is held."""


class GgufSubject:
    """A GGUF file: it writes in llama.cpp, its de-quantised weights are asked for likelihoods."""

    def __init__(self, path: Path, label: str) -> None:
        self._path, self._label = path, label
        self._weights = LocalSubject(path, label)
        self._held: Any = None

    @property
    def label(self) -> str:
        return self._label

    @property
    def fingerprint(self) -> str:
        return self._weights.fingerprint

    def likelihoods(self, asked: Sequence[tuple[str, str]]) -> list[Likelihood]:
        """As ``Subject`` says."""
        return self._weights.likelihoods(asked)

    def write(self, prompts: Sequence[str], *, tokens: int, stop: Sequence[str] = ()) -> list[str]:
        """As ``Subject`` says."""
        return self._server.write(prompts, tokens=tokens, stop=stop)

    def chat(self) -> ChatModel:
        """As ``Subject`` says."""
        return self._server.chat()

    def close(self) -> None:
        """Stop the server."""
        self.__dict__.pop("_server", None)
        self._held = None
        self._weights.close()

    @cached_property
    def _server(self) -> _Server:
        xllamacpp = importlib.import_module("xllamacpp")  # compiled, without type stubs
        key = secrets.token_urlsafe(24)
        params = xllamacpp.CommonParams()
        params.model.path = str(self._path)
        params.model_alias = {self._label}
        params.hostnames, params.port, params.api_keys = ["127.0.0.1"], 0, [key]
        params.n_ctx, params.n_parallel = CONTEXT_TOKENS, 1
        params.fit_params, params.warmup, params.ui = False, False, False
        params.enable_reasoning, params.verbosity = 0, 1  # errors alone
        try:
            self._held = xllamacpp.Server(params)
        except RuntimeError as error:
            raise ModelError(f"llama.cpp cannot serve {self._path} ({error}).") from None
        return _Server(f"{self._held.listening_address}/v1", key, self._label)
