"""What a search asks of the text index: the best, the newest, how many, when.

Looking at every post that has a common word takes its time (80 ms of 10 million posts for "the"),
so the newest are looked for in widening windows of time, and large totals are not counted out.
Segments that lie outside of a window cost nothing.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, NamedTuple

import tantivy
from tantivy import Occur, Order

from myna.index import compile as compiled
from myna.index.query import Atom, Part, Query
from myna.index.schema import RETRIEVE, entry_of
from myna.index.terms import query_tokens, variants
from myna.index.text import Snapshot

COUNTED = 300_000
"""Posts that a total is counted out to: about 3 ms."""
COUNTED_AT_LEAST = 10_000
"""Where there may be more, it is said that there are more than what is counted to get here."""
_WINDOWED = 50_000
_FIRST_WINDOW_MS = int(timedelta(hours=1) / timedelta(milliseconds=1))
_WIDER = 8
_WINDOWS = 6
"""One hour, eight, … three years and nine months, then all."""
LAST_ID = 1 << 62
"""Behind every post's."""


class Place(NamedTuple):
    """Where a post stands in the order of time. Fixed: neither part of it ever changes."""

    posted_at: int
    """Milliseconds since 1970."""
    id: int


@dataclass(frozen=True, slots=True)
class Conditions:
    """What is looked for: the clauses, and how many posts can meet them at most."""

    clauses: compiled.Clauses
    most: int

    @property
    def query(self) -> tantivy.Query:
        """All clauses together."""
        return compiled.conjunction(self.clauses)

    def within(self, snapshot: Snapshot, since: int | None, until: int | None) -> tantivy.Query:
        """All clauses, for posts from ``since`` to ``until``, both included, in milliseconds."""
        if since is None and until is None:
            return self.query
        span = tantivy.Query.range_query(
            snapshot.schema,
            "posted_at",
            tantivy.FieldType.Integer,
            lower_bound=since,
            upper_bound=until,
        )
        clause = (Occur.Must, tantivy.Query.const_score_query(span, 0.0))
        return compiled.conjunction([*self.clauses, clause])

    def without(
        self,
        snapshot: Snapshot,
        numbers: Collection[int],
        *,
        field: Literal["id", "origin"] = "id",
    ) -> Conditions:
        """The same, but none of these posts, or of these origins."""
        if not numbers:
            return self
        these = tantivy.Query.term_set_query(snapshot.schema, field, list(numbers))
        return Conditions([*self.clauses, (Occur.MustNot, these)], self.most)


def conditions_of(snapshot: Snapshot, query: Query, languages: Sequence[str]) -> Conditions | None:
    """All that a query asks, in the languages whose stems count; None where it asks nothing."""
    clauses = compiled.all_clauses(snapshot.schema, query, languages)
    if not clauses:
        return None
    shown = of_shown(snapshot)
    return Conditions([*clauses, *shown], _most(snapshot, query, languages))


def of_shown(snapshot: Snapshot) -> compiled.Clauses:
    """The conditions that a post is of no hidden account, and that its author lets it be found."""
    clauses = [(Occur.MustNot, query) for query in _refused(snapshot)]
    if snapshot.hidden:
        theirs = tantivy.Query.term_set_query(snapshot.schema, "account", list(snapshot.hidden))
        clauses.append((Occur.MustNot, theirs))
    return clauses


def of_refused(snapshot: Snapshot, clauses: compiled.Clauses) -> Conditions | None:
    """What meets ``clauses`` and is left out only because its author wishes it; None where no
    author does."""
    refused = [(Occur.Should, query) for query in _refused(snapshot)]
    if not refused:
        return None
    those = tantivy.Query.const_score_query(tantivy.Query.boolean_query(refused), 0.0)
    made = [*clauses, (Occur.Must, those)]
    if snapshot.hidden:
        hidden = tantivy.Query.term_set_query(snapshot.schema, "account", list(snapshot.hidden))
        made.append((Occur.MustNot, hidden))
    return Conditions(made, snapshot.searcher.doc_freq("refused", RETRIEVE))


