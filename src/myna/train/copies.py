"""Texts that came before, or nearly: a memory of bounded size that is asked a window at a time.

Exact copies are told by the hash of their text, near ones by ``index/signatures`` (MinHash). All
tables are fixed: where two texts want one place, the later one takes it, so that of a corpus larger
than the memory the oldest texts may be forgotten and an old copy let through, never one too many
taken away.
"""

from __future__ import annotations

import numpy as np

from myna.index.signatures import BANDS, LANES, similarity

NEAR = 0.8
"""Estimated Jaccard similarity from which a text is a copy (Lee et al. 2022)."""
REMEMBERED = 1 << 20
"""Texts whose signatures are held; with their look-up tables about 160 MB."""
EXACT = 1 << 23
"""Places for hashes of texts: 64 MB."""


class Copies:
    """What was let through so far."""

    def __init__(self, remembered: int = REMEMBERED, exact: int = EXACT) -> None:
        self._exact = np.zeros(exact, np.uint64)
        self._lanes = np.zeros((remembered, LANES), np.uint64)
        self._bands = np.zeros((BANDS, remembered), np.uint64)
        self._places = np.zeros((BANDS, remembered), np.int32)
        self._next = 0

    def take(
        self, contents: np.ndarray, lanes: np.ndarray, bands: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Which of ``n`` texts are exact and which near copies of one before (two arrays of bool);
        the others are remembered. ``contents`` (n,), ``lanes`` (n, LANES), ``bands`` (n, BANDS)."""
        slots = contents % np.uint64(len(self._exact))
        exact = (self._exact[slots] == contents) | ~_first(contents)
        near = np.zeros(len(contents), bool)
        for band in range(BANDS):
            keys = bands[:, band]
            held = keys % np.uint64(self._bands.shape[1])
            known = self._bands[band, held] == keys
            near[known] |= (
                similarity(lanes[known], self._lanes[self._places[band, held[known]]]) >= NEAR
            )
            before = _earliest(keys)
            near |= (before < np.arange(len(keys))) & (similarity(lanes, lanes[before]) >= NEAR)
        near &= ~exact
        self._remember(contents, lanes, bands, ~(exact | near))
        return exact, near

    def _remember(
        self, contents: np.ndarray, lanes: np.ndarray, bands: np.ndarray, new: np.ndarray
    ) -> None:
        self._exact[contents[new] % np.uint64(len(self._exact))] = contents[new]
        places = (self._next + np.arange(int(new.sum()))) % len(self._lanes)
        self._next = (self._next + len(places)) % len(self._lanes)
        self._lanes[places] = lanes[new]
        for band in range(BANDS):
            keys = bands[new, band]
            held = keys % np.uint64(self._bands.shape[1])
            self._bands[band, held] = keys
            self._places[band, held] = places


def _earliest(keys: np.ndarray) -> np.ndarray:
    """For each key, the place of the first one that is equal to it."""
    _, first, number = np.unique(keys, return_index=True, return_inverse=True)
    return first[number]


def _first(keys: np.ndarray) -> np.ndarray:
    return _earliest(keys) == np.arange(len(keys))
