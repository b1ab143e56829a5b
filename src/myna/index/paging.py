"""The pages of a search behind its first: where each begins, and what stands on it.

By relevance, copies are one hit on whichever page: behind the ranked posts come the others, the
newest of each origin, and none of an origin that was ranked. In the order of time each post stands
for itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from myna.db.engine import Database
from myna.db.posts import get_posts
from myna.index import lookup
from myna.index.copies import fold, latest_of_each, origins_of
from myna.index.cursor import Cursor
from myna.index.prepared import Prepared
from myna.index.results import Hit, hit_of

_LOOKS = 5
"""For a page's posts: each leaves out the copies that the ones before met, of whatever number."""


def ranked_once(
    asked: Prepared, hits: Sequence[Hit], ids: Sequence[int], rest: Sequence[int]
) -> list[int]:
    """``ids`` (those of ``hits``, folded, lead them), then those of ``rest`` that are the first
    of their origin among all."""
    origins = origins_of(asked.snapshot, rest)
    seen = {hit.origin for hit in hits if hit.origin is not None}
    order = list(ids)
    for id in rest:
        origin = origins.get(id)
        if origin is None or origin not in seen:
            order.append(id)
        if origin is not None:
            seen.add(origin)
    return order


def page(
    db: Database,
    asked: Prepared,
    wanted: lookup.Conditions,
    limit: int,
    ended: Cursor,
    *,
    oldest: bool = False,
) -> tuple[list[Hit], Cursor]:
    """The posts behind where the last page ended, and where this one does.

    Raises:
        DatabaseError: the store is away.
    """
    ids = list(ended.ids[ended.shown : ended.shown + limit])
    place, whole = ended.place, ended.whole
    by_relevance = bool(ended.ids)
    if len(ids) < limit and not whole:
        found, place, whole = _rest(asked, wanted, limit - len(ids), ended, oldest=oldest)
        ids += found
    with db.begin() as conn:
        posts = get_posts(conn, ids)
    hits = [
        hit_of(posts[id], 0.0, asked.matcher.compare(posts[id].post), None)
        for id in ids
        if id in posts
    ]
    if by_relevance:
        hits = fold(db, asked.snapshot, hits, wanted.query)
    shown = min(len(ended.ids), ended.shown + limit)
    return hits, replace(ended, shown=shown, place=place, whole=whole)


def _rest(
    asked: Prepared, wanted: lookup.Conditions, limit: int, ended: Cursor, *, oldest: bool
) -> tuple[list[int], lookup.Place | None, bool]:
    """Up to ``limit`` posts in the order of time, where they end, and whether that is all."""
    snapshot, place = asked.snapshot, ended.behind
    if not ended.ids:
        return _cut(
            lookup.in_time(snapshot, wanted, limit + 1, behind=place, oldest=oldest, now=ended.now),
            limit,
            place,
        )
    place = place or lookup.Place(ended.now, lookup.LAST_ID)  # nothing that came after page one
    rest = wanted.without(snapshot, ended.ids)
    rest = rest.without(snapshot, set(origins_of(snapshot, ended.ids).values()), field="origin")
    ids: list[int] = []
    whole = False
    for _ in range(_LOOKS):
        missing = limit - len(ids)
        places = lookup.in_time(snapshot, rest, missing + 1, behind=place, now=ended.now)
        found, place, whole = _cut(places, missing, place)
        ids += latest_of_each(snapshot, rest.within(snapshot, None, ended.now), found)
        if whole or len(ids) == limit:
            break
        met = set(origins_of(snapshot, found).values())
        rest = rest.without(snapshot, met, field="origin")
    return ids, place, whole


def _cut(
    places: Sequence[lookup.Place], limit: int, before: lookup.Place | None
) -> tuple[list[int], lookup.Place | None, bool]:
    kept = places[:limit]
    return [one.id for one in kept], kept[-1] if kept else before, len(places) <= limit
