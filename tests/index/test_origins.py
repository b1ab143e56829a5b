"""Origins: copies are folded under what was said first, now and after a restart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import tantivy

from myna.index.origins import Origins, first_of_each, own_number
from myna.index.text import TextReader
from myna.index.writer import TextWriter
from myna.post import State, StoredPost
from tests.index.world import NOW, World, analysed, make_post, stored

TEXT = "Police say that the gunman was found near the old harbour in Ottawa this morning"


def post(id: int, text: str, *, by: str = "ann") -> StoredPost:
    return stored(id, make_post(str(id), text, by=by))


def numbered(id: int) -> StoredPost:
    """A post like no other."""
    return post(id, " ".join(f"{word}{id}" for word in ("one", "two", "three", "four", "five")))


def assign(origins: Origins, posts: Sequence[StoredPost]) -> dict[int, int]:
    """Id of each live post → its origin's number."""
    found = analysed(posts)
    return dict(
        zip([one.id for one in found.live], origins.assign(found.own, found.signed), strict=True)
    )


@pytest.fixture
def open_origins(tmp_path: Path) -> Callable[..., Origins]:
    def opener(store: str = "store", *, most: int = 1024) -> Origins:
        return Origins(tmp_path / "origins.bin", store, most=most)

    return opener


def test_copies_of_a_batch_and_of_later_ones(open_origins: Callable[..., Origins]) -> None:
    origins = open_origins()
    first = assign(
        origins,
        [
            post(1, TEXT),
            post(2, f"RT @ann: {TEXT}", by="bob"),
            post(3, "Something else is said here"),
        ],
    )
    assert first == {1: 1, 2: 1, 3: 3}
    again = assign(origins, [post(4, f"{TEXT} #ottawa", by="cem"), post(5, "lol", by="dan")])
    assert again == {4: 1, 5: 5}
    assert assign(origins, [post(6, "lol", by="eve"), post(7, "LOL!", by="dan")]) == {6: 6, 7: 5}


def test_it_is_there_after_a_restart(open_origins: Callable[..., Origins]) -> None:
    origins = open_origins()
    assign(origins, [post(1, TEXT)])
    origins.close()
    assert assign(open_origins(), [post(2, TEXT, by="bob")]) == {2: 1}


def test_another_stores_numbers_are_forgotten(open_origins: Callable[..., Origins]) -> None:
    origins = open_origins()
    assign(origins, [post(1, TEXT)])
    origins.close()
    assert assign(open_origins("other"), [post(2, TEXT, by="bob")]) == {2: 2}


@pytest.mark.parametrize("damage", [b"", b"myna-org", b"\0" * 100_000])
def test_a_damaged_file_is_begun_anew(
    damage: bytes, tmp_path: Path, open_origins: Callable[..., Origins]
) -> None:
    (tmp_path / "origins.bin").write_bytes(damage)
    assert assign(open_origins(), [post(1, TEXT)]) == {1: 1}


def test_a_deleted_origin_keeps_its_copies_together(open_origins: Callable[..., Origins]) -> None:
    origins = open_origins()
    assign(origins, [post(1, TEXT)])
    assert assign(origins, [replace(post(1, ""), state=State.DELETED)]) == {}
    assert assign(origins, [post(2, TEXT, by="bob"), post(3, TEXT, by="cem")]) == {2: 1, 3: 1}


def test_the_same_posts_again_get_the_same_numbers(open_origins: Callable[..., Origins]) -> None:
    origins = open_origins()
    posts = [post(1, TEXT), post(2, TEXT, by="bob"), numbered(3), numbered(4)]
    assert assign(origins, posts) == assign(origins, posts)


def test_an_edit_is_folded_by_what_it_says_now(open_origins: Callable[..., Origins]) -> None:
    origins = open_origins()
    assign(origins, [post(1, TEXT), post(2, TEXT, by="bob")])
    edited = replace(post(1, "I was wrong about all this, sorry everybody"), seq=9, edited_at=NOW)
    assert assign(origins, [edited]) == {1: own_number(edited)}
    assert assign(origins, [post(3, TEXT, by="cem")]) == {3: 1}
    assert own_number(edited) not in {1, 2, 3}


def test_a_fold_does_not_drift(open_origins: Callable[..., Origins]) -> None:
    words = TEXT.split()
    steps = [
        post(
            1 + changed,
            " ".join(["altered" + str("xyzuvwabc"[n]) for n in range(changed)] + words[changed:]),
            by=f"author{changed}",
        )
        for changed in range(8)
    ]
    assert len(set(assign(open_origins(), steps).values())) > 1


def test_the_oldest_make_room_and_what_is_repeated_stays(
    open_origins: Callable[..., Origins],
) -> None:
    origins = open_origins(most=1024)
    assign(origins, [post(1, TEXT), numbered(2)])
    for start in range(10, 3010, 300):
        assign(origins, [numbered(id) for id in range(start, start + 300)])
        assert assign(origins, [post(start, TEXT, by="bob")]) == {start: 1}
    assert origins.count == 1024
    assert assign(origins, [replace(numbered(2), id=5000)]) == {5000: 5000}


def test_growth_keeps_what_was_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("myna.index.origins._FEWEST", 512)
    origins = Origins(tmp_path / "origins.bin", "store", most=4096)
    posts = [numbered(id) for id in range(1, 2001)]
    first = assign(origins, posts)
    copies = [replace(post, id=post.id + 10_000) for post in posts]
    known = sum(origin < 10_000 for origin in assign(origins, copies).values())
    assert first == {post.id: post.id for post in posts}
    assert known >= 0.99 * len(copies)


def test_a_few_posts_among_themselves() -> None:
    posts = [
        post(1, "😀"),
        post(2, TEXT),
        numbered(3),
        post(4, TEXT.upper(), by="bob"),
        post(5, "😀"),
    ]
    assert first_of_each(posts) == [0, 1, 2, 1, 4]
    assert first_of_each([]) == []


def test_the_index_knows_the_origin(tmp_path: Path) -> None:
    writer = TextWriter(tmp_path, "store")
    writer.write(analysed([post(1, TEXT), post(2, TEXT, by="bob"), numbered(3)]))
    writer.commit(3)
    writer.close()
    snapshot = TextReader(tmp_path).snapshot()
    assert snapshot is not None
    query = tantivy.Query.term_query(snapshot.schema, "origin", 1)
    assert len(snapshot.searcher.search(query).hits) == 2
    subjects = tantivy.Query.term_query(snapshot.schema, "subject", "gunman")
    assert len(snapshot.searcher.search(subjects).hits) == 1


def test_a_lost_table_is_filled_from_the_store_under_the_indexs_numbers(world: World) -> None:
    world.add(make_post("1", TEXT, by="ann"), make_post("2", "Another thing entirely, as I said"))
    world.add(make_post("3", TEXT.upper(), by="bob"))
    world.follow(vectors=False)
    table = next(world.folder.glob("text-*/origins.bin"))
    table.unlink()
    world.follow(vectors=False)
    world.add(make_post("4", f"RT @ann: {TEXT}", by="cem"), index=False)
    world.follow(vectors=False)
    found = {hit.post.post.uri: hit for hit in world.searcher.search("gunman", now=NOW).hits}
    (hit,) = found.values()
    assert hit.copies == 3
