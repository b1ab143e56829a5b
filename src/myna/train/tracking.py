"""What a long command reports while it works: JSON lines, and the same for TensorBoard.

It needs the package ``tensorboard`` alone, neither torch nor TensorFlow; without it there are only the
JSON lines.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self


class Tracking:
    """Writes ``progress.jsonl`` and ``tensorboard/`` in a folder, for as long as the block lasts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._add: Callable[[int, Mapping[str, float]], None] = lambda step, figures: None
        self._close: Callable[[], None] = lambda: None

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(ImportError):
            self._open_board()
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def add(self, step: int, figures: Mapping[str, float]) -> None:
        """Figures as of ``step`` (posts read, documents measured)."""
        with (self._folder / "progress.jsonl").open("a") as file:
            file.write(json.dumps({"step": step, "time": round(time.time(), 1), **figures}) + "\n")
        self._add(step, figures)

    def _open_board(self) -> None:
        proto = "tensorboard.compat.proto"  # made at their build, without type stubs
        Event: Any = importlib.import_module(f"{proto}.event_pb2").Event
        Summary: Any = importlib.import_module(f"{proto}.summary_pb2").Summary
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        writer: Any = EventFileWriter(str(self._folder / "tensorboard"))

        def add(step: int, figures: Mapping[str, float]) -> None:
            values = [
                Summary.Value(tag=name, simple_value=value) for name, value in figures.items()
            ]
            writer.add_event(Event(wall_time=time.time(), step=step, summary=Summary(value=values)))

        self._add, self._close = add, writer.close


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
