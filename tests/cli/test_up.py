"""``myna up`` as people run it: one sentence when it cannot start, all children gone when it stops."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from myna.cli import up
from myna.errors import StorageError
from myna.models.files import model_path
from myna.models.registry import DEFAULT, find_model
from myna.settings import Settings
from tests.cli.home import Home, free_port, until
from tests.real_model import link_model


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
