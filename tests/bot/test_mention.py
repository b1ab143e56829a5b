"""Who is mentioned, what is asked, who says stop; keys of replies."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.answer.attached import about, quoted_uri
from myna.bot.mention import Asked, asked
from myna.bot.recordkey import microseconds_of, reply_keys, tid
from myna.feeds.bluesky.text import mentions_of, without

DID = "did:plc:myna"


def mentioning(text: str, handle: str = "@myna.example", did: str = DID) -> dict[str, Any]:
    """A record's facets, where the handle stands in the text."""
    start = len(text[: text.index(handle)].encode())
    index = {"byteStart": start, "byteEnd": start + len(handle.encode())}
    features = [{"$type": "app.bsky.richtext.facet#mention", "did": did}]
    return {"facets": [{"index": index, "features": features}]}


def asked_in(text: str, raw: dict[str, Any], did: str) -> Asked | None:
    """What a post of the AT network asks."""
    spans = mentions_of(raw, did)
    return asked(without(text, spans)) if spans else None


def test_only_a_facet_is_a_mention() -> None:
    text = "Æh, @myna.example why do birds sing?"
    found = asked_in(text, mentioning(text), DID)
    assert found
    assert found.text == "Æh, why do birds sing?"
    assert asked_in(text, {}, DID) is None
    assert asked_in(text, mentioning(text, did="did:plc:other"), DID) is None


@pytest.mark.parametrize(
    "raw",
    [
        {"facets": 7},
        {"facets": [7, {"features": 7}, {"features": [7], "index": []}]},
        {"facets": [{"features": [{"did": DID}], "index": {"byteStart": 0, "byteEnd": 4}}]},
    ],
)
def test_facets_of_other_forms_are_none(raw: dict[str, Any]) -> None:
    assert asked_in("@myna", raw, DID) is None


@pytest.mark.parametrize(("start", "end"), [(-3, 4), (5, 2), (0, 900)])
def test_a_facet_out_of_the_text_leaves_it_whole(start: int, end: int) -> None:
    raw = mentioning("@myna.example hi")
    raw["facets"][0]["index"] = {"byteStart": start, "byteEnd": end}
    found = asked_in("@myna.example hi", raw, DID)
    assert found
    assert found.text == "@myna.example hi"


@pytest.mark.parametrize(
    "word",
    [
        "stop",
        "STOP!",
        "Stop it.",
        "arrête",
        "Hör auf!",
        "basta",
        "хватит",
        "やめて",
        "停止。",
        "توقف",
    ],
)
def test_stop_in_several_languages(word: str) -> None:
    text = f"@myna.example {word}"
    found = asked_in(text, mentioning(text), DID)
    assert found
    assert found.wish == "stop"


@pytest.mark.parametrize(
    ("word", "wish"),
    [("start", "start"), ("how do I stop a cat from biting?", None), ("non-stop flights?", None)],
)
def test_only_the_word_alone_is_a_wish(word: str, wish: str | None) -> None:
    text = f"{word} @myna.example"
    found = asked_in(text, mentioning(text), DID)
    assert found
    assert found.wish == wish


def test_the_same_words_are_the_same_question() -> None:
    first, second, third = (
        asked_in(text, mentioning(text), DID)
        for text in (
            "@myna.example Why do birds sing?",
            "why  do birds SING @myna.example",
            "@myna.example why do cats sing?",
        )
    )
    assert first
    assert second
    assert third
    assert first.key == second.key != third.key


def test_what_a_post_shows_besides_its_text() -> None:
    images = {"$type": "app.bsky.embed.images", "images": [{"alt": "a bird"}, {"alt": 7}]}
    record = {"record": {"uri": "at://quoted"}}
    assert about({"embed": images}) == "a bird"
    assert about({"embed": {"media": images, "record": record}}) == "a bird"
    assert about({"embed": {"external": {"title": "Birds"}}}) == "Birds"
    assert about({"embed": 7}) == ""
    assert quoted_uri({"embed": record}) == "at://quoted"
    assert quoted_uri({"embed": {"record": record}}) == "at://quoted"
    assert quoted_uri({}) is None


NOW_US = 1_790_000_000_000_000


@given(microseconds=st.integers(0, 2**53 - 1), writer=st.integers(0, 1023))
def test_keys_hold_their_time_and_sort_by_it(microseconds: int, writer: int) -> None:
    key = tid(microseconds, writer)
    assert len(key) == 13
    assert microseconds_of(key) == microseconds
    if microseconds:
        assert tid(microseconds - 1, 1023) < key


@given(uri=st.text(max_size=60))
def test_keys_of_a_reply_are_always_the_same(uri: str) -> None:
    keys = reply_keys(uri, DID, 3, now_us=NOW_US)
    assert keys == reply_keys(uri, DID, 3, now_us=NOW_US + 5) == sorted(set(keys))
    assert reply_keys(uri, DID, 1, now_us=NOW_US) == keys[:1]
    assert set(keys).isdisjoint(reply_keys(uri + "x", DID, 3, now_us=NOW_US))
    assert all(microseconds_of(key) is not None for key in keys)


def test_a_reply_sorts_just_behind_its_mention() -> None:
    said = tid(NOW_US - 10**9, 7)
    (key,) = reply_keys(f"at://did:plc:a/app.bsky.feed.post/{said}", DID, 1, now_us=NOW_US)
    behind = (microseconds_of(key) or 0) - (NOW_US - 10**9)
    assert 0 < behind <= 1_000_001
    future = tid(NOW_US + 10**9, 7)
    (key,) = reply_keys(f"at://did:plc:a/app.bsky.feed.post/{future}", DID, 1, now_us=NOW_US)
    assert (microseconds_of(key) or 0) <= NOW_US
