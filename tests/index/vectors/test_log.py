"""The vector log: what was appended is there, and a torn or damaged end is cut."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from myna.errors import StorageError
from myna.index.vectors.log import HEADER_BYTES, LogView, VectorLog
from myna.index.vectors.record import Kind, PostVectors, quantise, record_type, spread
from tests.index.vectors.units import DIMENSIONS, unit, whole

SIZE = record_type(DIMENSIONS).itemsize


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "1.log"


def open_log(path: Path) -> VectorLog:
    return VectorLog(path, DIMENSIONS, 1000)


def posts(path: Path) -> list[int]:
    return LogView(path, DIMENSIONS).follow()[0].runs["post"].tolist()


def test_a_reader_sees_what_is_appended_later(path: Path) -> None:
    log = open_log(path)
    view = LogView(path, DIMENSIONS)
    for post in range(1, 40):
        log.append([whole(post)])
        part, seen = view.follow()
        assert (len(part.vectors), seen) == (post, post - 1)
    log.append([PostVectors(50, 1, (Kind.WHOLE, Kind.PART), unit(1, 2)), PostVectors(51, 2)])
    part, seen = view.follow()
    assert part.runs[seen:][["post", "first", "count"]].tolist() == [(50, 39, 2), (51, 41, 0)]
    assert part.live[39:].tolist() == [True, True, False]
    assert part.owners[39:].tolist() == [39, 39, 40]


@pytest.mark.parametrize("missing_bytes", [1, SIZE // 2, SIZE + 7])
def test_a_torn_tail_is_cut_at_the_start(path: Path, missing_bytes: int) -> None:
    log = open_log(path)
    log.append([whole(post) for post in range(1, 11)])
    log.close()
    os.truncate(path, HEADER_BYTES + 10 * SIZE - missing_bytes)
    log = open_log(path)
    assert log.count == 10 - -(-missing_bytes // SIZE)
    log.append([whole(50)])
    assert posts(path)[-1] == 50


def test_half_a_post_is_cut_with_the_tail(path: Path) -> None:
    log = open_log(path)
    log.append([whole(1), PostVectors(2, 2, (Kind.WHOLE, Kind.PART, Kind.PART), unit(1, 2, 3))])
    log.close()
    os.truncate(path, HEADER_BYTES + 3 * SIZE)
    assert open_log(path).count == 1


def test_a_damaged_record_and_all_behind_it_are_cut(path: Path) -> None:
    log = open_log(path)
    log.append([whole(post) for post in range(1, 11)])
    view = LogView(path, DIMENSIONS)
    assert len(view.follow()[0].runs) == 10
    log.close()
    with path.open("r+b") as file:
        file.seek(HEADER_BYTES + 6 * SIZE + 60)
        file.write(b"\xff\x00\xff")
    assert open_log(path).count == 6
    assert posts(path) == [1, 2, 3, 4, 5, 6]
    with pytest.raises(StorageError, match="was cut"):
        view.follow()


def test_what_is_not_published_is_not_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = open_log(path)
    log.append([whole(1)])

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", full)
        with pytest.raises(StorageError, match="Free some disk space"):
            log.append([whole(2)])
    assert posts(path) == [1]
    log.append([whole(3)])
    assert posts(path) == [1, 3]


def test_another_file_is_refused(path: Path) -> None:
    path.write_bytes(b"not a log" * 1000)
    with pytest.raises(StorageError, match="Delete it"):
        open_log(path)
    with pytest.raises(StorageError, match="made again"):
        LogView(path, DIMENSIONS)


def test_quantising_keeps_directions() -> None:
    vectors = unit(*range(20))
    eight, scales = quantise(vectors)
    assert ((eight * scales[:, None]) * vectors).sum(axis=1) == pytest.approx(1, abs=0.01)


def test_spans_are_spread_into_their_numbers() -> None:
    assert spread(np.array([5, 0, 9]), np.array([2, 0, 3])).tolist() == [5, 6, 9, 10, 11]
    assert spread(np.array([]), np.array([])).tolist() == []
