"""A model of one's own in a running Myna: added, tried on a share, used, taken back; real servers."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

pytest.importorskip("torch")

from myna.train.export import Request, export
from tests.cli.home import Home, until
from tests.train.random_model import SHAPES, a_model


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exports")
    for name in ("one", "two"):
        source = a_model(folder / f"{name}-model", SHAPES["qwen3" if name == "one" else "llama"])
        export(Request(source, folder / name, name, kinds=("q8_0",)))
    return folder


@pytest.fixture
def home(tmp_path: Path, exports: Path) -> Iterator[Home]:
    """With two tiny models, of which ``one`` is in use."""
    home = Home(tmp_path / "home")
    home.env["MYNA_MODEL_THREADS"] = "1"
    for name in ("one", "two"):
        added = home.myna("models", "add", str(exports / name))
        assert added.returncode == 0, added.stderr
        assert f"myna models use {name}" in added.stdout
    assert "written by one now" in home.myna("models", "use", "one").stdout
    yield home
    for process in home.processes():
        process.kill()


def asked(home: Home, number: int) -> str:
    """The name of the model behind an answer of the API."""
    body = {
        "model": "myna",
        "messages": [{"role": "user", "content": f"What happened to printer number {number}?"}],
    }
    told = httpx2.post(
        f"http://127.0.0.1:{home.port}/v1/chat/completions", json=body, timeout=60
    ).json()
    assert told["system_fingerprint"] == told["choices"][0]["message"]["myna"]["model_version"]
    return told["system_fingerprint"].partition("@")[0]


def ask_in_the_app(home: Home) -> str:
    """The same of an answer that is kept."""
    with httpx2.Client(base_url=f"http://127.0.0.1:{home.port}", timeout=60) as client:
        chat = client.post("/api/chats").json()
        client.post(f"/api/chats/{chat['id']}/messages", json={"text": "A question?"})

        def answer() -> dict[str, Any]:
            return client.get(f"/api/chats/{chat['id']}").json()["messages"][1]

        until(lambda: answer()["state"] == "done")
        return answer()["model_version"]


def used(home: Home) -> set[str]:
    return {asked(home, number) for number in range(12)}


def test_a_new_model_is_tried_used_and_taken_back(home: Home) -> None:
    running = home.up()
    until(home.healthy)
    assert used(home) == {"one"}

    home.myna("models", "use", "two", "--canary", "50%")
    until(lambda: used(home) == {"one", "two"})
    sides = [asked(home, number) for number in range(12)]
    assert sides == [asked(home, number) for number in range(12)]
    assert ask_in_the_app(home).startswith(("one@", "two@"))
    rows = {
        row["name"]: row
        for row in json.loads(home.myna("models", "list", "--json").stdout)["models"]
    }
    assert (rows["one"]["in_use"], rows["two"]["canary"]) == (True, 0.5)

    # The server of the one that is tried dies: the other answers meanwhile, and it comes back.
    os.kill(home.children()["canary"], signal.SIGKILL)
    assert used(home) <= {"one", "two"}
    until(lambda: used(home) == {"one", "two"})

    # Myna as a whole is killed in the midst of a change, and goes on with it.
    home.myna("models", "use", "two")
    running.send_signal(signal.SIGKILL)
    running.wait(10)
    until(lambda: not home.processes(), 20)
    running = home.up()
    until(home.healthy)
    assert used(home) == {"two"}
    assert "canary" not in home.children()

    # Its file is damaged: at its next start it is taken back, without anybody.
    (home.path / "models" / "two.gguf").write_bytes(b"GGUF and nothing else")
    os.kill(home.children()["model"], signal.SIGKILL)
    until(lambda: home.healthy() and used(home) == {"one"})
    told = json.loads(home.myna("models", "list", "--json").stdout)
    assert "two: " in told["trouble"] and "SHA-256" in told["trouble"]

    figures = json.loads(home.myna("models", "figures", "--json").stdout)["versions"]
    assert sum(one["answers"] for one in figures) == 1
    assert figures[0]["failed"] == 0
    running.send_signal(signal.SIGTERM)
    assert running.wait(20) == 0


def test_going_back_by_hand_reaches_a_running_myna(home: Home) -> None:
    assert "written by two now" in home.myna("models", "use", "two").stdout
    running = home.up()
    until(home.healthy)
    assert used(home) == {"two"}
    assert "written by one again" in home.myna("models", "rollback").stdout
    until(lambda: home.healthy() and used(home) == {"one"})
    running.send_signal(signal.SIGTERM)
    assert running.wait(20) == 0
