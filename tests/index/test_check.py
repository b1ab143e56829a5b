"""The check finds each way in which store and index can differ, and mending mends just that."""

from __future__ import annotations

import numpy as np
import pytest
import tantivy

from myna.db.mending import Rows, bury_posts
from myna.db.posts import last_seq, store_id
from myna.index.check import Comparison, check_text, compare, damaged_files
from myna.index.checkpoint import load_checkpoint
from myna.index.mend import mend_posts, wait_for_text
from myna.index.schema import build_schema
from myna.post import Post
from tests.index.world import World, made, make_post, stored


def check(world: World) -> Comparison:
    with world.db.begin() as conn:
        store = str(store_id(conn))
    return check_text(world.db, world.folder, store)


def mend(world: World, found: Comparison) -> Comparison:
    wait_for_text(world.db, world.folder, mend_posts(world.db, found.to_mend))
    return check(world)


def id_of(world: World, uri: str) -> int:
    post = world.find(uri)
    assert post is not None
    return post.id


def tamper(world: World, *, remove: list[int], add: list[tantivy.Document]) -> None:
    """Change the index behind Myna's back."""
    checkpoint = load_checkpoint(world.folder / "text.json")
    assert checkpoint is not None
    schema = build_schema()
    index = tantivy.Index(schema, str(world.folder / checkpoint.generation))
    writer = index.writer(heap_size=48_000_000, num_threads=1)
    for post in remove:
        writer.delete_documents_by_query(tantivy.Query.term_query(schema, "id", post))
    for one in add:
        writer.add_document(one)
    writer.commit()
    writer.rollback()
    writer.wait_merging_threads()


@pytest.fixture
def posts(world: World) -> World:
    world.add(*(make_post(str(n), f"post number{n} about disks") for n in range(30)))
    world.delete("3")
    world.add(make_post("4", "post number4 about tapes"))
    return world


def test_a_sound_index_agrees(posts: World) -> None:
    found = check(posts)
    assert found.agrees
    assert (found.in_store, found.in_index, found.damaged) == (29, 29, 0)


def test_changes_that_are_not_in_yet_are_no_difference(posts: World) -> None:
    posts.add(make_post("new", "not in yet"), make_post("5", "edited"), index=False)
    posts.delete("6", index=False)
    assert check(posts).agrees


def test_all_is_missing_where_there_is_no_index(posts: World) -> None:
    (posts.folder / "text.json").unlink()
    assert len(check(posts).missing) == 29


def document(id: int, post: Post, *, seq: int) -> tantivy.Document:
    return made(stored(id, post, seq=seq))


def test_every_difference_is_found_and_mended(posts: World) -> None:
    missing, stale, doubled = (id_of(posts, uri) for uri in ("7", "8", "9"))
    gone = 4
    assert posts.find("3") is None
    tamper(
        posts,
        remove=[missing, stale],
        add=[
            document(stale, make_post("8", "as it was before"), seq=1),
            document(doubled, make_post("9", "post number9 about disks"), seq=10),
            document(gone, make_post("3", "post number3 about disks"), seq=4),
            document(5_000, make_post("x", "of no post"), seq=2),
        ],
    )
    found = check(posts)
    assert (found.missing, found.stale, found.doubled) == ([missing], [stale], [doubled])
    assert found.extra == [gone, 5_000]
    before = last_seq_of(posts)
    again = mend(posts, found)
    assert again.agrees
    assert last_seq_of(posts) == before + 5
    assert set(posts.search("number7")) == {"7"}
    posts.add(make_post("new", "a post after it"))
    assert posts.search("after it")[0] == "new"


def last_seq_of(world: World) -> int:
    with world.db.begin() as conn:
        return last_seq(conn)


def test_new_posts_do_not_get_the_number_of_a_buried_one(posts: World) -> None:
    with posts.db.begin() as conn:
        assert bury_posts(conn, [31, 33]) == 2
        assert bury_posts(conn, [31, 33, 1]) == 0
    posts.add(*(make_post(f"new{n}", "new posts") for n in range(4)))
    assert {id_of(posts, f"new{n}") for n in range(4)}.isdisjoint({31, 33})


def test_a_flipped_bit_is_found(posts: World) -> None:
    checkpoint = load_checkpoint(posts.folder / "text.json")
    assert checkpoint is not None
    generation = posts.folder / checkpoint.generation
    assert damaged_files(generation) == []
    victim = max(generation.glob("*.term"), key=lambda path: path.stat().st_size)
    data = bytearray(victim.read_bytes())
    data[len(data) // 3] ^= 1
    victim.write_bytes(data)
    assert damaged_files(generation) == [victim]
    assert not check(posts).agrees


def test_later_changes_on_either_side_are_passed_over() -> None:
    """Store rows and documents of later changes than the compared commit prove nothing."""
    rows = Rows(np.array([1, 2, 3, 4]), np.array([1, 12, 13, 4]), np.array([1, 1, 0, 1], bool))
    result = Comparison("text", 10)
    ids, seqs = np.array([4, 3, 2, 1, 9]), np.array([4, 3, 2, 1, 11])
    compare(result, rows, ids, seqs, 10)
    assert result.agrees
    assert result.in_store == 2
