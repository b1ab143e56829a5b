"""What may be read and quoted, by what authors allow."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from myna.answer.allowed import is_withheld, quotable, readable
from myna.answer.events import Source
from myna.post import ALL_USES, Use
from tests.answer.posts import a_source

uses = st.integers(0, int(ALL_USES)).map(Use)


def source(number: int, post: Use, parent: Use | None) -> Source:
    made = a_source(number, "words", None if parent is None else "asked")
    above = replace(made.parent, refused=parent) if made.parent and parent is not None else None
    return replace(made, post=replace(made.post, refused=post), parent=above)


@given(st.lists(st.tuples(uses, st.none() | uses), max_size=6))
def test_nothing_is_used_against_a_wish(wishes: list[tuple[Use, Use | None]]) -> None:
    sources = [source(n, post, parent) for n, (post, parent) in enumerate(wishes, 1)]
    quoted, read = quotable(sources), readable(sources)
    for kept, needed in ((quoted, Use.QUOTE), (read, Use.QUOTE | Use.GENERATE)):
        for one in kept:
            assert not one.post.refused & needed
            assert one.parent is None or not one.parent.refused & needed
        numbers = [one.number for one in kept]
        assert numbers == [one.number for one in sources if not one.post.refused & needed]
    assert {one.number for one in read} <= {one.number for one in quoted}
    shown = {one.number for one in quoted}
    assert all(is_withheld(one.post) == (one.number not in shown) for one in sources)
