"""Real Myna processes for benchmarks: `myna up` in a home of its own, and a person who asks it."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx2

ROOT = Path(__file__).parent.parent
DEMO_FILE = ROOT.parent / "shared" / "data" / "ubuntu_irc.jsonl.gz"


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Child:
    """A process that is stopped at the end of a ``with``."""

    def __init__(self, command: list[str], log: Path, **env: str) -> None:
        self.log = log
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | env,
            stdin=subprocess.DEVNULL,
            stdout=log.open("ab"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)

    def wait_for(self, url: str, limit_s: float) -> None:
        """Wait until ``url`` answers 200."""
        limit = time.monotonic() + limit_s
        while time.monotonic() < limit:
            if self.process.poll() is not None:
                raise SystemExit(f"it ended early:\n{self.log.read_text()[-3000:]}")
            try:
                if httpx2.get(url, timeout=2).status_code == 200:
                    return
            except httpx2.HTTPError:
                pass
            time.sleep(0.1)
        raise SystemExit(f"{url} not ready in {limit_s:.0f} s:\n{self.log.read_text()[-3000:]}")


def myna_up(home: Path, port: int, **env: str) -> Child:
    """``myna up`` with its data in ``home``."""
    return Child(
        [sys.executable, "-m", "myna", "up", "--no-browser"],
        home / "up.log",
        MYNA_HOME=str(home),
        MYNA_PORT=str(port),
        **env,
    )


@dataclass
class Asked:
    """One question through the app's routes, times in seconds from the moment of asking."""

    sources_s: float | None = None
    first_text_s: float | None = None
    done_s: float | None = None
    outcome: str | None = None
    text: str = ""
    sources: list[dict[str, Any]] = field(default_factory=list)
    usage: dict[str, int] = field(default_factory=dict)


def ask(client: httpx2.Client, base: str, question: str, *, whole: bool = True) -> Asked:
    """Ask in a new chat and read the events to the end, or stop at the first word."""
    chat = client.post(f"{base}/api/chats", json={}).raise_for_status().json()
    asked = Asked()
    began = time.perf_counter()
    body = {"text": question, "parent_id": None, "language": "en"}
    response = client.post(f"{base}/api/chats/{chat['id']}/messages", json=body)
    message = response.raise_for_status().json()["assistant"]
    kind = ""
    with client.stream("GET", f"{base}/api/messages/{message['id']}/events") as events:
        for line in events.iter_lines():
            if line.startswith("event: "):
                kind = line.removeprefix("event: ")
            elif line.startswith("data: "):
                now = time.perf_counter() - began
                data = json.loads(line.removeprefix("data: "))
                if kind == "sources":
                    asked.sources_s, asked.sources = now, data["sources"]
                elif kind == "text":
                    asked.first_text_s = asked.first_text_s or now
                    asked.text += data["delta"]
                    if not whole:
                        break
                elif kind == "usage":
                    asked.usage = data
                elif kind == "done":
                    asked.done_s, asked.outcome = now, data["outcome"]
                elif kind == "error":
                    raise SystemExit(f"the answer failed: {data['message']}")
    if not whole:
        client.post(f"{base}/api/messages/{message['id']}/stop").raise_for_status()
    return asked


def demo_questions(count: int, seed: int = 7) -> list[str]:
    """Questions that people asked on the demo network, without the nick that they address."""
    questions: list[str] = []
    with gzip.open(DEMO_FILE, "rt", encoding="utf-8") as lines:
        for line in lines:
            text: str = json.loads(line)["text"]
            words = text.split()
            if text.endswith("?") and 6 <= len(words) <= 25 and words[0][-1] not in ":,":
                questions.append(text)
    return random.Random(seed).sample(questions, count)
