"""The folder of vectors: sealing, rewriting, deletions, damage, full disks, and its readers."""

from __future__ import annotations

import errno
import json
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from myna.errors import StorageError
from myna.index.vectors import Kind, PostVectors, VectorReader, VectorStore
from myna.index.vectors import store as store_module
from myna.index.vectors.manifest import NAME, load_manifest
from myna.index.vectors.segment import open_segment
from tests.index.vectors.units import DIMENSIONS, unit, whole

DAY = 24 * 3600.0


def open_store(folder: Path, seal: int = 100) -> VectorStore:
    return VectorStore(folder, DIMENSIONS, seal_records=seal, max_segment_records=1000)


def settle(store: VectorStore, *, now: float | None = None) -> None:
    """Let all work come to its end that is due."""
    while store.maintain(purge_seconds=DAY, now=now) or store.is_rewriting:
        time.sleep(0.001)


def filled(folder: Path, posts: int = 450) -> VectorStore:
    """A store of posts 1, 2, …, sealed as far as it goes."""
    store = open_store(folder)
    for start in range(1, posts + 1, 30):
        store.append([whole(post) for post in range(start, min(start + 30, posts + 1))])
        settle(store)
    return store


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != NAME)


def test_a_vector_is_found_by_itself_before_and_after_sealing(tmp_path: Path) -> None:
    reader = VectorReader(tmp_path)
    store = open_store(tmp_path)
    assert reader.view().posts == 0
    for post in range(1, 700):
        store.append([whole(post)])
        if post % 20 == 0:
            settle(store)
        view = reader.view()
        assert view.posts == post
        assert view.scan(unit(post)[0], 5)[0] == post
    view = reader.view()
    for post in (1, 77, 350, 699):
        assert view.scan(unit(post)[0], 5)[0] == post
        assert view.cosines(unit(post)[0], post)[Kind.WHOLE] == pytest.approx(1, abs=0.01)
    assert view.cosines(unit(1)[0], 5000) == {}
    assert len(view.parts) < 7, "small segments become larger ones"
    assert names(tmp_path) == sorted(part.name for part in view.parts.values())


def test_the_latest_run_of_a_post_counts_wherever_it_is(tmp_path: Path) -> None:
    store = filled(tmp_path)
    reader = VectorReader(tmp_path)
    reader.view()
    store.append([PostVectors(1, 900, (Kind.WHOLE, Kind.PART), unit(1001, 1002))])
    store.append([PostVectors(1, 901, (Kind.WHOLE,), unit(1003))])
    for view in (reader.view(), VectorReader(tmp_path).view()):
        assert view.posts == 450
        assert set(view.cosines(unit(1003)[0], 1)) == {Kind.WHOLE}
        assert view.cosines(unit(1003)[0], 1)[Kind.WHOLE] > 0.9
        assert view.scan(unit(1003)[0], 1) == [1]
        assert view.scan(unit(1)[0], 1) != [1]
    run = store.run(1)
    assert run is not None
    assert run["seq"] == 901


def test_a_tombstone_takes_a_post_out_of_a_sealed_segment(tmp_path: Path) -> None:
    store = filled(tmp_path)
    reader = VectorReader(tmp_path)
    early = reader.view()
    store.append([PostVectors(7, 900)])
    for view in (reader.view(), VectorReader(tmp_path).view()):
        assert view.posts == 449
        assert 7 not in view.scan(unit(7)[0], 400)
        assert view.cosines(unit(7)[0], 7) == {Kind.WHOLE: 0.0}
    assert 7 not in early.scan(unit(7)[0], 400), "an older view learns of it too"


def test_a_time_window_leaves_out_what_is_outside(tmp_path: Path) -> None:
    filled(tmp_path)
    view = VectorReader(tmp_path).view()

    def at(second: int) -> datetime:
        return datetime.fromtimestamp(second, UTC)

    assert set(view.scan(unit(5)[0], 450, since=at(100), until=at(300))) <= set(range(100, 300))
    assert view.scan(unit(5)[0], 3, since=at(5), until=at(6)) == [5]
    assert sorted(view.scan(unit(5)[0], 450, since=at(449))) == [449, 450]
    assert view.scan(unit(5)[0], 9, since=at(451)) == []
    assert 1 in view.scan(unit(1)[0], 5, until=at(2))


def test_deleted_vectors_are_off_the_disk_in_time(tmp_path: Path) -> None:
    store = filled(tmp_path)
    part = next(part for part in store._directory.slots.values() if part.sketch)
    row = int(part.rows_of(np.array([3]))[0])
    post, needle = int(part.runs["post"][3]), part.vectors[row].tobytes()
    store.append([PostVectors(post, 900)])
    settle(store, now=1000.0)
    assert any(needle in path.read_bytes() for path in tmp_path.iterdir())
    store.close()
    store = open_store(tmp_path)  # the time goes on through a restart
    settle(store, now=1000.0 + 0.9 * DAY)
    assert not any(needle in path.read_bytes() for path in tmp_path.iterdir())
    assert VectorReader(tmp_path).view().posts == 449
    run = store.run(post)
    assert run is not None
    assert run["count"] == 0


def test_compaction_on_demand_leaves_nothing_dead(tmp_path: Path) -> None:
    store = filled(tmp_path)
    store.append([PostVectors(post, 900 + post) for post in range(1, 451, 9)])
    assert store.compact(dead_for_seconds=0) > 1
    assert sum(store._directory.dead(name) for name in names(tmp_path)) == 0
    assert VectorReader(tmp_path).view().posts == 400
    assert store.compact(dead_for_seconds=0) == 0


