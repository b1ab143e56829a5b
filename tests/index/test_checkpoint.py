"""Checkpoints: spans of changes, and a file that is whole or not there."""

from __future__ import annotations

import itertools
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from myna.index.checkpoint import (
    Checkpoint,
    add_span,
    gaps,
    load_checkpoint,
    newest_gap,
    save_checkpoint,
)

spans_of = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)).map(sorted), max_size=8)


def covered(spans: tuple[tuple[int, int], ...]) -> set[int]:
    return {at for after, to in spans for at in range(after + 1, to + 1)}


@given(spans_of)
def test_spans_cover_what_was_added_and_stay_apart(added: list[list[int]]) -> None:
    spans: tuple[tuple[int, int], ...] = ()
    for after, to in added:
        spans = add_span(spans, after, to)
    assert covered(spans) == {at for after, to in added for at in range(after + 1, to + 1)}
    assert all(one[1] < other[0] for one, other in itertools.pairwise(spans))


@given(spans_of, st.integers(0, 50), st.integers(1, 7))
def test_gaps_fill_everything_newest_first(added: list[list[int]], last: int, longest: int) -> None:
    spans: tuple[tuple[int, int], ...] = ()
    for after, to in added:
        spans = add_span(spans, min(after, last), min(to, last))
    before = last + 1
    while gap := newest_gap(spans, last, longest):
        after, to = gap
        assert 0 < to - after <= longest
        assert to < before
        assert not covered(spans) & covered((gap,))
        before = to
        spans = add_span(spans, after, to)
    assert covered(spans) == set(range(1, last + 1))


def test_it_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    checkpoint = Checkpoint("text-1", "store", "1", ((0, 5), (7, 9)), 3)
    save_checkpoint(tmp_path / "a.json", checkpoint)
    assert load_checkpoint(tmp_path / "a.json") == checkpoint
    assert checkpoint.seq == 5


def test_a_damaged_or_missing_file_is_none(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path / "none.json") is None
    (tmp_path / "bad.json").write_text('{"generation": ')
    assert load_checkpoint(tmp_path / "bad.json") is None


def test_gaps_are_what_the_spans_leave() -> None:
    assert gaps((), 5) == ((0, 5),)
    assert gaps(((0, 3), (5, 9)), 12) == ((3, 5), (9, 12))
    assert gaps(((0, 5),), 5) == ()
