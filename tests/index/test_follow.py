"""Followers: what is committed is soon in the index, once, whatever happens on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from myna.db.posts import last_seq
from myna.errors import DatabaseError, StorageError
from myna.index.checkpoint import load_checkpoint, save_checkpoint
from myna.index.follow import Follower, follow
from myna.index.text import TextReader
from myna.index.vectors import Kind
from myna.settings import Settings
from tests.index.world import World, make_post


def cosines(world: World, question: str, uri: str) -> dict[Kind, float]:
    post = world.find(uri)
    assert post is not None
    vectors = world.searcher._meaning.vectors()
    assert vectors is not None
    return vectors.cosines(world.embedder.embed([question])[0], post.id)


def test_new_edited_and_deleted_posts(world: World) -> None:
    world.add(make_post("1", "mount the image"), make_post("2", "burn the image"))
    assert set(world.search("image")) == {"1", "2"}
    world.add(make_post("1", "mount the disk"))
    assert world.search("disk") == ["1"]
    assert world.search("image") == ["2"]
    world.delete("2")
    assert world.search("image") == []
    status = world.searcher.status()
    assert (status.documents, status.lag, status.coverage) == (1, 0, 1.0)


def test_a_reply_is_found_by_what_it_replies_to(world: World) -> None:
    world.add(make_post("1", "How can I mount an image?"))
    world.add(make_post("2", "Use a loop device for that", reply_to="1"))
    assert set(world.retrieve("mount image")) == {"1", "2"}
    assert Kind.CONTEXT in cosines(world, "mount", "2")


def test_a_parent_that_comes_late_is_put_with_its_replies(world: World) -> None:
    world.add(make_post("2", "Use a loop device for that", reply_to="1"))
    assert Kind.CONTEXT not in cosines(world, "mount", "2")
    world.add(make_post("1", "How can I mount an image?"))
    assert Kind.CONTEXT in cosines(world, "mount", "2")


def test_a_deleted_parent_leaves_its_replies(world: World) -> None:
    world.add(make_post("1", "Where is the zanzibar file?"))
    world.add(make_post("2", "In your home folder, look there", reply_to="1"))
    snapshot = world.searcher._snapshot()
    assert snapshot is not None
    assert snapshot.searcher.doc_freq("context", "zanzibar") == 1
    world.delete("1")
    assert world.search("zanzibar") == []
    assert Kind.CONTEXT not in cosines(world, "zanzibar", "2")


def test_changes_between_commit_and_checkpoint_are_taken_in_once(world: World) -> None:
    world.add(make_post("1", "mount the image"))
    before = load_checkpoint(world.folder / "text.json")
    assert before is not None
    world.add(make_post("2", "burn the image"), make_post("1", "mount the disk image"))
    save_checkpoint(world.folder / "text.json", before)  # as a kill between the two would leave it
    world.follow()
    assert world.searcher.status().documents == 2
    assert sorted(world.search("image")) == ["1", "2"]


def test_a_lost_checkpoint_or_index_is_made_again(world: World) -> None:
    world.add(*(make_post(str(n), f"post number {n} about disks") for n in range(30)))
    for victim in ("text.json", "vectors.json"):
        (world.folder / victim).unlink()
    world.follow()
    status = world.searcher.status()
    assert (status.documents, status.vectors, status.lag) == (30, 30, 0)


@pytest.mark.parametrize("left", [0, 6, 40])
def test_an_index_whose_files_were_cut_is_made_again(world: World, left: int) -> None:
    """tantivy panics where six bytes are left of a file of fast fields."""
    world.add(*(make_post(str(n), f"post number {n} about disks") for n in range(30)))
    checkpoint = load_checkpoint(world.folder / "text.json")
    assert checkpoint is not None
    for path in (world.folder / checkpoint.generation).glob("*.fast"):
        whole = path.read_bytes()
        path.unlink()  # it is mapped: what is cut in its place would end this process
        path.write_bytes(whole[:left])
    assert TextReader(world.folder).snapshot() is None
    world.follow()
    assert len(world.search("disks", limit=50)) == 30


def test_an_index_that_is_ahead_of_the_store_is_made_again(world: World) -> None:
    world.add(make_post("1", "mount the image"))
    for name in ("text.json", "vectors.json"):
        checkpoint = load_checkpoint(world.folder / name)
        assert checkpoint is not None
        save_checkpoint(
            world.folder / name,
            type(checkpoint)(
                checkpoint.generation, checkpoint.store_id, checkpoint.version, ((0, 99),), 0
            ),
        )
    world.follow()
    assert world.searcher.status().indexed_seq == 1
    assert world.search("image") == ["1"]


def test_a_follower_waits_for_an_absent_store() -> None:
    stop, opened = threading.Event(), []

    class Broken:
        def step(self) -> bool:
            raise StorageError("full")

        def release(self) -> None: ...

        def close(self) -> None:
            pass

    def open_follower() -> Broken:
        opened.append(time.monotonic())
        if len(opened) == 3:
            stop.set()
        if len(opened) == 1:
            raise DatabaseError("away")
        return Broken()

    follow(open_follower, stop, "test")
    assert len(opened) == 3


CHILD = """
import sys, threading
from pathlib import Path
from pydantic import SecretStr
from myna.index.follow import run_follower
from myna.settings import Settings
run_follower(Settings(home=Path(sys.argv[1]), database_url=SecretStr(sys.argv[2])), threading.Event())
"""


def test_kills_lose_and_double_nothing(
    world: World, settings: Settings, database_url: str, tmp_path: Path
) -> None:
    world = World(world.db, settings.index_dir, world.embedder, world.searcher)
    for round_number in range(6):
        child = subprocess.Popen([sys.executable, "-c", CHILD, str(settings.home), database_url])
        for batch in range(10):
            start = round_number * 1000 + batch * 100
            world.add(
                *(make_post(str(n), f"post number{n} on disks") for n in range(start, start + 100)),
                index=False,
            )
            world.delete(str(start), index=False)
            time.sleep(0.02 * (1 + round_number))
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    writer = Follower(world.db, settings.index_dir)
    writer.catch_up()
    writer.close()
    searcher = type(world.searcher)(world.db, settings.index_dir, embedder=None)
    assert searcher.status().documents == 6 * 990
    assert searcher.search("disks").total == 6 * 990
    with world.db.begin() as conn:
        assert searcher.status().indexed_seq == last_seq(conn)
