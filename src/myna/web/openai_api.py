"""The OpenAI-compatible API: the model ``myna`` answers from posts and cites them.

Answers asked for here are not kept (but which posts they used): a client that goes away ends its
answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine
from functools import partial
from typing import Any, TypeVar
from uuid import uuid4

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from myna.answer.events import Text
from myna.chats.generation import WITHDRAWN, Generation
from myna.chats.log import Failed, Finished
from myna.errors import Conflict, MynaError
from myna.web.bound import Bound
from myna.web.completion import MODEL, CompletionBody, UnknownModel, read_conversation
from myna.web.errors import describe, error_body
from myna.web.openai_shapes import ChatCompletion, ChatCompletionChunk, Model
from myna.web.parts import Ready, Unavailable, Wiring
from myna.web.reply import Reply
from myna.web.sse import KEEP_ALIVE, KEEP_ALIVE_S, EventStream

HOLD_S = 10.0
"""A stream's status line waits so long for the first word: an error until then has its own status."""
DONE = b"data: [DONE]\n\n"
STARTED = int(time.time())

T = TypeVar("T")
router = APIRouter(prefix="/v1", tags=["openai"])


class ModelsView(BaseModel):
    """The models of this server: one."""

    object: str = "list"
    data: list[Model]


class ClientGone(MynaError):
    """Nobody waits for this answer any more."""

    code = "client_gone"


@router.get("/models")
async def list_models() -> ModelsView:
    """The models of this server: `myna` alone."""
    return ModelsView(data=[_model()])


@router.get("/models/{model}")
async def read_model(model: str) -> Model:
    """One model; `myna` is the only one."""
    if model != MODEL:
        raise UnknownModel(f"There is no model of that name here. The model is `{MODEL}`.")
    return _model()


@router.post(
    "/chat/completions",
    response_model=ChatCompletion,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def complete(body: CompletionBody, request: Request, parts: Ready) -> Response:
    """Answer the last question of a conversation, plain or as a stream (`stream`), in OpenAI's
    form. `annotations` holds the citations (`url_citation` with `start_index`, `end_index`, `url`,
    `title`), in a stream on the last delta. Beside it `myna` holds `outcome` (answered, declined,
    small_talk), `spans` (also sentences that no post supports), `sources`, `notices`,
    `left_out` (posts left out by their authors' wish), `model`, `model_version` (as
    `system_fingerprint`: of the model behind the answer) and `prompt_version`. Honoured: `stop`, `max_tokens` and `max_completion_tokens` (estimated),
    `stream_options.include_usage`, `language` (en, fr; Myna's own). Ignored: system messages,
    `temperature` and other sampling parameters. Refused: `n` above 1, `tools`, `functions`,
    `audio`, `logprobs`, a `response_format` other than text. A client that disconnects ends its
    answer."""
    turns = read_conversation(body)
    generations = parts.chats.generations
    with generations.place(None):
        events = parts.answerer.answer(turns, language=body.language)
        answer = uuid4()
        uses = partial(parts.chats.save_uses, answer)
        generation = generations.start(answer, None, events, uses)
    wiring: Wiring = request.app.state.wiring
    bound = Bound(body.stops, body.most_tokens)
    reply = Reply(generation.id, generation.draft, wiring.settings.base_url, bound)
    try:
        if body.stream:
            await _unless_gone(request, _begun(generation))
            usage = bool(body.stream_options and body.stream_options.include_usage)
            return EventStream(_chunks(generation, reply, usage), on_end=generation.cancel)
        await _unless_gone(request, _ended(generation, bound))
    except BaseException:
        generation.cancel()
        raise
    generation.cancel()
    return _json(reply.whole())


async def _begun(generation: Generation) -> None:
    """Return at the first word, the end, or after a while without either; raise its error."""
    async for entries in generation.log.follow(0, HOLD_S):
        if not entries or any(isinstance(one.event, Text | Finished) for one in entries):
            return
        _raise_failure(generation)


async def _ended(generation: Generation, bound: Bound) -> None:
    """Return when the answer has ended, or reached the asker's bound; raise its error."""
    async for entries in generation.log.follow(0, KEEP_ALIVE_S):
        _raise_failure(generation)
        for entry in entries:
            if isinstance(entry.event, Text):
                bound.take(entry.event.delta)
        if bound.reached:
            return
    bound.rest()


async def _chunks(generation: Generation, reply: Reply, usage: bool) -> AsyncIterator[bytes]:
    """The answer as chunks; an error comes as a chunk too, since the status is sent already."""
    yield _data(reply.first())
    bound = reply.bound
    async for entries in generation.log.follow(0, KEEP_ALIVE_S):
        if not entries:
            yield KEEP_ALIVE
        for entry in entries:
            if isinstance(entry.event, Failed | Finished) and (fault := _fault(generation)):
                yield b"data: " + JSONResponse(error_body(*describe(fault))).body + b"\n\n"
                return
            if isinstance(entry.event, Text) and (text := bound.take(entry.event.delta)):
                yield _data(reply.piece(text))
        if bound.reached:
            generation.cancel()
            break
    if text := bound.rest():
        yield _data(reply.piece(text))
    yield _data(reply.last())
    if usage:
        yield _data(reply.usage_alone())
    yield DONE


def _fault(generation: Generation) -> BaseException | None:
    """Why the answer is not whole, if it is not."""
    if generation.draft.gone:
        return Conflict(WITHDRAWN)
    if generation.draft.state == "interrupted":
        return Unavailable("Myna is being restarted. Ask again in a moment.")
    return generation.fault


def _raise_failure(generation: Generation) -> None:
    if fault := _fault(generation):
        raise fault


async def _unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Do ``work`` unless the client disconnects first.

    Raises:
        ClientGone: it did; the work is cancelled.
    """
    working = asyncio.create_task(work)
    watching = asyncio.create_task(_gone(request))
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientGone("The client went away.")
        return working.result()
    finally:
        working.cancel()
        watching.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        continue


def _model() -> Model:
    return Model(id=MODEL, created=STARTED, owned_by="myna")


def _json(completion: ChatCompletion) -> Response:
    return Response(completion.model_dump_json(), media_type="application/json")


def _data(chunk: ChatCompletionChunk) -> bytes:
    return b"data: " + chunk.model_dump_json(exclude_unset=True).encode() + b"\n\n"
