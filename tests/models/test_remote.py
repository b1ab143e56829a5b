"""Any OpenAI-compatible server: what it is called, how much it reads, whether it is there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from myna.errors import ModelError
from myna.models.chat import ChatMessage, Usage
from myna.models.remote import RemoteModel, estimated_tokens, parameters_in_name
from myna.settings import Settings
from tests.models.scripted_server import CHUNK, LAST, Answer, Scripted, plain, scripted, stream

MESSAGES = [ChatMessage("user", "one two three")]


def run(
    test: Callable[[Scripted, RemoteModel], Coroutine[Any, Any, None]],
    *answers: Answer,
    **given_settings: Any,
) -> None:
    async def main() -> None:
        async with scripted(*answers) as server:
            fields = {"model_name": "", "model_key": SecretStr("k"), **given_settings}
            model = RemoteModel(Settings(model_url=server.url, **fields))
            try:
                await test(server, model)
            finally:
                await model.close()

    asyncio.run(main())


def listing(*entries: dict[str, Any]) -> Answer:
    return plain(200, {"object": "list", "data": list(entries)})


def test_name_context_and_size_are_asked_of_the_server() -> None:
    async def test(server: Scripted, model: RemoteModel) -> None:
        assert (model.name, model.context_tokens) == ("", 8192)
        assert await model.ready()
        assert (model.name, model.context_tokens, model.small) == ("Qwen/Qwen3-8B", 40960, False)
        assert await model.ready()
        assert [asked.path for asked in server.asked] == ["/v1/models"]

    run(test, listing({"id": "Qwen/Qwen3-8B", "max_model_len": 40960}, {"id": "other"}))


def test_a_llama_cpp_server_tells_them_elsewhere() -> None:
    async def test(server: Scripted, model: RemoteModel) -> None:
        del server
        assert await model.ready()
        assert (model.context_tokens, model.small) == (2048, True)

    run(test, listing({"id": "m.gguf", "meta": {"n_ctx": 2048, "n_params": 134_515_008}}))


def test_what_the_operator_sets_wins() -> None:
    async def test(server: Scripted, model: RemoteModel) -> None:
        assert await model.ready()
        assert (model.name, model.context_tokens, model.small) == ("mine:0.6b", 1000, True)
        async for _ in model.stream(MESSAGES, max_tokens=5):
            pass
        assert server.asked[-1].body["model"] == "mine:0.6b"

    run(
        test,
        listing({"id": "other", "max_model_len": 4}),
        stream(CHUNK, LAST),
        model_name="mine:0.6b",
        model_context=1000,
    )


def test_a_server_that_does_not_count_gets_an_estimate() -> None:
    async def test(server: Scripted, model: RemoteModel) -> None:
        del server
        deltas = [delta async for delta in model.stream(MESSAGES, max_tokens=5)]
        assert deltas[-1].usage == Usage(await model.count_tokens(MESSAGES), 2)

    run(test, listing({"id": "m"}), stream(CHUNK, CHUNK, LAST))


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (plain(401, {}), "MYNA_MODEL_KEY"),
        (plain(200, {"data": []}), "MYNA_MODEL_NAME"),
        (plain(200, "<html>"), "not an OpenAI-compatible"),
        (plain(200, ["no", "list"]), "MYNA_MODEL_NAME"),
    ],
)
def test_what_is_wrong_with_it_is_told_at_the_first_use(answer: Answer, says: str) -> None:
    async def test(server: Scripted, model: RemoteModel) -> None:
        del server
        assert not await model.ready()
        with pytest.raises(ModelError, match=says):
            async for _ in model.stream(MESSAGES, max_tokens=5):
                pass

    run(test, answer)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("Qwen3-0.6B", 0.6e9),
        ("smollm2:135m", 135e6),
        ("meta-llama/Llama-3.1-8B-Instruct", 8e9),
        ("qwen3-30b-a3b", 30e9),
        ("gpt-5.2", None),
        ("mistral-large-2512", None),
        ("", None),
    ],
)
def test_the_size_is_read_from_the_name(name: str, parameters: float | None) -> None:
    assert parameters_in_name(name) == (pytest.approx(parameters) if parameters else None)


@given(st.lists(st.text(max_size=200), max_size=5))
def test_the_estimate_grows_with_the_text(texts: list[str]) -> None:
    messages = [ChatMessage("user", text) for text in texts]
    assert estimated_tokens(messages) >= sum(len(text) for text in texts) / 3
    assert estimated_tokens([*messages, ChatMessage("user", "more")]) > estimated_tokens(messages)
