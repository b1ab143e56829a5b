"""``myna restore``: a backup into an empty home."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from myna.settings import load_settings
from myna.telemetry import configure_logging


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(restore)


def restore(
    source: Annotated[Path, typer.Argument(help="The folder or file that `myna backup` wrote.")],
    deletions: Annotated[
        list[Path] | None,
        typer.Option(
            help="A deletions.log of the home that the backup is from, with what was deleted "
            "since; can be given several times. Those in the present home are used by themselves."
        ),
    ] = None,
) -> None:
    """Put a backup into an empty home (MYNA_HOME) or database; nothing is ever overwritten.

    The backup's checksums are compared first. Posts that were deleted after the backup are deleted
    again as far as a list of deletions knows them. The index comes with it, or is built when Myna
    starts.
    """
    from rich.console import Console

    from myna.index.backup import restore as restore_backup

    settings = load_settings()
    configure_logging(settings.log_level)
    console = Console(stderr=True)
    done = restore_backup(
        settings, source, deletions or [], lambda what: console.print(f"{what} …")
    )
    print(
        f"Restored {done.posts:,} posts and {done.chats:,} chats as of {done.taken_at}; "
        f"{done.deleted_again:,} were deleted since and are deleted again."
    )
    if not done.lists:
        print("No list of deletions was there: what was deleted after the backup is back.")
    if not done.with_index:
        print("Start Myna: it builds the index from the store.")
