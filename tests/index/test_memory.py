"""Memory that is given back."""

from __future__ import annotations

import mmap
from pathlib import Path

from myna.index.memory import release_memory


def _resident_kb(path: Path) -> int:
    inside, total = False, 0
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if "-" in line.split()[0]:
            inside = line.endswith(str(path))
        elif inside and line.startswith("Rss:"):
            total += int(line.split()[1])
    return total


def test_mapped_files_are_let_go_and_come_back(tmp_path: Path) -> None:
    path = tmp_path / "a log"
    path.write_bytes(b"x" * 4_000_000)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        assert view[:].count(b"x") == 4_000_000
        before = _resident_kb(path)
        release_memory(tmp_path / "elsewhere")
        assert _resident_kb(path) == before
        release_memory(tmp_path)
        assert _resident_kb(path) < before / 10
        assert view[:].count(b"x") == 4_000_000
