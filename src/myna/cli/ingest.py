"""``myna ingest``: the process through which posts come in: live sources and the text index over
them, or an archive that is read once."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from myna.cli.serve import Role, run_roles
from myna.db.engine import open_database
from myna.db.networks import ensure_network
from myna.feeds.archive import Archive
from myna.feeds.ingest import Summary, run_source
from myna.feeds.source import Rejection
from myna.parent import stop_with_parent
from myna.settings import Settings, load_settings
from myna.telemetry import configure_logging

SHOWN_REJECTIONS = 20
"""Bad lines that are named one by one; the others are counted."""

_INTERRUPTED = 130  # what shells expect after SIGINT


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("ingest")(ingest)


def ingest(
    file: Annotated[
        str | None,
        typer.Argument(
            help="JSON lines, plain or compressed (gzip, Zstandard); - is stdin. Without a file: "
            "the live sources and the text index, in the foreground."
        ),
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(help="Network that the posts belong to. Default: the file's name."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Read an archive of posts into the store, or run the live sources and the text index.

    Each line is a JSON object with id, author, created_at and text, and perhaps reply_to, lang,
    likes, reposts, url, channel. Bad lines are named, counted and skipped. Reading a file again
    changes nothing; after a stop, the same command goes on where it was. While PostgreSQL is away
    it waits.
    """
    settings = load_settings()
    configure_logging(settings.log_level)
    if file is None:
        _run_live(settings)
        return
    archive = Archive(file, network)
    archive.check()
    began = time.monotonic()
    errors = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    database = open_database(settings, on_progress=lambda step: errors.print(f"{step} …"))
    try:
        with _stop_on_signals() as stop, _Bar(archive, errors) as bar:
            report = _Report(bar)
            known = False

            def after_batch(summary: Summary) -> None:
                nonlocal known
                bar.show(summary)
                if summary.accepted and not known:  # a file without a good line names no network
                    with database.begin() as conn:
                        ensure_network(conn, archive.network)
                    known = True

            summary = run_source(
                database,
                archive,
                stop=stop,
                patient=True,
                on_batch=after_batch,
                on_rejection=report.reject,
            )
            report.close()
    finally:
        database.dispose()
    _print(summary, archive, time.monotonic() - began, as_json=as_json)
    if summary.stopped:
        errors.print("Stopped. The same command goes on from here.")
        raise typer.Exit(_INTERRUPTED)


def _run_live(settings: Settings) -> None:
    """The text index and every source that is configured, until SIGTERM or Ctrl-C."""
    stop_with_parent()
    roles = [Role.index, Role.feeds]
    if settings.demo and settings.demo_pace > 0:
        roles.append(Role.demo)
    run_roles(roles, settings)


class _Bar:
    """The progress bar: bytes of the file where there is a file, else the number of posts."""

    def __init__(self, archive: Archive, console: Console) -> None:
        self.console = console
        self._archive = archive
        self._progress = Progress(
            TextColumn("Reading"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[posts]:,} posts"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("", total=archive.size, posts=0)

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, summary: Summary) -> None:
        """Move to where the archive is."""
        self._progress.update(self._task, completed=self._archive.position, posts=summary.accepted)


class _Report:
    """Names the first bad lines on stderr and counts the others."""

    def __init__(self, bar: _Bar) -> None:
        self._console = bar.console
        self._count = 0

    def reject(self, rejection: Rejection) -> None:
        """Take one bad line."""
        self._count += 1
        if self._count <= SHOWN_REJECTIONS:
            self._console.print(f"line {rejection.place}: {rejection.reason}")

    def close(self) -> None:
        """Say how many were not named."""
        if self._count > SHOWN_REJECTIONS:
            self._console.print(f"… and {self._count - SHOWN_REJECTIONS:,} more bad lines")


@contextmanager
def _stop_on_signals() -> Iterator[threading.Event]:
    """The first Ctrl-C or SIGTERM lets the batch be written, the second ends the process."""
    stop = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        del frame
        stop.set()
        signal.signal(number, previous[number])

    previous: dict[int, signal.Handlers | Callable[[int, FrameType | None], object] | int | None]
    previous = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _print(summary: Summary, archive: Archive, seconds: float, *, as_json: bool) -> None:
    figures = {
        "accepted": summary.accepted,
        "new": summary.applied.created,
        "edited": summary.applied.edited,
        "deleted": summary.applied.deleted,
        "accounts": summary.applied.accounts,
        "unchanged": summary.applied.unchanged,
        "rejected": summary.rejected,
    }
    if as_json:
        facts = {"network": archive.network, **figures, "seconds": round(seconds, 3)}
        print(json.dumps({**facts, "stopped": summary.stopped}))
        return
    print(f"{archive.network}: {summary.accepted:,} posts read in {seconds:.1f} s")
    for name, number in figures.items():
        print(f"  {name:<10}{number:>12,}")
    sys.stdout.flush()
