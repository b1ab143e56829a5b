"""An OpenAI-compatible server as HTTP: streamed chat completions, and its refusals as our errors.

Plain httpx2 instead of the ``openai`` client: a stream is read here with a third of its processor
time, and the web process stays 40 MB smaller.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx2
import msgspec

from myna.errors import InvalidRequest, ModelError, ModelNotReady
from myna.models.chat import ChatMessage, Delta, Usage

TIMEOUT = httpx2.Timeout(connect=5.0, read=120.0, write=30.0, pool=None)
"""Seconds. ``read`` is between two pieces: the first word of a large model may take long."""
LONGEST_REFUSAL_BYTES = 20_000
RENAMED_FIELDS = {"max_tokens": "max_completion_tokens"}
"""What some hosted models call a field; other fields that a server does not know are left out."""


class _Piece(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Piece = msgspec.field(default_factory=_Piece)
    finish_reason: str | None = None


class _Counted(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = []
    usage: _Counted | None = None
    error: msgspec.Raw | None = None


class _Refusal(Exception):
    """The server answered with an error status; the body as far as it could be read."""

    def __init__(self, status: int, error: dict[str, Any]) -> None:
        super().__init__(status)
        self.status = status
        self.error = error


_decoder = msgspec.json.Decoder(_Chunk)


class Endpoint:
    """One server at ``base_url`` (without a slash at the end, with ``/v1`` where it has one)."""

    def __init__(self, base_url: str, key: str, *, key_setting: str = "MYNA_MODEL_KEY") -> None:
        self.base_url = base_url
        parts = urlsplit(base_url)
        self.place = f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
        """What people are shown of the address: no user, password or path."""
        self._key_setting = key_setting
        self._client = httpx2.AsyncClient(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=TIMEOUT,
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=8),
            trust_env=parts.hostname not in {"127.0.0.1", "localhost", "::1"},
        )
        self._unknown_fields: set[str] = set()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def get(self, path: str, *, timeout_s: float = 5.0) -> Any:
        """The JSON at ``path`` (from the base URL, or whole)."""
        return await self._json("GET", path, None, timeout_s)

    async def post(self, path: str, body: dict[str, Any], *, timeout_s: float = 30.0) -> Any:
        """The JSON that ``body`` is answered with."""
        return await self._json("POST", path, body, timeout_s)

    async def chat(
        self,
        model: str,
        messages: Sequence[ChatMessage],
        *,
        max_tokens: int,
        temperature: float,
        stop: Sequence[str],
        extra: dict[str, Any] | None = None,
    ) -> AsyncGenerator[Delta, None]:
        """Stream one completion; the last delta has the finish reason and, if told, the usage.

        Raises:
            ModelNotReady, ModelError: as ``ChatModel.stream`` says.
        """
        body: dict[str, Any] = {
            "model": model,
            "messages": [{"role": m.role, "content": m.content} for m in messages],
            "max_tokens": max_tokens,
            "temperature": temperature,
            "stream": True,
            "stream_options": {"include_usage": True},
            **(extra or {}),
        }
        if stop:
            body["stop"] = list(stop)
        usage: Usage | None = None
        finish: str | None = None
        try:
            async with self._opened(body) as response:
                async for chunk in _chunks(response):
                    if chunk.error is not None:
                        raise ModelError(f"The model server at {self.place} failed in mid-answer.")
                    if chunk.usage is not None:
                        usage = Usage(chunk.usage.prompt_tokens, chunk.usage.completion_tokens)
                    for choice in chunk.choices[:1]:
                        finish = choice.finish_reason or finish
                        if choice.delta.content:
                            yield Delta(choice.delta.content)
        except httpx2.TimeoutException:
            raise ModelError(
                f"The model server at {self.place} took longer than {TIMEOUT.read:.0f} s."
            ) from None
        except (httpx2.TransportError, msgspec.DecodeError):
            raise ModelError(f"The model server at {self.place} broke off. Ask again.") from None
        if finish is None:
            raise ModelError(f"The model server at {self.place} broke off. Ask again.")
        yield Delta("", usage, finish)

    @asynccontextmanager
    async def _opened(self, body: dict[str, Any]) -> AsyncIterator[httpx2.Response]:
        """The response to ``body``, its status checked. A kept connection that the server has
        closed meanwhile is tried once more; a field that it refuses is renamed or left out.
        """
        fresh = False
        while True:
            sent = self._accepted(body)
            request = self._client.build_request(
                "POST", f"{self.base_url}/chat/completions", json=sent
            )
            try:
                response = await self._client.send(request, stream=True)
            except (httpx2.ConnectTimeout, httpx2.ConnectError):
                raise self._away() from None
            except (httpx2.ReadError, httpx2.WriteError, httpx2.RemoteProtocolError):
                if fresh:
                    raise
                fresh = True
                continue
            try:
                if response.is_success:
                    yield response
                    return
                refusal = await _refusal(response)
            finally:
                await response.aclose()
            field = str(refusal.error.get("param") or "")
            if refusal.status == 400 and field in sent and field not in {"model", "messages"}:
                self._unknown_fields.add(field)
                continue
            raise self._explained(refusal, str(body["model"]))

    def _accepted(self, body: dict[str, Any]) -> dict[str, Any]:
        if not self._unknown_fields:
            return body
        renamed = {RENAMED_FIELDS.get(f): body.get(f) for f in self._unknown_fields if f in body}
        kept = {name: value for name, value in body.items() if name not in self._unknown_fields}
        return kept | {name: value for name, value in renamed.items() if name}

    async def _json(
        self, method: str, path: str, body: dict[str, Any] | None, timeout_s: float
    ) -> Any:
        url = path if path.startswith("http") else f"{self.base_url}{path}"
        try:
            response = await self._client.request(method, url, json=body, timeout=timeout_s)
            if not response.is_success:
                raise self._explained(await _refusal(response), "")
            return response.json()
        except httpx2.TransportError:
            raise self._away() from None
        except ValueError:
            raise ModelError(
                f"The server at {self.place} is not an OpenAI-compatible one (no JSON came)."
            ) from None

    def _away(self) -> ModelNotReady:
        return ModelNotReady(
            f"The model server at {self.place} cannot be reached. Start it, or check MYNA_MODEL_URL."
        )

    def _explained(self, refusal: _Refusal, model: str) -> Exception:
        """Our error for a refusal. The server's own words may hold the prompt: they stay out."""
        kind = str(refusal.error.get("type") or refusal.error.get("code") or "")
        match refusal.status:
            case 401 | 403:
                return ModelError(f"The key in {self._key_setting} was refused by {self.place}.")
            case 404:
                return ModelError(
                    f"The model server at {self.place} knows no model {model!r} or no such route. "
                    "Check MYNA_MODEL_NAME, and that MYNA_MODEL_URL ends as its API does (…/v1)."
                )
            case 400 | 413 if "context" in kind or "context" in str(refusal.error.get("code")):
                return InvalidRequest("The question is longer than the model's context.")
            case 408 | 425 | 429 | 502 | 503 | 504:
                return ModelNotReady(
                    f"The model server at {self.place} is busy or starting. Try again in a moment."
                )
            case status:
                return ModelError(
                    f"The model server at {self.place} refused the request (status {status})."
                )


async def _chunks(response: httpx2.Response) -> AsyncIterator[_Chunk]:
    """The server-sent chunks, one ``data:`` line each. It reads on after ``[DONE]``, to the end of
    the body: only then can the connection be used again.
    """
    rest = b""
    async for piece in response.aiter_bytes():
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if not line.startswith(b"data:"):
                continue
            data = line[5:].strip()
            if data != b"[DONE]":
                yield _decoder.decode(data)


async def _refusal(response: httpx2.Response) -> _Refusal:
    try:
        error = msgspec.json.decode((await response.aread())[:LONGEST_REFUSAL_BYTES])["error"]
    except (msgspec.DecodeError, httpx2.TransportError, KeyError, TypeError):
        error = {}
    return _Refusal(response.status_code, error if isinstance(error, dict) else {})
