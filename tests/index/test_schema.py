"""What the text index keeps of a post."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from myna.index.parents import above_of
from myna.index.schema import mentions_of, name_number, tags_of
from tests.index.world import made, make_post, stored


def fields(text: str, parent: str | None = None, **more: Any) -> dict[str, list[object]]:
    above = above_of(make_post("1", parent, by="Bob")) if parent is not None else None
    post = make_post("2", text, **more)
    return made(stored(2, post), above).to_dict()


def test_links_give_their_domain_and_those_above() -> None:
    found = fields("see https://help.Ubuntu.com/a and http://www.example.org:80/, also b.io")
    assert set(found["domain"]) == {"help.ubuntu.com", "ubuntu.com", "example.org", "b.io"}
    assert found["has"] == ["links"]


def test_tags_and_links_of_the_networks_record() -> None:
    features = [{"uri": "https://example.org/x"}, {"tag": "Überblick"}]
    found = fields("example.org/x... und mehr", raw={"facets": [{"features": features}]})
    assert (found["domain"], found["tag"]) == (["example.org"], ["uberblick"])


def test_tags_and_mentions() -> None:
    assert tags_of("#Ubuntu and (#ISO_file) but not a#b or http://x/#y") == {"ubuntu", "iso_file"}
    assert tags_of("#हिन्दी #東京タワー ＃Café") == {"हिन्दी", "东京たわー", "cafe"}
    assert mentions_of("hi @Ann@Example.social!") == ["ann@example.social", "ann"]
    assert mentions_of("@Ann.example, cc @bob. mail me@here.org") == ["ann.example", "bob"]


def test_a_reply_carries_its_parents_words_and_author() -> None:
    found = fields("loop it", parent="How do I mount?")
    assert "mount" in str(found["context"])
    assert name_number("Bob") in found["to"]


def test_whom_a_post_addresses() -> None:
    assert fields("carl: try this")["to"] == [name_number("carl")]
    assert fields("@carl try this")["to"] == [name_number("carl")]
    assert "to" not in fields("try this, carl")


def test_a_deleted_parent_leaves_nothing() -> None:
    assert "context" not in fields("loop it", None, reply_to="1")


def test_media_and_channel() -> None:
    found = fields("look", raw={"media": [{}]}, channel="#Ubuntu", lang="en-GB")
    assert (found["has"], found["channel"], found["lang"]) == (["media"], ["ubuntu"], ["en"])


def test_the_language_is_the_networks_or_what_the_text_shows() -> None:
    text = "Ich weiß nicht, ob das wirklich so ist"
    assert fields(text)["lang"] == ["de"]
    assert fields(text, lang="de-CH")["lang"] == ["de"]
    assert fields("今日はとても寒いですね", lang="en")["lang"] == ["ja"]
    assert "lang" not in fields("ok")


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_text_makes_a_document(text: str, parent: str) -> None:
    post = make_post("1", text)
    made(stored(1, post), above_of(make_post("2", parent)))
    post = replace(post, channel=text, lang=parent)
    made(stored(1, post))
