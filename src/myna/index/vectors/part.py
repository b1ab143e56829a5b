"""One file of vectors as a reader has it: a log is scanned flat, a sealed segment by its lists."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import simsimd

from myna.index.vectors.record import Array, quantise, spread

_NO_ROWS = np.zeros(0, np.int64)
_SPARSE = 8
"""A time window with less than one in this many rows is scanned row by row, past the lists."""
_SAMPLED = 16


@dataclass(frozen=True, slots=True)
class Question:
    """What a search compares with."""

    floats: Array
    """(d,) float32 of length 1."""
    eight: Array
    """(1, d) int8."""


@dataclass(frozen=True, slots=True)
class Sketch:
    """A segment's vectors made short: turned into their main directions, of which the first are
    kept, in inverted lists. A scan of it costs a quarter of one of the vectors, and finds what is
    then compared exactly."""

    basis: Array
    """(d, width) float32."""
    rows: Array
    """(rows, width) int8."""
    scales: Array
    """(rows,) float32."""
    centroids: Array
    """(lists, width) int8."""
    centroid_scales: Array
    """(lists,) float32."""
    offsets: Array
    """(lists + 1,): the rows of list ``i`` are ``offsets[i]`` to ``offsets[i + 1]``."""

    def nearest(self, question: Question, share: float) -> tuple[Array, Array]:
        """Scores and rows of the lists nearest to a question, of ``share`` of them."""
        query = quantise((question.floats @ self.basis)[None])[0]
        count = math.ceil(share * len(self.centroids))
        if count >= len(self.centroids):
            return products(query, self.rows) * self.scales, np.arange(len(self.rows))
        near = products(query, self.centroids) * self.centroid_scales
        lists = np.sort(np.argpartition(-near, count - 1)[:count])
        starts, ends = self.offsets[lists], self.offsets[lists + 1]
        scores = np.concatenate(
            [
                products(query, self.rows[start:end])
                for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
            ]
        )
        rows = spread(starts, ends - starts)
        return scores * self.scales[rows], rows


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
    sketch: Sketch | None = None
    """None for a log, and for a segment whose sketch is damaged: their vectors are scanned."""
    first_posted: int | None = None
    last_posted: int | None = None
    """Times of the oldest and newest post; None where they are not known."""

    def rows_of(self, runs: Array) -> Array:
        """The rows of the runs with these numbers."""
        found = self.runs[runs]
        places = spread(found["first"], found["count"])
        return places if self.places is None else self.places[places]

    def nearest(
        self, question: Question, count: int, share: float, window: Window | None
    ) -> tuple[Array, Array]:
        """Scores and rows of about the ``count`` live vectors nearest to a question, unsorted; by
        a sketch, in ``share`` of its lists. A sketch's scores are a little low."""
        nothing = np.zeros(0, np.float32), _NO_ROWS
        if not len(self.vectors):
            return nothing
        if window is not None and self.first_posted is not None and self.last_posted is not None:
            if self.last_posted < window.since or self.first_posted >= window.until:
                return nothing
            if window.since <= self.first_posted and self.last_posted < window.until:
                window = None
        if window is not None:
            inside = np.flatnonzero(window.holds(self.runs["posted"])[self.owners] & self.live)
            if self.sketch is None or len(inside) * _SPARSE <= len(self.vectors):
                scores = products(question.eight, self.vectors[inside]) * self.scales[inside]
                return best(scores, inside, count)
        if self.sketch is None:
            scores = products(question.eight, self.vectors) * self.scales
            rows = np.arange(len(scores))
        else:
            scores, rows = self.sketch.nearest(question, share)
        wanted = self.live[rows]
        if window is not None:
            wanted = wanted & window.holds(self.runs["posted"][self.owners[rows]])
        scores[~wanted] = -np.inf
        return best(scores, rows, count)

    def cosines(self, query: Array, rows: Array) -> Array:
        """Exact products of a float32 query with the rows' vectors."""
        return (self.vectors[rows].astype(np.float32) @ query) * self.scales[rows]


def products(query: Array, vectors: Array) -> Array:
    """Dot products of an int8 query (1, d) with int8 vectors (n, d): float32 (n,)."""
    if not len(vectors):
        return np.zeros(0, np.float32)
    found = simsimd.cdist(query, vectors, metric="dot", dtype="int8", out_dtype="float32")
    return np.asarray(found).ravel()


def best(scores: Array, rows: Array, count: int) -> tuple[Array, Array]:
    """The ``count`` best of the scores that are finite, with their rows; unsorted."""
    if len(scores) > _SAMPLED * count:
        # Most are out of question: a sample of the scores tells how high the best must be.
        sample = scores[:: len(scores) // (_SAMPLED * count)]
        top = np.flatnonzero(scores >= np.partition(sample, -2 * _SAMPLED)[-2 * _SAMPLED])
        if len(top) >= count:
            scores, rows = scores[top], rows[top]
    if len(scores) > count:
        top = np.argpartition(-scores, count - 1)[:count]
        scores, rows = scores[top], rows[top]
    there = np.isfinite(scores)
    return scores[there], rows[there]
