"""A sealed segment: the vectors of full logs in the order of their inverted lists, in one file.

Sealing is also how a file is rewritten without what is dead: a segment holds what its maker says is
to be kept, and nothing else. It is written under a temporary name, made durable and renamed; after
that it never changes. Each section has a checksum. A reader checks the small ones when it opens the
file; the vectors, block by block, are checked by the writer in its idle time.
"""

from __future__ import annotations

import json
import math
import mmap
import os
import struct
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from myna.errors import StorageError
from myna.index.vectors import cluster
from myna.index.vectors.log import unwritable
from myna.index.vectors.part import Part, Sketch
from myna.index.vectors.record import RUN, Array, quantise

_MAGIC = b"MYNASEG1"
_HEADER_BYTES = 4096
_BLOCK_ROWS = 4_096
"""Vectors that share a checksum."""
_ALIGNED = 64
_SKETCH_SHARE = 4
_LEAST_SKETCH = 96
"""A sketch is a quarter as long as a vector, and not shorter than this."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A file, and the numbers of its runs that go into a segment."""

    part: Part
    runs: Array


def write_segment(
    path: Path,
    sources: Sequence[Kept],
    dimensions: int,
    *,
    going_on: Callable[[], bool] = lambda: True,
) -> bool:
    """Write the kept runs in the order of their sources; False when told not to go on.

    Raises:
        StorageError: the disk is full; nothing is left of it then.
    """
    rows = _Rows(sources)
    temporary = path.with_name(path.name + ".new")
    try:
        sketch = _sketch(rows, dimensions, going_on)
        if sketch is None:
            return False
        with temporary.open("wb") as file:
            _write(file, rows, sketch, dimensions)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise unwritable(path.parent, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink()
    return True


@dataclass(frozen=True, slots=True)
class _Order:
    """The order of lists, and the sketch in it."""

    order: Array
    sketch: Sketch


def _sketch(rows: _Rows, dimensions: int, going_on: Callable[[], bool]) -> _Order | None:
    """None when told not to go on."""
    count = len(rows.row)
    width = min(dimensions, max(_LEAST_SKETCH, dimensions // _SKETCH_SHARE))
    lists = max(1, round(math.sqrt(count)))
    basis = np.zeros((dimensions, width), np.float32)
    centroids = np.zeros((lists, width), np.float32)
    nearest = np.zeros(count, np.int32)
    short, scales = np.zeros((count, width), np.int8), np.zeros(count, np.float32)
    if count:
        sample = rows.floats(cluster.sampled(count, lists))
        basis = cluster.principal(sample, width)
        centroids = cluster.train(sample @ basis, lists)
    for at in range(0, count, _BLOCK_ROWS):
        if not going_on():
            return None
        here = slice(at, min(at + _BLOCK_ROWS, count))
        turned = rows.floats(np.arange(here.start, here.stop)) @ basis
        nearest[here] = cluster.assign(turned, centroids)
        short[here], scales[here] = quantise(turned)
    order = np.argsort(nearest, kind="stable")
    offsets = np.concatenate([[0], np.cumsum(np.bincount(nearest, minlength=lists))])
    sketch = Sketch(
        basis, short[order], scales[order], *quantise(centroids), offsets.astype(np.uint32)
    )
    return _Order(order, sketch)


class _Rows:
    """The rows of several files' kept runs as one sequence, taken from where they lie."""

    def __init__(self, sources: Sequence[Kept]) -> None:
        self._parts = [source.part for source in sources]
        self.runs = np.concatenate(
            [np.zeros(0, RUN), *(source.part.runs[source.runs] for source in sources)]
        )
        rows = [source.part.rows_of(source.runs) for source in sources]
        self.row = np.concatenate([np.zeros(0, np.int64), *rows])
        self.source = np.repeat(np.arange(len(rows), dtype=np.int32), [len(one) for one in rows])
        self.runs["first"] = np.cumsum(self.runs["count"]) - self.runs["count"]
        self.owner = np.repeat(np.arange(len(self.runs), dtype=np.uint32), self.runs["count"])

    def take(self, name: str, wanted: Array) -> Array:
        """A field of the parts (``vectors``, ``scales``, ``kinds``) for these rows."""
        first: Array = getattr(self._parts[0], name)
        found = np.empty((len(wanted), *first.shape[1:]), first.dtype)
        source, row = self.source[wanted], self.row[wanted]
        for number in np.unique(source).tolist():
            here = source == number
            found[here] = getattr(self._parts[number], name)[row[here]]
        return found

    def vectors(self, wanted: Array) -> Array:
        return self.take("vectors", wanted)

    def floats(self, wanted: Array) -> Array:
        """Vectors of about length 1."""
        return self.vectors(wanted).astype(np.float32) * self.take("scales", wanted)[:, None]


def _write(file: BinaryIO, rows: _Rows, ordered: _Order, dimensions: int) -> None:
    order, sketch = ordered.order, ordered.sketch
    places = np.empty(len(order), np.uint32)
    places[order] = np.arange(len(order), dtype=np.uint32)
    small = {
        "basis": sketch.basis,
        "sketch": sketch.rows,
        "sketch_scales": sketch.scales,
        "centroids": sketch.centroids,
        "centroid_scales": sketch.centroid_scales,
        "offsets": sketch.offsets,
        "scales": rows.take("scales", order) if len(order) else np.zeros(0, np.float32),
        "kinds": rows.take("kinds", order).astype(np.uint8) if len(order) else np.zeros(0, "u1"),
        "owners": rows.owner[order],
        "runs": rows.runs,
        "places": places,
    }
    file.write(bytes(_HEADER_BYTES))
    sections: dict[str, Any] = {}
    for name, array in small.items():
        data = np.ascontiguousarray(array).tobytes()
        sections[name] = {"at": _align(file), "bytes": len(data), "crc": zlib.crc32(data)}
        file.write(data)
    at = _align(file)
    blocks: list[int] = []
    for start in range(0, len(order), _BLOCK_ROWS):
        data = rows.vectors(order[start : start + _BLOCK_ROWS]).tobytes()
        blocks.append(zlib.crc32(data))
        file.write(data)
    sections["vectors"] = {"at": at, "bytes": len(order) * dimensions}
    sums = np.array(blocks, np.uint32).tobytes()
    sections["sums"] = {"at": _align(file), "bytes": len(sums), "crc": zlib.crc32(sums)}
    file.write(sums)
    posted = rows.runs["posted"][rows.runs["count"] > 0]
    header = json.dumps(
        {
            "dimensions": dimensions,
            "first_posted": int(posted.min()) if len(posted) else None,
            "last_posted": int(posted.max()) if len(posted) else None,
            "sections": sections,
        }
    ).encode()
    file.seek(0)
    file.write(_MAGIC + struct.pack("<II", len(header), zlib.crc32(header)) + header)


def _align(file: BinaryIO) -> int:
    file.write(bytes(-file.tell() % _ALIGNED))
    return file.tell()


@dataclass(frozen=True, slots=True)
class Segment:
    """An open segment. The file stays readable after it is unlinked, until this is let go."""

    part: Part
    sums: Array

    def damaged_runs(self) -> Array:
        """Numbers of the runs with a vector that is not what was written. Reads the whole file."""
        bad = [
            block
            for block in range(len(self.sums))
            if zlib.crc32(
                self.part.vectors[block * _BLOCK_ROWS : (block + 1) * _BLOCK_ROWS].tobytes()
            )
            != self.sums[block]
        ]
        owners = [
            self.part.owners[block * _BLOCK_ROWS : (block + 1) * _BLOCK_ROWS] for block in bad
        ]
        return np.unique(np.concatenate([np.zeros(0, np.uint32), *owners]))


def open_segment(path: Path, dimensions: int) -> Segment:
    """Map a segment. One whose sketch is damaged has none: its vectors are scanned.

    Raises:
        StorageError: it is gone, or what says whose vectors are where is damaged.
    """
    try:
        with path.open("rb") as file:
            map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        magic, length, crc = struct.unpack_from("<8sII", map, 0)
        header = map[16 : 16 + length]
        if magic != _MAGIC or zlib.crc32(header) != crc:
            raise ValueError("header")
        facts = json.loads(header)
        if facts["dimensions"] != dimensions:
            raise ValueError("dimensions")
        sections = facts["sections"]

        def read(name: str, kind: Any) -> Array:
            place = sections[name]
            found = np.frombuffer(
                map, kind, count=place["bytes"] // np.dtype(kind).itemsize, offset=place["at"]
            )
            if "crc" in place and zlib.crc32(found) != place["crc"]:  # type: ignore[arg-type]
                raise ValueError(name)
            return found

        owners, places = read("owners", "<u4"), read("places", "<u4")
        vectors = read("vectors", "i1").reshape(len(owners), dimensions)
        part = Part(
            name=path.name,
            vectors=vectors,
            scales=read("scales", "<f4"),
            kinds=read("kinds", "u1"),
            owners=owners,
            runs=read("runs", RUN),
            places=places,
            live=np.ones(len(owners), bool),
            sketch=_read_sketch(read, dimensions, len(owners)),
            first_posted=facts["first_posted"],
            last_posted=facts["last_posted"],
        )
        return Segment(part, read("sums", "<u4"))
    except (OSError, ValueError, KeyError, struct.error) as error:
        raise StorageError(f"{path} is missing or damaged. It is made again.") from error


def _read_sketch(read: Callable[[str, Any], Array], dimensions: int, rows: int) -> Sketch | None:
    try:
        basis = read("basis", "<f4").reshape(dimensions, -1)
        width = basis.shape[1]
        sketch = Sketch(
            basis,
            read("sketch", "i1").reshape(rows, width),
            read("sketch_scales", "<f4"),
            read("centroids", "i1").reshape(-1, width),
            read("centroid_scales", "<f4"),
            read("offsets", "<u4"),
        )
    except ValueError:
        return None
    whole = len(sketch.offsets) == len(sketch.centroids) + 1 and sketch.offsets[-1] == rows
    return sketch if whole else None


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
