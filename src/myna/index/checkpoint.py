"""How far a derived file has followed the store, in a small JSON file that is replaced atomically.

It is written after the data that it speaks of is durable. After a crash between the two the same
changes are read once more, which changes nothing.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from myna.errors import StorageError

Spans = tuple[tuple[int, int], ...]
"""Spans ``(after, to]`` of change numbers, sorted, apart from each other."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What is true of the folder ``generation`` beside this file."""

    generation: str
    """Name of the folder that is in use."""
    store_id: str
    """The store that was followed."""
    version: str
    """Schema, analysis, embedder: data of another version is not usable."""
    done: Spans = ()
    """Spans of change numbers that are in."""
    records: int = 0
    """Records of a log that were durable then; fewer in the file say that it was damaged since."""
    embedder: str = ""
    """Which one makes the vectors, as the setting names it."""

    @property
    def seq(self) -> int:
        """All changes up to this one are in."""
        return self.done[0][1] if self.done and self.done[0][0] == 0 else 0


def load_checkpoint(path: Path) -> Checkpoint | None:
    """The checkpoint, or None where there is none that can be read."""
    try:
        data = json.loads(path.read_text())
        done = tuple((int(after), int(to)) for after, to in data["done"])
        return Checkpoint(
            generation=str(data["generation"]),
            store_id=str(data["store_id"]),
            version=str(data["version"]),
            done=done,
            records=int(data["records"]),
            embedder=str(data.get("embedder", "")),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Replace the file so that a reader, or the next start, sees the old one or the new one.

    Raises:
        StorageError: it cannot be written.
    """
    temporary = path.with_suffix(".new")
    try:
        with temporary.open("w") as file:
            json.dump(asdict(checkpoint), file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise StorageError(
            f"The index at {path.parent} cannot be written ({error.strerror}). "
            "Free some disk space or check who owns the folder."
        ) from error


def covered(spans: Spans) -> int:
    """How many numbers are in."""
    return sum(to - after for after, to in spans)


def add_span(spans: Spans, after: int, to: int) -> Spans:
    """``spans`` with ``(after, to]`` among them; spans that touch become one."""
    if after >= to:
        return spans
    merged: list[tuple[int, int]] = []
    for start, end in sorted((*spans, (after, to))):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


def gaps(spans: Spans, last: int) -> Spans:
    """The spans of numbers up to ``last`` that are not in."""
    ends = (0, *(to for _, to in spans))
    starts = (*(after for after, _ in spans), last)
    return tuple((end, start) for end, start in zip(ends, starts, strict=True) if end < start)


def newest_gap(spans: Spans, last: int, longest: int) -> tuple[int, int] | None:
    """The newest span ``(after, to]`` up to ``last`` that is not in ``spans``, at most ``longest``
    numbers long; None when nothing is missing."""
    to = last
    for start, end in reversed(spans):
        if end < to:
            return max(end, to - longest), to
        to = min(to, start)
    return (max(0, to - longest), to) if to > 0 else None


def share(checkpoint: Checkpoint | None, last: int) -> float:
    """Share of the store's changes that a checkpoint covers."""
    seen = covered(checkpoint.done) if checkpoint else 0
    return min(1.0, seen / last) if last else 1.0
