"""Progress of a command that reads many posts: how many a second, and how long it still takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Self

import typer

if TYPE_CHECKING:
    from myna.train.corpus import Tally


class Shown:
    """A line every few seconds on stderr; the same as JSON lines and for TensorBoard in ``folder``.

    How long it takes is told of files, by their bytes, and where ``size`` tokens are wanted; how much
    of a store lets itself be learnt from is known at its end alone.
    """

    EVERY_S = 5.0

    def __init__(self, folder: Path, files: list[Path], size: int = 0) -> None:
        from myna.train.tracking import Eta, Tracking

        self._track, self._eta, self._shown = Tracking(folder), Eta(), time.monotonic()
        self._sizes = [path.stat().st_size if path.is_file() else 0 for path in files]
        self._read = [0] * len(files)
        self._size = size

    def __enter__(self) -> Self:
        self._track.__enter__()
        return self

    def __exit__(self, *told: object) -> None:
        self._track.__exit__(*told)

    def hears(self, number: int) -> Callable[[int], None]:
        """What is told how many bytes of a file are read."""

        def told(done: int) -> None:
            self._read[number] = done

        return told

    def __call__(self, tally: Tally, tokens: int) -> None:
        """So far."""
        from myna.train.tracking import written_s

        now = time.monotonic()
        if now - self._shown < self.EVERY_S:
            return
        self._shown = now
        rate = tally.posts / self._eta.passed_s
        left = written_s(self._eta.seconds(self._share(tokens)))
        words = [
            f"{tally.posts:,} posts ({rate:,.0f}/s)",
            f"{tally.documents:,} documents",
            f"{tokens:,} tokens" if tokens else "",
            left,
        ]
        typer.echo(", ".join(filter(None, words)), err=True)
        figures: dict[str, float] = {
            "posts_per_s": rate,
            "documents": tally.documents,
            "characters": tally.characters,
            "tokens": tokens,
        }
        rejected = {f"left_out/{why}": count for why, count in tally.rejected.items()}
        self._track.add(tally.posts, figures | rejected)

    def _share(self, tokens: int) -> float:
        whole = sum(self._sizes)
        done = sum(self._read) / whole if whole else 0.0
        return max(done, tokens / self._size if self._size else 0.0)


def ended(tally: Tally) -> str:
    """What became of all posts, in a line."""
    rejected = ", ".join(f"{why} {count:,}" for why, count in tally.rejected.most_common() if count)
    return f"{tally.posts:,} posts, {tally.documents:,} documents. Left out: {rejected or 'none'}."
