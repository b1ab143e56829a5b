"""What a long command reports while it works: JSON lines, and the same for TensorBoard.

It needs the package ``tensorboard`` alone, neither torch nor TensorFlow; without it there are only the
JSON lines.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

PROGRESS = "progress.jsonl"
"""In the folder of a run or a corpus."""


class Board:
    """TensorBoard's file of figures, in ``tensorboard/`` of a folder."""

    def __init__(self, folder: Path) -> None:
        self._writer: Any = None
        with contextlib.suppress(ImportError):
            proto = "tensorboard.compat.proto"  # made at their build, without type stubs
            self._event: Any = importlib.import_module(f"{proto}.event_pb2").Event
            self._summary: Any = importlib.import_module(f"{proto}.summary_pb2").Summary
            from tensorboard.summary.writer.event_file_writer import EventFileWriter

            self._writer = EventFileWriter(str(folder / "tensorboard"))

    def add(self, step: int, figures: Mapping[str, float]) -> None:
        """Figures as of ``step``."""
        if self._writer is not None:
            values = [
                self._summary.Value(tag=name, simple_value=value) for name, value in figures.items()
            ]
            told = self._event(
                wall_time=time.time(), step=step, summary=self._summary(value=values)
            )
            self._writer.add_event(told)

    def flush(self) -> None:
        """Let what was added be seen."""
        if self._writer is not None:
            self._writer.flush()

    def close(self) -> None:
        """The same, and no more is added."""
        if self._writer is not None:
            self._writer.close()


class Tracking:
    """Writes ``progress.jsonl`` and ``tensorboard/`` in a folder, for as long as the block lasts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._board: Board | None = None

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._board = Board(self._folder)
        return self

    def __exit__(self, *_: object) -> None:
        if self._board:
            self._board.close()

    def add(self, step: int, figures: Mapping[str, float]) -> None:
        """Figures as of ``step`` (posts read, documents measured)."""
        with (self._folder / PROGRESS).open("a") as file:
            file.write(json.dumps({"step": step, "time": round(time.time(), 1), **figures}) + "\n")
        if self._board:
            self._board.add(step, figures)


class Eta:
    """How long work will take that is done at the pace it had so far."""

    def __init__(self) -> None:
        self._begun = time.monotonic()

    def seconds(self, share: float) -> float | None:
        """Left, when ``share`` (0 to 1) is done; None where that says nothing yet."""
        return (time.monotonic() - self._begun) * (1 - share) / share if 0 < share <= 1 else None

    @property
    def passed_s(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._begun


def written_s(seconds: float | None) -> str:
    """``12 min left``; empty where nothing is known."""
    if seconds is None:
        return ""
    return f"{seconds:,.0f} s left" if seconds < 100 else f"{seconds / 60:,.0f} min left"
