"""``myna serve``: one role of Myna in the foreground. ``myna up`` runs all of them as children."""

from __future__ import annotations

import signal
import threading
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from enum import Enum
from typing import Annotated

import typer

from myna.errors import InvalidRequest
from myna.parent import stop_with_parent
from myna.settings import Settings, load_settings
from myna.telemetry import configure_logging


class Role(Enum):
    """What a process does."""

    web = "web"
    index = "index"
    embed = "embed"
    model = "model"
    canary = "canary"
    demo = "demo"
    feeds = "feeds"


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(serve)


def serve(
    role: Annotated[
        list[Role] | None,
        typer.Option(
            help="web (the default): the app and the API; index: the text index; embed: the "
            "vectors; model: the local model server; canary: that of a model that is tried; demo: the replay of the demo network; feeds: "
            "the connected networks. "
            "Several may share a process, but not with web."
        ),
    ] = None,
) -> None:
    """Run a role in the foreground, for containers and service managers.

    All roles on one machine share MYNA_HOME. `myna up` is all of them together.
    """
    stop_with_parent()
    roles = role or [Role.web]
    settings = load_settings()
    configure_logging(settings.log_level)
    if Role.web in roles:
        if len(roles) > 1:
            raise InvalidRequest("--role web cannot share its process with another role.")
        from myna.web.server import serve as serve_web

        serve_web(settings)
        return
    run_roles(roles, settings)


def run_roles(roles: list[Role], settings: Settings) -> None:
    """Roles in this process, until SIGTERM or Ctrl-C."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if len(roles) == 1:
        _run(roles[0], settings, stop)
    else:
        _run_together(roles, settings, stop)


def _run_together(roles: list[Role], settings: Settings, stop: threading.Event) -> None:
    """Each role in a thread. One may come to its end (the demo's replay does); when one fails, all
    stop, and the process is started again as a whole.
    """
    with ThreadPoolExecutor(len(roles), thread_name_prefix="role") as pool:
        running = [pool.submit(_run, role, settings, stop) for role in roles]
        try:
            wait(running, return_when=FIRST_EXCEPTION)
        finally:
            stop.set()
    for one in running:
        one.result()


def _run(role: Role, settings: Settings, stop: threading.Event) -> None:
    """One role, until ``stop``. What it needs is imported here: a process holds its own alone."""
    match role:
        case Role.index:
            from myna.index.upkeep import run_index

            run_index(settings, stop)
        case Role.embed:
            from myna.index.embedding import run_embedder

            run_embedder(settings, stop)
        case Role.model | Role.canary:
            from myna.models.local import run_server

            run_server(settings, "canary" if role is Role.canary else "model")
        case Role.demo:
            from myna.db.engine import open_database
            from myna.feeds.demo import run_demo

            run_demo(settings, open_database(settings), stop)
        case Role.feeds:
            from myna.db.engine import open_database
            from myna.feeds.connected import run_connected

            run_connected(settings, open_database(settings), stop)
        case Role.web:
            raise AssertionError("uvicorn runs it")
