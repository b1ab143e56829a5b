"""Vectors for tests."""

from __future__ import annotations

import numpy as np

from myna.index.vectors import Kind, PostVectors

DIMENSIONS = 24


def unit(*seeds: int) -> np.ndarray:
    """One vector of length 1 for each number, the same each time."""
    rows = np.stack([np.random.default_rng(seed).standard_normal(DIMENSIONS) for seed in seeds])
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def whole(post: int, seed: int | None = None, *, seq: int = 0, posted: int = 0) -> PostVectors:
    """A post with one vector, of its own number if no other is given."""
    vector = unit(post if seed is None else seed)
    return PostVectors(post, seq or post, (Kind.WHOLE,), vector, posted or post, digest=post + 1)
