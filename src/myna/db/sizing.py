"""How much memory the embedded PostgreSQL keeps pages in: as much as its data is worth."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import psutil

LEAST_MB = 32
"""Enough for the demo network; each of PostgreSQL's processes seems to use what it has touched."""
MOST_AT_FIRST_MB = 512
_SHARE_OF_DATA = 8
_SHARE_OF_MEMORY = 8
_SHARE_AT_FIRST = 64


def shared_buffers(data_dir: Path, memory_bytes: int | None = None, *, grows: bool = False) -> str:
    """The setting for a server that starts on ``data_dir``: an eighth of its data, at least 32 MB,
    at most an eighth of the machine's memory. The system's own cache holds the rest. Data that
    ``grows`` before the next start gets a 64th of the memory at once, up to 512 MB: pages that are
    not kept were a quarter of the writing into a store that had grown from nothing."""
    memory = psutil.virtual_memory().total if memory_bytes is None else memory_bytes
    wanted = _size(data_dir / "base") // _SHARE_OF_DATA
    if grows:
        wanted = max(wanted, min(memory // _SHARE_AT_FIRST, MOST_AT_FIRST_MB << 20))
    megabytes = min(wanted, memory // _SHARE_OF_MEMORY) >> 20
    return f"{max(megabytes, LEAST_MB)}MB"


def _size(folder: Path) -> int:
    """Bytes of all files in a folder; files that go while one looks do not count."""
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += (Path(path) / name).stat().st_size
    return total
