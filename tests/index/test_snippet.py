"""Snippets: the piece of a long post that shows why it was found."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from myna.index.snippet import LENGTH, LONG, snippet

FILLER = "lorem ipsum dolor sit amet " * 30


def spans(text: str, *words: str) -> list[tuple[int, int]]:
    return [match.span() for match in re.finditer("|".join(words), text)]


def test_a_short_text_is_shown_whole() -> None:
    text = "mount the image"
    made = snippet(text, spans(text, "mount"))
    assert (made.text, made.start, made.highlights) == (text, 0, ((0, 5),))


def test_the_piece_with_most_of_the_words() -> None:
    text = f"mount {FILLER} then mount the iso image {FILLER}"
    made = snippet(text, spans(text, "mount", "iso", "image"))
    assert [made.text[a:b] for a, b in made.highlights] == ["mount", "iso", "image"]
    assert len(made.text) <= LENGTH
    assert text[made.start :].startswith(made.text)
    assert text[made.start - 1] == " "
    assert text[made.start + len(made.text)] == " "


def test_a_long_post_without_highlights_begins_at_its_beginning() -> None:
    made = snippet(FILLER, [])
    assert made.start == 0
    assert FILLER.startswith(made.text)
    assert LENGTH - 12 <= len(made.text) <= LENGTH


def test_code_points_not_bytes() -> None:
    text = "🐦東" * 200 + " mount " + "é" * 300
    made = snippet(text, spans(text, "mount"))
    assert [made.text[a:b] for a, b in made.highlights] == ["mount"]


@given(st.text(max_size=600), st.data())
def test_any_text(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=8)))
    made = snippet(text, list(zip(cuts[::2], cuts[1::2], strict=False)))
    assert text[made.start : made.start + len(made.text)] == made.text
    assert len(made.text) <= max(LONG, LENGTH)
    assert all(0 <= a < b <= len(made.text) for a, b in made.highlights)
