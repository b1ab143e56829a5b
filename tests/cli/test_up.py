"""``myna up`` as people run it: one sentence when it cannot start, all children gone when it stops."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from myna.cli import up
from myna.errors import StorageError
from myna.models.files import model_path
from myna.models.registry import DEFAULT, find_model
from myna.settings import Settings
from tests.real_model import link_model


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(condition: Callable[[], Any], limit_s: float = 60.0) -> None:
    limit = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < limit, "it did not happen"
        time.sleep(0.05)


class Home:
    """A home of this test's own, and ``myna`` run in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.port = free_port()
        self.env = {name: value for name, value in os.environ.items() if "MYNA_" not in name}
        self.env |= {"MYNA_HOME": str(path), "MYNA_PORT": str(self.port), "MYNA_DEMO": "0"}

    def myna(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "myna", *words],
            env=self.env | env,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    def up(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "myna", "up", "--no-browser"]
        return subprocess.Popen(command, env=self.env, stdout=subprocess.PIPE, text=True)

    def healthy(self) -> bool:
        try:
            return httpx2.get(f"http://127.0.0.1:{self.port}/healthz", timeout=2).is_success
        except httpx2.TransportError:
            return False

    def children(self) -> dict[str, int]:
        state = json.loads((self.path / "run" / "children.json").read_text())
        return {name: child["pid"] for name, child in state["children"].items()}

    def processes(self) -> list[psutil.Process]:
        """Everything that works on this home, the database included."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.status() == psutil.STATUS_ZOMBIE:
                    continue
                home = process.environ().get("MYNA_HOME")
                if home == str(self.path) or str(self.path) in " ".join(process.cmdline()):
                    found.append(process)
            except psutil.Error:
                continue
        return found


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path / "home")
    yield home
    for process in home.processes():
        process.kill()


def one_sentence(run: subprocess.CompletedProcess[str], *parts: str) -> None:
    assert run.returncode == 1
    assert "Traceback" not in run.stdout + run.stderr
    (line,) = run.stderr.strip().splitlines()
    assert line.startswith("myna: ")
    for part in parts:
        assert part in line


def test_a_taken_port_is_told(home: Home) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", home.port))
        taken.listen()
        one_sentence(home.myna("up", "--no-browser"), str(home.port), "MYNA_PORT")
    assert not (home.path / "postgres").exists()


def test_an_unreachable_database_is_told_without_its_password(home: Home) -> None:
    url = f"postgresql://somebody:hidden@127.0.0.1:{free_port()}/myna"
    run = home.myna("up", "--no-browser", MYNA_DATABASE_URL=url)
    one_sentence(run, "MYNA_DATABASE_URL")
    assert "hidden" not in run.stdout + run.stderr


def test_a_wrong_model_file_is_told(home: Home, database_url: str) -> None:
    path = model_path(Settings(home=home.path), find_model(DEFAULT))
    path.parent.mkdir(parents=True)
    path.write_bytes(b"GGUF but not ours")
    run = home.myna("up", "--no-browser", MYNA_DATABASE_URL=database_url)
    one_sentence(run, "SHA-256", "myna models pull")


def test_a_missing_model_that_cannot_be_fetched_is_told(home: Home, database_url: str) -> None:
    run = home.myna(
        "up", "--no-browser", MYNA_DATABASE_URL=database_url, PIP_NO_INDEX="1", PIP_FIND_LINKS=""
    )
    one_sentence(run, "could not be fetched", "--from PATH", "MYNA_MODEL_URL")


def test_a_bad_setting_is_told(home: Home) -> None:
    one_sentence(home.myna("up", MYNA_PORT="many"), "MYNA_PORT")


def test_a_home_that_cannot_be_used_is_told(home: Home) -> None:
    home.path.write_text("a file")
    one_sentence(home.myna("up", "--no-browser"), "MYNA_HOME")


def test_a_full_disk_is_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=50_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(StorageError, match="50 MB left"):
        up._check_home(Settings(home=tmp_path))


def test_it_can_be_stopped_while_it_prepares(home: Home) -> None:
    preparing = home.up()
    until((home.path / "postgres").exists)
    preparing.send_signal(signal.SIGINT)
    assert preparing.wait(20) == 0
    until(lambda: not home.processes(), 10)
    assert not (home.path / "models" / f"{DEFAULT}.gguf").exists()


@pytest.mark.model
def test_it_runs_heals_and_stops_as_a_whole(home: Home) -> None:
    link_model(home.path)
    running = home.up()
    until(home.healthy)
    children = home.children()
    assert set(children) == {"model", "index", "embed", "web"}

    one_sentence(home.myna("up", "--no-browser"), "already running", str(home.port))

    status = json.loads(home.myna("status", "--json").stdout)
    assert status["model"] == {"name": DEFAULT, "small": True, "ready": True}
    assert status["index"]["lag"] == 0
    assert set(status["processes"]) == {"up", *children}

    os.kill(children["model"], signal.SIGKILL)
    until(lambda: home.children()["model"] != children["model"])
    until(home.healthy)
    assert home.children()["web"] == children["web"]

    running.send_signal(signal.SIGINT)
    assert running.wait(20) == 0
    assert running.stdout is not None
    said = running.stdout.read()
    assert f"http://127.0.0.1:{home.port}" in said
    assert "model ended (signal SIGKILL)" in said
    assert "Stopped." in said
    until(lambda: not home.processes(), 10)


@pytest.mark.model
def test_a_killed_supervisor_leaves_nothing_behind_and_the_next_start_works(home: Home) -> None:
    link_model(home.path)
    first = home.up()
    until(home.healthy)
    first.kill()
    first.wait()
    until(lambda: not home.processes(), 20)
    second = home.up()
    until(home.healthy)
    second.terminate()
    assert second.wait(20) == 0
    until(lambda: not home.processes(), 10)
