"""How many posts of a search were written when: counted by the text index, never post by post."""

from __future__ import annotations

from myna.index.buckets import MOST_BARS, WIDTH_MS, Bar, Bucket, bars, fitting, usual_first
from myna.index.lookup import Conditions, histogram
from myna.index.text import Snapshot

_DAY_MS = WIDTH_MS[Bucket.DAY]


def count_bars(
    snapshot: Snapshot, wanted: Conditions, bucket: Bucket | None
) -> tuple[Bucket, list[Bar], int]:
    """The stretch of time taken, its bars, and how many posts lie before them.

    Without a ``bucket`` one is taken that gives up to a hundred bars, and a few posts with far
    older dates are not drawn.
    """
    days = histogram(snapshot, wanted, _DAY_MS)
    if not days:
        return bucket or Bucket.DAY, [], 0
    first = min(days) if bucket else usual_first(days)
    chosen = bucket or fitting(first, max(days) + _DAY_MS - 1)
    counts = {day: posts for day, posts in days.items() if day >= first}
    if chosen in (Bucket.MINUTE, Bucket.HOUR):
        since = max(first, max(days) - MOST_BARS * WIDTH_MS[chosen])
        counts = histogram(snapshot, wanted, WIDTH_MS[chosen], since)
        if bucket is None and fitting(min(counts), max(counts)) is Bucket.MINUTE:
            chosen = Bucket.MINUTE
            counts = histogram(snapshot, wanted, WIDTH_MS[chosen], since)
    drawn = bars(counts, chosen)
    return chosen, drawn, sum(days.values()) - sum(bar.posts for bar in drawn)
