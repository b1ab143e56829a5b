"""The vector log: append-only, memory-mapped, checksummed. One process writes, others map it.

A file of records of one size behind a header. Each record is one vector of one post: int8 with one
scale, the post's id, and the change number that it was made from. A post's records stand together;
the latest such run counts, and one without vectors (a tombstone) says that the post has none. The
header's count says how far records are whole: it moves after they are durable, so a torn tail is
never read, and is cut at the next start.
"""

from __future__ import annotations

import mmap
import os
import struct
import threading
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import numpy as np
import simsimd

from myna.errors import StorageError

Array = np.ndarray

DIMENSIONS = 384
HEADER_BYTES = 4096
_MAGIC = b"MYNAVEC1"
_COUNT_AT = 16
_CUT_AT = 24
_CHECKED_TAIL = 20_000
"""Records whose checksums are read at a start: more than one crash can have torn."""

RECORD = np.dtype(
    [
        ("post", "<u8"),
        ("seq", "<u8"),
        ("part", "<u2"),
        ("parts", "<u2"),
        ("kind", "<u4"),
        ("scale", "<f4"),
        ("crc", "<u4"),
        ("vector", "i1", DIMENSIONS),
    ]
)
"""416 bytes. ``crc`` is CRC-32 of the record with zero in its place."""


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
    """A post's vectors, (n, 384) float32 of length 1; none of them is a tombstone."""

    post: int
    seq: int
    kinds: tuple[Kind, ...] = ()
    vectors: Array | None = None


def quantise(vectors: Array) -> tuple[Array, Array]:
    """float32 (n, d) → int8 (n, d) and float32 scales (n,): vector ≈ int8 · scale."""
    scales = np.abs(vectors).max(axis=1) / 127
    scales[scales == 0] = 1
    return np.rint(vectors / scales[:, None]).astype(np.int8), scales.astype(np.float32)


def _records(posts: Iterable[PostVectors]) -> Array:
    rows: list[Array] = []
    for post in posts:
        count = len(post.kinds)
        row = np.zeros(max(1, count), RECORD)
        row["post"], row["seq"], row["parts"] = post.post, post.seq, count
        row["part"] = range(len(row))
        if post.vectors is not None and count:
            row["kind"] = post.kinds
            row["vector"], row["scale"] = quantise(post.vectors)
        rows.append(row)
    records = np.concatenate(rows)
    for index in range(len(records)):
        records["crc"][index] = zlib.crc32(records[index : index + 1].tobytes())
    return records


def _is_whole(record: Array) -> bool:
    """Whether a record (an array of one) has the checksum that it was written with."""
    copy = record.copy()
    copy["crc"] = 0
    return zlib.crc32(copy.tobytes()) == int(record["crc"][0])


class VectorLog:
    """The one writer of a log. Not thread-safe."""

    def __init__(self, path: Path) -> None:
        """Open or make the log; a torn or damaged tail is cut.

        Raises:
            StorageError: the file is no vector log, or cannot be written.
        """
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            if os.fstat(self._file).st_size < HEADER_BYTES:
                os.ftruncate(self._file, HEADER_BYTES)
                header = _MAGIC + struct.pack("<II", DIMENSIONS, RECORD.itemsize)
                os.pwrite(self._file, header, 0)
            self.count = self._mend()
        except OSError as error:
            raise self._unwritable(error) from error

    def _mend(self) -> int:
        """How many records are whole. Nothing is cut off the file itself: a reader has it mapped,
        and would be killed for reading behind its end."""
        header = os.pread(self._file, 32, 0)
        magic, dimensions, size, published, cuts = struct.unpack("<8sIIQQ", header)
        if (magic, dimensions, size) != (_MAGIC, DIMENSIONS, RECORD.itemsize):
            raise StorageError(f"{self._path} is not a vector log. Delete it: it is made again.")
        there = (os.fstat(self._file).st_size - HEADER_BYTES) // RECORD.itemsize
        count = min(published, there)
        start = max(0, count - _CHECKED_TAIL)
        data = os.pread(
            self._file, (count - start) * RECORD.itemsize, HEADER_BYTES + start * RECORD.itemsize
        )
        tail = np.frombuffer(data, RECORD)
        for index in range(len(tail)):
            if not _is_whole(tail[index : index + 1]):
                count = start + index
                break
        if count and (last := self._record(count - 1))["part"][0] + 1 < last["parts"][0]:
            count -= int(last["part"][0]) + 1  # half of a post
        if count < published:
            os.pwrite(self._file, struct.pack("<Q", cuts + 1), _CUT_AT)
            self._publish(count)
        return count

    def _record(self, index: int) -> Array:
        data = os.pread(self._file, RECORD.itemsize, HEADER_BYTES + index * RECORD.itemsize)
        return np.frombuffer(data, RECORD)

    def made_from(self) -> dict[int, int]:
        """Post → number of the change that its latest vectors (or their absence) were made from."""
        found: dict[int, int] = {}
        for start in range(0, self.count, _CHECKED_TAIL):
            count = min(_CHECKED_TAIL, self.count - start)
            data = os.pread(
                self._file, count * RECORD.itemsize, HEADER_BYTES + start * RECORD.itemsize
            )
            records = np.frombuffer(data, RECORD)
            found.update(zip(records["post"].tolist(), records["seq"].tolist(), strict=True))
        return found

    def append(self, posts: Sequence[PostVectors]) -> None:
        """Write the posts' vectors, make them durable, then let readers see them.

        Raises:
            StorageError: the disk is full; nothing of it is visible then.
        """
        if not posts:
            return
        records = _records(posts)
        view = memoryview(records.tobytes())
        place = HEADER_BYTES + self.count * RECORD.itemsize
        try:
            while view:
                written = os.pwrite(self._file, view, place)
                view, place = view[written:], place + written
            os.fdatasync(self._file)
            self._publish(self.count + len(records))
        except OSError as error:
            raise self._unwritable(error) from error
        self.count += len(records)

    def _publish(self, count: int) -> None:
        os.pwrite(self._file, struct.pack("<Q", count), _COUNT_AT)

    def _unwritable(self, error: OSError) -> StorageError:
        return StorageError(
            f"The vectors in {self._path.parent} cannot be written ({error.strerror}). "
            "Free some disk space or check who owns the folder."
        )

    def close(self) -> None:
        """Close the file; everything appended is already durable."""
        os.close(self._file)


