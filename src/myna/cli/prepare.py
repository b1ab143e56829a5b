"""``myna prepare``: everything that has to be there before the roles start, with its progress."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from myna.cli.progress import shown_progress
from myna.errors import ModelFileError, MynaError
from myna.parent import stop_with_parent
from myna.settings import Settings, load_settings
from myna.telemetry import configure_logging

if TYPE_CHECKING:
    from myna.db.engine import Database
    from myna.models.files import Progress


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(hidden=True)(prepare)


def prepare(
    ready_fd: Annotated[int | None, typer.Option(help="Where to write when all is ready.")] = None,
) -> None:
    """Create the database, fetch the model, load the demo network; then wait for stdin to close."""
    stop_with_parent()
    from myna.db.engine import open_database

    settings = load_settings()
    configure_logging(settings.log_level)
    console = Console()
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())  # a half-made database is no use
    db = open_database(settings, on_progress=lambda what: console.print(f"{what} …"))
    try:
        signal.signal(signal.SIGTERM, _leave)
        if stopped.is_set():
            raise SystemExit(0)
        with shown_progress(console) as progress:
            if not settings.model_url:
                _fetch_model(settings, progress)
            if settings.demo:
                _load_demo(db, progress)
        _note_accounts(settings, db)
        if ready_fd is not None:
            os.write(ready_fd, b"ready\n")
            os.close(ready_fd)
            sys.stdin.read()  # the supervisor closes it when the children have the database
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        db.dispose()


def _fetch_model(settings: Settings, progress: Progress) -> None:
    """The file of the model in use. One that was added and is gone is taken back."""
    from myna.models.choice import model_in_use
    from myna.models.fetch import pull_model
    from myna.models.local import taken_back

    model = model_in_use(settings)
    try:
        pull_model(settings, model, progress)
    except ModelFileError as error:
        if model.origins or not taken_back(settings, model, str(error)):
            raise
        _fetch_model(settings, progress)


def _load_demo(db: Database, progress: Progress) -> None:
    from myna.feeds.demo import load_history

    load_history(db, lambda done, total: progress("Loading the demo network", done, total))


def _note_accounts(settings: Settings, db: Database) -> None:
    """Tell the supervisor, by a file, whether there are accounts for the bot."""
    from myna.bot.accounts import open_accounts

    try:
        found = bool(open_accounts(settings, db))
    except MynaError:
        found = False  # `myna networks` says why
    settings.run_dir.mkdir(parents=True, exist_ok=True)
    if found:
        settings.accounts_file.touch()
    else:
        settings.accounts_file.unlink(missing_ok=True)


def _leave(number: int, frame: object) -> None:
    del number, frame
    raise SystemExit(0)
