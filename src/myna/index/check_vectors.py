"""Comparing the vectors with the store: which posts have some, and whether these are of their texts.

Vectors keep a digest of the text that they were made from. Whether a post has vectors is compared
for every post, the digest for a random sample: it needs the texts.
"""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np

from myna.db.engine import Database
from myna.db.mending import highest_id, read_rows
from myna.db.posts import get_parents, get_posts
from myna.errors import StorageError
from myna.index.check import RANGE_IDS, Comparison, Progress
from myna.index.checkpoint import Checkpoint, load_checkpoint
from myna.index.generation import digest_of
from myna.index.meaning import SERVING
from myna.index.passages import pieces
from myna.index.vectors.directory import Directory
from myna.index.vectors.segment import open_segment

SAMPLE = 2_000
"""Posts whose texts are compared with what their vectors were made from."""


def check_vectors(
    db: Database,
    folder: Path,
    store_id: str,
    on_progress: Progress | None = None,
    *,
    seed: int | None = None,
) -> Comparison | None:
    """Compare the vectors with the store; None where there are none of this store, which is so
    until the embed role has run. Posts that have not had their turn are no difference."""
    result = Comparison("vectors")
    checkpoint = load_checkpoint(folder / SERVING)
    if checkpoint is None or checkpoint.store_id != store_id:
        return None
    directory = Directory(folder / checkpoint.generation)
    try:
        directory.refresh()
    except (OSError, StorageError):
        result.damaged = 1
        return result
    ids, seqs, counts = _runs(directory)
    result.seq = checkpoint.seq
    result.damaged = len(directory.unusable) + _damaged(directory, folder / checkpoint.generation)
    with db.begin() as conn:
        last = highest_id(conn)
    sound: list[int] = []
    for start in range(0, last + 1, RANGE_IDS):
        end = min(start + RANGE_IDS, last + 1)
        with db.begin() as conn:
            rows = read_rows(conn, start, end)
        done = _within(rows.seqs, checkpoint)
        here = (ids >= start) & (ids < end)
        live = rows.ids[done & rows.live]
        gone = np.concatenate([rows.ids[done & ~rows.live], np.setdiff1d(ids[here], rows.ids)])
        result.in_store += len(live)
        result.in_index += int(np.count_nonzero(here & (counts > 0)))
        result.missing.extend(np.setdiff1d(live, ids[here]).tolist())
        result.extra.extend(np.intersect1d(gone, ids[here & (counts > 0)]).tolist())
        sound.extend(np.intersect1d(live, ids[here]).tolist())
        if on_progress:
            on_progress(end - 1, last)
    beyond = (ids > last) & (counts > 0) & _within(seqs, checkpoint)
    result.extra.extend(ids[beyond].tolist())
    luck = random.Random(seed)
    result.stale.extend(
        _of_other_texts(db, directory, checkpoint, luck.sample(sound, min(SAMPLE, len(sound))))
    )
    return result


def _runs(directory: Directory) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Post, change and number of vectors of every post's latest run, sorted by post."""
    runs = [part.runs[directory.latest(part.name)] for part in directory.slots.values()]
    if not runs:
        none = np.zeros(0, np.int64)
        return none, none, none
    every = np.concatenate(runs)
    every = every[np.argsort(every["post"], kind="stable")]
    columns = [every[name].astype(np.int64) for name in ("post", "seq", "count")]
    return columns[0], columns[1], columns[2]


def _within(seqs: np.ndarray, checkpoint: Checkpoint) -> np.ndarray:
    """Which changes the vectors have taken in."""
    inside = np.zeros(len(seqs), bool)
    for after, to in checkpoint.done:
        inside |= (seqs > after) & (seqs <= to)
    return inside


def _damaged(directory: Directory, folder: Path) -> int:
    """Runs of sealed segments with a vector that is not what was written."""
    found = 0
    for part in directory.slots.values():
        if part.name.endswith(".seg"):
            try:
                segment = open_segment(folder / part.name, part.vectors.shape[1])
                found += len(segment.damaged_runs())
            except (OSError, StorageError):
                continue  # rewritten at this moment
    return found


def _of_other_texts(
    db: Database, directory: Directory, checkpoint: Checkpoint, sample: list[int]
) -> list[int]:
    """Those of ``sample`` whose vectors are not of the text that the store has."""
    differ: list[int] = []
    for start in range(0, len(sample), 200):
        with db.begin() as conn:
            posts = get_posts(conn, sample[start : start + 200])
            parents = get_parents(conn, list(posts.values()))
        for post in posts.values():
            run = directory.run(post.id)
            wanted = pieces(post, parents.get(post.id))
            known = bool(_within(np.array([post.seq]), checkpoint)[0])
            if known and run is not None and int(run["digest"]) != digest_of(wanted):
                differ.append(post.id)
    return differ