@dataclass(frozen=True, slots=True)
class Vectors:
    """The log up to one moment."""

    records: Array
    """Mapped, (n,) of RECORD."""
    live: Array
    """(n,) bool: whether the record is of its post's latest run and holds a vector."""
    first: Array
    """(largest post id + 1,) int64: the first record of each post's latest run, -1 for none."""
    posts: int
    """Posts with at least one vector."""

    def scan(self, query: Array, count: int) -> list[int]:
        """Ids of the posts whose best vector is nearest to a float32 query of length 1, best
        first: a flat scan in int8, about ``count`` of them."""
        if not len(self.records):
            return []
        eight = quantise(query[None])[0]
        products = simsimd.cdist(eight, self.records["vector"], metric="dot", dtype="int8")
        scores = np.asarray(products, dtype=np.float32).ravel() * self.records["scale"]
        scores[~self.live] = -np.inf
        best = np.argpartition(-scores, min(2 * count, len(scores) - 1))[: 2 * count]
        best = best[np.argsort(-scores[best])]
        best = best[np.isfinite(scores[best])]
        return list(dict.fromkeys(self.records["post"][best].tolist()))[:count]

    def cosines(self, query: Array, post: int) -> dict[Kind, float]:
        """The best cosine of each kind of a post's vectors, from all of the query's precision.
        Empty for a post that has not been seen to yet; 0 for one that says too little."""
        if not 0 <= post < len(self.first) or self.first[post] < 0:
            return {}
        start = int(self.first[post])
        run = self.records[start : start + max(1, int(self.records["parts"][start]))]
        if int(run["kind"][0]) == Kind.NONE:
            return {Kind.WHOLE: 0.0}
        products = run["vector"].astype(np.float32) @ query * run["scale"]
        best: dict[Kind, float] = {}
        for kind, product in zip(run["kind"].tolist(), products.tolist(), strict=True):
            best[Kind(kind)] = max(best.get(Kind(kind), -1.0), product)
        return best


class VectorReader:
    """Follows a log that another process writes. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._mutex = threading.Lock()
        self._map: mmap.mmap | None = None
        self._cuts = 0
        self._view = _nothing()

    def view(self) -> Vectors:
        """All records that are whole by now; an empty view while there is no log."""
        with self._mutex:
            try:
                self._follow()
            except OSError:
                self._view = _nothing()
            return self._view

    def _follow(self) -> None:
        if self._map is None:
            if not self.path.exists() or self.path.stat().st_size < HEADER_BYTES:
                return
            self._remap()
        assert self._map is not None
        if self._map[:8] != _MAGIC:
            return
        count, cuts = struct.unpack_from("<QQ", self._map, _COUNT_AT)
        old = self._view if cuts == self._cuts else _nothing()
        self._view, self._cuts = old, cuts
        if count <= len(old.records):
            return
        if HEADER_BYTES + count * RECORD.itemsize > len(self._map):
            self._remap()
        there = (len(self._map) - HEADER_BYTES) // RECORD.itemsize
        records = np.frombuffer(self._map, RECORD, count=min(count, there), offset=HEADER_BYTES)
        self._view = _extended(old, records)

    def _remap(self) -> None:
        # The old map is let go when the last view of it is: a search may still be reading.
        with self.path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _nothing() -> Vectors:
    return Vectors(np.zeros(0, RECORD), np.zeros(0, bool), np.zeros(0, np.int64), 0)


def _extended(old: Vectors, records: Array) -> Vectors:
    """The view of ``records``, of which ``old`` is a beginning."""
    start = len(old.records)
    new = records[start:]
    ids = new["post"].astype(np.int64)
    first = np.full(max(int(ids.max(initial=-1)) + 1, len(old.first)), -1, np.int64)
    first[: len(old.first)] = old.first
    live = np.concatenate([old.live, new["kind"] != Kind.NONE])
    for head in np.flatnonzero(new["part"] == 0).tolist():
        post = int(ids[head])
        previous = int(first[post])
        if previous >= 0:
            live[previous : previous + max(1, int(records["parts"][previous]))] = False
        first[post] = start + head
    return Vectors(records, live, first, int(live[first[first >= 0]].sum()))
