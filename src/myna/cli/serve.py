"""``myna serve``: one role of Myna in the foreground. ``myna up`` runs all of them as children."""

from __future__ import annotations

import os
import signal
import threading
from enum import Enum
from typing import Annotated

import typer

from myna.cli.children import stop_with_parent
from myna.settings import load_settings
from myna.telemetry import configure_logging


class Role(Enum):
    """What a process does."""

    web = "web"
    index = "index"
    embed = "embed"
    model = "model"
    demo = "demo"


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(serve)


def serve(
    role: Annotated[
        Role,
        typer.Option(
            help="web: the app and the API; index: the text index; embed: the vectors; "
            "model: the local model server; demo: the replay of the demo network."
        ),
    ] = Role.web,
) -> None:
    """Run one role in the foreground, for containers and service managers.

    All roles on one machine share MYNA_HOME. `myna up` is all of them together.
    """
    if parent := os.environ.get("MYNA_PARENT"):
        stop_with_parent(int(parent))
    settings = load_settings()
    configure_logging(settings.log_level)
    if role is Role.web:
        from myna.web.server import serve as serve_web

        serve_web(settings)
        return
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if role is Role.index:
        from myna.index.follow import run_follower

        run_follower(settings, stop)
    elif role is Role.embed:
        from myna.index.follow import run_embedder

        run_embedder(settings, stop)
    elif role is Role.model:
        from myna.models.local import run_server

        run_server(settings, stop)
    else:
        from myna.db.engine import open_database
        from myna.feeds.demo import run_demo

        run_demo(settings, open_database(settings, migrate=False), stop)
