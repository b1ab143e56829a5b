"""The real local server: who may speak to it, what a stop frees, what a crash and a change do."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx2
import pytest

from myna.errors import ModelFileError, ModelNotReady
from myna.models import bundled, local
from myna.models.bundled import BundledModel
from myna.models.chat import ChatMessage, Delta, open_model
from myna.models.choice import use_model
from myna.models.files import model_path, pin, verify_model
from myna.models.local import Address, crashed, read_address, run_server, running_server
from myna.models.registry import DEFAULT, find_model
from myna.settings import Settings
from tests.real_model import link_model

pytestmark = pytest.mark.model

SHORT = [ChatMessage("system", "Be brief."), ChatMessage("user", "What is a kernel?")]
STORY = [ChatMessage("user", "Write a very long story about a penguin that sails the seas.")]
LONG = [ChatMessage("user", " ".join(f"post {n} says number {n * 7919}." for n in range(38)))]


async def until(condition: Callable[[], Any], limit_s: float = 20.0) -> float:
    """Wait for it (polling in a thread); seconds that it took."""
    began = time.monotonic()
    while not await asyncio.to_thread(condition):
        assert time.monotonic() - began < limit_s, "it did not happen"
        await asyncio.sleep(0.02)
    return time.monotonic() - began


def slots(address: Address) -> list[dict[str, Any]]:
    headers = {"Authorization": f"Bearer {address.key}"}
    return httpx2.get(f"{address.url}/slots", headers=headers, timeout=30).json()


def busy(address: Address) -> int:
    return sum(slot["is_processing"] for slot in slots(address))


async def read_all(model: BundledModel, messages: Sequence[ChatMessage], tokens: int) -> Delta:
    text, last = "", Delta("")
    async for delta in model.stream(messages, max_tokens=tokens):
        text, last = text + delta.text, delta
    return Delta(text, last.usage, last.finish)


def test_it_answers_counts_and_says_why_it_ended(
    model_settings: Settings, model_server: Address
) -> None:
    async def ask() -> None:
        model = open_model(model_settings)
        assert (model.name, model.small, model.context_tokens) == (DEFAULT, True, 672)
        assert await model.ready()
        assert isinstance(model, BundledModel)
        answer = await read_all(model, SHORT, 5)
        again = await read_all(model, SHORT, 5)
        assert answer.text == again.text != ""
        assert answer.finish == "length"
        assert answer.usage is not None
        assert answer.usage.completion_tokens == 5
        assert answer.usage.prompt_tokens == await model.count_tokens(SHORT)
        await model.close()

    asyncio.run(ask())


def test_it_ends_at_a_stop_word(model_settings: Settings, model_server: Address) -> None:
    async def ask() -> None:
        model = BundledModel(model_settings)
        plain = await read_all(model, SHORT, 30)
        words = plain.text.split()
        cut = "".join([d.text async for d in model.stream(SHORT, max_tokens=30, stop=[words[2]])])
        assert cut == plain.text[: plain.text.index(words[2])]
        await model.close()

    asyncio.run(ask())


def test_only_this_user_has_its_key(model_settings: Settings, model_server: Address) -> None:
    file = model_settings.run_dir / "model.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert model_server.url.startswith("http://127.0.0.1:")
    refused = httpx2.post(
        f"{model_server.url}/v1/chat/completions",
        json={"messages": []},
        headers={"Origin": "http://elsewhere.example"},
    )
    assert refused.status_code == 401
    assert not refused.headers.get("access-control-allow-origin")


def test_a_stop_while_it_writes_frees_the_slot(
    model_settings: Settings, model_server: Address
) -> None:
    async def ask() -> None:
        model = BundledModel(model_settings)
        async with aclosing(model.stream(STORY, max_tokens=1500)) as deltas:
            async for _ in deltas:
                break
        assert await until(lambda: busy(model_server) == 0) < 5
        await model.close()

    asyncio.run(ask())


def test_a_stop_while_it_reads_frees_the_slot_before_all_is_read(
    model_settings: Settings, model_server: Address
) -> None:
    async def ask() -> None:
        model = BundledModel(model_settings)
        assert 500 < await model.count_tokens(LONG) < 672
        task = asyncio.create_task(read_all(model, LONG, 5))
        await until(lambda: busy(model_server) == 1)
        task.cancel()
        await asyncio.wait({task})
        await until(lambda: busy(model_server) == 0)
        read = max(slot.get("n_prompt_tokens_processed", 0) for slot in slots(model_server))
        assert read < 500
        await model.close()

    asyncio.run(ask())


def test_two_write_at_once_and_a_waiting_one_can_leave(
    model_settings: Settings, model_server: Address
) -> None:
    async def ask() -> None:
        model = BundledModel(model_settings)
        writing = [asyncio.create_task(read_all(model, STORY, 1500)) for _ in range(2)]
        await until(lambda: busy(model_server) == 2)
        waiting = [asyncio.create_task(read_all(model, SHORT, 5)) for _ in range(2)]
        await asyncio.sleep(0.2)
        assert not any(task.done() for task in waiting)
        waiting[0].cancel()
        writing[0].cancel()
        answer = await waiting[1]
        assert answer.text
        writing[1].cancel()
        await asyncio.wait({*writing, *waiting})
        await until(lambda: busy(model_server) == 0)
        await model.close()

    asyncio.run(ask())


def test_a_killed_server_is_awaited_and_its_successor_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link_model(tmp_path)
    settings = Settings(home=tmp_path, model_url="", model_name="")
    monkeypatch.setattr(bundled, "RESTART_S", 30.0)
    model = BundledModel(settings)

    async def ask() -> str:
        try:
            return (await read_all(model, SHORT, 5)).text
        finally:
            await model.close()

    with running_server(settings) as first:
        before = asyncio.run(ask())
        os.kill(first.pid, signal.SIGKILL)
        os.waitpid(first.pid, 0)
        assert crashed(settings)
        assert read_address(settings) is None
        answers: list[str] = []
        asking = threading.Thread(target=lambda: answers.append(asyncio.run(ask())))
        asking.start()
        with running_server(settings) as second:
            asking.join(60)
            assert second.key != first.key
    assert answers == [before]
    assert not crashed(settings)
    with pytest.raises(ModelNotReady, match="myna up"):
        asyncio.run(ask())


def test_a_running_server_changes_over_to_another_model(tmp_path: Path) -> None:
    """The other model is the same file under another's name, pinned as such."""
    link_model(tmp_path)
    settings = Settings(home=tmp_path, model_url="", model_name="")
    other, default = find_model("qwen3-1.7b"), find_model(DEFAULT)
    shutil.copy2(verify_model(settings, default), model_path(settings, other))
    pin(settings, other, default.sha256 or "")

    async def change() -> None:
        model = BundledModel(settings)
        use_model(settings, other)
        await until(lambda: (a := read_address(settings)) is not None and a.name == other.name)
        assert (model.name, model.small) == (other.name, False)
        assert (await read_all(model, SHORT, 5)).text
        await model.close()

    with running_server(settings) as address:
        asyncio.run(change())
        changed = read_address(settings)
        assert changed is not None
        assert changed.pid == address.pid


