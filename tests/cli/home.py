"""``myna`` as people run it, in a home of a test's own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import psutil


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
