"""Counts over time: the right stretch, no gaps, nothing lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from myna.index.buckets import (
    AUTO_BARS,
    MOST_BARS,
    Bucket,
    bars,
    fitting,
    milliseconds,
    moment,
    next_start,
    start_of,
    usual_first,
)
from tests.index.world import NOW, World, make_post


def test_posts_are_counted_by_their_time(world: World) -> None:
    hours = [0.1, 0.2, 1.5, 30, 31, 200]
    world.add(*(make_post(f"p{n}", "mount image", hours_ago=h) for n, h in enumerate(hours)))
    world.add(make_post("other", "something else", hours_ago=2))
    found = world.searcher.counts("mount", now=NOW)
    assert (found.bucket, found.total, found.earlier) == (Bucket.DAY, 6, 0)
    assert [bar.posts for bar in found.bars] == [1, 0, 0, 0, 0, 0, 0, 2, 3]
    assert found.bars[0].start == datetime(2026, 2, 21, tzinfo=UTC)
    hourly = world.searcher.counts("mount since:2d", now=NOW)
    assert (hourly.bucket, hourly.total) == (Bucket.HOUR, 5)
    assert hourly.bars[-1].start == NOW - timedelta(hours=1)
    minutes = world.searcher.counts("mount within:1h", now=NOW)
    assert (minutes.bucket, minutes.total) == (Bucket.MINUTE, 2)
    monthly = world.searcher.counts("mount", bucket=Bucket.MONTH, now=NOW)
    assert [(bar.start.month, bar.posts) for bar in monthly.bars] == [(2, 3), (3, 3)]


def test_a_wrong_clock_does_not_stretch_the_bars(world: World) -> None:
    world.add(*(make_post(f"p{n}", "image", hours_ago=n) for n in range(100)))
    world.add(make_post("forged", "image", created_at=datetime(1970, 1, 1, tzinfo=UTC)))
    found = world.searcher.counts("image", now=NOW)
    assert (found.bucket, found.earlier, found.total) == (Bucket.DAY, 1, 101)
    assert len(found.bars) <= 6
    yearly = world.searcher.counts("image", bucket=Bucket.YEAR, now=NOW)
    assert (yearly.earlier, len(yearly.bars)) == (0, 57)
    every = world.searcher.counts("image", bucket=Bucket.MINUTE, now=NOW)
    assert len(every.bars) <= MOST_BARS
    assert every.total == 101


def test_nothing_found_has_no_bars(world: World) -> None:
    world.add(make_post("p", "image"))
    assert world.searcher.counts("zanzibar", now=NOW).bars == []
    assert world.searcher.counts("", now=NOW).bars == []
    assert world.searcher.counts("near:London", now=NOW).notes


_moments = st.integers(milliseconds(datetime(2, 1, 1, tzinfo=UTC)), milliseconds(NOW))


@given(st.dictionaries(_moments, st.integers(1, 9), min_size=1), st.sampled_from(Bucket))
@example({milliseconds(datetime(3, 1, 1, tzinfo=UTC)): 1}, Bucket.YEAR)
def test_bars_have_no_gaps(counts: dict[int, int], bucket: Bucket) -> None:
    made = bars(counts, bucket)
    assert 1 <= len(made) <= MOST_BARS
    for one, other in pairwise(made):
        assert next_start(one.start, bucket) == other.start
    inside = sum(n for at, n in counts.items() if moment(at) >= made[0].start)
    assert sum(bar.posts for bar in made) == inside
    assert start_of(moment(max(counts)), bucket) == made[-1].start


@given(_moments, _moments)
def test_the_fitting_stretch_is_the_shortest(one: int, other: int) -> None:
    first, last = min(one, other), max(one, other)
    bucket = fitting(first, last)
    if bucket is not Bucket.YEAR:
        assert len(bars({first: 1, last: 1}, bucket)) <= AUTO_BARS + 2


def test_usual_dates_begin_behind_the_forged_ones() -> None:
    assert usual_first({0: 1, 5: 50, 6: 60}) == 5
    assert usual_first({0: 2, 5: 50}) == 0
    assert usual_first({}) == 0
