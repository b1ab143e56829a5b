"""``myna index``: rebuild, check and purge what is derived from the store."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from myna.settings import Settings, load_settings
from myna.telemetry import configure_logging

if TYPE_CHECKING:
    from myna.db.engine import Database
    from myna.index.check import Comparison

index = typer.Typer(help="The index over the store: derived, and made again.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.add_typer(index, name="index")


@contextmanager
def _opened() -> Iterator[tuple[Settings, Database]]:
    from myna.db.engine import open_database

    settings = load_settings()
    configure_logging(settings.log_level)
    db = open_database(settings)
    try:
        yield settings, db
    finally:
        db.dispose()


@contextmanager
def _bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on stderr, where that is a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@index.command()
def rebuild(
    text: Annotated[bool, typer.Option("--text", help="The text index (the default).")] = False,
    vectors: Annotated[
        bool, typer.Option("--vectors", help="The vectors: takes as long as making them did.")
    ] = False,
) -> None:
    """Build an index anew beside the one that serves, then move to it.

    Works while Myna runs, which goes on serving, and while it does not. A kill at any point leaves
    the old index serving; vectors go on where they were.
    """
    from myna.index.rebuild import rebuild_text, rebuild_vectors

    with _opened() as (settings, db):
        if text or not vectors:
            with _bar("Building") as shown:
                rebuilt = rebuild_text(db, settings.index_dir, shown)
            who = "The running Myna has moved to it." if rebuilt.by_running else "It is in place."
            print(f"The text index was built anew in {rebuilt.seconds:.1f} s. {who}")
        if vectors:
            if rebuild_vectors(db, settings):
                print("The vectors were made anew.")
            else:
                print("The running Myna makes the vectors anew; the old ones serve until then.")


@index.command()
def check(
    repair: Annotated[
        bool, typer.Option("--repair", help="Take in again just the posts that differ.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for scripts.")] = False,
) -> None:
    """Compare store and index post by post; exit status 1 when they differ.

    Works while Myna runs. Posts that are not in yet are not counted as a difference. With --repair
    what differs is mended, and the exit status is that of a second comparison.
    """
    with _opened() as (settings, db):
        found = _compare(settings, db)
        mended = 0
        if repair and not all(one.agrees for one in found):
            mended = _mend(settings, db, found)
            found = _compare(settings, db)
    if as_json:
        rows = {one.part: _figures(one) for one in found}
        print(json.dumps({"agrees": all(one.agrees for one in found), "mended": mended, **rows}))
    else:
        _print(found, mended)
    if not all(one.agrees for one in found):
        raise typer.Exit(1)


@index.command()
def purge() -> None:
    """Make deleted posts go from the disk for good, now.

    Works while Myna runs. The tables can be neither read nor written while they are written anew:
    4 s for 200,000 posts. Myna does this by itself within MYNA_PURGE_HOURS.
    """
    from rich.console import Console

    from myna.index.purge import purge as purge_all
    from myna.parent import stop_with_parent

    if stop_with_parent():
        os.nice(19)
    console = Console(stderr=True)
    with _opened() as (settings, db):
        done = purge_all(db, settings.index_dir, lambda what: console.print(f"{what} …"))
    print(
        f"Purged: {done.deletions:,} deleted or replaced documents from the text index "
        f"({done.text_s:.1f} s), the vectors ({done.vectors_s:.1f} s), the tables "
        f"({done.store_s:.1f} s)."
    )
    if not done.store.log:
        print(
            "PostgreSQL's write-ahead log and its archives and backups are not Myna's to purge: "
            "its own checkpoints and your retention of them decide."
        )


def _compare(settings: Settings, db: Database) -> list[Comparison]:
    from myna.db.posts import store_id
    from myna.index.check import check_text
    from myna.index.locks import rows_stay

    with db.begin() as conn:
        store = str(store_id(conn))
    with rows_stay(settings.index_dir), _bar("Comparing") as shown:
        return [check_text(db, settings.index_dir, store, shown)]


def _mend(settings: Settings, db: Database, found: list[Comparison]) -> int:
    from myna.db.posts import last_seq
    from myna.index.mend import mend_posts, wait_for_text, wait_for_vectors
    from myna.index.rebuild import rebuild_text

    text, *others = found
    anew = text.damaged or not text.in_index
    ids = {post for one in others for post in one.to_mend}
    ids |= set() if anew else set(text.to_mend)
    with db.begin() as conn:
        before = last_seq(conn)
    after = mend_posts(db, sorted(ids))
    if anew and text.in_store:
        with _bar("Building") as shown:
            rebuild_text(db, settings.index_dir, shown)
    wait_for_text(db, settings.index_dir, after)
    if others:
        wait_for_vectors(db, settings, before, after)
    return len(ids) + (text.in_store if anew else 0)


def _figures(one: Comparison) -> dict[str, int]:
    return {
        "in_store": one.in_store,
        "in_index": one.in_index,
        "missing": len(one.missing),
        "stale": len(one.stale),
        "doubled": len(one.doubled),
        "extra": len(one.extra),
        "damaged": one.damaged,
    }


def _print(found: list[Comparison], mended: int) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, padding=(0, 2))
    table.add_column("")
    for name in _figures(found[0]):
        table.add_column(name.replace("_", " "), justify="right")
    for one in found:
        table.add_row(one.part, *(f"{number:,}" for number in _figures(one).values()))
    console = Console()
    console.print(table)
    if mended:
        console.print(f"{mended:,} posts were taken in again.")
    if not all(one.agrees for one in found):
        console.print("Store and index differ. `myna index check --repair` mends what differs.")
