"""``myna backup``: the store as a folder or a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from myna.settings import load_settings
from myna.telemetry import configure_logging


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(backup)


def backup(
    target: Annotated[
        Path, typer.Argument(help="Where to write it: a new folder, or a new file NAME.tar.")
    ],
    with_index: Annotated[
        bool,
        typer.Option(
            "--with-index", help="Save the index too: a restore need not make the vectors again."
        ),
    ] = False,
) -> None:
    """Save posts and chats, at one moment, while Myna runs or not.

    Without --with-index a restored Myna builds the index again from the store. Keep a copy of deletions.log (in
    the home folder) with your backups: what is deleted after a backup is in the backup still, and
    a restore deletes again what is on that list.
    """
    from rich.console import Console

    from myna.db.engine import open_database
    from myna.index.backup import back_up

    settings = load_settings()
    configure_logging(settings.log_level)
    console = Console(stderr=True)
    db = open_database(settings)
    try:
        done = back_up(
            db,
            settings,
            target,
            lambda what: console.print(f"{what} …"),
            with_index=with_index,
        )
    finally:
        db.dispose()
    print(f"Saved {done.posts:,} posts and {done.chats:,} chats in {target}.")
