"""The re-ranker, with the encoder that ships in the package."""

from __future__ import annotations

import math

import pytest

from myna.index.embed import OnnxEmbedder
from myna.index.rerank import LEAST_HITS, READ_HITS, LateInteraction
from myna.index.results import Asked, Hit
from tests.index.world import make_post, stored

ENCODER = OnnxEmbedder()
QUESTION = "Who repaired the old bridge?"


def flat(word: str) -> float:
    return 0.0 if word in {"the", "who"} else 3.0


def a_hit(number: int, text: str, score: float = 10.0) -> Hit:
    return Hit(stored(number, make_post(str(number), text)), score, (), 5.0, 0.5, 0.5)


def numbers(hits: list[Hit] | None) -> list[int]:
    assert hits is not None
    return [hit.post.id for hit in hits]


def test_what_the_question_is_about_comes_first() -> None:
    hits = [
        a_hit(1, "My printer is out of paper again."),
        a_hit(2, "Somebody sold a car last week."),
        a_hit(3, "Two carpenters fixed the ancient bridge over the river."),
    ]
    found = LateInteraction(ENCODER).rerank(Asked(QUESTION, flat, 1.0), hits, math.inf)
    assert numbers(found)[0] == 3
    assert found is not None
    assert all(hit.likeness is not None and 0 <= hit.likeness <= 1.001 for hit in found)
    assert found[0].score > 10 > found[-1].score


def test_a_long_post_is_as_alike_as_its_best_passage() -> None:
    filler = " ".join(f"Then there was dinner number {n} with the family." for n in range(40))
    answer = "Two carpenters fixed the old bridge."
    place = filler.index("Then there was dinner number 30")
    text = f"{filler[:place]}{answer} {filler[place:]}"
    start = text.index("bridge")
    far = Hit(
        stored(1, make_post("1", text)),
        10.0,
        ((start - 4, start - 1), (start, start + 6)),
        5,
        0.5,
        1,
    )
    other = a_hit(2, filler)
    found = LateInteraction(ENCODER).rerank(Asked(QUESTION, flat, 1.0), [other, far], math.inf)
    assert numbers(found) == [1, 2]


def test_without_time_there_is_no_new_order() -> None:
    hits = [a_hit(number, f"post {number}") for number in range(1, LEAST_HITS + 2)]
    assert LateInteraction(ENCODER).rerank(Asked(QUESTION, flat, 1.0), hits, 0.0) is None


def test_only_the_best_are_read() -> None:
    hits = [a_hit(number, f"the bridge {number}") for number in range(READ_HITS + 5)]
    found = LateInteraction(ENCODER).rerank(Asked(QUESTION, flat, 1.0), hits, math.inf)
    assert numbers(found)[READ_HITS:] == list(range(READ_HITS, READ_HITS + 5))
    assert found is not None
    assert found[-1].likeness is None


@pytest.mark.parametrize("text", ["", "???", "🙂"])
def test_a_question_of_no_words_keeps_the_order(text: str) -> None:
    hits = [a_hit(1, "one"), a_hit(2, "two")]
    asked = Asked(text, lambda word: 0.0, 1.0)
    assert LateInteraction(ENCODER).rerank(asked, hits, math.inf) is None


def test_posts_of_no_words_do_no_harm() -> None:
    hits = [a_hit(1, "🙂"), a_hit(2, ""), a_hit(3, "the old bridge")]
    found = LateInteraction(ENCODER).rerank(Asked(QUESTION, flat, 1.0), hits, math.inf)
    assert numbers(found)[0] == 3
