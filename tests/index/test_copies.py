"""Copies in results are one hit, and are counted."""

from __future__ import annotations

import tantivy

from myna.index.copies import MOST_COUNTED, count_origins, fold
from myna.index.results import Hit
from myna.index.text import Snapshot, TextReader
from myna.post import StoredPost
from tests.index.world import World, make_post

TEXT = "Police say that the gunman was found near the old harbour in Ottawa this morning"


def hits_of(world: World, *uris: str) -> list[Hit]:
    posts = [world.find(uri) for uri in uris]
    return [Hit(post, 1.0, (), 1.0, None, 1.0) for post in posts if isinstance(post, StoredPost)]


def snapshot_of(world: World) -> Snapshot:
    snapshot = TextReader(world.folder).snapshot()
    assert snapshot is not None
    return snapshot


def test_hits_of_one_origin_are_one(world: World) -> None:
    world.add(
        make_post("first", TEXT, by="ann", hours_ago=5),
        make_post("copy", f"RT @ann: {TEXT} #ottawa", by="bob", hours_ago=4),
        make_post("again", TEXT.upper(), by="cem", hours_ago=3),
        make_post("other", "The harbour in Ottawa is closed for ships", by="dan"),
        index=False,
    )
    world.follow(vectors=False)
    snapshot, everything = snapshot_of(world), tantivy.Query.all_query()
    found = fold(world.db, snapshot, hits_of(world, "again", "other", "copy", "first"), everything)
    assert [(hit.post.post.uri, hit.copies) for hit in found] == [("again", 3), ("other", 1)]
    assert found[0].first is not None
    assert found[0].first.post.uri == "first"
    assert found[1].first is None
    assert count_origins(snapshot, everything, 4) == 2
    tagged = tantivy.Query.term_query(snapshot.schema, "tag", "ottawa", "basic")
    assert fold(world.db, snapshot, hits_of(world, "copy"), tagged)[0].copies == 1
    assert count_origins(snapshot, tagged, 1) == 1
    assert count_origins(snapshot, everything, MOST_COUNTED + 1) is None

    world.delete("first", index=False)
    world.follow(vectors=False)
    found = fold(world.db, snapshot_of(world), hits_of(world, "copy", "again"), everything)
    assert [(hit.post.post.uri, hit.copies) for hit in found] == [("copy", 2)]
    assert found[0].first is not None
    assert found[0].first.post.uri == "copy"


def test_search_and_questions_see_one_voice(world: World) -> None:
    world.add(
        make_post("first", TEXT, by="ann", hours_ago=5),
        *(make_post(f"copy{n}", f"RT @ann: {TEXT}", by=f"fan{n}", hours_ago=4) for n in range(4)),
        make_post("other", "A gunman in a film, and a harbour", by="dan"),
        index=False,
    )
    world.follow(vectors=False)
    found = world.searcher.search("gunman harbour")
    assert {hit.post.post.uri for hit in found.hits} & {"other"}
    assert sorted(hit.copies for hit in found.hits) == [1, 5]
    assert (found.total, found.origins) == (6, 2)
    assert len(world.searcher.search("gunman", sort="latest").hits) == 6
    asked = world.searcher.retrieve("Where was the gunman found?").hits
    assert sorted(hit.copies for hit in asked) == [1, 5]
