"""Signatures: the same words are the same, whatever copying adds; other posts are not."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.index.origins import LEAST_SIMILARITY
from myna.index.signatures import HASHES, sign, similarity
from myna.index.terms import index_terms
from myna.index.words import words_of
from tests.index.world import make_post

TEXT = "Police say that the gunman was found near the old harbour in Ottawa this morning"


def compare(one: str, other: str, *, by: tuple[str, str] = ("ann", "bob")) -> tuple[float, bool]:
    """Estimated similarity, and whether numbers and denials are the same."""
    signed = sign([one, other], by)
    return (
        float(similarity(signed.lanes[0], signed.lanes[1])),
        bool(signed.facts[0] == signed.facts[1]),
    )


@pytest.mark.parametrize(
    "copy",
    [
        TEXT.upper(),
        f"RT @ann: {TEXT}",
        f"RT @bob: RT @ann: “{TEXT}”",
        f"{TEXT} 😱😱",
        f"  {TEXT}!!! @cnn",
        TEXT.replace("harbour", "hárbour"),
    ],
)
def test_what_copying_adds_is_not_compared(copy: str) -> None:
    assert compare(TEXT, copy) == (1.0, True)


@pytest.mark.parametrize(
    "copy",
    [f"{TEXT} #ottawa https://example.org/a", TEXT.replace("harbour", "harbor"), f"So sad. {TEXT}"],
)
def test_light_edits_are_near(copy: str) -> None:
    near, same_facts = compare(TEXT, copy)
    assert near >= LEAST_SIMILARITY
    assert same_facts


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The flight had 144 people on board when it left", "The flight had 150 people on board"),
        (TEXT, TEXT.replace("was found", "was not found")),
        (TEXT, f"FAKE: {TEXT}"),
        (TEXT, f"{TEXT}, which isn't so"),
    ],
)
def test_other_numbers_and_denials_are_seen(one: str, other: str) -> None:
    assert not compare(one, other)[1]


def test_links_are_compared_by_their_address() -> None:
    one = "read this long story about birds http://example.org/story?from=mail"
    other = "read this long story about birds https://www.example.org/story/"
    assert compare(one, other)[0] > 0.8


def test_a_short_text_belongs_to_its_author() -> None:
    assert compare("thanks!", "Thanks", by=("ann", "Ann"))[0] == 1.0
    assert compare("thanks!", "Thanks")[0] < 0.4
    assert compare("RT @ann: thanks!", "thanks", by=("bob", "ann"))[0] == 1.0


def test_scripts_without_spaces() -> None:
    text = "今日はとても良い天気なので公園へ散歩に行きました"
    assert compare(text, f"{text}！")[0] == 1.0
    assert compare(text, text.replace("公園", "海岸"))[0] >= LEAST_SIMILARITY
    assert compare("谢谢", "谢谢")[0] < 0.4


def test_texts_without_words_are_like_no_other() -> None:
    signed = sign(["😀", "@ann", "", "five words are in this"], ["a"] * 4)
    assert signed.usable.tolist() == [False, False, False, True]


WORDS = st.lists(st.text("abcdefgh", min_size=2, max_size=6), min_size=6, max_size=40)


@given(WORDS, WORDS)
def test_the_estimate_is_near_the_truth(one: list[str], other: list[str]) -> None:
    def features(words: list[str]) -> set[tuple[str, ...]]:
        return {(word,) for word in words} | set(pairwise(words))

    shared = [*one, *other]
    truth = len(features(one) & features(shared)) / len(features(one) | features(shared))
    estimate, _ = compare(" ".join(one), " ".join(shared))
    assert abs(estimate - truth) < 5 * np.sqrt(1 / 4 / HASHES) + 0.05


@given(st.lists(st.text(max_size=60), max_size=12))
def test_a_batch_gives_what_single_texts_give(texts: list[str]) -> None:
    together = sign(texts, ["ann"] * len(texts))
    for number, text in enumerate(texts):
        alone = sign([text], ["ann"])
        assert (together.lanes[number] == alone.lanes[0]).all()
        assert (together.bands[number] == alone.bands[0]).all()
        assert together.facts[number] == alone.facts[0]
        assert together.usable[number] == alone.usable[0]


@given(st.text("aZ9' .,@#+:/w_é\n", max_size=60))
def test_words_that_are_cut_already_sign_the_same(text: str) -> None:
    cut = words_of(make_post("1", text))
    if cut.plain is not None:
        assert cut.terms == index_terms(text, cut.stem)
    told, found = sign([text], ["ann"], [cut.plain]), sign([text], ["ann"])
    assert (told.lanes == found.lanes).all()
    assert (told.facts == found.facts).all()
    assert (told.usable == found.usable).all()
