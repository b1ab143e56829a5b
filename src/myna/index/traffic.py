"""Traffic: how many people spoke of a subject in a span of time, counted in the text index.

Everything is counted at the moment it is asked for, so what was deleted is not counted from the
next commit on. Only posts that are their own origin have subjects: copies do not count. Where a
span has more posts than ``SAMPLED``, subjects are proposed from the posts of a share of its people;
those that are proposed are counted in full.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tantivy
from tantivy import Occur

from myna.index.schema import name_number
from myna.index.text import Snapshot

SAMPLED = 30_000
"""Posts of a span that subjects are proposed from, about."""
PROPOSED = 4_000
"""Subjects of a span that are counted at all: the most frequent ones."""
_PEOPLE = 2**32


@dataclass(frozen=True, slots=True)
class Span:
    """Times in milliseconds: ``after`` is not part of it, ``to`` is."""

    after: int
    to: int


@dataclass(frozen=True, slots=True)
class Said:
    """A post that speaks of something."""

    post: int
    person: int
    origin: int
    posted_at: int


class Traffic:
    """One snapshot of the index, of one network or of all."""

    def __init__(self, snapshot: Snapshot, network: str | None) -> None:
        self._snapshot = snapshot
        self._schema = snapshot.schema
        self._searcher = snapshot.searcher
        self._network = network

    def newest(self) -> int | None:
        """Time of the newest post; None where there is none."""
        found = self._searcher.search(
            self._all_of([]), limit=1, count=False, order_by_field="posted_at"
        )
        times = self._fast("posted_at", found)
        return int(times[0]) if times else None

    def posts(self, span: Span) -> int:
        """How many posts there are, copies too."""
        return self._count(self._all_of([self._within(span)]))

    def subjects(self, span: Span) -> tuple[dict[str, int], int]:
        """Subject → its posts, and the posts of the span, both in the sample."""
        clauses = [self._within(span)]
        posts = self.posts(span)
        if posts > SAMPLED:
            clauses.append(self._range("person", 0, int(_PEOPLE * SAMPLED / posts)))
            posts = self._count(self._all_of(clauses))
        found = self._searcher.aggregate(
            self._all_of(clauses),
            {"subjects": {"terms": {"field": "subject", "size": PROPOSED}}},
        )
        return {one["key"]: one["doc_count"] for one in found["subjects"]["buckets"]}, posts

    def overall(self, subject: str) -> float:
        """Share of all posts of the index that speak of it."""
        posts = self._searcher.num_docs
        return self._searcher.doc_freq("subject", subject) / posts if posts else 0.0

    def people(self, subject: str, span: Span) -> int:
        """How many authors speak of it."""
        found = self._searcher.aggregate(
            self._all_of([self._about(subject), self._within(span)]),
            {"people": {"cardinality": {"field": "person"}}},
        )
        return round(found["people"]["value"])

    def said(self, subject: str, span: Span, limit: int) -> tuple[list[Said], int]:
        """Its newest posts, and how many there are."""
        found = self._searcher.search(
            self._all_of([self._about(subject), self._within(span)]),
            limit=limit,
            order_by_field="posted_at",
        )
        fields = (self._fast(name, found) for name in ("id", "person", "origin", "posted_at"))
        posts = [Said(*map(int, row)) for row in zip(*fields, strict=True)]
        return posts, _total(found)

    def is_named(self, handle: str, span: Span) -> bool:
        """Whether somebody of this name posts there: then it is no subject."""
        by = tantivy.Query.term_query(self._schema, "author", name_number(handle))
        return self._count(self._all_of([by, self._within(span)])) > 0

    def repeated(self, origins: Sequence[int], span: Span) -> int:
        """How many posts say what these origins say, they themselves among them."""
        these = tantivy.Query.term_set_query(self._schema, "origin", list(origins))
        return self._count(self._all_of([these, self._within(span)]))

    def windows(self, span: Span, width: int, subject: str | None = None) -> list[int]:
        """The span in windows of ``width`` milliseconds, the latest first: authors who speak of
        ``subject`` in each, or the number of all posts."""
        clauses = [self._within(span)]
        if subject is not None:
            clauses.append(self._about(subject))
        wanted: dict[str, Any] = {
            "histogram": {"field": "posted_at", "interval": width, "offset": (span.to + 1) % width}
        }
        if subject is not None:
            wanted["aggs"] = {"people": {"cardinality": {"field": "person"}}}
        found = self._searcher.aggregate(self._all_of(clauses), {"windows": wanted})
        counts = [0] * -(-(span.to - span.after) // width)
        for bucket in found["windows"]["buckets"]:
            place = (span.to - int(bucket["key"])) // width
            if 0 <= place < len(counts):
                counts[place] = _size(bucket)
        return counts

    def _about(self, subject: str) -> tantivy.Query:
        return tantivy.Query.term_query(self._schema, "subject", subject, "basic")

    def _within(self, span: Span) -> tantivy.Query:
        return tantivy.Query.range_query(
            self._schema,
            "posted_at",
            tantivy.FieldType.Integer,
            lower_bound=span.after,
            upper_bound=span.to,
            include_lower=False,
        )

    def _range(self, field: str, least: int, below: int) -> tantivy.Query:
        return tantivy.Query.range_query(
            self._schema,
            field,
            tantivy.FieldType.Unsigned,
            lower_bound=least,
            upper_bound=below,
            include_upper=False,
        )

    def _all_of(self, queries: Sequence[tantivy.Query]) -> tantivy.Query:
        wanted = list(queries)
        if self._network:
            name = self._network.lower()
            wanted.append(tantivy.Query.term_query(self._schema, "network", name, "basic"))
        if not wanted:
            return tantivy.Query.all_query()
        return tantivy.Query.boolean_query([(Occur.Must, query) for query in wanted])

    def _count(self, query: tantivy.Query) -> int:
        return _total(self._searcher.search(query, limit=1))

    def _fast(self, field: str, found: tantivy.SearchResult) -> list[int]:
        values = self._searcher.fast_field_values(field, [address for _, address in found.hits])
        return [int(value or 0) for value in values]


def _total(found: tantivy.SearchResult) -> int:
    return int(found.count or 0)  # pyright: ignore[reportAttributeAccessIssue]  # not in the stub


def _size(bucket: Mapping[str, Any]) -> int:
    people = bucket.get("people")
    return round(people["value"]) if people else int(bucket["doc_count"])
