"""Terms: folding, stemming, scripts without spaces; offsets always point at the word."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.index.terms import (
    content_terms,
    find,
    index_text,
    language_of,
    merge_spans,
    tokenize,
    variants,
)


def terms(text: str, lang: str | None = None) -> list[str]:
    return [token.term for token in tokenize(text, lang)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Mounting", "mounts"),
        ("CAFÉ", "cafe"),
        ("cafe\u0301", "café"),
        ("don't", "don’t"),
        ("Ann's", "Ann"),
        ("straße", "STRASSE"),
        ("ﬁle", "file"),
        ("Øre", "ore"),
    ],
)
def test_forms_of_a_word_are_one_term(one: str, other: str) -> None:
    assert terms(one, "en") == terms(other, "en")


def test_french_words_lose_their_article_and_ending() -> None:
    assert language_of("Comment monter une image sur le disque ?") == "fr"
    assert content_terms("l'installation des paquets", "fr") == content_terms(
        "installation du paquet", "fr"
    )


def test_scripts_without_spaces_become_pairs() -> None:
    assert terms("東京都") == ["東京", "京都", "都"]
    assert terms("ภาษา")[0] == "ภา"


def test_marks_do_not_cut_words() -> None:
    assert len(terms("हिन्दी")) == 1
    assert len(terms("שָׁלוֹם")) == 1


def test_emoji_and_code_names_are_words() -> None:
    assert terms("C++ and C# 😀👍") == ["c++", "and", "c#", "😀", "👍"]


def test_stop_words_are_no_content() -> None:
    assert content_terms("How do I mount the disk?") == ["mount", "disk"]
    assert content_terms("Comment est-ce que je monte le disque ?") == ["mont", "disqu"]


def test_a_word_may_be_found_in_posts_of_other_languages() -> None:
    assert {"mont", "monter"} <= set(variants("monter"))


@given(st.text())
def test_offsets_hold_and_both_ways_of_cutting_agree(text: str) -> None:
    tokens = tokenize(text)
    assert all(0 <= token.start < token.end <= len(text) for token in tokens)
    assert all(token.term and not any(map(str.isspace, token.term)) for token in tokens)
    assert index_text(text).split() == [token.term for token in tokens]


@given(st.text())
def test_finding_is_the_same_as_going_through_all_words(text: str) -> None:
    tokens = tokenize(text)
    places = {token.term: place for place, token in enumerate(tokens[::2])}
    count, found = find(text, None, places, lambda word: None)
    assert count == len(tokens)
    assert [token for _, _, token in found] == [
        token for token in tokens if token.term in places or token.word in places
    ]


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 9))))
def test_merged_spans_are_apart_and_cover_the_same(spans: list[tuple[int, int]]) -> None:
    given_spans = [(start, start + length) for start, length in spans]
    merged = merge_spans(given_spans)
    covered = {at for start, end in given_spans for at in range(start, end)}
    assert {at for start, end in merged for at in range(start, end)} == covered
    assert all(one[1] < other[0] for one, other in itertools.pairwise(merged))
