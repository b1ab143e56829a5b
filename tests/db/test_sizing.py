"""Memory of the embedded PostgreSQL."""

from __future__ import annotations

from pathlib import Path

from myna.db.sizing import shared_buffers


def _data(folder: Path, megabytes: int) -> Path:
    (folder / "base" / "1").mkdir(parents=True)
    with (folder / "base" / "1" / "16384").open("wb") as file:
        file.truncate(megabytes << 20)
    return folder


def test_a_new_database_gets_the_least(tmp_path: Path) -> None:
    assert shared_buffers(tmp_path / "none") == "32MB"


def test_it_grows_with_the_data_up_to_the_memory_s_share(tmp_path: Path) -> None:
    data = _data(tmp_path, 4096)
    assert shared_buffers(data, 16 << 30) == "512MB"
    assert shared_buffers(data, 1 << 30) == "128MB"


def test_data_that_grows_gets_more_at_once(tmp_path: Path) -> None:
    data = _data(tmp_path, 64)
    assert shared_buffers(data, 16 << 30, grows=True) == "256MB"
    assert shared_buffers(data, 256 << 30, grows=True) == "512MB"
    assert shared_buffers(data, 1 << 30, grows=True) == "32MB"
