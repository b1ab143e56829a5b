"""Centroids for inverted lists: spherical k-means over a sample. Pure."""

from __future__ import annotations

import numpy as np
import simsimd

from myna.index.vectors.record import Array, quantise

_ROUNDS = 6
_SAMPLED_PER_LIST = 48
_BLOCK = 4_096
_CACHED = 32
"""Rows at a time whose products with all centroids stay in the processor's cache."""


def sampled(rows: int, lists: int, seed: int = 0) -> Array:
    """Which of ``rows`` rows the centroids are trained on, in order."""
    count = min(rows, lists * _SAMPLED_PER_LIST)
    return np.sort(np.random.default_rng(seed).choice(rows, count, replace=False))


def train(sample: Array, lists: int, seed: int = 0) -> Array:
    """(lists, d) float32 of length 1 for float32 vectors of about length 1."""
    random = np.random.default_rng(seed)
    centroids = sample[random.choice(len(sample), lists, replace=len(sample) < lists)]
    for _ in range(_ROUNDS):
        nearest = np.concatenate(
            [
                (sample[at : at + _BLOCK] @ centroids.T).argmax(axis=1)
                for at in range(0, len(sample), _BLOCK)
            ]
        )
        counts = np.bincount(nearest, minlength=lists)
        ordered = sample[np.argsort(nearest, kind="stable")]
        used = np.flatnonzero(counts)
        sums = np.add.reduceat(ordered, (np.cumsum(counts) - counts)[used], axis=0)
        centroids = sample[random.choice(len(sample), lists, replace=len(sample) < lists)]
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        centroids[used] = sums / np.maximum(lengths, 1e-9)  # an empty list begins anew
    return centroids


def assign(vectors: Array, centroids: Array) -> Array:
    """For int8 vectors (n, d), the nearest of the float32 centroids: int32 (n,)."""
    eight, scales = quantise(centroids)
    found = np.empty(len(vectors), np.int32)
    for at in range(0, len(vectors), _CACHED):
        block = vectors[at : at + _CACHED]
        products = simsimd.cdist(block, eight, metric="dot", dtype="int8")
        found[at : at + _CACHED] = (np.asarray(products, np.float32) * scales).argmax(axis=1)
    return found
