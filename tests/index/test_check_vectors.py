"""The check of the vectors finds what is missing, too much or of another text, and it is mended."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from myna.db.posts import last_seq, store_id
from myna.index.check import Comparison
from myna.index.check_vectors import check_vectors
from myna.index.checkpoint import load_checkpoint
from myna.index.embedding import ANEW, EmbedFollower
from myna.index.mend import mend_posts, wait_for_text, wait_for_vectors
from myna.index.purge import purge
from myna.index.rebuild import rebuild_vectors
from myna.index.vectors import Kind, PostVectors, VectorStore
from myna.settings import Settings
from tests.index.world import World, make_post


def check(world: World) -> Comparison:
    with world.db.begin() as conn:
        store = str(store_id(conn))
    found = check_vectors(world.db, world.folder, store)
    assert found is not None
    return found


def generation(world: World) -> Path:
    checkpoint = load_checkpoint(world.folder / "vectors.json")
    assert checkpoint is not None
    return world.folder / checkpoint.generation


@pytest.fixture
def home(world: World) -> Settings:
    """Settings whose index folder is the world's."""
    return Settings(home=world.folder.parent)


@pytest.fixture
def posts(world: World) -> World:
    world.add(*(make_post(str(n), f"post number{n} about disks") for n in range(20)))
    world.delete("3")
    return world


def test_sound_vectors_agree(posts: World) -> None:
    found = check(posts)
    assert found.agrees
    assert (found.in_store, found.in_index) == (19, 19)


def test_posts_that_have_not_had_their_turn_are_no_difference(posts: World) -> None:
    posts.add(make_post("new", "a new post"), index=False)
    posts.delete("5", index=False)
    assert check(posts).agrees


def test_differences_are_found_and_mended(posts: World, home: Settings) -> None:
    stale, gone = posts.find("7"), 4
    assert stale is not None
    store = VectorStore(generation(posts), posts.embedder.dimensions)
    vectors = posts.embedder.embed(["something else"])
    kinds = (Kind.WHOLE,)
    store.append(
        [
            PostVectors(stale.id, stale.seq, kinds, vectors, digest=7),
            PostVectors(gone, 4, kinds, vectors, digest=8),
            PostVectors(900, 5, kinds, vectors, digest=9),
        ]
    )
    store.close()
    found = check(posts)
    assert (found.stale, found.extra, found.missing) == ([stale.id], [gone, 900], [])
    with posts.db.begin() as conn:
        before = last_seq(conn)
    after = mend_posts(posts.db, found.to_mend)
    wait_for_text(posts.db, posts.folder, after)
    wait_for_vectors(posts.db, home, before, after)
    assert check(posts).agrees


def test_vectors_are_made_anew_beside_those_that_serve(posts: World, home: Settings) -> None:
    before = generation(posts)
    (posts.folder / ANEW).touch()
    follower = EmbedFollower(posts.db, posts.folder, posts.embedder)
    assert generation(posts) == before
    follower.close()  # as a kill would: the next start goes on with it
    assert rebuild_vectors(posts.db, home)
    assert generation(posts) != before
    assert not before.exists()
    assert not (posts.folder / ANEW).exists()
    assert check(posts).agrees
    assert posts.searcher.status().vectors == 19


def test_a_running_follower_hears_the_request(posts: World, home: Settings) -> None:
    follower = EmbedFollower(posts.db, posts.folder, posts.embedder)
    try:
        before = generation(posts)
        assert not rebuild_vectors(posts.db, home)
        follower.catch_up()
        assert generation(posts) != before
    finally:
        follower.close()


def test_a_purge_leaves_no_vector_of_what_was_deleted(posts: World) -> None:
    victim = posts.find("9")
    assert victim is not None
    run = VectorStore(generation(posts), posts.embedder.dimensions)
    record = run.run(victim.id)
    run.close()
    assert record is not None
    digest = int(record["digest"]).to_bytes(8, "little")
    assert holds(posts.folder, digest)
    posts.delete("9")
    purge(posts.db, posts.folder)
    assert not holds(posts.folder, digest)
    assert check(posts).agrees


def holds(folder: Path, data: bytes) -> bool:
    files = [Path(root, name) for root, _, names in os.walk(folder) for name in names]
    return any(data in file.read_bytes() for file in files)
