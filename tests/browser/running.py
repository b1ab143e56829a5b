"""The real app for the browser: ``myna up`` as people run it, with the demo network and the model."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from tests.real_model import link_model

START_S = 300
STOP_S = 40


@dataclass(frozen=True)
class RunningApp:
    """Where it is, and what its own API says."""

    url: str
    home: Path

    def get(self, path: str, cookies: dict[str, str] | None = None) -> Any:
        """What the API answers."""
        response = httpx2.get(f"{self.url}{path}", cookies=cookies, timeout=20)
        response.raise_for_status()
        return response.json()


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextmanager
def myna_up(home: Path) -> Iterator[RunningApp]:
    """Start everything on a free port, wait until all posts are indexed, stop the tree at the end."""
    link_model(home)
    port = free_port()
    log = home / "up.log"
    own = {"MYNA_HOME": str(home), "MYNA_PORT": str(port), "MYNA_DEMO": "1", "MYNA_DEMO_PACE": "0"}
    foreign = ("MYNA_MODEL_", "MYNA_DATABASE_URL", "MYNA_PUBLIC_URL", "MYNA_HOST")
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "myna", "up", "--no-browser"],
            env={**inherited, **own},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    app = RunningApp(f"http://127.0.0.1:{port}", home)
    try:
        _wait_until_ready(app, process, log)
        yield app
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


def _wait_until_ready(app: RunningApp, process: subprocess.Popen[bytes], log: Path) -> None:
    last = "no answer yet"
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        if process.poll() is not None:
            raise AssertionError(f"myna up ended:\n{log.read_text(errors='replace')[-4000:]}")
        try:
            health = httpx2.get(f"{app.url}/healthz", timeout=5)
            last = health.text
            if health.status_code == 200:
                status = app.get("/api/status")
                last = str(status)
                if status["posts"] > 0 and status["index"]["lag"] == 0:
                    return
        except httpx2.HTTPError as error:
            last = repr(error)
        time.sleep(0.5)
    raise AssertionError(f"not ready after {START_S} s: {last}\n{log.read_text()[-4000:]}")
