"""What posts have and are, as the networks' own records say it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.index.traits import addresses_of, traits_of
from tests.index.world import make_post


@pytest.mark.parametrize(
    ("raw", "traits"),
    [
        ({}, set()),
        ({"media": True}, {"media"}),
        ({"media": []}, set()),
        ({"media": [{"type": "image"}, {"type": "video"}]}, {"media", "images", "videos"}),
        ({"quote": "uri"}, {"quote"}),
        ({"embed": {"$type": "app.bsky.embed.images", "images": [{}]}}, {"media", "images"}),
        ({"embed": {"$type": "app.bsky.embed.video"}}, {"media", "videos"}),
        ({"embed": {"$type": "app.bsky.embed.external"}}, set()),
        ({"embed": {"$type": "app.bsky.embed.record"}}, {"quote"}),
        (
            {
                "embed": {
                    "$type": "app.bsky.embed.recordWithMedia",
                    "media": {"$type": "app.bsky.embed.images"},
                }
            },
            {"quote", "media", "images"},
        ),
        ({"media_attachments": [{"type": "gifv"}], "poll": {}}, {"media", "videos"}),
        ({"poll": {"options": [1]}}, {"poll"}),
        ({"extended_entities": {"media": [{"type": "photo"}]}}, {"media", "images"}),
        ({"referenced_tweets": [{"type": "quoted", "id": "1"}]}, {"quote"}),
    ],
)
def test_traits(raw: dict[str, Any], traits: set[str]) -> None:
    assert traits_of(make_post("1", "text", raw=raw)) == traits


def test_replies_and_bots() -> None:
    assert traits_of(make_post("2", "text", reply_to="1")) == {"reply"}


def test_links_that_the_text_shortens() -> None:
    link = {"$type": "app.bsky.richtext.facet#link", "uri": "https://a.example/long"}
    raw = {
        "facets": [{"features": [link]}],
        "embed": {"external": {"uri": "https://b.example"}},
        "entities": {"urls": [{"expanded_url": "https://c.example"}, {"expanded_url": 7}]},
        "card": {"url": "javascript:x"},
    }
    assert set(addresses_of(raw)) == {
        "https://a.example/long",
        "https://b.example",
        "https://c.example",
    }


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["media", "embed", "type", "$type", "facets", "features", "urls"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
_NAMES = ["media", "embed", "facets", "entities", "card", "poll", "quote", "referenced_tweets"]


@given(st.dictionaries(st.sampled_from(_NAMES), _json))
def test_no_record_fails(raw: dict[str, Any]) -> None:
    traits_of(make_post("1", "text", raw=raw))
    list(addresses_of(raw))
