"""The vector log: append-only, memory-mapped, checksummed. One process writes, others map it.

A file of records of one size behind a header. A post's records stand together; the latest such run
counts, and one without vectors (a tombstone) says that the post has none. The header's count says
how far records are whole: it moves after they are durable, so a torn tail is never read, and is cut
at the next start. The file has its full length from the start (what is not written yet takes no
space), so that one map lasts a reader for the file's life.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from myna.errors import StorageError
from myna.index.vectors.part import Part
from myna.index.vectors.record import (
    RUN,
    Array,
    Kind,
    PostVectors,
    is_whole,
    record_type,
    to_records,
    to_runs,
)

HEADER_BYTES = 4096
_MAGIC = b"MYNAVEC2"
_COUNT_AT = 16


class VectorLog:
    """The one writer of a log. Not thread-safe."""

    def __init__(self, path: Path, dimensions: int, capacity: int) -> None:
        """Open or make a log of at most ``capacity`` records; a torn or damaged tail is cut.

        Raises:
            StorageError: the file is no such log, or cannot be written.
        """
        self._path = path
        self._dimensions = dimensions
        self._record = record_type(dimensions)
        self.capacity = capacity
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            if os.fstat(self._file).st_size < HEADER_BYTES:
                header = _MAGIC + struct.pack("<II", dimensions, self._record.itemsize)
                os.ftruncate(self._file, HEADER_BYTES)
                os.pwrite(self._file, header, 0)
            self.count = self._mend()
            full = HEADER_BYTES + capacity * self._record.itemsize
            if os.fstat(self._file).st_size < full:
                os.ftruncate(self._file, full)
                os.fsync(self._file)
        except OSError as error:
            raise unwritable(path.parent, error) from error

    def _mend(self) -> int:
        """How many records are whole; the header says so again. Nothing is cut off the file itself:
        a reader has it mapped, and would be killed for reading behind its end."""
        header = os.pread(self._file, 24, 0)
        magic, dimensions, size, published = struct.unpack("<8sIIQ", header)
        if (magic, dimensions, size) != (_MAGIC, self._dimensions, self._record.itemsize):
            raise StorageError(f"{self._path} is not a vector log. Delete it: it is made again.")
        there = (os.fstat(self._file).st_size - HEADER_BYTES) // size
        count = min(published, there)
        records = np.frombuffer(os.pread(self._file, count * size, HEADER_BYTES), self._record)
        for index in range(count):
            if not is_whole(records[index : index + 1]):
                count = index
                break
        if count and (last := records[count - 1])["part"] + 1 < last["parts"]:
            count -= int(last["part"]) + 1  # half of a post
        if count < published:
            self._publish(count)
        return count

    def append(self, posts: Sequence[PostVectors]) -> None:
        """Write the posts' vectors, make them durable, then let readers see them.

        Raises:
            StorageError: the disk is full; nothing of it is visible then.
        """
        records = to_records(posts, self._dimensions)
        if not len(records):
            return
        if self.count + len(records) > self.capacity:
            raise ValueError("more records than the log has room for")
        view = memoryview(records.tobytes())
        place = HEADER_BYTES + self.count * self._record.itemsize
        try:
            while view:
                written = os.pwrite(self._file, view, place)
                view, place = view[written:], place + written
            os.fdatasync(self._file)
            self._publish(self.count + len(records))
        except OSError as error:
            raise unwritable(self._path.parent, error) from error
        self.count += len(records)

    def _publish(self, count: int) -> None:
        os.pwrite(self._file, struct.pack("<Q", count), _COUNT_AT)

    def close(self) -> None:
        """Close the file; everything appended is already durable."""
        os.close(self._file)


class LogView:
    """A reader's side of a log: what is whole of it by now. What it costs to look again grows with
    what came since, not with what is there."""

    def __init__(self, path: Path, dimensions: int) -> None:
        """Map the log.

        Raises:
            StorageError: the file is gone, or no such log.
        """
        record = record_type(dimensions)
        try:
            with path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise StorageError(f"{path} cannot be read. It is made again.") from error
        if len(self._map) < HEADER_BYTES or self._map[:16] != _MAGIC + struct.pack(
            "<II", dimensions, record.itemsize
        ):
            raise StorageError(f"{path} is not a vector log. It is made again.")
        there = (len(self._map) - HEADER_BYTES) // record.itemsize
        self._records = np.frombuffer(self._map, record, count=there, offset=HEADER_BYTES)
        self._name = path.name
        self._rows = self._count = 0
        self._live = np.zeros(0, bool)
        self._owners = np.zeros(0, np.uint32)
        self._runs = np.zeros(0, RUN)

    def follow(self) -> tuple[Part, int]:
        """The log as a part, and how many of its runs had been seen before.

        Raises:
            StorageError: less is whole than was: its end was damaged, and cut by the writer.
        """
        start, seen = self._rows, self._count
        (published,) = struct.unpack_from("<Q", self._map, _COUNT_AT)
        end = min(published, len(self._records))
        if end < start:
            raise StorageError("The end of the vector log was cut.")
        if end > start:
            new = self._records[start:end]
            runs = to_runs(new, start)
            self._rows, self._count = end, seen + len(runs)
            self._live = _with_room(self._live, end)
            self._owners = _with_room(self._owners, end)
            self._runs = _with_room(self._runs, self._count)
            self._live[start:end] = new["kind"] != Kind.NONE
            self._owners[start:end] = seen - 1 + np.cumsum(new["part"] == 0)
            self._runs[seen : self._count] = runs
        records = self._records[:end]
        part = Part(
            name=self._name,
            vectors=records["vector"],
            scales=records["scale"],
            kinds=records["kind"],
            owners=self._owners[:end],
            runs=self._runs[: self._count],
            places=None,
            live=self._live[:end],
        )
        return part, seen


def _with_room(array: Array, length: int) -> Array:
    """The array itself, or one of at least twice its length that begins with it."""
    if length <= len(array):
        return array
    larger = np.zeros(max(length, 2 * len(array), 1024), array.dtype)
    larger[: len(array)] = array
    return larger


def unwritable(folder: Path, error: OSError) -> StorageError:
    """What to tell whoever runs this when a file of vectors cannot be written."""
    return StorageError(
        f"The vectors in {folder} cannot be written ({error.strerror}). "
        "Free some disk space or check who owns the folder."
    )
