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
from myna.index.vectors.part import Part, Window
from myna.index.vectors.record import Array, Kind, quantise

PROBES = 16
"""Lists of a segment that a search looks into."""
_RESCORED_LEAST = 200
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
        probes: int = PROBES,
    ) -> list[int]:
        """Ids of the ``count`` posts whose best vector is nearest to a float32 query of length 1,
        best first, of those posted from ``since`` on and before ``until``."""
        if count < 1:
            return []
        window = _window(since, until)
        eight = quantise(query[None])[0]
        wanted = max(3 * count, _RESCORED_LEAST)
        near: list[tuple[Part, Array, Array]] = []
        for part in self.parts.values():
            scores, rows = part.nearest(eight, wanted, probes, window)
            if len(rows):
                near.append((part, scores, rows))
        if not near:
            return []
        scores = np.concatenate([found for _, found, _ in near])
        floor = np.partition(scores, -wanted)[-wanted] if len(scores) > wanted else -np.inf
        posts: list[Array] = []
        exact: list[Array] = []
        for part, found, rows in near:
            kept = rows[found >= floor]
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


def _window(since: datetime | None, until: datetime | None) -> Window | None:
    if since is None and until is None:
        return None
    return Window(
        int(since.timestamp()) if since else -_FOREVER,
        int(np.ceil(until.timestamp())) if until else _FOREVER,
    )