def count_refused(snapshot: Snapshot, query: Query, languages: Sequence[str]) -> int:
    """How many posts have all that a query asks and are left out by their authors' wish."""
    clauses = compiled.all_clauses(snapshot.schema, query, languages)
    refused = of_refused(snapshot, clauses) if clauses else None
    return _count(snapshot, refused.query) if refused else 0


def outranked_by_refused(
    snapshot: Snapshot, clauses: compiled.Clauses, words: tantivy.Query, least: float, limit: int
) -> int:
    """How many posts that are left out by their authors' wish fit ``words`` at least as well as
    a score of ``least``: up to ``limit``."""
    refused = of_refused(snapshot, [*clauses, (Occur.Must, words)])
    found = best(snapshot, refused.query, limit) if refused else {}
    return sum(score >= least for score in found.values())


def _refused(snapshot: Snapshot) -> list[tantivy.Query]:
    """Posts whose authors do not want them to be found; nothing where there are none."""
    found: list[tantivy.Query] = []
    if snapshot.searcher.doc_freq("refused", RETRIEVE):
        found.append(tantivy.Query.term_query(snapshot.schema, "refused", RETRIEVE, "basic"))
    if snapshot.refusing:
        theirs = list(snapshot.refusing)
        found.append(tantivy.Query.term_set_query(snapshot.schema, "account", theirs))
    return found


def best(snapshot: Snapshot, query: tantivy.Query, limit: int) -> dict[int, float]:
    """Ids with their BM25, best first."""
    found = snapshot.searcher.search(query, limit=limit, count=False)
    ids = snapshot.searcher.fast_field_values("id", [address for _, address in found.hits])
    return {
        int(id): float(score)
        for id, (score, _) in zip(ids, found.hits, strict=True)
        if id is not None
    }


def allowed(snapshot: Snapshot, ids: Sequence[int], clauses: compiled.Clauses) -> dict[int, float]:
    """Those of ``ids`` that meet the clauses, in their order; words speak for none of them."""
    if clauses and ids:
        met = best(snapshot, compiled.among(snapshot.schema, ids, clauses), len(ids))
        ids = [post for post in ids if post in met]
    return dict.fromkeys(ids, 0.0)


def in_time(
    snapshot: Snapshot,
    wanted: Conditions,
    limit: int,
    *,
    behind: Place | None = None,
    oldest: bool = False,
    now: int,
) -> list[Place]:
    """The next ``limit`` posts behind a place, the newest (or oldest) first. Posts of one
    millisecond are in the order of their ids, so that no page repeats or skips one."""
    found: list[Place] = []
    if behind:
        found = _at(snapshot, wanted, behind.posted_at, limit, oldest=oldest, behind=behind.id)
    while len(found) < limit:
        edge = found[-1].posted_at if found else behind.posted_at if behind else None
        missing = limit - len(found)
        more = _next(snapshot, wanted, missing + 1, edge, oldest=oldest, now=now)
        if len(more) <= missing:
            return [*found, *more]
        cut = more[missing].posted_at  # of this millisecond there may be more than were found
        found += [place for place in more if place.posted_at != cut]
        if len(found) < limit:
            found += _at(snapshot, wanted, cut, limit - len(found), oldest=oldest)
    return found[:limit]


def _at(
    snapshot: Snapshot,
    wanted: Conditions,
    moment: int,
    limit: int,
    *,
    oldest: bool,
    behind: int | None = None,
) -> list[Place]:
    """Posts of one millisecond, by id."""
    conditions = Conditions(list(wanted.clauses), wanted.most)
    if behind is not None:
        if behind < 1 and not oldest:
            return []
        beyond = tantivy.Query.range_query(
            snapshot.schema,
            "id",
            tantivy.FieldType.Unsigned,
            lower_bound=behind + 1 if oldest else None,
            upper_bound=None if oldest else behind - 1,
        )
        conditions.clauses.append((Occur.Must, tantivy.Query.const_score_query(beyond, 0.0)))
    query = conditions.within(snapshot, moment, moment)
    found = snapshot.searcher.search(
        query, limit, count=False, order_by_field="id", order=Order.Asc if oldest else Order.Desc
    )
    return [Place(moment, int(id)) for id, _ in found.hits]


