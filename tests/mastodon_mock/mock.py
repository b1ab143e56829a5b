"""``mastodon-mock``, a third party's mock of an instance of Mastodon, as a process of its own.

It is a mock: no code of Mastodon's is in it. It is installed once for its list of packages, into
``.cache/mastodon-mock`` of the repository (10 s, from the Python package index).
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

HERE = Path(__file__).parent
CACHE = HERE.parent.parent / ".cache" / "mastodon-mock"
START_SECONDS = 60.0
_CONFIG = """
domain = "{host}"
[database]
path = "{database}"
[streaming]
heartbeat_seconds = 0.2
[[seed.accounts]]
username = "myna"
access_token = "token-of-myna"
bot = true
[[seed.accounts]]
username = "ann"
access_token = "token-of-ann"
[[seed.accounts]]
username = "bo"
access_token = "token-of-bo"
"""


class Unavailable(Exception):
    """The mock cannot be installed or started; the message says why."""


@dataclass(frozen=True, slots=True)
class Mock:
    """A running mock."""

    base: str
    database: Path

    def ask(self, name: str, verb: str, path: str, body: Any = None) -> Any:
        """Do something as the account ``name``."""
        headers = {"Authorization": f"Bearer token-of-{name}"}
        answer = httpx2.request(verb, self.base + path, json=body, headers=headers, timeout=20)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def post(self, name: str, words: str, **more: Any) -> dict[str, Any]:
        """A new status."""
        return self.ask(name, "POST", "/api/v1/statuses", {"status": words, **more})

    def let_index(self, name: str) -> None:
        """Set ``indexable``, which the mock shows but cannot be told by its API."""
        with sqlite3.connect(self.database, timeout=20) as conn:
            conn.execute("update accounts set indexable = 1 where username = ?", (name,))

    def fail_next(self, path: str, status: int, headers: dict[str, str]) -> None:
        """Have the next request for a path refused."""
        effect = {"type": "status", "status": status, "headers": headers}
        body = {"match": {"path": path}, "effect": effect, "count": 1}
        self.ask("ann", "POST", "/api/v1/_mock/faults", body)


@contextmanager
def running(folder: Path) -> Iterator[Mock]:
    """A mock with its data in ``folder``.

    Raises:
        Unavailable: it cannot be installed or started.
    """
    python = _installed()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mock = Mock(f"http://127.0.0.1:{port}", folder / "mock.sqlite")
    config = folder / "mock.toml"
    config.write_text(_CONFIG.format(host=f"127.0.0.1:{port}", database=mock.database))
    words = ["serve", "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    with (folder / "mock.log").open("wb") as log:
        process = subprocess.Popen(
            [python, "-m", "mastodon_mock", *words, "--log-level", "warning"],
            stdout=log,
            stderr=log,
        )
    try:
        _wait(mock, process, folder / "mock.log")
        yield mock
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(mock: Mock, process: subprocess.Popen[bytes], log: Path) -> None:
    limit = time.monotonic() + START_SECONDS
    while time.monotonic() < limit and process.poll() is None:
        try:
            httpx2.get(f"{mock.base}/api/v2/instance", timeout=5).raise_for_status()
            return
        except httpx2.HTTPError:
            time.sleep(0.1)
    raise Unavailable(f"mastodon-mock did not start:\n{log.read_text()[-2000:]}")


def _installed() -> Path:
    """The Python of an environment that has the mock."""
    wanted = HERE / "requirements.txt"
    version = hashlib.sha256(wanted.read_bytes() + sys.version.encode()).hexdigest()[:16]
    folder = CACHE / version
    python = folder / "bin" / "python"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / "done").exists():
            return python
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        words = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        result = subprocess.run(
            [python, *words, "--requirement", str(wanted)],
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            raise Unavailable(f"mastodon-mock cannot be installed:\n{result.stderr[-2000:]}")
        (folder / "done").touch()
    return python
