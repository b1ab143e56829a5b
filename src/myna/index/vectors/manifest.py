"""Which files make up the vectors, in the order of their making; readers follow it.

A small JSON file that is replaced atomically, after the files that it names are durable. What it
does not name is left over from a crash, and is deleted by the writer at its next start.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from myna.index.vectors.log import unwritable
from myna.index.vectors.segment import sync_folder

NAME = "parts.json"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file. The last one is the log that is written to."""

    name: str
    """``NUMBER.log`` or ``NUMBER.seg``; no number is given twice."""
    records: int = 0
    """Of a full log: how many there must be."""
    dead_since: float | None = None
    """When (seconds since 1970) the first of its vectors died that are still in the file."""

    @property
    def is_log(self) -> bool:
        """Whether it is a log, not a segment."""
        return self.name.endswith(".log")


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files, oldest first."""

    dimensions: int
    entries: tuple[Entry, ...]
    made: int = 0
    """Numbers given so far."""
    sealed: int = 0
    """Records written to the logs before the last one."""
    lost: bool = False
    """Whether vectors were damaged and left out, and nobody has made them again yet."""


def load_manifest(folder: Path) -> Manifest | None:
    """The manifest; None where there is none that can be read."""
    try:
        data = json.loads((folder / NAME).read_text())
        entries = tuple(
            Entry(
                str(one["name"]),
                int(one["records"]),
                None if one["dead_since"] is None else float(one["dead_since"]),
            )
            for one in data["entries"]
        )
        return Manifest(
            int(data["dimensions"]),
            entries,
            int(data["made"]),
            int(data["sealed"]),
            bool(data["lost"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def save_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest so that a reader, or the next start, sees the old one or the new one.

    Raises:
        StorageError: it cannot be written.
    """
    temporary = folder / (NAME + ".new")
    try:
        with temporary.open("w") as file:
            json.dump(asdict(manifest), file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(folder / NAME)
        sync_folder(folder)
    except OSError as error:
        raise unwritable(folder, error) from error
