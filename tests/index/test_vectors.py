"""The vector log: the latest run of a post counts, and a torn or damaged end is cut."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from myna.errors import StorageError
from myna.index.vectors import (
    DIMENSIONS,
    HEADER_BYTES,
    RECORD,
    Kind,
    PostVectors,
    VectorLog,
    VectorReader,
    quantise,
)


def unit(*seeds: int) -> np.ndarray:
    rows = np.stack([np.random.default_rng(seed).standard_normal(DIMENSIONS) for seed in seeds])
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def whole(post: int, seed: int | None = None) -> PostVectors:
    return PostVectors(post, post, (Kind.WHOLE,), unit(post if seed is None else seed))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vectors.log"


def test_a_vector_is_found_by_itself(path: Path) -> None:
    log, reader = VectorLog(path), VectorReader(path)
    log.append([whole(post) for post in range(1, 200)])
    view = reader.view()
    assert view.posts == 199
    for post in (1, 77, 199):
        assert view.scan(unit(post)[0], 5)[0] == post
        assert view.cosines(unit(post)[0], post)[Kind.WHOLE] == pytest.approx(1, abs=0.01)


def test_a_reader_sees_what_is_appended_later(path: Path) -> None:
    log, reader = VectorLog(path), VectorReader(path)
    assert reader.view().posts == 0
    for post in range(1, 30):
        log.append([whole(post)])
        assert reader.view().posts == post
    early = reader.view()
    log.append([whole(post) for post in range(30, 5000)])
    assert reader.view().scan(unit(4999)[0], 1) == [4999]
    assert early.scan(unit(29)[0], 1) == [29]


def test_the_latest_run_of_a_post_counts(path: Path) -> None:
    log, reader = VectorLog(path), VectorReader(path)
    log.append([PostVectors(1, 1, (Kind.WHOLE, Kind.PART), unit(10, 11)), whole(2)])
    reader.view()
    log.append([PostVectors(1, 3, (Kind.WHOLE,), unit(12))])
    view = reader.view()
    assert view.cosines(unit(12)[0], 1)[Kind.WHOLE] > 0.9
    assert Kind.PART not in view.cosines(unit(12)[0], 1)
    assert view.scan(unit(11)[0], 2)[0] != 1 or view.cosines(unit(11)[0], 1)[Kind.WHOLE] < 0.5
    assert log.made_from() == {1: 3, 2: 2}


def test_a_tombstone_takes_a_post_out(path: Path) -> None:
    log, reader = VectorLog(path), VectorReader(path)
    log.append([whole(1), whole(2)])
    log.append([PostVectors(1, 3)])
    view = reader.view()
    assert view.posts == 1
    assert view.scan(unit(1)[0], 5) == [2]
    assert view.cosines(unit(1)[0], 1) == {Kind.WHOLE: 0.0}
    assert view.cosines(unit(1)[0], 99) == {}


@pytest.mark.parametrize("missing_bytes", [1, RECORD.itemsize // 2, RECORD.itemsize + 7])
def test_a_torn_tail_is_cut_at_the_start(path: Path, missing_bytes: int) -> None:
    log = VectorLog(path)
    log.append([whole(post) for post in range(1, 11)])
    log.close()
    os.truncate(path, path.stat().st_size - missing_bytes)
    log = VectorLog(path)
    lost = -(-missing_bytes // RECORD.itemsize)
    assert log.count == 10 - lost
    log.append([whole(50)])
    assert VectorReader(path).view().scan(unit(50)[0], 1) == [50]


def test_half_a_post_is_cut_with_the_tail(path: Path) -> None:
    log = VectorLog(path)
    log.append([whole(1), PostVectors(2, 2, (Kind.WHOLE, Kind.PART, Kind.PART), unit(1, 2, 3))])
    log.close()
    os.truncate(path, path.stat().st_size - RECORD.itemsize)
    assert VectorLog(path).count == 1


def test_a_damaged_record_and_all_behind_it_are_cut(path: Path) -> None:
    log, reader = VectorLog(path), VectorReader(path)
    log.append([whole(post) for post in range(1, 11)])
    assert reader.view().posts == 10
    log.close()
    with path.open("r+b") as file:
        file.seek(HEADER_BYTES + 6 * RECORD.itemsize + 100)
        file.write(b"\xff\x00\xff")
    assert VectorLog(path).count == 6
    assert reader.view().posts == 6


def test_bytes_behind_the_count_are_never_read(path: Path) -> None:
    log = VectorLog(path)
    log.append([whole(1)])
    with path.open("ab") as file:
        file.write(b"half a record")
    assert VectorReader(path).view().posts == 1
    log.append([whole(2)])
    assert VectorReader(path).view().posts == 2


def test_another_file_is_refused(path: Path) -> None:
    path.write_bytes(b"not a log" * 1000)
    with pytest.raises(StorageError, match="Delete it"):
        VectorLog(path)


def test_quantising_keeps_directions() -> None:
    vectors = unit(*range(20))
    eight, scales = quantise(vectors)
    assert ((eight * scales[:, None]) * vectors).sum(axis=1) == pytest.approx(1, abs=0.01)
