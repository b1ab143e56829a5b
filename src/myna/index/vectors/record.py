"""What is kept of a post's vectors, in the log and in sealed segments. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

Array = np.ndarray


class Kind(IntEnum):
    """What of a post a vector stands for."""

    NONE = 0
    """Nothing: the post is deleted, or says too little."""
    WHOLE = 1
    PART = 2
    """A sentence or a few."""
    CONTEXT = 3
    """A reply behind what it replies to."""


@dataclass(frozen=True, slots=True)
class PostVectors:
    """A post's vectors, (n, dimensions) float32 of length 1; none of them is a tombstone."""

    post: int
    seq: int
    kinds: tuple[Kind, ...] = ()
    vectors: Array | None = None
    posted: int = 0
    """When it was posted, in seconds since 1970: what a time filter compares."""
    digest: int = 0
    """Of what was embedded: equal text has equal vectors. 0 for a tombstone, which keeps nothing
    of a deleted text."""


RUN = np.dtype(
    [
        ("post", "<u8"),
        ("seq", "<u8"),
        ("digest", "<u8"),
        ("posted", "<i8"),
        ("first", "<u4"),
        ("count", "<u4"),
    ]
)
"""One post's vectors: the change that they were made from, and which they are among their file's
places. A run without vectors is a tombstone."""


def record_type(dimensions: int) -> np.dtype:
    """One record of the log: a vector, or a tombstone. ``crc`` is CRC-32 of the record with zero in
    its place; 48 bytes and the vector."""
    return np.dtype(
        [
            ("post", "<u8"),
            ("seq", "<u8"),
            ("digest", "<u8"),
            ("posted", "<i8"),
            ("part", "<u2"),
            ("parts", "<u2"),
            ("kind", "<u4"),
            ("scale", "<f4"),
            ("crc", "<u4"),
            ("vector", "i1", (dimensions,)),
        ]
    )


def quantise(vectors: Array) -> tuple[Array, Array]:
    """float32 (n, d) → int8 (n, d) and float32 scales (n,): vector ≈ int8 · scale."""
    scales = np.abs(vectors).max(axis=1) / 127
    scales[scales == 0] = 1
    return np.rint(vectors / scales[:, None]).astype(np.int8), scales.astype(np.float32)


def to_records(posts: Iterable[PostVectors], dimensions: int) -> Array:
    """Records of the posts; a post's stand together, a tombstone has one."""
    kept = record_type(dimensions)
    rows: list[Array] = [np.zeros(0, kept)]
    for post in posts:
        count = len(post.kinds)
        row = np.zeros(max(1, count), kept)
        row["post"], row["seq"], row["parts"] = post.post, post.seq, count
        row["posted"], row["digest"] = post.posted, post.digest
        row["part"] = range(len(row))
        if post.vectors is not None and count:
            row["kind"] = post.kinds
            row["vector"], row["scale"] = quantise(post.vectors)
        rows.append(row)
    records = np.concatenate(rows)
    for index in range(len(records)):
        records["crc"][index] = zlib.crc32(records[index : index + 1].tobytes())
    return records


def is_whole(record: Array) -> bool:
    """Whether a record (an array of one) has the checksum that it was written with."""
    copy = record.copy()
    copy["crc"] = 0
    return zlib.crc32(copy.tobytes()) == int(record["crc"][0])


def to_runs(records: Array, start: int) -> Array:
    """The runs of whole posts' records, whose first record is number ``start`` of its file."""
    heads = np.flatnonzero(records["part"] == 0)
    runs = np.zeros(len(heads), RUN)
    for name in ("post", "seq", "digest", "posted"):
        runs[name] = records[name][heads]
    runs["first"] = start + heads
    runs["count"] = records["parts"][heads]
    return runs


def spread(firsts: Array, counts: Array) -> Array:
    """The numbers ``first, first + 1, …`` of each of several spans, one after the other, int64."""
    counts = counts.astype(np.int64)
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total) + np.repeat(firsts.astype(np.int64) - (ends - counts), counts)