def _next(
    snapshot: Snapshot,
    wanted: Conditions,
    limit: int,
    edge: int | None,
    *,
    oldest: bool,
    now: int,
) -> list[Place]:
    """The first ``limit`` posts beyond a moment, by time and then by id."""
    order = Order.Asc if oldest else Order.Desc
    places: list[Place] = []
    for width in _widths(wanted):
        since = until = None
        if oldest:
            since = None if edge is None else edge + 1
            until = None if width is None or since is None else since + width
        else:
            until = None if edge is None else edge - 1
            since = None if width is None else (now if until is None else until) - width
        query = wanted.within(snapshot, since, until)
        found = snapshot.searcher.search(
            query, limit, count=False, order_by_field="posted_at", order=order
        )
        ids = snapshot.searcher.fast_field_values("id", [address for _, address in found.hits])
        pairs = zip(found.hits, ids, strict=True)
        places = [Place(int(moment), int(id or 0)) for (moment, _), id in pairs]
        if len(places) == limit or (oldest and until is None):
            break
    return sorted(places, reverse=not oldest)


def _widths(wanted: Conditions) -> Iterator[int | None]:
    """Windows to look into, one after the other; None is all of time."""
    if wanted.most > _WINDOWED:
        yield from (_FIRST_WINDOW_MS * _WIDER**step for step in range(_WINDOWS))
    yield None


def total(snapshot: Snapshot, wanted: Conditions, now: int) -> tuple[int, bool]:
    """How many posts meet the conditions, and whether that is all of them or only what was
    counted."""
    counted = 0
    for width in _widths(wanted) if wanted.most > COUNTED else (None,):
        since = None if width is None else now - width
        counted = _count(snapshot, wanted.within(snapshot, since, None))
        if counted >= COUNTED_AT_LEAST and width is not None:
            return counted, False
    return counted, True


def _count(snapshot: Snapshot, query: tantivy.Query) -> int:
    """Counting is five times as fast where nothing is scored."""
    found = snapshot.searcher.aggregate(query, {"n": {"value_count": {"field": "posted_at"}}})
    return int(found["n"]["value"])


def histogram(
    snapshot: Snapshot, wanted: Conditions, width: int, since: int | None = None
) -> dict[int, int]:
    """Beginning of each stretch of ``width`` milliseconds that has posts → how many."""
    asked = {"field": "posted_at", "interval": width, "min_doc_count": 1}
    query = wanted.within(snapshot, since, None)
    found: dict[str, Any] = snapshot.searcher.aggregate(query, {"n": {"histogram": asked}})
    return {int(one["key"]): int(one["doc_count"]) for one in found["n"]["buckets"]}


def frequency(snapshot: Snapshot, terms: Iterable[str]) -> int:
    """How many posts have the commonest of the terms."""
    return max((snapshot.searcher.doc_freq("body", term) for term in terms), default=0)


def idf(snapshot: Snapshot, terms: Sequence[str]) -> float:
    """BM25's idf of a word, by its commonest form."""
    posts, with_it = snapshot.searcher.num_docs, frequency(snapshot, terms)
    return math.log(1 + max(0.0, posts - with_it + 0.5) / (with_it + 0.5))


def _most(snapshot: Snapshot, query: Query, languages: Sequence[str]) -> int:
    """How many posts can meet a query at most, by its rarest part."""
    most = snapshot.searcher.num_docs
    for group in query.groups:
        if not any(atom.negated for atom in group):
            most = min(most, sum(_most_of(snapshot, atom, languages) for atom in group))
    return most


def _most_of(snapshot: Snapshot, atom: Atom, languages: Sequence[str]) -> int:
    searcher = snapshot.searcher
    if atom.part in (Part.WORD, Part.PHRASE):
        words = [variants(token.word, languages) for token in query_tokens(atom.value)]
        return min(
            (sum(searcher.doc_freq("body", term) for term in terms) for terms in words),
            default=searcher.num_docs,
        )
    if atom.part is Part.DOMAIN and "." not in atom.value:
        return searcher.num_docs
    return searcher.doc_freq(*entry_of(atom))
