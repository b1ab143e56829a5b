"""Search over the vectors that another process writes."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from myna.errors import StorageError
from myna.index.vectors.directory import Directory
from myna.index.vectors.part import Part, Question, Window
from myna.index.vectors.record import Array, Kind, quantise

SCANNED_ROWS = 300_000
"""Vectors whose sketches a search looks at: all up to so many, then those of the nearest lists."""
_LEAST_SHARE = 0.05
_COMPARED_LEAST = 400
_COMPARED = 4
"""For each post that is asked for, so many vectors are compared exactly."""
_COMPARED_SHARE = 500
"""One in so many of all vectors is: the more there are, the more a sketch takes for the best."""
_FOREVER = 1 << 62


@dataclass(frozen=True, slots=True)
class Vectors:
    """All vectors up to one moment. What is deleted later is left out even so."""

    parts: Mapping[int, Part]
    directory: Directory | None
    posts: int
    """Posts with at least one vector."""

    def scan(
        self,
        query: Array,
        count: int,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        scanned_rows: int = SCANNED_ROWS,
    ) -> list[int]:
        """Ids of the ``count`` posts whose best vector is nearest to a float32 query of length 1,
        best first, of those posted from ``since`` on and before ``until``."""
        if count < 1:
            return []
        window = _window(since, until)
        question = Question(query, quantise(query[None])[0])
        sealed = sum(len(part.vectors) for part in self.parts.values() if part.sketch)
        compared = max(_COMPARED * count, _COMPARED_LEAST, sealed // _COMPARED_SHARE)
        share = min(1.0, max(_LEAST_SHARE, scanned_rows / max(1, sealed)))
        near = [
            (part, *part.nearest(question, compared, share, window)) for part in self.parts.values()
        ]
        # Sketches' scores compare with each other; those of whole vectors are a little higher.
        sketched = [scores for part, scores, _ in near if part.sketch]
        floor = _floor(np.concatenate(sketched), compared) if sketched else -np.inf
        posts: list[Array] = [np.zeros(0, np.uint64)]
        exact: list[Array] = [np.zeros(0, np.float32)]
        for part, scores, rows in near:
            kept = rows[scores >= floor] if part.sketch else rows
            exact.append(part.cosines(query, kept))
            posts.append(part.runs["post"][part.owners[kept]])
        order = np.argsort(-np.concatenate(exact), kind="stable")
        return list(dict.fromkeys(np.concatenate(posts)[order].tolist()))[:count]

    def cosines(self, query: Array, post: int) -> dict[Kind, float]:
        """The best cosine of each kind of a post's vectors, from all of the query's precision.
        Empty for a post that has not been seen to yet; 0 for one that says too little."""
        found = self.directory.find(post) if self.directory and post >= 0 else None
        if found is None:
            return {}
        part = self.parts.get(found[0])
        if part is None or found[1] >= len(part.runs):  # it moved since this view was taken
            part = self.directory.slots.get(found[0]) if self.directory else None
            if part is None:
                return {}
        rows = part.rows_of(np.array([found[1]]))
        if not len(rows):
            return {Kind.WHOLE: 0.0}
        best: dict[Kind, float] = {}
        products = part.cosines(query, rows).tolist()
        for kind, product in zip(part.kinds[rows].tolist(), products, strict=True):
            best[Kind(kind)] = max(best.get(Kind(kind), -1.0), product)
        return best


class VectorReader:
    """Follows a folder of vectors that another process writes. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._mutex = threading.Lock()
        self._directory = Directory(path)

    def view(self) -> Vectors:
        """All vectors that are whole by now; an empty view while there are none."""
        with self._mutex:
            try:
                self._directory.refresh()
            except StorageError:
                self._directory = Directory(self.path)
                return self._first()
            except OSError:
                return Vectors({}, None, 0)
            return self._view()

    def _first(self) -> Vectors:
        try:
            self._directory.refresh()
        except (StorageError, OSError):
            return Vectors({}, None, 0)
        return self._view()

    def _view(self) -> Vectors:
        return Vectors(self._directory.slots, self._directory, self._directory.posts)


def _floor(scores: Array, count: int) -> float:
    """What a score must reach to be among the ``count`` best."""
    return float(np.partition(scores, -count)[-count]) if len(scores) > count else -np.inf


def _window(since: datetime | None, until: datetime | None) -> Window | None:
    if since is None and until is None:
        return None
    return Window(
        int(since.timestamp()) if since else -_FOREVER,
        int(np.ceil(until.timestamp())) if until else _FOREVER,
    )
