"""Progress of the steps of a long preparation: bars in a terminal, a line a step in a log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from myna.models.files import Progress


@contextmanager
def shown_progress(console: Console) -> Iterator[Progress]:
    """Show each step for as long as the block lasts."""
    with _bars(console) if console.is_terminal else _lines(console) as progress:
        yield progress


@contextmanager
def _bars(console: Console) -> Iterator[Progress]:
    from rich.progress import BarColumn, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    with Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    ) as bars:
        tasks: dict[str, TaskID] = {}

        def progress(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what)
            bars.update(tasks[what], completed=done, total=total or None)

        yield progress


@contextmanager
def _lines(console: Console) -> Iterator[Progress]:
    """A log has no bars: it says what begins, once."""
    begun: set[str] = set()

    def progress(what: str, done: int, total: int) -> None:
        if what not in begun and (done < total or not total):
            begun.add(what)
            console.print(f"{what} …")

    yield progress
