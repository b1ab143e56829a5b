"""Where each post's vectors are, over all files; kept up in step with what the writer adds.

What it costs to follow grows with what is new: a refresh looks at the log's new records, and at a
file as a whole only when it has been sealed or rewritten. It takes 8 bytes a post and one a vector.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from myna.errors import StorageError
from myna.index.vectors.log import LogView
from myna.index.vectors.manifest import NAME, Entry, Manifest, load_manifest
from myna.index.vectors.part import Part
from myna.index.vectors.record import RUN, Array
from myna.index.vectors.segment import open_segment
from myna.telemetry import get_logger

_CHUNK_BITS = 16
_SLOT_BITS = 32
_log = get_logger("index")


class _Places:
    """Post id → (slot of a file, number of the run in it), in arrays that are made as ids come."""

    def __init__(self) -> None:
        self._chunks: dict[int, Array] = {}

    def get(self, posts: Array) -> Array:
        """int64: slot and run in one number; -1 for a post that is not known."""
        found = np.full(len(posts), -1, np.int64)
        chunks = posts >> _CHUNK_BITS
        for chunk in np.unique(chunks).tolist():
            if (there := self._chunks.get(chunk)) is not None:
                here = chunks == chunk
                found[here] = there[posts[here] & (1 << _CHUNK_BITS) - 1]
        return found

    def one(self, post: int) -> int:
        chunk = self._chunks.get(post >> _CHUNK_BITS)
        return -1 if chunk is None else int(chunk[post & (1 << _CHUNK_BITS) - 1])

    def set(self, posts: Array, places: Array) -> None:
        chunks = posts >> _CHUNK_BITS
        for chunk in np.unique(chunks).tolist():
            there = self._chunks.setdefault(chunk, np.full(1 << _CHUNK_BITS, -1, np.int64))
            here = chunks == chunk
            there[posts[here] & (1 << _CHUNK_BITS) - 1] = places[here]


class Directory:
    """The files of one folder of vectors. Not thread-safe."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.posts = 0
        """Posts with at least one vector."""
        self.slots: dict[int, Part] = {}
        """The open files by number, oldest first. Replaced, never changed, so that it can be kept."""
        self.unusable: set[str] = set()
        """Names of segments that are missing or damaged."""
        self._dead: dict[str, int] = {}
        self._places = _Places()
        self._logs: dict[int, LogView] = {}
        self._names: dict[str, int] = {}
        self._made = 0
        self._seen: tuple[int, int, int] | None = None

    def refresh(self) -> None:
        """Take in what the writer has done since the last time.

        Raises:
            StorageError: what was read before is not so any more; make a new directory.
            OSError: the folder is gone.
        """
        facts = (self.folder / NAME).stat()
        seen = (facts.st_mtime_ns, facts.st_ino, facts.st_size)
        if seen != self._seen:
            self._adopt()
            self._seen = seen
        for slot in list(self._logs):
            self._follow(slot, frozenset())

    def part(self, name: str) -> Part:
        """An open file."""
        return self.slots[self._names[name]]

    def dead(self, name: str) -> int:
        """How many vectors of a file are not of their post's latest run."""
        return self._dead.get(name, 0)

    def latest(self, name: str) -> Array:
        """Numbers of the runs of a file that are their posts' latest; tombstones are among them."""
        slot = self._names[name]
        runs = self.slots[slot].runs
        return np.flatnonzero(self._places.get(runs["post"]) == _place(slot, np.arange(len(runs))))

    def find(self, post: int) -> tuple[int, int] | None:
        """Slot and run of a post's latest vectors."""
        place = self._places.one(post)
        return None if place < 0 else (place >> _SLOT_BITS, place & (1 << _SLOT_BITS) - 1)

    def run(self, post: int) -> Array | None:
        """The latest run of a post, one of RUN; None for a post that has not been seen to."""
        found = self.find(post)
        return None if found is None else self.slots[found[0]].runs[found[1]]

    def _adopt(self) -> None:
        manifest = load_manifest(self.folder)
        if manifest is None:
            raise StorageError(f"The list of the vectors' files in {self.folder} cannot be read.")
        names = [entry.name for entry in manifest.entries]
        gone = frozenset(slot for name, slot in self._names.items() if name not in names)
        ordered: dict[int, Part] = {}
        fresh: list[int] = []
        for entry in manifest.entries:
            slot = self._names.get(entry.name)
            if slot is None:
                slot = self._open(entry, manifest)
                if slot is None:
                    continue
                fresh.append(slot)
            ordered[slot] = self.slots[slot]
        self.unusable &= set(names)
        self.slots = {**{slot: self.slots[slot] for slot in gone}, **ordered}
        for slot in fresh:
            if slot in self._logs:
                self._follow(slot, gone)
            else:
                self._put(slot, self.slots[slot].runs, 0, gone)
        for slot in gone:
            self._forget(slot)
        self.slots = {slot: self.slots[slot] for slot in ordered}
        self._names = {part.name: slot for slot, part in self.slots.items()}

    def _open(self, entry: Entry, manifest: Manifest) -> int | None:
        """The number of a file that is new here; None for one that cannot be used."""
        path, slot = self.folder / entry.name, self._made + 1
        try:
            if entry.is_log:
                log = LogView(path, manifest.dimensions)
                part = _nothing(entry.name, manifest.dimensions)
                self._logs[slot] = log
            else:
                part = open_segment(path, manifest.dimensions).part
        except StorageError as error:
            if load_manifest(self.folder) != manifest:
                raise  # it was rewritten at this moment
            if entry.name not in self.unusable:
                _log.warning("a file of vectors cannot be used", reason=str(error))
            self.unusable.add(entry.name)
            return None
        self._made = slot
        self.slots = {**self.slots, slot: part}
        return slot

    def _follow(self, slot: int, gone: frozenset[int]) -> None:
        part, seen = self._logs[slot].follow()
        if len(part.runs) > seen:
            slots = dict(self.slots)
            slots[slot] = part
            self.slots = slots
            self._put(slot, part.runs[seen:], seen, gone)

    def _put(self, slot: int, runs: Array, start: int, gone: frozenset[int]) -> None:
        """Take in runs of the file ``slot``, the first of which has number ``start`` there."""
        ranks = {one: rank for rank, one in enumerate(self.slots)}
        posts = runs["post"].astype(np.int64)
        order = np.argsort(posts, kind="stable")
        is_last = np.ones(len(order), bool)
        is_last[:-1] = posts[order][1:] != posts[order][:-1]
        wins = np.zeros(len(runs), bool)
        wins[order[is_last]] = True
        before = self._places.get(posts)
        there = before >> _SLOT_BITS  # -1 stays -1
        for other in np.unique(there[wins & (before >= 0)]).tolist():
            if other not in gone and ranks[other] > ranks[slot]:
                wins &= there != other
        displaced = before[wins & (before >= 0)]
        for other in np.unique(displaced >> _SLOT_BITS).tolist():
            olds = displaced[displaced >> _SLOT_BITS == other] & (1 << _SLOT_BITS) - 1
            self.posts -= int(np.count_nonzero(self.slots[other].runs["count"][olds]))
            if other not in gone:
                self._kill(other, olds)
        self._kill(slot, start + np.flatnonzero(~wins))
        self._places.set(posts[wins], _place(slot, start + np.flatnonzero(wins)))
        self.posts += int(np.count_nonzero(runs["count"][wins]))

    def _kill(self, slot: int, runs: Array) -> None:
        part = self.slots[slot]
        rows = part.rows_of(runs)
        part.live[rows] = False
        self._dead[part.name] = self._dead.get(part.name, 0) + len(rows)

    def _forget(self, slot: int) -> None:
        """A file is gone; posts that are in none of the others are not known any more."""
        part = self.slots[slot]
        posts = part.runs["post"].astype(np.int64)
        left = self._places.get(posts) == _place(slot, np.arange(len(posts)))
        self.posts -= int(np.count_nonzero(part.runs["count"][left]))
        self._places.set(posts[left], np.full(np.count_nonzero(left), -1, np.int64))
        self._dead.pop(part.name, None)
        self._logs.pop(slot, None)


def _place(slot: int, runs: Array) -> Array:
    return (slot << _SLOT_BITS) | runs.astype(np.int64)


def _nothing(name: str, dimensions: int) -> Part:
    none = np.zeros(0, np.int64)
    return Part(
        name=name,
        vectors=np.zeros((0, dimensions), np.int8),
        scales=np.zeros(0, np.float32),
        kinds=none,
        owners=none,
        runs=np.zeros(0, RUN),
        places=None,
        live=np.zeros(0, bool),
    )
