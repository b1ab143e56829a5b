"""One file of vectors as a reader has it: a log is scanned flat, a sealed segment by its lists."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import simsimd

from myna.index.vectors.record import Array, spread

_NO_ROWS = np.zeros(0, np.int64)
_SPARSE = 8
"""A time window with less than one in this many rows is scanned row by row, past the lists."""


@dataclass(frozen=True, slots=True)
class Lists:
    """The inverted lists of a segment, whose rows stand in their order."""

    centroids: Array
    """(lists, d) int8."""
    scales: Array
    """(lists,) float32."""
    offsets: Array
    """(lists + 1,): the rows of list ``i`` are ``offsets[i]`` to ``offsets[i + 1]``."""

    def nearest(self, query: Array, count: int) -> Array:
        """Numbers of the ``count`` lists whose centroids are nearest to an int8 query (1, d)."""
        scores = products(query, self.centroids) * self.scales
        count = min(count, len(scores))
        return np.argpartition(-scores, count - 1)[:count]


@dataclass(frozen=True, slots=True)
class Window:
    """Posts of a time, in seconds since 1970: ``since <= posted < until``."""

    since: int
    until: int

    def holds(self, posted: Array) -> Array:
        """Which of the times are within, as bools."""
        return (posted >= self.since) & (posted < self.until)


@dataclass(frozen=True, slots=True)
class Part:
    """The vectors of one file, mapped, up to one moment. A row is one vector."""

    name: str
    vectors: Array
    """(rows, d) int8."""
    scales: Array
    """(rows,) float32: vector = int8 · scale."""
    kinds: Array
    owners: Array
    """(rows,): number of the run that a row is of."""
    runs: Array
    """(runs,) of RUN."""
    places: Array | None
    """Row of each place that a run names; None where they are the same."""
    live: Array
    """(rows,) bool, of this reader: whether the row is a vector of its post's latest run. The only
    thing in here that changes."""
    lists: Lists | None = None
    """None for a log, and for a segment whose lists are damaged."""
    first_posted: int | None = None
    last_posted: int | None = None
    """Times of the oldest and newest post; None where they are not known."""

    def rows_of(self, runs: Array) -> Array:
        """The rows of the runs with these numbers."""
        found = self.runs[runs]
        places = spread(found["first"], found["count"])
        return places if self.places is None else self.places[places]

    def nearest(
        self, query: Array, count: int, probes: int, window: Window | None
    ) -> tuple[Array, Array]:
        """Scores and rows of about the ``count`` live vectors nearest to an int8 query (1, d),
        unsorted; by lists, of the ``probes`` nearest of them."""
        if not len(self.vectors):
            return np.zeros(0, np.float32), _NO_ROWS
        if window is not None and self.first_posted is not None and self.last_posted is not None:
            if self.last_posted < window.since or self.first_posted >= window.until:
                return np.zeros(0, np.float32), _NO_ROWS
            if window.since <= self.first_posted and self.last_posted < window.until:
                window = None
        if window is not None:
            inside = np.flatnonzero(window.holds(self.runs["posted"])[self.owners] & self.live)
            if self.lists is None or len(inside) * _SPARSE <= len(self.vectors):
                scores = products(query, self.vectors[inside]) * self.scales[inside]
                return best(scores, inside, count)
        spans = self._spans(query, probes)
        scores = np.concatenate([products(query, self.vectors[a:b]) for a, b in spans])
        rows = np.concatenate([np.arange(a, b) for a, b in spans])
        scores *= self.scales[rows]
        wanted = self.live[rows]
        if window is not None:
            wanted = wanted & window.holds(self.runs["posted"][self.owners[rows]])
        scores[~wanted] = -np.inf
        return best(scores, rows, count)

    def _spans(self, query: Array, probes: int) -> list[tuple[int, int]]:
        if self.lists is None:
            return [(0, len(self.vectors))]
        offsets = self.lists.offsets
        return [
            (int(offsets[one]), int(offsets[one + 1])) for one in self.lists.nearest(query, probes)
        ]

    def cosines(self, query: Array, rows: Array) -> Array:
        """Exact products of a float32 query with the rows' vectors."""
        return (self.vectors[rows].astype(np.float32) @ query) * self.scales[rows]


def products(query: Array, vectors: Array) -> Array:
    """Dot products of an int8 query (1, d) with int8 vectors (n, d): float32 (n,)."""
    if not len(vectors):
        return np.zeros(0, np.float32)
    found = simsimd.cdist(query, vectors, metric="dot", dtype="int8")
    return np.asarray(found, dtype=np.float32).ravel()


def best(scores: Array, rows: Array, count: int) -> tuple[Array, Array]:
    """The ``count`` best of the scores that are finite, with their rows; unsorted."""
    if len(scores) > count:
        top = np.argpartition(-scores, count - 1)[:count]
        scores, rows = scores[top], rows[top]
    there = np.isfinite(scores)
    return scores[there], rows[there]
