"""Where an answer ends for its asker, however its text is cut into pieces."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from myna.web.bound import Bound

texts = st.text(alphabet="ab c.", max_size=40)


def run(bound: Bound, pieces: list[str]) -> str:
    return "".join(map(bound.take, pieces)) + bound.rest()


def cut(text: str, places: list[int]) -> list[str]:
    edges = sorted({0, len(text), *(place % (len(text) + 1) for place in places)})
    return [text[a:b] for a, b in pairwise(edges)]


@given(texts, st.lists(st.text(alphabet="ab.", min_size=1, max_size=4), max_size=3), st.data())
def test_the_text_ends_before_the_stop_that_is_complete_first(
    text: str, stops: list[str], data: st.DataObject
) -> None:
    pieces = cut(text, data.draw(st.lists(st.integers(0, 99), max_size=8)))
    bound = Bound(stops)
    found = [(at + len(stop), at) for stop in stops if (at := text.find(stop)) >= 0]
    wanted = text[: min(found)[1]] if found else text
    assert run(bound, pieces) == wanted
    assert bound.reached == ("stop" if found else None)
    assert bound.sent == len(wanted)


@given(texts, st.integers(1, 10), st.data())
def test_a_limit_does_not_depend_on_the_pieces(text: str, most: int, data: st.DataObject) -> None:
    pieces = cut(text, data.draw(st.lists(st.integers(0, 99), max_size=8)))
    whole, cut_up = Bound((), most), Bound((), most)
    assert run(whole, [text]) == run(cut_up, pieces)
    assert whole.reached == cut_up.reached
    assert text.startswith(run(Bound((), most), pieces))


def test_tokens_are_about_words() -> None:
    bound = Bound((), 4)
    assert run(bound, ["Use the loop option, please."]) == "Use the loop option"
    assert bound.reached == "length"


def test_a_text_that_just_fits_is_whole() -> None:
    bound = Bound((), 5)
    assert run(bound, ["Use the loop option."]) == "Use the loop option."
    assert bound.reached is None
