"""``kill -9`` in the middle of an answer: what was written is there after the next start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest
import uvicorn

from evals.fake_upstream import Pace, create_app
from evals.instance import free_port
from myna.db.engine import Database
from myna.db.posts import apply_events
from myna.index.follow import Follower
from myna.post import Author, Event, Kind, Post
from myna.settings import Settings
from tests.web.live import ask, events, read_frames

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture
def upstream() -> Iterator[str]:
    """A slow fake model server; its address."""
    port = free_port()
    config = uvicorn.Config(
        create_app(Pace(tokens=400, tokens_per_s=20)),
        port=port,
        log_level="warning",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    yield f"http://127.0.0.1:{port}/v1"
    server.should_exit = True
    thread.join()


@contextmanager
def web_process(
    settings: Settings, url: str, upstream: str, log: Path
) -> Iterator[tuple[subprocess.Popen[bytes], httpx2.Client]]:
    """The app as a process of its own."""
    port = free_port()
    env = os.environ | {
        "MYNA_HOME": str(settings.home),
        "MYNA_PORT": str(port),
        "MYNA_DATABASE_URL": url,
        "MYNA_MODEL_URL": upstream,
        "MYNA_MODEL_NAME": "fake-upstream",
    }
    command = [sys.executable, "-m", "myna", "serve", "--role", "web"]
    with log.open("ab") as output:
        process = subprocess.Popen(command, env=env, stdout=output, stderr=output)
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            limit = time.monotonic() + 60
            while True:
                try:
                    if client.get("/healthz").status_code == 200:
                        break
                except httpx2.HTTPError:
                    pass
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < limit, log.read_text()
                time.sleep(0.1)
            yield process, client
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)


TEXT = "you mount an ISO image with the loop option"


@pytest.fixture
def asked(settings: Settings, db: Database) -> Settings:
    """A home with one indexed post that answers the question."""
    post = Post("irc", "1", Author("irc", "ada", "ada"), TEXT, NOW)
    with db.begin() as conn:
        apply_events(conn, [Event(Kind.CREATE, "irc", "1", post)], now=NOW)
    follower = Follower(db, settings.index_dir)
    follower.catch_up()
    follower.close()
    return settings


def test_a_killed_process_leaves_the_text_so_far(
    asked: Settings, database_url: str, upstream: str, tmp_path: Path
) -> None:
    log = tmp_path / "web.log"
    with web_process(asked, database_url, upstream, log) as (process, client):
        message = ask(client, "How do I mount an ISO image?")
        seen = ""
        with client.stream("GET", f"/api/messages/{message['id']}/events") as response:
            for frame in read_frames(response.iter_lines()):
                seen += frame.data["delta"] if frame.kind == "text" else ""
                if len(seen.split()) > 30:
                    break
        process.kill()
        process.wait()
        cookies = client.cookies
    with web_process(asked, database_url, upstream, log) as (_, client):
        client.cookies = cookies
        [frame] = events(client, message["id"])
        assert frame.kind == "message"
        assert frame.data["state"] == "interrupted"
        assert frame.data["text"]
        assert seen.startswith(frame.data["text"][: len(seen)])
        assert frame.data["sources"][0]["post"]["text"] == TEXT
        again = client.post(f"/api/messages/{message['id']}/regenerate").json()["assistant"]
        stopped = client.post(f"/api/messages/{again['id']}/stop").json()
        assert stopped["state"] == "stopped"


def test_a_stopped_process_tells_its_readers_and_saves(
    asked: Settings, database_url: str, upstream: str, tmp_path: Path
) -> None:
    log = tmp_path / "web.log"
    with web_process(asked, database_url, upstream, log) as (process, client):
        message = ask(client, "How do I mount an ISO image?")
        with client.stream("GET", f"/api/messages/{message['id']}/events") as response:
            frames = read_frames(response.iter_lines())
            next(frame for frame in frames if frame.kind == "text")
            process.send_signal(signal.SIGTERM)
            last = list(frames)[-1]
        assert (last.kind, last.data["state"]) == ("done", "interrupted")
        assert process.wait(timeout=10) in {0, -signal.SIGTERM}
        cookies = client.cookies
    with web_process(asked, database_url, upstream, log) as (_, client):
        client.cookies = cookies
        [frame] = events(client, message["id"])
        assert frame.data["state"] == "interrupted"
        assert frame.data["finished_at"]
        assert frame.data["text"].startswith("The")
    assert "Traceback" not in log.read_text()
