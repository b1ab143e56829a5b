"""The vector side of a search: a question's vector among those of the posts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from myna.errors import ModelFileError
from myna.index.checkpoint import Checkpoint, load_checkpoint
from myna.index.embed import Embedder, open_embedder, vectors_version
from myna.index.vectors import Kind, VectorReader, Vectors
from myna.telemetry import get_logger

SERVING = "vectors.json"
"""Checkpoint of the vectors that are searched."""
NEXT = "vectors-next.json"
"""Checkpoint of those that another embedder makes meanwhile."""
_log = get_logger("index")


@dataclass(frozen=True, slots=True)
class Meaning:
    """A question's vector among those of the posts."""

    vectors: Vectors
    query: np.ndarray

    def nearest(
        self, count: int, *, since: datetime | None = None, until: datetime | None = None
    ) -> list[int]:
        """Ids of the nearest posts, of those posted from ``since`` on and before ``until``."""
        return self.vectors.scan(self.query, count, since=since, until=until)

    def cosines(self, post: int) -> dict[Kind, float]:
        """The best cosine of each kind of a post's vectors."""
        return self.vectors.cosines(self.query, post)


class MeaningReader:
    """Reads the vectors that another process writes. Thread-safe."""

    def __init__(self, folder: Path, store: str, embedder: Embedder | None) -> None:
        self._folder = folder
        self._store = store
        self._embedder = embedder
        self._before: Embedder | None = None
        self._reader: VectorReader | None = None

    def look(self, text: str) -> Meaning | None:
        """The text's place among the vectors; None where there are none to compare with.

        Raises:
            ModelFileError: the encoder's files are damaged; it is not asked again.
        """
        checkpoint = self.checkpoint() if self._embedder else None
        embedder = self._embedder_of(checkpoint) if checkpoint else None
        vectors = self.vectors() if embedder else None
        if embedder is None or vectors is None or not vectors.posts:
            return None
        return Meaning(vectors, self._embed(embedder, text))

    def warm_up(self) -> None:
        """Load the encoder."""
        if self._embedder:
            self._embed(self._embedder, "ready")

    def _embedder_of(self, checkpoint: Checkpoint) -> Embedder | None:
        """What the vectors were made by: the embedder that is set, or the one before it, while the
        new one's vectors are made. None where that one is not there any more."""
        if self._embedder is None or checkpoint.version == vectors_version(self._embedder):
            return self._embedder
        if self._before is None or vectors_version(self._before) != checkpoint.version:
            try:
                self._before = open_embedder(checkpoint.embedder)
            except ModelFileError:
                return None
        return self._before if vectors_version(self._before) == checkpoint.version else None

    def _embed(self, embedder: Embedder, text: str) -> np.ndarray:
        try:
            return embedder.embed_question(text)
        except ModelFileError as error:
            _log.warning("search by words alone", reason=str(error))
            self._embedder = None
            raise

    def checkpoint(self, name: str = SERVING) -> Checkpoint | None:
        """How far the vectors have come; None where there are none of this store."""
        checkpoint = load_checkpoint(self._folder / name)
        if checkpoint is None or checkpoint.store_id != self._store:
            return None
        return checkpoint

    def vectors(self) -> Vectors | None:
        """The vectors as they are now."""
        checkpoint = self.checkpoint()
        if checkpoint is None:
            return None
        path = self._folder / checkpoint.generation
        reader = self._reader
        if reader is None or reader.path != path:
            reader = self._reader = VectorReader(path)
        return reader.view()
