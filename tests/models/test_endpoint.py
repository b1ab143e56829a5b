"""Servers that refuse, break off, close kept connections or know fewer fields than others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from typing import Any

import pytest

from myna.errors import InvalidRequest, ModelError, ModelNotReady
from myna.models.chat import ChatMessage, Usage
from myna.models.endpoint import Endpoint
from tests.models.scripted_server import (
    CHUNK,
    LAST,
    USAGE,
    Scripted,
    hang_up,
    plain,
    scripted,
    stream,
)

MESSAGES = [ChatMessage("user", "a private question")]
KEY = "sk-very-secret"


async def ask(endpoint: Endpoint) -> tuple[str, Usage | None, str | None]:
    text, usage, finish = "", None, None
    async for delta in endpoint.chat(
        "some-model", MESSAGES, max_tokens=9, temperature=0.0, stop=["\n"]
    ):
        text, usage, finish = text + delta.text, delta.usage, delta.finish
    return text, usage, finish


def run(test: Callable[[Scripted, Endpoint], Coroutine[Any, Any, None]], *answers: Any) -> None:
    async def main() -> None:
        async with scripted(*answers) as server:
            endpoint = Endpoint(server.url, KEY)
            try:
                await test(server, endpoint)
            finally:
                await endpoint.close()

    asyncio.run(main())


def test_text_usage_and_finish_arrive_and_the_connection_is_kept() -> None:
    async def test(server: Scripted, endpoint: Endpoint) -> None:
        for _ in range(3):
            assert await ask(endpoint) == ("word word ", Usage(7, 2), "stop")
        assert server.connections == 1
        asked = server.asked[0]
        assert asked.headers["authorization"] == f"Bearer {KEY}"
        assert asked.path == "/v1/chat/completions"
        assert asked.body == {
            "model": "some-model",
            "messages": [{"role": "user", "content": "a private question"}],
            "max_tokens": 9,
            "temperature": 0.0,
            "stop": ["\n"],
            "stream": True,
            "stream_options": {"include_usage": True},
        }

    run(test, stream(CHUNK, CHUNK, LAST, USAGE))


@pytest.mark.parametrize(
    ("status", "body", "kind", "says"),
    [
        (401, {"error": {"message": f"bad key {KEY}"}}, ModelError, "MYNA_MODEL_KEY"),
        (404, {"error": {"message": "no model"}}, ModelError, "MYNA_MODEL_NAME"),
        (400, {"error": {"code": "context_length_exceeded"}}, InvalidRequest, "context"),
        (400, {"error": {"type": "exceed_context_size_error"}}, InvalidRequest, "context"),
        (429, {"error": "slow down"}, ModelNotReady, "busy"),
        (503, "<html>away</html>", ModelNotReady, "busy"),
        (500, {"error": {"message": "a private question"}}, ModelError, "status 500"),
    ],
)
def test_a_refusal_becomes_one_sentence_without_key_or_prompt(
    status: int, body: Any, kind: type[Exception], says: str
) -> None:
    async def test(server: Scripted, endpoint: Endpoint) -> None:
        with pytest.raises(kind, match=says) as caught:
            await ask(endpoint)
        assert KEY not in str(caught.value)
        assert "private" not in str(caught.value)
        assert len(server.asked) == 1

    run(test, plain(status, body))


def test_a_kept_connection_that_was_closed_is_tried_once_more() -> None:
    async def test(server: Scripted, endpoint: Endpoint) -> None:
        await ask(endpoint)
        assert (await ask(endpoint))[0] == "word "
        assert len(server.asked) == 3

    run(test, stream(CHUNK, LAST), hang_up(), stream(CHUNK, LAST))


def test_a_server_that_only_hangs_up_is_told() -> None:
    async def test(server: Scripted, endpoint: Endpoint) -> None:
        with pytest.raises(ModelError, match="broke off"):
            await ask(endpoint)
        assert len(server.asked) == 2

    run(test, hang_up())


@pytest.mark.parametrize(
    "answer",
    [
        stream(CHUNK, whole=False, done=False),
        stream(CHUNK),  # no finish reason
        stream(CHUNK, "{not json"),
        stream(CHUNK, {"error": {"message": "out of memory"}}, LAST),
    ],
)
def test_an_answer_that_breaks_off_is_an_error(answer: Any) -> None:
    async def test(server: Scripted, endpoint: Endpoint) -> None:
        with pytest.raises(ModelError):
            await ask(endpoint)
        assert len(server.asked) == 1, "what was written must not be written twice"

    run(test, answer)


def test_a_field_that_the_server_does_not_know_is_renamed_or_left_out_from_then_on() -> None:
    def unsupported(name: str) -> Any:
        return plain(400, {"error": {"code": "unsupported_parameter", "param": name}})

    async def test(server: Scripted, endpoint: Endpoint) -> None:
        assert (await ask(endpoint))[0] == "word "
        assert (await ask(endpoint))[0] == "word "
        for asked in server.asked[2:]:
            assert asked.body["max_completion_tokens"] == 9
            assert not {"max_tokens", "temperature"} & asked.body.keys()
        assert len(server.asked) == 4

    run(test, unsupported("max_tokens"), unsupported("temperature"), stream(CHUNK, LAST))


def test_leaving_early_closes_the_connection() -> None:
    async def test(server: Scripted, endpoint: Endpoint) -> None:
        deltas = endpoint.chat("m", MESSAGES, max_tokens=9, temperature=0.0, stop=())
        async with aclosing(deltas):
            async for _ in deltas:
                break
        async with asyncio.timeout(5):
            while server.open_connections:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    run(test, stream(*[CHUNK] * 1000, pause_s=0.01))


def test_nobody_there_says_what_to_check() -> None:
    async def main() -> None:
        async with scripted(hang_up()) as server:
            url = server.url
        endpoint = Endpoint(url.replace("http://", "http://user:hidden@"), KEY)
        with pytest.raises(ModelNotReady, match="MYNA_MODEL_URL") as caught:
            await ask(endpoint)
        assert "hidden" not in str(caught.value)
        await endpoint.close()

    asyncio.run(main())
