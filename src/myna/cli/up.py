"""``myna up``: prepare everything, run all roles as children, say where the app is, and watch.

The supervisor imports nothing heavy: what needs the database or a model file is done by
``myna prepare`` in a process of its own, which holds the embedded PostgreSQL until the children
have it.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console

from myna import __version__
from myna.cli.children import Child, Children
from myna.errors import ConfigurationError, MynaError, StorageError
from myna.models.choice import read_choice
from myna.parent import PARENT
from myna.settings import Settings, load_settings

FREE_DISK_BYTES = 800_000_000
"""Needed before the first start: model 250 MB while it is converted, database and index 300 MB."""
RESTART_DISK_BYTES = 100_000_000
READY_S = 180.0
WATCH_S = 0.3
CANARY = "canary"
READY_SIGN = b"ready\n"
SMALL_HEAP = {"MALLOC_ARENA_MAX": "1", "MALLOC_TRIM_THRESHOLD_": "131072"}
"""glibc keeps a heap for each thread and gives little back: 50 MB over all children without this."""


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(up)


def up(
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the app in a browser when ready.")
    ] = True,
    port: Annotated[int | None, typer.Option(help="Port of the app; over MYNA_PORT.")] = None,
    demo: Annotated[
        bool | None, typer.Option("--demo/--no-demo", help="The demo network; over MYNA_DEMO.")
    ] = None,
) -> None:
    """Run Myna: database, index, model server, demo network and app, until Ctrl-C.

    The first start creates the database, fetches the model and loads the demo network. From then on
    it needs no network.
    """
    given = {"MYNA_PORT": port, "MYNA_DEMO": demo}
    os.environ.update({name: str(value) for name, value in given.items() if value is not None})
    settings = load_settings()
    console = Console(stderr=False)
    console.print(f"[bold]Myna {__version__}[/bold]  data in {settings.home}")
    _check_home(settings)
    with _only_one(settings):
        _check_port(settings)
        _run(settings, console, open_browser=browser)


def _run(settings: Settings, console: Console, *, open_browser: bool) -> None:
    children = Children(
        _children(settings),
        settings.run_dir / "children.json",
        lambda sentence: console.print(f"[yellow]{sentence}[/yellow]"),
    )
    signals = _Signals(children)
    began = time.monotonic()
    with _prepared(settings, console, signals):
        if settings.accounts_file.exists():
            children.children.append(_child(settings, "bot", ["bot"]))
        children.start()
        try:
            _wait_until_ready(settings, children, console, signals)
        except BaseException:
            children.stop()
            raise
    try:
        if not signals.stopping:
            seconds = time.monotonic() - began
            console.print(
                f"\n  Myna is at [bold link={settings.base_url}]{settings.base_url}[/bold link]"
                f"   (ready after {seconds:.0f} s; Ctrl-C stops it)\n"
            )
            if open_browser and (os.environ.get("DISPLAY") or sys.platform == "darwin"):
                webbrowser.open(settings.base_url)
        while not signals.stopping:
            _follow_choice(settings, children)
            children.watch()
            time.sleep(WATCH_S)
    finally:
        console.print("Stopping …")
        children.stop()
        if (
            not settings.database_url.get_secret_value()
        ):  # one that had to be killed left it running
            from myna.db.embedded import EmbeddedServer

            EmbeddedServer(settings.database_dir).stop_unused()
    console.print("Stopped.")


def _children(settings: Settings) -> list[Child]:
    """The processes and what they run. Live sources share the index's process."""
    processes = {"index": ["ingest"]}
    processes |= {role: ["serve", f"--role={role}"] for role in ("embed", "web")}
    if not settings.model_url:
        processes = {"model": ["serve", "--role=model"], **processes}
    return [_child(settings, name, command) for name, command in processes.items()]


def _follow_choice(settings: Settings, children: Children) -> None:
    """A model that is tried has a server of its own, for as long as it is tried."""
    wanted = not settings.model_url and bool(read_choice(settings).canary)
    if wanted and not children.has(CANARY):
        children.add(_child(settings, CANARY, ["serve", f"--role={CANARY}"]))
    elif not wanted and children.has(CANARY):
        children.remove(CANARY)


def _child(settings: Settings, name: str, command: list[str]) -> Child:
    return Child(
        name,
        [sys.executable, "-m", "myna", *command],
        settings.logs_dir / f"{name}.log",
        {"MYNA_HOME": str(settings.home), **SMALL_HEAP},
    )


