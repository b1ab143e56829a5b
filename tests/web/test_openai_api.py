"""The OpenAI-compatible API with the official client. The answerer is a fake; see
``test_real.py`` for the whole with the real model."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx2
import openai
import pytest
from openai import OpenAI, Stream
from openai.types.chat import (
    ChatCompletion,
    ChatCompletionChunk,
    ChatCompletionContentPartTextParam,
    ChatCompletionMessage,
    ChatCompletionMessageParam,
)
from openai.types.chat.chat_completion_message import AnnotationURLCitation
from pydantic import BaseModel

from myna.answer.events import (
    Citation,
    Done,
    Notice,
    Source,
    Sources,
    Status,
    Text,
    Turn,
    Unsupported,
    Usage,
)
from myna.errors import ModelNotReady
from myna.web import openai_shapes as shapes
from tests.web.fake_answerer import DONE, script, stored
from tests.web.live import Live

QUESTION: list[ChatCompletionMessageParam] = [{"role": "user", "content": "How do I mount it?"}]


@pytest.fixture
def ai(live: Live) -> Iterator[OpenAI]:
    """The official client, without retries."""
    with OpenAI(base_url=f"{live.base}/v1", api_key="none", max_retries=0) as client:
        yield client


def wait_for_no_answers(live: Live) -> None:
    limit = time.monotonic() + 30
    while live.fake.open or live.parts.chats.generations.running:
        assert time.monotonic() < limit, "an answer goes on without anybody who reads it"
        time.sleep(0.01)


def mixed(live: Live) -> None:
    """An answer with a supported and an unsupported sentence."""
    post = stored(7, "Use the loop option of mount. " * 10)
    live.fake.steps = [
        Status("searching"),
        Sources((Source(1, post, None, 2.5),)),
        Text("Use the loop option."),
        Citation(0, 20, (1,)),
        Text(" It is fast."),
        Unsupported(21, 32),
        Notice("search_note", "A note."),
        Usage(50, 9),
        DONE,
    ]


def test_models(ai: OpenAI) -> None:
    assert [model.id for model in ai.models.list()] == ["myna"]
    assert ai.models.retrieve("myna").owned_by == "myna"
    with pytest.raises(openai.NotFoundError):
        ai.models.retrieve("gpt-7")


def test_a_plain_completion(live: Live, ai: OpenAI) -> None:
    mixed(live)
    completion = ai.chat.completions.create(model="myna", messages=QUESTION)
    assert completion.id.startswith("chatcmpl-")
    assert (completion.object, completion.model) == ("chat.completion", "myna")
    assert completion.usage
    assert completion.usage.model_dump(exclude_none=True) == {
        "prompt_tokens": 50,
        "completion_tokens": 9,
        "total_tokens": 59,
    }
    [choice] = completion.choices
    assert choice.finish_reason == "stop"
    assert choice.message.content == "Use the loop option. It is fast."
    [annotation] = choice.message.annotations or []
    citation = annotation.url_citation
    assert (citation.start_index, citation.end_index) == (0, 20)
    assert citation.url == f"{live.parts and 'http://127.0.0.1:8080'}/p/irc/2008-04-20%2F7"
    assert citation.title.startswith("ada: Use the loop option of mount.")
    assert len(citation.title) <= 90
    extra = choice.message.model_extra or {}
    assert extra["myna"]["outcome"] == "answered"
    assert [span["kind"] for span in extra["myna"]["spans"]] == ["citation", "unsupported"]
    assert extra["myna"]["sources"][0]["post"]["uri"] == "2008-04-20/7"
    assert extra["myna"]["notices"] == [{"code": "search_note", "text": "A note."}]
    wait_for_no_answers(live)


def test_a_stream(live: Live, ai: OpenAI) -> None:
    mixed(live)
    stream = ai.chat.completions.create(
        model="myna", messages=QUESTION, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert len({chunk.id for chunk in chunks}) == 1
    assert all(chunk.object == "chat.completion.chunk" for chunk in chunks)
    assert chunks[0].choices[0].delta.role == "assistant"
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == "Use the loop option. It is fast."
    [last] = [chunk for chunk in chunks if chunk.choices and chunk.choices[0].finish_reason]
    extra = last.choices[0].delta.model_extra or {}
    assert extra["annotations"][0]["url_citation"]["start_index"] == 0
    assert [span["kind"] for span in extra["myna"]["spans"]] == ["citation", "unsupported"]
    assert chunks[-1].choices == []
    assert chunks[-1].usage and chunks[-1].usage.total_tokens == 59
    assert sum(chunk.usage is not None for chunk in chunks) == 1


def test_without_being_asked_a_stream_has_no_usage(ai: OpenAI) -> None:
    stream = ai.chat.completions.create(model="myna", messages=QUESTION, stream=True)
    assert all(chunk.choices and chunk.usage is None for chunk in stream)


def test_the_clients_own_accumulator_understands_the_stream(live: Live, ai: OpenAI) -> None:
    mixed(live)
    with ai.chat.completions.stream(model="myna", messages=QUESTION) as stream:
        for _ in stream:
            pass
        final = stream.get_final_completion()
    assert final.choices[0].message.content == "Use the loop option. It is fast."


def test_cancelling_a_stream_frees_the_slot(live: Live, ai: OpenAI) -> None:
    live.fake.steps = [Text("one "), 60]
    stream = ai.chat.completions.create(model="myna", messages=QUESTION, stream=True)
    for chunk in stream:
        if chunk.choices[0].delta.content:
            break
    assert live.fake.open == 1
    stream.close()
    wait_for_no_answers(live)


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_gives_up_before_the_first_word_frees_the_slot(
    live: Live, ai: OpenAI, stream: bool
) -> None:
    live.fake.steps = [Status("searching"), 60]
    with pytest.raises(openai.APITimeoutError):
        ai.chat.completions.create(model="myna", messages=QUESTION, stream=stream, timeout=0.3)
    wait_for_no_answers(live)


def test_a_whole_conversation_is_read(live: Live, ai: OpenAI) -> None:
    part: ChatCompletionContentPartTextParam = {"type": "text", "text": "What is "}
    ai.chat.completions.create(
        model="myna",
        messages=[
            {"role": "system", "content": "Speak like a pirate."},
            {"role": "user", "content": [part, part]},
            {"role": "assistant", "content": "An answer."},
            {"role": "user", "content": "And then?"},
        ],
        temperature=0.7,
        seed=1,
        user="ada",
        extra_body={"language": "fr"},
    )
    assert live.fake.conversations == [
        [
            Turn("user", "What is What is "),
            Turn("assistant", "An answer."),
            Turn("user", "And then?"),
        ]
    ]
    assert live.fake.languages == ["fr"]


def test_stops_and_token_limits_are_honoured(live: Live, ai: OpenAI) -> None:
    mixed(live)
    for stream in (False, True):
        answer = ai.chat.completions.create(
            model="myna", messages=QUESTION, stop=["option", "zzz"], stream=stream
        )
        assert read(answer) == ("Use the loop ", "stop")
    for stream in (False, True):
        answer = ai.chat.completions.create(
            model="myna", messages=QUESTION, max_completion_tokens=3, stream=stream
        )
        assert read(answer) == ("Use the loop", "length")
    whole = ai.chat.completions.create(model="myna", messages=QUESTION, max_tokens=1000)
    assert read(whole) == ("Use the loop option. It is fast.", "stop")
    wait_for_no_answers(live)


def read(answer: ChatCompletion | Stream[ChatCompletionChunk]) -> tuple[str, str | None]:
    """Text and finish reason of a completion, plain or streamed."""
    if isinstance(answer, ChatCompletion):
        assert answer.choices[0].message.content is not None
        spans = (answer.choices[0].message.model_extra or {})["myna"]["spans"]
        assert all(span["end"] <= len(answer.choices[0].message.content) for span in spans)
        return answer.choices[0].message.content, answer.choices[0].finish_reason
    text, reason = "", None
    for chunk in answer:
        text += chunk.choices[0].delta.content or ""
        reason = chunk.choices[0].finish_reason or reason
    return text, reason


def test_a_declined_answer_says_so(live: Live, ai: OpenAI) -> None:
    live.fake.steps = [
        Sources(()),
        Text("I found no post about that."),
        Notice("no_evidence", "Nothing was found."),
        Usage(0, 0),
        Done("declined", "fake-model", "v1"),
    ]
    completion = ai.chat.completions.create(model="myna", messages=QUESTION)
    assert (completion.choices[0].message.model_extra or {})["myna"]["outcome"] == "declined"
    assert completion.choices[0].message.annotations == []


def test_an_answer_that_was_cut_says_length(live: Live, ai: OpenAI) -> None:
    live.fake.steps = [Text("Half"), Notice("truncated", "Cut."), DONE]
    completion = ai.chat.completions.create(model="myna", messages=QUESTION)
    assert completion.choices[0].finish_reason == "length"


@pytest.mark.parametrize("stream", [False, True])
def test_an_error_before_the_first_word_has_its_status(
    live: Live, ai: OpenAI, stream: bool
) -> None:
    live.fake.steps = [Status("searching"), ModelNotReady("The model is starting.")]
    with pytest.raises(openai.APIStatusError) as caught:
        ai.chat.completions.create(model="myna", messages=QUESTION, stream=stream)
    assert caught.value.status_code == 503
    assert caught.value.code == "model_not_ready"
    live.fake.steps = [RuntimeError("secret")]
    with pytest.raises(openai.InternalServerError) as caught:
        ai.chat.completions.create(model="myna", messages=QUESTION, stream=stream)
    assert "secret" not in str(caught.value)
    wait_for_no_answers(live)


def test_an_error_in_the_middle_of_a_stream_is_raised_by_the_client(live: Live, ai: OpenAI) -> None:
    live.fake.steps = [Text("Half"), 0.1, ModelNotReady("The model went away.")]
    stream = ai.chat.completions.create(model="myna", messages=QUESTION, stream=True)
    with pytest.raises(openai.APIError, match="went away"):
        list(stream)


@pytest.mark.parametrize(
    ("change", "status", "param", "code"),
    [
        ({"model": "gpt-7"}, 404, None, "model_not_found"),
        ({"messages": []}, 400, "messages", "invalid_value"),
        ({"messages": [{"role": "system", "content": "x"}]}, 400, "messages", "invalid_value"),
        ({"messages": [*QUESTION, {"role": "assistant", "content": "x"}]}, 400, "messages", None),
        ({"messages": [{"role": "tool", "content": "x"}]}, 400, "messages.0.role", None),
        ({"messages": [{"role": "user", "content": "x" * 4001}]}, 400, "messages", None),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            400,
            "messages.0.content",
            None,
        ),
        ({"n": 2}, 400, "n", None),
        ({"max_tokens": 0}, 400, "max_tokens", None),
        ({"max_tokens": "many"}, 400, "max_tokens", None),
        ({"stop": ["a", "b", "c", "d", "e"]}, 400, "stop", None),
        ({"tools": [{"type": "function"}]}, 400, "tools", "unsupported_parameter"),
        ({"logprobs": True}, 400, "logprobs", "unsupported_parameter"),
        ({"response_format": {"type": "json_object"}}, 400, "response_format", None),
        ({"modalities": ["audio"]}, 400, "modalities", None),
        ({"language": "tlh"}, 400, "language", None),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(
    client: httpx2.Client, change: dict[str, object], status: int, param: str, code: str | None
) -> None:
    body = {"model": "myna", "messages": QUESTION, **change}
    response = client.post("/v1/chat/completions", json=body)
    assert response.status_code == status
    error = response.json()["error"]
    assert error["param"] == param
    assert error["type"] == "invalid_request_error"
    assert code is None or error["code"] == code


def test_a_missing_model_and_a_huge_body_are_refused(client: httpx2.Client) -> None:
    response = client.post("/v1/chat/completions", json={"messages": QUESTION})
    assert response.status_code == 400
    assert response.json()["error"]["param"] == "model"
    assert response.json()["error"]["code"] == "missing_required_parameter"
    body = {"model": "myna", "messages": [{"role": "user", "content": "x" * 1_100_000}]}
    response = client.post("/v1/chat/completions", json=body)
    assert response.status_code == 413
    assert response.json()["error"]["code"] == "request_too_large"


def test_tools_that_are_empty_or_off_do_no_harm(ai: OpenAI) -> None:
    ai.chat.completions.create(
        model="myna", messages=QUESTION, tools=[], tool_choice="none", n=1, logprobs=False
    )


def test_many_at_once_stay_apart(live: Live, ai: OpenAI) -> None:
    live.fake.steps = script(stored())
    for _ in range(20):
        assert ai.chat.completions.create(model="myna", messages=QUESTION).choices
    assert live.parts.chats.generations.ended_by_state == {"done": 20}
    assert live.parts.chats.generations.tokens["prompt_tokens"] == 1000


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (shapes.Model, openai.types.Model),
        (shapes.ChatCompletion, ChatCompletion),
        (shapes.ChatCompletionChunk, ChatCompletionChunk),
        (shapes.Usage, openai.types.CompletionUsage),
        (shapes.Message, ChatCompletionMessage),
        (shapes.UrlCitation, AnnotationURLCitation),
    ],
)
def test_our_shapes_are_openais(ours: type[BaseModel], theirs: type[BaseModel]) -> None:
    required = {name for name, field in theirs.model_fields.items() if field.is_required()}
    assert required <= set(ours.model_fields)
    assert set(ours.model_fields) - {"myna"} <= set(theirs.model_fields)