def test_a_folder_of_tombstones_alone(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.append([PostVectors(post, post) for post in range(1, 300)])
    settle(store)
    view = VectorReader(tmp_path).view()
    assert (view.posts, view.scan(unit(1)[0], 3)) == (0, [])
    assert view.cosines(unit(1)[0], 1) == {Kind.WHOLE: 0.0}


def test_what_died_while_a_segment_was_made_is_dead_in_it(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.append([whole(post) for post in range(1, 151)])
    reader = VectorReader(tmp_path)
    assert store.maintain(purge_seconds=DAY)
    assert store.is_rewriting
    store.append([PostVectors(3, 900), whole(4, 1004, seq=901)])
    settle(store)
    for view in (reader.view(), VectorReader(tmp_path).view()):
        assert view.posts == 149
        assert 3 not in view.scan(unit(3)[0], 150)
        assert view.scan(unit(1004)[0], 1) == [4]


def test_a_reader_keeps_its_view_of_files_that_are_gone(tmp_path: Path) -> None:
    store = filled(tmp_path)
    view = VectorReader(tmp_path).view()
    store.append([PostVectors(post, 900 + post) for post in range(2, 451, 3)])
    store.compact()
    assert view.scan(unit(1)[0], 1) == [1]
    assert view.cosines(unit(1)[0], 1)[Kind.WHOLE] > 0.9


def test_leftovers_of_a_crash_are_deleted(tmp_path: Path) -> None:
    store = filled(tmp_path)
    there = names(tmp_path)
    store.close()
    for name in ("000999.seg", "000998.seg.new", "000997.log", NAME + ".new"):
        (tmp_path / name).write_bytes(b"half")
    store = open_store(tmp_path)
    assert names(tmp_path) == there
    assert (store.lost, store.posts) == (False, 450)


def damage(path: Path, section: str, at: int = 0) -> None:
    data = bytearray(path.read_bytes())
    length = int.from_bytes(data[8:12], "little")
    place = json.loads(data[16 : 16 + length])["sections"][section]["at"] + at
    data[place : place + 4] = bytes(byte ^ 0x55 for byte in data[place : place + 4])
    path.write_bytes(data)


def test_a_segment_with_damaged_sketch_is_scanned_flat_and_made_again(tmp_path: Path) -> None:
    filled(tmp_path).close()
    path = next(tmp_path.glob("*.seg"))
    damage(path, "offsets")
    assert open_segment(path, DIMENSIONS).part.sketch is None
    view = VectorReader(tmp_path).view()
    assert all(view.scan(unit(post)[0], 1) == [post] for post in range(1, 451, 10))
    store = open_store(tmp_path)
    assert not store.lost
    settle(store)
    assert not path.exists()
    assert all(
        part.sketch
        for part in VectorReader(tmp_path).view().parts.values()
        if part.places is not None
    )
    assert store.posts == 450


@pytest.mark.parametrize("section", ["runs", "owners", "places"])
def test_a_segment_that_cannot_be_used_is_left_out_and_missed(tmp_path: Path, section: str) -> None:
    filled(tmp_path).close()
    path = next(tmp_path.glob("*.seg"))
    held = open_segment(path, DIMENSIONS).part.runs["post"].tolist()
    damage(path, section)
    view = VectorReader(tmp_path).view()
    assert view.posts == 450 - len(held)
    store = open_store(tmp_path)
    assert store.lost
    assert store.run(held[0]) is None
    assert not path.exists()
    store.append([whole(post) for post in held])
    assert store.posts == 450


def test_damaged_vectors_are_found_left_out_and_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "_CHECK_SECONDS", 0.0)
    filled(tmp_path).close()
    path = next(tmp_path.glob("*.seg"))
    damage(path, "vectors", at=DIMENSIONS * 5)
    store = open_store(tmp_path)
    assert not store.lost
    for _ in range(1000):
        store.maintain(purge_seconds=DAY)
        if store.lost and store._rewriting is None:
            break
        time.sleep(0.005)
    assert store.lost
    assert store.posts < 450
    assert not path.exists()


def test_a_damaged_manifest_begins_anew(tmp_path: Path) -> None:
    filled(tmp_path).close()
    (tmp_path / NAME).write_text("{")
    assert VectorReader(tmp_path).view().posts == 0
    store = open_store(tmp_path)
    assert (store.lost, store.posts, store.appended) == (True, 0, 0)
    assert names(tmp_path) == ["000001.log"]


def test_a_full_disk_leaves_the_log_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(tmp_path)
    store.append([whole(post) for post in range(1, 150)])

    def full(*_: object, **__: object) -> bool:
        raise StorageError("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(store_module, "write_segment", full)
        settle(store)
        assert VectorReader(tmp_path).view().posts == 149
        store.append([whole(150)])
        with pytest.raises(StorageError):
            store.compact()
    assert VectorReader(tmp_path).view().posts == 150
    store._retry_at = 0.0
    settle(store)
    assert len(list(tmp_path.glob("*.seg"))) == 1
    assert VectorReader(tmp_path).view().posts == 150


def test_a_segment_that_has_no_room_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(tmp_path)
    store.append([whole(post) for post in range(1, 150)])

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("myna.index.vectors.segment.sync_folder", full)
        settle(store)
    assert load_manifest(tmp_path) is not None
    assert VectorReader(tmp_path).view().posts == 149
    assert not list(tmp_path.glob("*.new"))


def test_a_loss_is_remembered_until_somebody_knows(tmp_path: Path) -> None:
    filled(tmp_path).close()
    damage(next(tmp_path.glob("*.seg")), "runs")
    open_store(tmp_path).close()
    store = open_store(tmp_path)
    assert store.lost
    store.forget_loss()
    store.close()
    assert not open_store(tmp_path).lost
