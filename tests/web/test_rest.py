"""Memory is given back when requests cease."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from starlette.types import Receive, Scope, Send

from myna.web import rest
from myna.web.rest import Rest


async def _app(scope: Scope, receive: Receive, send: Send) -> None:
    del scope, receive, send


async def _receive() -> dict[str, str]:
    return {"type": "http.disconnect"}


async def _send(message: object) -> None:
    del message


def test_it_rests_once_after_the_last_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released: list[Path] = []
    monkeypatch.setattr(rest, "REST_S", 0.2)
    monkeypatch.setattr(rest, "release_memory", released.append)

    async def run() -> None:
        guarded = Rest(_app, tmp_path)
        for path in ("/", "/api/search", "/v1/models"):
            await guarded({"type": "http", "path": path}, _receive, _send)  # pyright: ignore[reportArgumentType]
        assert released == []
        await asyncio.sleep(1.0)

    asyncio.run(run())
    assert released == [tmp_path]


def test_looks_at_the_health_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    released: list[Path] = []
    monkeypatch.setattr(rest, "REST_S", 0.0)
    monkeypatch.setattr(rest, "release_memory", released.append)

    async def run() -> None:
        await Rest(_app, tmp_path)({"type": "http", "path": "/healthz"}, _receive, _send)  # pyright: ignore[reportArgumentType]
        await asyncio.sleep(0.1)

    asyncio.run(run())
    assert released == []
