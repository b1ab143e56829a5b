"""Replies cut into posts: within the limits, whole in words and links."""

from __future__ import annotations

import regex
from hypothesis import given
from hypothesis import strategies as st

from myna.bot.compose import Part, Run, parts_of
from myna.feeds.account import Limits
from myna.feeds.bluesky.account import measure
from myna.feeds.mastodon.account import measure as measure_mastodon

WHOLE = Limits(300, 3, measure, links=True)
SMALL = Limits(40, 3, measure, links=True)


def linked(part: Part) -> list[tuple[str, str]]:
    return [(part.text[one.start : one.end], one.address) for one in part.links]


def test_a_short_reply_is_one_post() -> None:
    runs = [Run("Birds sing. "), Run("[1]", "https://a.example"), Run(" At dawn.")]
    (part,) = parts_of(runs, WHOLE)
    assert part.text == "Birds sing. [1] At dawn."
    assert linked(part) == [("[1]", "https://a.example")]


def test_links_stand_behind_their_words() -> None:
    (part,) = parts_of([Run("Æbler, 👩‍👩‍👧 und Vögel "), Run("[1]", "https://a.example")], WHOLE)
    assert linked(part) == [("[1]", "https://a.example")]


def test_a_long_one_ends_at_sentences() -> None:
    text = "Birds sing at dawn. They are loud. Nobody knows why they do it so early."
    parts = parts_of([Run(text)], SMALL)
    assert [part.text for part in parts] == [
        "Birds sing at dawn. They are loud.",
        "Nobody knows why they do it so early.",
    ]


def test_a_source_stays_with_its_sentence() -> None:
    runs = [
        Run("Birds sing at dawn every single day. "),
        Run("[1]", "https://a.example"),
        Run(" Yes."),
    ]
    parts = parts_of(runs, SMALL)
    found = [part for part in parts if part.links]
    assert len(found) == 1
    assert "day." in found[0].text or found[0].text.startswith("[1]") is False


def test_what_is_too_long_ends_with_an_ellipsis() -> None:
    parts = parts_of([Run("word " * 100)], SMALL)
    assert len(parts) == 3
    assert parts[-1].text.endswith("word…")
    assert not parts[0].text.endswith("…")


def test_families_are_one_character_and_many_bytes() -> None:
    family = "👩‍👩‍👧‍👦"  # 1 grapheme, 25 bytes
    assert measure(family) == 3
    parts = parts_of([Run(family * 30)], SMALL)
    assert all(len(part.text.encode()) <= 400 for part in parts)
    assert regex.findall(r"\X", parts[0].text)[0] == family


def test_where_words_are_no_links_the_address_is_there() -> None:
    runs = [Run("Birds sing. "), Run("[1]", "https://a.example/a/very/long/address/of/a/post")]
    (part,) = parts_of(runs, Limits(40, 3, measure_mastodon))
    assert part.text == "Birds sing. https://a.example/a/very/long/address/of/a/post"


runs = st.lists(
    st.builds(Run, st.text(max_size=80))
    | st.builds(
        Run, st.sampled_from(["[1]", "[2]", "↗"]), st.just("https://a.example/" + "x" * 50)
    ),
    max_size=12,
)


@given(runs=runs, size=st.integers(20, 60))
def test_any_reply_is_within_the_limits(runs: list[Run], size: int) -> None:
    limits = Limits(size, 3, measure, links=True)
    parts = parts_of(runs, limits)
    assert len(parts) <= 3
    for part in parts:
        assert part.text == part.text.strip() != ""
        assert measure(part.text) <= size
        for text, _ in linked(part):
            assert text in {"[1]", "[2]", "↗"}
        places = [(one.start, one.end) for one in part.links]
        assert places == sorted(places)


@given(text=st.text(st.characters(codec="ascii", categories=["L", "P"]), max_size=30))
def test_nothing_is_lost_where_there_is_room(text: str) -> None:
    assert "".join(part.text for part in parts_of([Run(text)], WHOLE)) == text
