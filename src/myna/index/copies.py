"""Copies in results: hits that share an origin are one hit, and a query's posts are counted by it.

What is counted is bounded: the copies of the hits that are shown, and all origins of a query only
where it has at most ``MOST_COUNTED`` posts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import tantivy
from tantivy import Occur

from myna.db.engine import Database
from myna.db.posts import get_posts
from myna.errors import DatabaseError
from myna.index import compile as compiled
from myna.index.lookup import of_shown
from myna.index.results import Hit
from myna.index.text import Snapshot, origins_in
from myna.post import StoredPost

_OF_ONE_MOMENT = 100
"""Posts with the same words in the same millisecond; of more, one may be shown again."""
MOST_COUNTED = 20_000
"""Posts of a query whose origins are counted: some 5 ms."""


def fold(
    db: Database, snapshot: Snapshot, hits: Sequence[Hit], query: tantivy.Query | None = None
) -> list[Hit]:
    """The best hit of each origin, in order, with the number of posts that say the same (of those
    of ``query``, if one is given) and the first of them. Where the store is away that one is not
    told."""
    found = origins_of(snapshot, [hit.post.id for hit in hits])
    kept: dict[int | str, Hit] = {}
    for hit in hits:
        origin = found.get(hit.post.id)
        kept.setdefault(_key(hit) if origin is None else origin, replace(hit, origin=origin))
    counts = _posts(snapshot, query, [one for one in kept if isinstance(one, int)])
    firsts = {
        origin: _first(snapshot, query, origin) for origin, count in counts.items() if count > 1
    }
    posts = _read(db, [post for post in firsts.values() if post is not None])
    return [
        replace(
            hit,
            copies=max(1, counts.get(hit.origin or 0, 1)),
            first=posts.get(firsts.get(hit.origin or 0) or 0),
        )
        for hit in kept.values()
    ]


def count_origins(snapshot: Snapshot, query: tantivy.Query, total: int) -> int | None:
    """How many of the ``total`` posts of a query are no copy of another; None where there are too
    many posts to count."""
    if total > MOST_COUNTED:
        return None
    found = snapshot.searcher.aggregate(
        query,
        {"copied": {"terms": {"field": "origin", "size": MOST_COUNTED, "min_doc_count": 2}}},
    )
    copies = sum(bucket["doc_count"] - 1 for bucket in found["copied"]["buckets"])
    return max(min(total, 1), total - copies)


def _key(hit: Hit) -> str:
    """What a post without a known origin is compared by: its very words."""
    return " ".join(hit.post.post.text.casefold().split())


def _read(db: Database, ids: Sequence[int]) -> dict[int, StoredPost]:
    if not ids:
        return {}
    try:
        with db.begin() as conn:
            return get_posts(conn, ids)
    except DatabaseError:
        return {}


def origins_of(snapshot: Snapshot, posts: Sequence[int]) -> dict[int, int]:
    """Post → its origin, of those that the index has."""
    return origins_in(snapshot.searcher, snapshot.schema, posts)


def _posts(
    snapshot: Snapshot, query: tantivy.Query | None, origins: Sequence[int]
) -> dict[int, int]:
    """Origin → posts of the query that it has, of those that are shown."""
    if not origins:
        return {}
    these = tantivy.Query.term_set_query(snapshot.schema, "origin", list(origins))
    found = snapshot.searcher.aggregate(
        _both(snapshot, query, these),
        {"origins": {"terms": {"field": "origin", "size": len(origins)}}},
    )
    return {int(one["key"]): int(one["doc_count"]) for one in found["origins"]["buckets"]}


def latest_of_each(snapshot: Snapshot, query: tantivy.Query, posts: Sequence[int]) -> list[int]:
    """Those of ``posts`` (of the query, the newest first) that are the newest of their origin
    among the query's posts, in their order."""
    found = origins_of(snapshot, posts)
    counts = _posts(snapshot, query, list(set(found.values())))
    newest = {
        origin: _first(snapshot, query, origin, newest=True)
        for origin, count in counts.items()
        if count > 1
    }
    return [post for post in posts if newest.get(found.get(post, 0), post) == post]


def _first(
    snapshot: Snapshot, query: tantivy.Query | None, origin: int, *, newest: bool = False
) -> int | None:
    """The earliest or latest post of the query with this origin. Of several of one millisecond it
    is that with the highest number: pages are in that order."""
    this = tantivy.Query.term_query(snapshot.schema, "origin", origin)
    both = _both(snapshot, query, this)
    found = snapshot.searcher.search(
        both,
        limit=_OF_ONE_MOMENT if newest else 1,
        count=False,
        order_by_field="posted_at",
        order=tantivy.Order.Desc if newest else tantivy.Order.Asc,
    )
    latest = found.hits[0][0] if found.hits else None
    places = [address for moment, address in found.hits if moment == latest]
    ids = snapshot.searcher.fast_field_values("id", places)
    return max((int(id) for id in ids if id is not None), default=None)


def _both(snapshot: Snapshot, query: tantivy.Query | None, other: tantivy.Query) -> tantivy.Query:
    if query is None:
        return compiled.restricted(of_shown(snapshot), other)
    only = tantivy.Query.const_score_query(query, 0.0)
    return tantivy.Query.boolean_query([(Occur.Must, only), (Occur.Must, other)])
