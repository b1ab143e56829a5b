"""A fast OpenAI-compatible model server that is no model: a fake, for benchmarks and tests alone.

    .venv/bin/python -m evals.fake_upstream --port 9999 [--tokens 200] [--tokens-per-s 50]

It answers every chat with the same words at a set pace, so that what is measured is Myna and not a
model. ``GET /requests`` gives the bodies that it was sent and how each stream ended, so that a
benchmark can send the same prompt again without Myna between.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

MODEL = "fake-upstream"
SENTENCE = "The posts say that this works when you mount the image with the loop option."
WORDS = SENTENCE.split()
KEPT_REQUESTS = 1000


@dataclass
class Pace:
    """How the fake answers."""

    tokens: int = 200
    tokens_per_s: float = 50.0
    first_token_s: float = 0.0
    requests: list[dict[str, Any]] = field(default_factory=list)


def _word(number: int) -> str:
    """The token of this number. Sentences are numbered: a repetition would end the answer."""
    word = WORDS[number % len(WORDS)]
    again = number // len(WORDS)
    return word.replace(".", f" {again}.") if again else word


def _chunk(
    delta: dict[str, str], finish: str | None = None, usage: dict[str, int] | None = None
) -> bytes:
    choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
    body: dict[str, Any] = {
        "id": "chatcmpl-fake",
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": MODEL,
        "choices": choices if usage is None else [],
    }
    if usage is not None:
        body["usage"] = usage
    return f"data: {json.dumps(body)}\n\n".encode()


def create_app(pace: Pace) -> Starlette:
    """The fake as an ASGI app."""

    def usage(messages: list[dict[str, Any]], written: int) -> dict[str, int]:
        read = sum(len(str(message["content"]).split()) for message in messages)
        return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}

    async def stream(body: dict[str, Any], record: dict[str, Any]) -> AsyncIterator[bytes]:
        limit = body.get("max_tokens") or body.get("max_completion_tokens") or pace.tokens
        total = min(pace.tokens, limit)
        began = time.perf_counter()
        try:
            await asyncio.sleep(pace.first_token_s)
            yield _chunk({"role": "assistant", "content": ""})
            for number in range(total):
                due = began + pace.first_token_s + number / pace.tokens_per_s
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                yield _chunk({"content": _word(number) + " "})
                record["written"] = number + 1
            yield _chunk({}, "length" if total < pace.tokens else "stop")
            if (body.get("stream_options") or {}).get("include_usage"):
                yield _chunk({}, None, usage(body["messages"], total))
            yield b"data: [DONE]\n\n"
            record["ended"] = "done"
        finally:
            record.setdefault("ended", "cancelled")

    async def chat(request: Request) -> Response:
        body = await request.json()
        record: dict[str, Any] = {"body": body, "written": 0}
        pace.requests.append(record)
        del pace.requests[:-KEPT_REQUESTS]
        if body.get("stream"):
            return StreamingResponse(stream(body, record), media_type="text/event-stream")
        text = " ".join(map(_word, range(pace.tokens)))
        record |= {"written": pace.tokens, "ended": "done"}
        message = {"role": "assistant", "content": text}
        return JSONResponse(
            {
                "id": "chatcmpl-fake",
                "object": "chat.completion",
                "created": int(time.time()),
                "model": MODEL,
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": usage(body["messages"], pace.tokens),
            }
        )

    async def models(_: Request) -> Response:
        return JSONResponse({"object": "list", "data": [{"id": MODEL, "object": "model"}]})

    async def requests(_: Request) -> Response:
        return JSONResponse(pace.requests)

    return Starlette(
        routes=[
            Route("/v1/chat/completions", chat, methods=["POST"]),
            Route("/v1/models", models),
            Route("/requests", requests),
        ]
    )


def main() -> None:
    """Serve on 127.0.0.1 until stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--tokens-per-s", type=float, default=50.0)
    parser.add_argument("--first-token-s", type=float, default=0.0)
    args = parser.parse_args()
    pace = Pace(args.tokens, args.tokens_per_s, args.first_token_s)
    uvicorn.run(create_app(pace), host="127.0.0.1", port=args.port, log_level="warning")


if __name__ == "__main__":
    main()
