"""Ranking: features are exact, and the order follows them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.index.rank import (
    Candidate,
    Matcher,
    QueryWord,
    asks,
    likeliest,
    one_letter_apart,
    rank,
)
from myna.index.vectors import Kind
from tests.index.world import NOW, make_post, stored


def matcher(*words: tuple[str, float], known: bool = True) -> Matcher:
    return Matcher(
        [QueryWord(word, (word,), idf, known) for word, idf in words], posts=1000, average_words=10
    )


def candidate(
    id: int, text: str, *, of: Matcher, cosines: dict[Kind, float] | None = None, **fields: Any
) -> Candidate:
    post = stored(id, make_post(str(id), text, **fields))
    return Candidate(post, of.compare(post.post), cosines or {})


QUESTION = matcher(("mount", 4), ("the", 0), ("iso", 5))


def test_all_content_words_are_full_coverage() -> None:
    assert QUESTION.compare(make_post("1", "to mount an iso")).coverage == pytest.approx(1)
    assert QUESTION.compare(make_post("1", "the iso")).coverage == pytest.approx(5 / 9)
    assert QUESTION.compare(make_post("1", "the the")).coverage == 0


def test_highlights_are_the_content_words() -> None:
    text = "Mount the ISO, the iso!"
    spans = QUESTION.compare(make_post("1", text)).spans
    assert [text[start:end] for start, end in spans] == ["Mount", "ISO", "iso"]


def test_words_together_weigh_more_than_words_apart() -> None:
    near = QUESTION.compare(make_post("1", "mount the iso " + "and so on " * 10))
    far = QUESTION.compare(make_post("2", "mount " + "and so on " * 10 + "the iso"))
    assert near.bm25 == pytest.approx(far.bm25)
    assert near.adjacent > far.adjacent
    assert near.near > far.near


def test_a_mistyped_word_is_found_when_no_post_has_it() -> None:
    typo = matcher(("instlal", 7), known=False)
    assert typo.compare(make_post("1", "how to instal it")).coverage == 1
    assert matcher(("instlal", 7)).compare(make_post("1", "how to instal it")).coverage == 0


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        ("mount", "mount", True),
        ("mount", "mounts", True),
        ("mount", "munt", True),
        ("mount", "moutn", True),
        ("mount", "moant", True),
        ("mount", "moist", False),
        ("mount", "moun", True),
        ("mount", "mo", False),
    ],
)
def test_one_letter_apart(one: str, other: str, apart: bool) -> None:
    assert one_letter_apart(one, other) is apart


@given(st.text(min_size=5, max_size=9), st.text(min_size=5, max_size=9))
def test_being_one_letter_apart_is_mutual(one: str, other: str) -> None:
    assert one_letter_apart(one, other) == one_letter_apart(other, one)


def test_meaning_and_words_add_up() -> None:
    words = candidate(1, "mount iso", of=QUESTION, cosines={Kind.WHOLE: 0.3})
    both = candidate(2, "mount iso", of=QUESTION, cosines={Kind.WHOLE: 0.7})
    neither = candidate(3, "something else", of=QUESTION, cosines={Kind.WHOLE: 0.1})
    assert [one.post.id for _, one in rank([neither, words, both], now=NOW)] == [2, 1, 3]


def test_a_post_without_vectors_yet_is_not_pushed_down() -> None:
    fresh = candidate(1, "mount iso today", of=QUESTION)
    others = [
        candidate(id, "iso files of all kinds", of=QUESTION, cosines={Kind.WHOLE: 0.4})
        for id in (2, 3)
    ]
    assert rank([*others, fresh], now=NOW)[0][1].post.id == 1


def test_likes_and_youth_break_ties_alone() -> None:
    plain = candidate(1, "mount the iso", of=QUESTION, hours_ago=9000)
    liked = candidate(2, "mount the iso", of=QUESTION, hours_ago=9000, likes=50)
    loved = candidate(3, "nothing of it", of=QUESTION, likes=10_000_000)
    assert [one.post.id for _, one in rank([plain, liked, loved], now=NOW)] == [2, 1, 3]


def test_what_only_asks_comes_behind_what_answers() -> None:
    asked = candidate(2, "mount the iso?", of=QUESTION)
    answered = candidate(1, "mount the iso!", of=QUESTION)
    assert rank([asked, answered], now=NOW)[0][1].post.id == 1
    assert not asks("A long story. " * 40 + "Why?")


def test_the_parent_gives_what_the_reply_leaves_out() -> None:
    parent = make_post("1", "How do I mount an iso?")
    assert QUESTION.missing(make_post("2", "With a loop device"), parent) > 0
    assert QUESTION.missing(make_post("3", "mount iso"), parent) == 0


def test_the_likeliest_are_kept() -> None:
    proposals = {1: 10.0, 2: 0.0, 3: 0.0}
    cosines: dict[int, dict[Kind, float]] = {
        1: {Kind.WHOLE: 0.2},
        2: {Kind.WHOLE: 0.9},
        3: {Kind.WHOLE: 0.1},
    }
    assert set(likeliest(proposals, cosines, QUESTION, 2)) == {1, 2}
