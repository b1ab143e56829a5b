"""Vectors of posts: a log that is appended to, and sealed segments over what it held. One process
writes them (``VectorStore``), others read (``VectorReader``)."""

from myna.index.vectors.reader import VectorReader, Vectors
from myna.index.vectors.record import Kind, PostVectors
from myna.index.vectors.store import VectorStore

__all__ = ["Kind", "PostVectors", "VectorReader", "VectorStore", "Vectors"]
