"""Comparing the index with the store, and having what differs followed once more.

The index as it was at one commit is held against the store as it is after it: a post that changed
since has a later number and is passed over, so the check works beside running followers. Ranges of
ids are compared one after the other, so memory is bounded by what differs.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tantivy

from myna.db.engine import Database
from myna.db.mending import TO_COME, Rows, highest_id, read_rows
from myna.index.text import Snapshot, TextReader

RANGE_IDS = 100_000
"""Ids compared at once: what is held in memory, and 0.2 s for the index to list."""
_MOST_DOCUMENTS = 4 * RANGE_IDS
"""Read of one range: more are there only where most posts are in several times."""
_CHUNK_BYTES = 1 << 20
_FOOTER_MAGIC = 1337

Progress = Callable[[int, int], None]
"""Told ids compared so far, and the highest."""


@dataclass(slots=True)
class Comparison:
    """One part of the index against the store. The lists hold ids of posts."""

    part: str
    seq: int = 0
    """Changes up to this one were compared; later ones are not in yet."""
    in_store: int = 0
    """Live posts that should be in."""
    in_index: int = 0
    missing: list[int] = field(default_factory=list)
    stale: list[int] = field(default_factory=list)
    """In as an earlier change left them."""
    doubled: list[int] = field(default_factory=list)
    extra: list[int] = field(default_factory=list)
    """In, but not live in the store, or not there at all."""
    damaged: int = 0
    """Files or records whose checksum is wrong."""

    @property
    def agrees(self) -> bool:
        """Whether nothing differs."""
        return not (self.to_mend or self.damaged)

    @property
    def to_mend(self) -> list[int]:
        """Every post that differs, once."""
        return sorted({*self.missing, *self.stale, *self.doubled, *self.extra})


def check_text(
    db: Database, folder: Path, store_id: str, on_progress: Progress | None = None
) -> Comparison:
    """Compare the text index with the store. All is missing where there is no usable index."""
    reader = TextReader(folder)
    snapshot = reader.snapshot()
    if snapshot is not None and snapshot.store_id != store_id:
        snapshot = None
    result = Comparison("text", snapshot.seq if snapshot else 0)
    with db.begin() as conn:
        last = highest_id(conn)
        seq = result.seq if snapshot else TO_COME - 1
    for start in range(0, last + 1, RANGE_IDS):
        end = min(start + RANGE_IDS, last + 1)
        with db.begin() as conn:
            rows = read_rows(conn, start, end)
        ids, seqs = _documents(snapshot, start, end) if snapshot else _nothing()
        compare(result, rows, ids, seqs, seq)
        if on_progress:
            on_progress(end - 1, last)
    if snapshot:
        ids, seqs = _documents(snapshot, last + 1, TO_COME)
        result.extra.extend(np.unique(ids[seqs <= seq]).tolist())
        result.damaged = len(damaged_files(folder / snapshot.generation))
    return result


def compare(result: Comparison, rows: Rows, ids: np.ndarray, seqs: np.ndarray, upto: int) -> None:
    """Add what differs in one range of ids: ``rows`` of the store against what the index has.

    ``ids`` and ``seqs`` are the index's, in any order; a post may be there several times. Only
    changes up to ``upto`` are judged."""
    known = rows.seqs <= upto
    live = rows.ids[known & rows.live]
    result.in_store += len(live)
    result.in_index += len(ids)
    there, counts = np.unique(ids, return_counts=True)
    later = rows.ids[~known]
    result.missing.extend(np.setdiff1d(live, there, assume_unique=True).tolist())
    doubled = there[counts > 1]
    result.doubled.extend(np.setdiff1d(doubled, later).tolist())
    extra = np.setdiff1d(there, live, assume_unique=True)
    new = ids[seqs > upto]  # a commit that came between the checkpoint and the files' opening
    result.extra.extend(np.setdiff1d(extra, np.concatenate([later, new])).tolist())
    order = np.argsort(ids, kind="stable")
    places = np.searchsorted(ids[order], live)
    inside = places < len(ids)
    found = order[places[inside]]
    same = ids[found] == live[inside]
    stale = live[inside][same & (seqs[found] != rows.seqs[known & rows.live][inside])]
    result.stale.extend(np.setdiff1d(stale, doubled).tolist())


def damaged_files(generation: Path) -> list[Path]:
    """Files of a text index whose content is not what was written: by the checksum at their end.

    A file that a merge replaces in the meantime is passed over."""
    try:
        segments = json.loads((generation / "meta.json").read_text())["segments"]
    except (OSError, ValueError, KeyError):
        return [generation / "meta.json"]
    names = {segment["segment_id"].replace("-", "") for segment in segments}
    damaged: list[Path] = []
    for path in sorted(generation.iterdir()):
        if path.name.partition(".")[0] in names:
            try:
                if not _is_whole(path):
                    damaged.append(path)
            except FileNotFoundError:
                continue
    return damaged


def _is_whole(path: Path) -> bool:
    """tantivy ends a file with a footer (JSON with a CRC-32 of what is before it), the footer's
    length and a magic number, both u32."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if size < 8:
            return False
        file.seek(size - 8)
        tail = file.read(8)
        length, magic = int.from_bytes(tail[:4], "little"), int.from_bytes(tail[4:], "little")
        body = size - 8 - length
        if magic != _FOOTER_MAGIC or body < 0:
            return False
        file.seek(body)
        try:
            expected = int(json.loads(file.read(length))["crc"])
        except (ValueError, KeyError, TypeError):
            return False
        file.seek(0)
        crc, left = 0, body
        while left:
            chunk = file.read(min(left, _CHUNK_BYTES))
            if not chunk:
                return False
            crc, left = zlib.crc32(chunk, crc), left - len(chunk)
        return crc == expected


def _documents(snapshot: Snapshot, start: int, end: int) -> tuple[np.ndarray, np.ndarray]:
    """Ids and change numbers of the documents with ``start`` ≤ id < ``end``."""
    span = tantivy.Query.range_query(
        snapshot.schema,
        "id",
        tantivy.FieldType.Unsigned,
        lower_bound=start,
        upper_bound=end,
        include_upper=False,
    )
    found = snapshot.searcher.search(span, limit=_MOST_DOCUMENTS, count=False)
    addresses = [address for _, address in found.hits]
    ids = snapshot.searcher.fast_field_values("id", addresses)
    seqs = snapshot.searcher.fast_field_values("seq", addresses)
    return np.array(ids, np.int64), np.array(seqs, np.int64)


def _nothing() -> tuple[np.ndarray, np.ndarray]:
    return np.zeros(0, np.int64), np.zeros(0, np.int64)
