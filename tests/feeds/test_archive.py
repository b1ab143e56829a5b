"""Archives: every packing gives the same lines, a place is found again, damage is told."""

from __future__ import annotations

import gzip
import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from myna.errors import SourceError
from myna.feeds.archive import Archive
from myna.feeds.line import MAX_LINE_BYTES
from myna.feeds.source import Record


def line(number: int, words: str = "hello") -> bytes:
    row = {"id": str(number), "author": "ann", "created_at": number, "text": words}
    return json.dumps(row).encode() + b"\n"


def read(path: Path, cursor: str = "") -> list[Record]:
    return [record for record in Archive(path, "net").read(cursor) if record]


def uris(records: list[Record]) -> list[str]:
    return [record.event.uri for record in records if record.event]


def faults(records: list[Record]) -> list[tuple[int, str]]:
    return [(item.rejection.place, item.rejection.reason) for item in records if item.rejection]


def frames(data: bytes) -> bytes:
    half = len(data) // 2
    pack = zstandard.ZstdCompressor().compress
    return pack(data[:half]) + pack(data[half:])


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress, frames])
@pytest.mark.parametrize("name", ["posts.jsonl", "posts.gz"])  # what counts are the first bytes
def test_every_packing(tmp_path: Path, pack: Callable[[bytes], bytes], name: str) -> None:
    path = tmp_path / name
    path.write_bytes(pack(b"".join(line(number) for number in range(500))))
    records = read(path)
    assert uris(records) == [str(number) for number in range(500)]
    assert records[-1] == Record("")


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress])
def test_going_on_behind_any_record(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "posts"
    path.write_bytes(
        pack(b"\xef\xbb\xbf" + line(0) + b"bad\n\r\n" + line(3)[:-1] + b"\r\n" + line(4))
    )
    records = read(path)
    assert uris(records) == ["0", "3", "4"]
    assert faults(records) == [(2, "is not JSON")]
    for number, record in enumerate(records[:-1], 1):
        assert read(path, record.cursor) == records[number:]


def test_a_changed_file_is_read_from_the_beginning(tmp_path: Path) -> None:
    path = tmp_path / "posts"
    path.write_bytes(line(0) + line(1))
    cursor = read(path)[0].cursor
    path.write_bytes(line(7) + line(1))
    os.utime(path, (1, 1))
    assert uris(read(path, cursor)) == ["7", "1"]
    assert uris(read(path, "what is this")) == ["7", "1"]


def test_a_line_that_is_too_long_is_skipped_whole(tmp_path: Path) -> None:
    path = tmp_path / "posts"
    path.write_bytes(line(0) + line(1, "x" * 3 * MAX_LINE_BYTES) + line(2))
    records = read(path)
    assert uris(records) == ["0", "2"]
    assert faults(records) == [(2, f"is longer than {MAX_LINE_BYTES:,} bytes")]
    assert uris(read(path, records[1].cursor)) == ["2"]


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_file_that_was_cut_off(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "posts"
    packed = pack(b"".join(line(n, os.urandom(50).hex()) for n in range(5000)))
    path.write_bytes(packed[: len(packed) // 2])
    found: list[Record | None] = []
    with pytest.raises(SourceError, match="cut off"):
        for record in Archive(path, "net").read(""):
            found.append(record)
    assert len(found) > 1000


@pytest.mark.parametrize("head", [b"\x1f\x8b", b"\x28\xb5\x2f\xfd"])
def test_a_file_that_only_looks_packed(tmp_path: Path, head: bytes) -> None:
    path = tmp_path / "posts"
    path.write_bytes(head + b"nonsense" * 100)
    with pytest.raises(SourceError):
        read(path)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="No such file"):
        Archive(tmp_path / "nothing").check()
    with pytest.raises(SourceError, match="is a folder"):
        Archive(tmp_path).check()
    with pytest.raises(SourceError, match="No such file"):
        read(tmp_path / "nothing")


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "posts").write_bytes(b"")
    assert read(tmp_path / "posts") == [Record("")]


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress])
def test_standard_input(monkeypatch: pytest.MonkeyPatch, pack: Callable[[bytes], bytes]) -> None:
    stream = io.TextIOWrapper(io.BufferedReader(io.BytesIO(pack(line(1) + line(2)))))  # pyright: ignore[reportArgumentType]
    monkeypatch.setattr(sys, "stdin", stream)
    archive = Archive("-")
    assert (archive.network, archive.size) == ("archive", None)
    records = list(archive.read("x 1 10"))
    assert [record.event.uri for record in records if record and record.event] == ["1", "2"]


@pytest.mark.parametrize(
    ("name", "network"),
    [("reddit_qa_dev.jsonl.gz", "reddit_qa_dev"), ("Mine (2).jsonl", "Mine-2"), (".gz", "archive")],
)
def test_the_network_is_named_after_the_file(name: str, network: str) -> None:
    assert Archive(f"/somewhere/{name}").network == network