class _Signals:
    """The first Ctrl-C (or SIGTERM) stops in order; the second one at once."""

    def __init__(self, children: Children) -> None:
        self.stopping = False
        self.preparing: subprocess.Popen[bytes] | None = None
        self._children = children
        signal.signal(signal.SIGINT, self._stop)
        signal.signal(signal.SIGTERM, self._stop)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self.stopping:
            self._children.kill()
            os._exit(130)
        self.stopping = True
        if self.preparing is not None:
            self.preparing.terminate()


@contextmanager
def _prepared(settings: Settings, console: Console, signals: _Signals) -> Iterator[None]:
    """Run ``myna prepare``, which keeps the database open until the block ends."""
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "myna", "prepare", "--ready-fd", str(writing)],
        env={**os.environ, "MYNA_HOME": str(settings.home), PARENT: str(os.getpid())},
        stdin=subprocess.PIPE,
        pass_fds=(writing,),
        start_new_session=True,
    )
    os.close(writing)
    signals.preparing = process
    if signals.stopping:
        process.terminate()
    try:
        with os.fdopen(reading, "rb") as sign:
            ready = sign.read(len(READY_SIGN)) == READY_SIGN
        if signals.stopping:
            process.wait()
            console.print("Stopped.")
            raise SystemExit(0)
        if not ready:
            raise SystemExit(process.wait() or 1)  # it has said why
        yield
    finally:
        signals.preparing = None
        if process.poll() is None:
            process.terminate() if signals.stopping else process.communicate()
            process.wait()


def _wait_until_ready(
    settings: Settings, children: Children, console: Console, signals: _Signals
) -> None:
    limit = time.monotonic() + READY_S
    with console.status("Starting …") as status:
        while not signals.stopping:
            if reasons := _not_ready(settings):
                status.update(f"Starting … {reasons}")
            else:
                return
            children.watch()
            if time.monotonic() > limit:
                web = next(child for child in children.children if child.name == "web")
                raise MynaError(
                    f"Myna did not get ready in {READY_S:.0f} s ({reasons}). The logs are in "
                    f"{settings.logs_dir}; the app's last line: {web.last_words() or 'none'}"
                )
            time.sleep(WATCH_S)


def _not_ready(settings: Settings) -> str:
    """What is missing, in a few words; "" when /healthz says ok."""
    host = "127.0.0.1" if settings.host in {"0.0.0.0", "::"} else settings.host
    try:
        url = f"http://{host}:{settings.port}/healthz"
        with urllib.request.urlopen(url, timeout=5):
            return ""
    except urllib.error.HTTPError as error:
        try:
            return " ".join(json.load(error).get("reasons", [])) or "app"
        except ValueError:
            return "app"
    except OSError:
        return "app"


def _check_home(settings: Settings) -> None:
    first = not settings.database_dir.exists()
    try:
        for folder in (settings.home, settings.run_dir, settings.logs_dir):
            folder.mkdir(parents=True, exist_ok=True)
        settings.home.chmod(0o700) if first else None
        free = shutil.disk_usage(settings.home).free
    except OSError as error:
        raise ConfigurationError(
            f"The folder {settings.home} cannot be used ({error.strerror}). "
            "Name another one with MYNA_HOME."
        ) from None
    needed = FREE_DISK_BYTES if first else RESTART_DISK_BYTES
    if free < needed:
        raise StorageError(
            f"The disk of {settings.home} has {free // 10**6} MB left and Myna needs "
            f"{needed // 10**6} MB. Free some, or name a folder on another disk with MYNA_HOME."
        )


def _check_port(settings: Settings) -> None:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise ConfigurationError(
                    f"Port {settings.port} is taken by another program. Stop it, or choose "
                    f"another port: MYNA_PORT={settings.port + 1} make up"
                ) from None
            raise ConfigurationError(
                f"Cannot listen on {settings.host} port {settings.port} ({error.strerror}). "
                "Set MYNA_HOST and MYNA_PORT."
            ) from None


@contextmanager
def _only_one(settings: Settings) -> Iterator[None]:
    """Hold the home's lock, so that no second supervisor runs on the same data."""
    path: Path = settings.run_dir / "up.lock"
    with path.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            where = lock.read().strip() or "another address"
            raise ConfigurationError(
                f"Myna is already running on this data, at {where}. Stop it first, or give this "
                "one a home of its own with MYNA_HOME."
            ) from None
        lock.truncate(0)
        lock.write(settings.base_url)
        lock.flush()
        yield
