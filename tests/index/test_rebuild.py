"""Rebuilding beside: the old index serves until the new one holds all that it holds."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from myna.errors import Conflict, StorageError
from myna.index import rebuild
from myna.index.checkpoint import load_checkpoint
from myna.index.follow import Follower, follow
from myna.index.locks import only_one
from myna.index.rebuild import rebuild_text
from myna.index.writer import BESIDE, NEXT
from tests.index.world import World, make_post


def generation(world: World) -> str:
    checkpoint = load_checkpoint(world.folder / "text.json")
    assert checkpoint is not None
    return checkpoint.generation


def folders(world: World) -> list[str]:
    return sorted(path.name for path in world.folder.glob("text-*") if path.is_dir())


@contextmanager
def running_index(world: World) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(
        target=follow, args=(lambda: Follower(world.db, world.folder), stop, "text")
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.fixture
def posts(world: World) -> World:
    world.add(*(make_post(str(n), f"post number{n} about disks") for n in range(30)))
    world.delete("3")
    return world


def test_a_rebuild_while_nothing_runs(posts: World) -> None:
    before = generation(posts)
    seen: list[tuple[int, int]] = []
    rebuilt = rebuild_text(posts.db, posts.folder, lambda done, total: seen.append((done, total)))
    assert (rebuilt.seq, rebuilt.by_running) == (31, False)
    assert seen[-1] == (31, 31)
    assert generation(posts) != before
    assert folders(posts) == [generation(posts)]
    assert not (posts.folder / BESIDE).exists()
    assert not (posts.folder / NEXT).exists()
    assert len(posts.search("disks", limit=50)) == 29
    assert posts.searcher.status().lag == 0


def test_a_running_index_takes_the_new_one_over(posts: World) -> None:
    before = generation(posts)
    with running_index(posts):
        rebuilt = rebuild_text(posts.db, posts.folder)
        assert rebuilt.by_running
        posts.add(make_post("new", "a new post about disks"), index=False)
        for _ in range(200):
            if posts.search("new disks") == ["new"]:
                break
            threading.Event().wait(0.05)
        assert posts.search("new disks")[0] == "new"
    assert generation(posts) != before
    assert folders(posts) == [generation(posts)]


def test_what_came_during_the_build_is_in_when_readers_move(posts: World) -> None:
    rebuild._build(posts.db, posts.folder, lambda done, total: None)
    made = load_checkpoint(posts.folder / BESIDE / "text.json")
    assert made is not None
    posts.add(make_post("late", "a late post about disks"))
    posts.delete("5")
    rebuild.save_checkpoint(posts.folder / NEXT, made)
    follower = Follower(posts.db, posts.folder)
    assert generation(posts) != made.generation
    assert posts.search("late") == ["late"]
    follower.catch_up()
    follower.close()
    assert generation(posts) == made.generation
    assert posts.search("late") == ["late"]
    assert "5" not in posts.search("disks", limit=50)


def test_a_kill_between_taking_over_and_the_commit_leaves_the_old_index(posts: World) -> None:
    before = generation(posts)
    made = rebuild._build(posts.db, posts.folder, lambda done, total: None)
    rebuild.save_checkpoint(posts.folder / NEXT, made)
    follower = Follower(posts.db, posts.folder)
    assert follower._writer.take_over()  # and not a step further
    follower.close()
    assert generation(posts) == before
    posts.follow(vectors=False)
    assert generation(posts) == before
    assert folders(posts) == [before]
    assert not (posts.folder / NEXT).exists()
    assert len(posts.search("disks", limit=50)) == 29


@pytest.mark.parametrize("damage", ["folder", "files", "store"])
def test_a_new_index_that_cannot_be_used_is_left(posts: World, damage: str) -> None:
    before = generation(posts)
    made = rebuild._build(posts.db, posts.folder, lambda done, total: None)
    place = posts.folder / BESIDE / made.generation
    if damage == "folder":
        shutil.rmtree(place)
    elif damage == "files":
        (place / "meta.json").write_text("{")
    else:
        made = type(made)(made.generation, "another", made.version, made.done, 0)
    with pytest.raises(StorageError, match="old one serves on"):
        rebuild._put_in_place(posts.db, posts.folder, made)
    assert generation(posts) == before
    assert len(posts.search("disks", limit=50)) == 29


def test_two_rebuilds_do_not_meet(posts: World) -> None:
    with (
        only_one(posts.folder, "rebuild", "rebuilds the index"),
        pytest.raises(Conflict, match="already rebuilds"),
    ):
        rebuild_text(posts.db, posts.folder)


def test_the_remains_of_a_killed_rebuild_are_removed(posts: World) -> None:
    rebuild._build(posts.db, posts.folder, lambda done, total: None)
    rebuild_text(posts.db, posts.folder)
    assert folders(posts) == [generation(posts)]
    assert not (posts.folder / BESIDE).exists()
