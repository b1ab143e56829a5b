"""An HTTP server that does what a test tells it, byte by byte: a fake, for the ways servers fail."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

CHUNK = {"choices": [{"index": 0, "delta": {"content": "word "}, "finish_reason": None}]}
LAST = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
USAGE = {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2}}


@dataclass
class Asked:
    """One request, as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


Answer = Callable[[Asked, asyncio.StreamWriter], Awaitable[bool]]
"""Writes the answer; False closes the connection afterwards."""


@dataclass
class Scripted:
    """The running server: its answers in turn (the last one repeated), and what it was asked."""

    answers: list[Answer]
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    open_connections: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open_connections += 1
        try:
            while request := await _read(reader):
                self.asked.append(request)
                answer = self.answers[min(len(self.asked), len(self.answers)) - 1]
                if not await answer(request, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.open_connections -= 1
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode().strip().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    method, path, _ = first.split(" ")
    return Asked(method, path, headers, json.loads(body) if body else {})


def plain(status: int, body: Any) -> Answer:
    """A whole JSON answer."""

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> bool:
        del asked
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        writer.write(f"HTTP/1.1 {status} Told\r\nContent-Length: {len(data)}\r\n\r\n".encode())
        writer.write(data)
        await writer.drain()
        return True

    return answer


def stream(*chunks: Any, done: bool = True, whole: bool = True, pause_s: float = 0) -> Answer:
    """Server-sent events; ``whole=False`` breaks the connection off after them."""

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> bool:
        del asked
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n")
        writer.write(b"Transfer-Encoding: chunked\r\n\r\n")
        for chunk in [*chunks, "[DONE]"] if done else chunks:
            text = chunk if isinstance(chunk, str) else json.dumps(chunk)
            line = f"data: {text}\n\n".encode()
            writer.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
            await writer.drain()
            await asyncio.sleep(pause_s)
        if whole:
            writer.write(b"0\r\n\r\n")
            await writer.drain()
        return whole

    return answer


def hang_up() -> Answer:
    """Close the connection without a word."""

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> bool:
        del asked, writer
        return False

    return answer


@asynccontextmanager
async def scripted(*answers: Answer) -> AsyncIterator[Scripted]:
    """Run it on a free port."""
    state = Scripted(list(answers))
    server = await asyncio.start_server(state.serve, "127.0.0.1", 0)
    state.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield state
    finally:
        server.close()
