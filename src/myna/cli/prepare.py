"""``myna prepare``: everything that has to be there before the roles start, with its progress."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from myna.cli.children import stop_with_parent
from myna.settings import load_settings
from myna.telemetry import configure_logging


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(hidden=True)(prepare)


def prepare(
    ready_fd: Annotated[int | None, typer.Option(help="Where to write when all is ready.")] = None,
) -> None:
    """Create the database, fetch the model, load the demo network; then wait for stdin to close."""
    if parent := os.environ.get("MYNA_PARENT"):
        stop_with_parent(int(parent))
    from myna.cli.models import shown_progress
    from myna.db.engine import open_database
    from myna.feeds.demo import load_history
    from myna.models.fetch import pull_model
    from myna.models.files import model_in_use

    settings = load_settings()
    configure_logging(settings.log_level)
    console = Console()
    db = open_database(settings, on_progress=lambda what: console.print(f"{what} …"))
    if not settings.model_url:
        with shown_progress(console) as progress:
            pull_model(settings, model_in_use(settings), progress)
    if settings.demo:
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=not console.is_terminal,
        ) as progress:
            task = progress.add_task("Loading the demo network", total=None, visible=False)
            load_history(
                db,
                lambda done, total: progress.update(
                    task, completed=done, total=total, visible=True
                ),
            )
    if ready_fd is not None:
        os.write(ready_fd, b"ready\n")
        os.close(ready_fd)
        sys.stdin.read()  # the supervisor closes it when the children have the database
    db.dispose()
