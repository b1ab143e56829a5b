"""Stretches of time that posts are counted by: which fits, where each begins. Pure. UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

MOST_BARS = 1_000
AUTO_BARS = 100
"""Where nobody says which stretch, the shortest that gives no more of them than this."""
_OUTLIERS = 0.01
"""Share of posts that may lie before the first bar: dates that a clock got wrong."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Bucket(StrEnum):
    """A stretch of time."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    """From Monday."""
    MONTH = "month"
    YEAR = "year"


WIDTH_MS = {
    Bucket.MINUTE: 60_000,
    Bucket.HOUR: 3_600_000,
    Bucket.DAY: 86_400_000,
    Bucket.WEEK: 604_800_000,
    Bucket.MONTH: 2_592_000_000,
    Bucket.YEAR: 31_536_000_000,
}
"""Of a month and a year about."""


@dataclass(frozen=True, slots=True)
class Bar:
    """Posts from ``start`` to the start of the next bar."""

    start: datetime
    posts: int


def moment(milliseconds: int) -> datetime:
    """Milliseconds since 1970 as a time."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def milliseconds(time: datetime) -> int:
    """A time as milliseconds since 1970."""
    return (time - _EPOCH) // timedelta(milliseconds=1)


def fitting(first: int, last: int, most: int = AUTO_BARS) -> Bucket:
    """The shortest stretch of which at most ``most`` cover two moments (milliseconds)."""
    return next(
        (bucket for bucket in Bucket if (last - first) // WIDTH_MS[bucket] < most), Bucket.YEAR
    )


def usual_first(days: Mapping[int, int]) -> int:
    """The first of the days (milliseconds → posts) but for the few posts with far older dates."""
    spare = int(sum(days.values()) * _OUTLIERS)
    for day in sorted(days):
        spare -= days[day]
        if spare < 0:
            return day
    return max(days, default=0)


def start_of(time: datetime, bucket: Bucket) -> datetime:
    """The beginning of the stretch that a time lies in."""
    if bucket is Bucket.MINUTE:
        return time.replace(second=0, microsecond=0)
    if bucket is Bucket.HOUR:
        return time.replace(minute=0, second=0, microsecond=0)
    day = time.replace(hour=0, minute=0, second=0, microsecond=0)
    if bucket is Bucket.WEEK:
        return day - timedelta(
            days=min(day.weekday(), (day - datetime.min.replace(tzinfo=UTC)).days)
        )
    if bucket is Bucket.MONTH:
        return day.replace(day=1)
    return day.replace(month=1, day=1) if bucket is Bucket.YEAR else day


def next_start(start: datetime, bucket: Bucket) -> datetime:
    """The beginning of the next stretch."""
    if bucket is Bucket.YEAR:
        return start.replace(year=start.year + 1)
    if bucket is Bucket.MONTH:
        return (start + timedelta(days=31)).replace(day=1)
    return start + timedelta(milliseconds=WIDTH_MS[bucket])


def bars(counts: Mapping[int, int], bucket: Bucket) -> list[Bar]:
    """Counts of shorter stretches (their beginning in milliseconds → posts) as bars without gaps,
    the last ``MOST_BARS`` of them."""
    if not counts:
        return []
    grouped: dict[datetime, int] = {}
    for key, posts in counts.items():
        start = start_of(moment(key), bucket)
        grouped[start] = grouped.get(start, 0) + posts
    made: list[Bar] = []
    last = max(grouped)
    span = MOST_BARS * WIDTH_MS[bucket]
    earliest = moment(max(milliseconds(last) - span, milliseconds(min(grouped))))
    start = start_of(earliest, bucket)
    while start <= last:
        made.append(Bar(start, grouped.get(start, 0)))
        start = next_start(start, bucket)
    return made[-MOST_BARS:]
