"""What a segment learns from its vectors: their main directions, and centroids for lists. Pure."""

from __future__ import annotations

import numpy as np

from myna.index.vectors.record import Array

_ROUNDS = 6
_SAMPLED_PER_LIST = 48
_LEAST_SAMPLED = 16_384
_BLOCK = 4_096


def sampled(rows: int, lists: int, seed: int = 0) -> Array:
    """Which of ``rows`` rows are learnt from, in order."""
    count = min(rows, max(lists * _SAMPLED_PER_LIST, _LEAST_SAMPLED))
    return np.sort(np.random.default_rng(seed).choice(rows, count, replace=False))


def principal(sample: Array, width: int) -> Array:
    """(d, width) float32: the directions in which vectors (n, d) say most. Products of vectors that
    are turned into them come near to those of the vectors themselves."""
    _, directions = np.linalg.eigh(sample.T @ sample)
    return np.ascontiguousarray(directions[:, ::-1][:, :width], np.float32)


def train(sample: Array, lists: int, seed: int = 0) -> Array:
    """Spherical k-means: (lists, d) float32 of length 1."""
    random = np.random.default_rng(seed)
    centroids = _anew(sample, lists, random)
    for _ in range(_ROUNDS):
        nearest = assign(sample, centroids)
        counts = np.bincount(nearest, minlength=lists)
        ordered = sample[np.argsort(nearest, kind="stable")]
        used = np.flatnonzero(counts)
        sums = np.add.reduceat(ordered, (np.cumsum(counts) - counts)[used], axis=0)
        centroids = _anew(sample, lists, random)  # for an empty list
        centroids[used] = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
    return centroids


def _anew(sample: Array, lists: int, random: np.random.Generator) -> Array:
    chosen = sample[random.choice(len(sample), lists, replace=len(sample) < lists)]
    return chosen / np.maximum(np.linalg.norm(chosen, axis=1, keepdims=True), 1e-9)


def assign(vectors: Array, centroids: Array) -> Array:
    """Of each of the float32 vectors (n, d) the nearest centroid: (n,)."""
    return np.concatenate(
        [
            (vectors[at : at + _BLOCK] @ centroids.T).argmax(axis=1)
            for at in range(0, len(vectors), _BLOCK)
        ]
    )
