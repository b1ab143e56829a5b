"""Search: operators, questions, deletions at once, and words alone where there are no vectors."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from myna.index.search import Searcher
from myna.index.terms import content_terms
from tests.index.world import NOW, World, make_post

POSTS = (
    make_post(
        "iso", "Mount an ISO image with sudo mount -o loop image.iso /mnt", by="ann", hours_ago=2
    ),
    make_post("usb", "Use dd to write the ISO image to a USB stick #usb", by="bob", hours_ago=50),
    make_post("wifi", "My wireless card drops the connection all the time", by="carl", likes=9),
    make_post(
        "net", "@carl restart NetworkManager, see https://help.ubuntu.com/wifi", reply_to="wifi"
    ),
    make_post("fr", "Pour installer un paquet : sudo apt install", by="dora", lang="fr"),
    make_post(
        "jp",
        "東京タワーに行きました",
        by="emi",
        lang="ja",
        channel="#travel",
        raw={"media": [{"type": "image"}]},
    ),
    make_post("old", "The disk is full again, full disk", by="bob", hours_ago=24 * 400),
)


@pytest.fixture
def full(world: World) -> World:
    world.add(*POSTS)
    return world


OPERATORS: tuple[tuple[str, set[str]], ...] = (
    ("mount", {"iso"}),
    ("iso image", {"iso", "usb"}),
    ('"iso image" -usb', {"iso"}),
    ('"image iso"', {"iso"}),
    ('"disk is full"', {"old"}),
    ("loop OR dd", {"iso", "usb"}),
    ("#usb", {"usb"}),
    ("from:bob", {"usb", "old"}),
    ("from:bob OR from:carl", {"usb", "old", "wifi"}),
    ("-from:bob image", {"iso"}),
    ("to:carl", {"net"}),
    ("mentions:carl", {"net"}),
    ("domain:ubuntu.com", {"net"}),
    ("has:links", {"net"}),
    ("lang:fr", {"fr"}),
    ("lang:fr paquets", {"fr"}),
    ("京", {"jp"}),
    ("たわー", {"jp"}),
    ("channel:travel", {"jp"}),
    ("thread:wifi", {"wifi", "net"}),
    ("min_likes:5", {"wifi"}),
    ("since:2025-06-01 until:2026-02-28 from:bob", {"usb"}),
    ("within:7d from:bob", {"usb"}),
    ("until:2025-12-31", {"old"}),
    ("network:test mount", {"iso"}),
    ("network:elsewhere mount", set[str]()),
    ("installation paquets", {"fr"}),
    ("東京", {"jp"}),
    ("京", {"jp"}),
    ("NetworkManager,", {"net"}),
    ("(loop iso) OR (dd iso)", {"iso", "usb"}),
    ("image -(loop OR windows)", {"usb"}),
    ("(mount OR write) (loop OR floppy)", {"iso"}),
    ("from:@Bob since:2026", {"usb"}),
    ("filter:links", {"net"}),
    ("filter:replies", {"net"}),
    ("is:reply restart", {"net"}),
    ("-is:reply (restart OR wireless)", {"wifi"}),
    ("has:images", {"jp"}),
    ("filter:media -has:videos", {"jp"}),
    ("has:mentions", {"net"}),
    ("has:hashtags", {"usb"}),
    ("url:ubuntu", {"net"}),
    ("url:help.ubuntu.com/wifi", {"net"}),
    ("url:help.ubuntu.com/disk", set[str]()),
    ("min_faves:9", {"wifi"}),
    ("-min_faves:9 drops", set[str]()),
    ("-min_likes:10 drops", {"wifi"}),
    ("since_time:1772180000 image", {"iso", "usb"}),
    ("since_time:1772355600 image", {"iso"}),
    ("during:2025-01", {"old"}),
    ("during:yesterday from:bob", set[str]()),
    ("during:2026-02-27 from:bob", {"usb"}),
    ("language:ja", {"jp"}),
    ("tag:usb", {"usb"}),
    ('from:"bob" "full disk"', {"old"}),
    ("conversation_id:wifi is:reply", {"net"}),
    ("-from:bob -from:ann -from:carl -lang:ja", {"fr"}),
    ("-filter:retweets loop", {"iso"}),
)


def test_operators(full: World) -> None:
    for query, found in OPERATORS:
        result = full.searcher.search(query, now=NOW)
        exact = {hit.post.post.uri for hit in result.hits[: result.total]}
        assert (exact, result.total) == (found, len(found)), query
        assert not any("words" in note for note in result.notes), query


def test_newest_first(full: World) -> None:
    assert full.search("image OR disk OR wireless", sort="latest") == ["wifi", "iso", "usb", "old"]


def test_near_meanings_follow_when_no_post_has_all_words(full: World) -> None:
    result = full.searcher.search("wifi connection unstable", now=NOW)
    assert result.hits[0].post.post.uri == "wifi"
    assert result.total == 0
    assert "come nearest" in result.notes[0]


def test_conditions_hold_for_near_meanings_too(full: World) -> None:
    assert full.search("wifi connection unstable from:bob") == []


def test_questions_find_by_words_and_by_meaning(full: World) -> None:
    assert full.retrieve("How do I mount an ISO file?")[0] == "iso"
    assert full.retrieve("Why does my wifi keep disconnecting?")[0] in {"wifi", "net"}
    assert full.retrieve("Comment installer des paquets ?")[0] == "fr"


def test_operators_count_in_questions_but_dashes_are_words(full: World) -> None:
    assert full.retrieve("how to write an image from:bob")[0] == "usb"
    assert full.retrieve("what does mount -o loop do")[0] == "iso"


def test_mistyped_words_are_found(full: World) -> None:
    assert full.retrieve("NetworkManagre")[0] == "net"


def test_hits_say_why(full: World) -> None:
    hit = full.searcher.retrieve("mount iso", now=NOW).hits[0]
    words = {hit.post.post.text[start:end].lower() for start, end in hit.highlights}
    assert words == {"mount", "iso"}
    assert hit.coverage == pytest.approx(1)
    assert hit.bm25 > 0
    assert hit.cosine is not None
    assert hit.cosine > 0.3


def test_rare_terms_stand_out(full: World) -> None:
    (rare,), (common,) = content_terms("wireless"), content_terms("ISO")
    assert full.searcher.idf(rare) > full.searcher.idf(common) > 0


def test_a_deletion_holds_before_the_index_knows_of_it(full: World) -> None:
    full.delete("iso", index=False)
    assert "iso" not in full.search("mount OR image")
    assert "iso" not in full.retrieve("How do I mount an image?")


def test_a_post_can_be_found_before_it_has_vectors(full: World) -> None:
    full.add(make_post("new", "mount works like that: mount /dev/sdb1"), index=False)
    full.follow(vectors=False)
    assert "new" in full.search("mount")
    assert full.retrieve("mount sdb1")[0] == "new"


def test_identical_posts_are_one_source(full: World) -> None:
    full.add(*(make_post(f"copy{n}", "Mount it with  the loop device") for n in range(5)))
    found = full.retrieve("mount loop device")
    assert sum(uri.startswith("copy") for uri in found) == 1


def test_words_alone_without_an_embedder(full: World) -> None:
    searcher = Searcher(full.db, full.folder, embedder=None)
    hits = searcher.retrieve("How do I mount an ISO file?", now=NOW).hits
    assert hits[0].post.post.uri == "iso"
    assert hits[0].cosine is None


def test_without_an_index_nothing_is_found_and_nothing_fails(world: World) -> None:
    world.add(*POSTS, index=False)
    assert world.search("mount") == []
    assert world.retrieve("mount") == []
    assert world.searcher.status().lag == len(POSTS)


def test_another_stores_index_is_not_used(full: World) -> None:
    from myna.index.checkpoint import load_checkpoint, save_checkpoint

    for name in ("text.json", "vectors.json"):
        checkpoint = load_checkpoint(full.folder / name)
        assert checkpoint is not None
        save_checkpoint(full.folder / name, replace(checkpoint, store_id="another"))
    searcher = Searcher(full.db, full.folder, embedder=full.embedder)
    assert searcher.search("mount", now=NOW).hits == []
    assert searcher.status().documents == 0


def test_nothing_to_search_for_is_said(full: World) -> None:
    assert full.searcher.search(":)", now=NOW).notes
    assert full.searcher.search("", now=NOW).hits == []
    assert full.retrieve("?!") == []


def test_bad_operators_are_explained(full: World) -> None:
    result = full.searcher.search("mount since:tomorrowish", now=NOW)
    assert "since:tomorrowish" in result.notes[0]


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    text=st.lists(
        st.one_of(
            st.text(max_size=8),
            st.sampled_from(
                [
                    '"',
                    "-",
                    "OR",
                    "from:bob",
                    "since:7d",
                    "iso",
                    "mount",
                    "京",
                    "(",
                    ")",
                    "-(",
                    "😀",
                    "domain:a",
                    "url:x/y",
                    "has:links",
                    "-min_likes:3",
                    "is:reply",
                    "during:2026",
                ]
            ),
        ),
        max_size=8,
    ).map(" ".join)
)
def test_nothing_that_is_typed_fails(full: World, text: str) -> None:
    for result in (full.searcher.search(text, now=NOW), full.searcher.retrieve(text, now=NOW)):
        for hit in result.hits:
            length = len(hit.post.post.text)
            assert all(0 <= start < end <= length for start, end in hit.highlights)
            assert 0 <= hit.coverage <= 1.0001
