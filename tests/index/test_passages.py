"""Sentences, and which pieces of a post get a vector."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from myna.index.passages import MAX_PARTS, parts, pieces, sentences, windows
from myna.index.vectors import Kind
from tests.index.world import make_post, stored

LONG = "The first sentence says one thing. The second one says another! And a third asks what? " * 3


def test_sentences_of_a_text() -> None:
    text = "One here. Two “there.” Three\nfour 3.5 GB"
    assert [text[start:end] for start, end in sentences(text)] == [
        "One here.",
        "Two “there.",
        "Three",
        "four 3.5 GB",
    ]


@given(st.text())
def test_sentences_hold_all_words_in_order(text: str) -> None:
    spans = sentences(text)
    assert all(text[start:end].strip() == text[start:end] != "" for start, end in spans)
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(spans))


def test_windows_overlap_by_a_sentence() -> None:
    text = "One two three. Four five six. Seven eight nine. Ten."
    assert [text[start:end] for start, end in windows(text, 6)] == [
        "One two three. Four five six.",
        "Four five six. Seven eight nine.",
        "Seven eight nine. Ten.",
    ]
    assert windows("", 6) == []


@given(st.text(alphabet="ab. \n!", max_size=500), st.integers(1, 20))
def test_windows_leave_no_sentence_out(text: str, words: int) -> None:
    spans = windows(text, words)
    assert all(
        any(first <= start and end <= last for first, last in spans)
        for start, end in sentences(text)
    )


def test_a_long_post_is_embedded_in_parts_too() -> None:
    kinds = [kind for kind, _ in pieces(stored(1, make_post("1", LONG)), None)]
    assert kinds[0] is Kind.WHOLE
    assert kinds.count(Kind.PART) == 9


@given(st.text(alphabet="ab. \n!", max_size=2000))
def test_parts_are_few(text: str) -> None:
    assert len(parts(text)) <= MAX_PARTS


def test_a_short_reply_is_read_behind_its_parent() -> None:
    parent = stored(1, make_post("1", "How do I mount an image?"))
    reply = stored(2, make_post("2", "Use a loop device", reply_to="1"))
    kinds = dict(pieces(reply, parent))
    assert kinds[Kind.CONTEXT].startswith("How do I mount")
    assert Kind.CONTEXT not in dict(pieces(reply, None))


def test_a_post_that_says_too_little_has_no_vector() -> None:
    for text in ("ok", "thanks!", "", "yes it is", "😀"):
        assert not pieces(stored(1, make_post("1", text)), None)