def test_a_missing_or_wrong_file_is_told(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, model_url="", model_name="")
    with pytest.raises(ModelFileError, match="myna models pull"):
        run_server(settings)

    async def ask() -> None:
        async for _ in BundledModel(settings).stream(SHORT, max_tokens=5):
            pass

    with pytest.raises(ModelFileError, match="myna models pull"):
        asyncio.run(ask())
    path = model_path(settings, find_model(DEFAULT))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"GGUF but not ours")
    with pytest.raises(ModelFileError, match="Delete it"):
        run_server(settings)


def test_a_server_that_cannot_start_names_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path, model_url="", model_name="")
    monkeypatch.setattr(local, "verify_model", lambda *_: tmp_path)
    with pytest.raises(ModelNotReady, match=r"model\.log"), running_server(settings):
        pass
    assert "myna models pull" in (settings.logs_dir / "model.log").read_text()


def test_an_address_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    settings.run_dir.mkdir(parents=True)
    for text in ("", "{", json.dumps({"url": "x"})):
        (settings.run_dir / "model.json").write_text(text)
        assert read_address(settings) is None


def test_where_the_model_is_missing_the_command_says_how_to_get_it(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, demo=False)
    with pytest.raises(ModelFileError, match="myna models pull"), running_server(settings):
        pass
