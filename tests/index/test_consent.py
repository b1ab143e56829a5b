"""What its author does not allow is not found, not embedded, and counted as left out."""

from __future__ import annotations

import pytest

from myna.db.posts import find_post
from myna.index import accounts
from myna.index.results import Hit, SearchResult
from myna.index.search import Searcher
from myna.index.trends import Trends
from myna.post import Event, Kind, Signal, Use
from myna.safety.consent.ledger import choose, take_signals
from tests.index.test_trends import usual_posts, voices
from tests.index.world import NOW, World, make_post, uris


@pytest.fixture(autouse=True)
def asks_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "_KNOWN_SECONDS", 0.0)


def say(world: World, use: Use, word: str, by: str = "ann") -> None:
    with world.db.begin() as conn:
        choose(conn, ("test", by), use, word, by="member", now=NOW)  # type: ignore[arg-type]


def search(world: World, query: str) -> SearchResult:
    return world.searcher.search(query, now=NOW)


def retrieve(world: World, question: str) -> SearchResult:
    return world.searcher.retrieve(question, now=NOW)


@pytest.fixture
def images(world: World) -> World:
    world.add(
        *(make_post(f"f{n}", f"filler {n} of other things", by="cy") for n in range(30)),
        make_post("1", "mount the image with a loop"),
        make_post("2", "burn the image to a disc", by="bob"),
        make_post("3", "how do you mount an image?", by="ann"),
    )
    return world


def test_a_no_acts_before_the_index_has_moved_and_after_it(images: World) -> None:
    say(images, Use.RETRIEVE, "no")
    for _ in range(2):
        found = search(images, "image")
        assert (uris(found.hits), found.total, found.refused) == (["2"], 1, 2)
        answer = retrieve(images, "how do I mount the image")
        assert not {"1", "3"} & set(uris(answer.hits))
        assert answer.refused == 2
        assert images.searcher.counts("image", now=NOW).total == 1
        images.follow()
    status = images.searcher.status()
    assert (status.documents, status.vectors) == (33, 31)
    say(images, Use.RETRIEVE, "yes")
    images.follow()
    assert set(images.search("image")) == {"1", "2", "3"}
    assert search(images, "image").refused == 0
    assert images.searcher.status().vectors == 33


def test_what_is_left_out_is_counted_where_it_would_have_been_shown(images: World) -> None:
    say(images, Use.RETRIEVE, "no")
    images.follow()
    assert search(images, "disc").refused == 0
    assert search(images, "from:ann").refused == 2
    assert search(images, "image from:bob").refused == 0
    assert retrieve(images, "burn a disc").refused == 0
    assert retrieve(images, "loop").refused == 1


def test_hidden_and_refusing_is_hidden(images: World) -> None:
    say(images, Use.RETRIEVE, "no")
    with images.db.begin() as conn:
        from myna.db.posts import apply_events

        apply_events(conn, [Event(Kind.HIDE, "test", "ann")], now=NOW)
    assert search(images, "image").refused == 0


def test_a_record_of_the_network_acts_as_well(images: World) -> None:
    event = Event(
        Kind.SIGNAL,
        "test",
        "ann",
        signal=Signal("app.bsky.actor.profile", "self", {"description": "#noindex"}),
    )
    with images.db.begin() as conn:
        take_signals(conn, [event], now=NOW)
    assert images.search("image") == ["2"]


def test_without_embedding_words_alone_find_it(images: World) -> None:
    say(images, Use.EMBED, "no")
    before = retrieve(images, "mount the image").hits
    assert {hit.cosine is None for hit in before if hit.post.post.author.id == "ann"} == {True}
    images.follow()
    assert images.searcher.status().vectors == 31
    assert set(images.search("image")) == {"1", "2", "3"}
    say(images, Use.EMBED, "unsaid")
    images.follow()
    assert images.searcher.status().vectors == 33


def test_a_reply_does_not_carry_the_words_of_a_post_that_must_not_be_found(world: World) -> None:
    world.add(make_post("1", "the zyzzyva is a beetle"))
    world.add(make_post("2", "I saw one too", by="bob", reply_to="1"))
    assert "2" in world.retrieve("zyzzyva")
    say(world, Use.RETRIEVE, "no")
    world.follow()
    assert world.retrieve("zyzzyva") == []


def test_the_reranker_reads_nothing_that_must_not_be_embedded(images: World) -> None:
    read: list[str] = []

    class Reverse:
        def rerank(self, asked: object, hits: list[Hit], seconds_left: float) -> list[Hit]:
            del asked, seconds_left
            read.extend(uris(hits))
            return hits[::-1]

    say(images, Use.EMBED, "no", by="bob")
    plain = images.retrieve("mount the image")
    searcher = Searcher(images.db, images.folder, embedder=None, reranker=Reverse())  # type: ignore[arg-type]
    found = uris(searcher.retrieve("mount the image", now=NOW).hits)
    assert set(read) == {"1", "3"}
    assert found.index("2") == plain.index("2")


def test_nothing_of_theirs_is_a_trend(world: World) -> None:
    world.add(*usual_posts(), *voices(12))
    trends = Trends(world.db, world.folder)
    assert [trend.name for trend in trends.rising("1h", at=NOW).trends] == ["ferry"]
    for n in range(12):
        say(world, Use.RETRIEVE, "no", by=f"voice{n}")
    assert trends.rising("1h", at=NOW).trends == ()
    world.follow()
    assert Trends(world.db, world.folder).rising("1h", at=NOW).trends == ()


def test_threads_show_nothing_of_theirs(images: World) -> None:
    say(images, Use.RETRIEVE, "no")
    with images.db.begin() as conn:
        assert find_post(conn, "test", "1") is None
