"""The one writer of a folder of vectors: appends to a log, seals full logs, rewrites what died.

Everything but appending is a rewriting of neighbouring files into one segment without their dead
vectors: sealing a full log, merging small segments, and compaction, after which a deleted post's
vectors are in no file. The new file is durable before the manifest names it, and the old ones are
deleted after that; what a crash leaves over is deleted at the next start. It is made in a thread
beside the appending: files that are read from do not change.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from myna.errors import StorageError
from myna.index.vectors.directory import Directory
from myna.index.vectors.log import VectorLog, unwritable
from myna.index.vectors.manifest import NAME, Entry, Manifest, load_manifest, save_manifest
from myna.index.vectors.record import Array, PostVectors
from myna.index.vectors.segment import Kept, open_segment, write_segment
from myna.telemetry import get_logger

SEAL_RECORDS = 65_536
MAX_SEGMENT_RECORDS = 262_144
MERGED = 4
"""So many small neighbours of about the same size become one segment."""
DEAD_SHARE = 0.3
"""A segment with more dead vectors is rewritten, however young they are."""
_LARGEST_POST = 64
"""Room behind ``SEAL_RECORDS``: a post's records stand in one file."""
_RETRY_SECONDS = 60.0
_CHECK_SECONDS = 30.0
"""A segment is read as a whole, to find damage, once after a start and not more often than this."""
_log = get_logger("index")


@dataclass(frozen=True, slots=True)
class _Written:
    """What became of a rewriting."""

    whole: bool
    """False when it was told to stop."""
    damaged: bool
    """Vectors that were not what had been written were left out."""
    empty: bool
    """There was nothing to keep."""


@dataclass(frozen=True, slots=True)
class _Rewriting:
    """Files that are being rewritten into one."""

    names: tuple[str, ...]
    target: str
    done: Future[_Written]


class VectorStore:
    """One thread owns it."""

    def __init__(
        self,
        folder: Path,
        dimensions: int,
        *,
        seal_records: int = SEAL_RECORDS,
        max_segment_records: int = MAX_SEGMENT_RECORDS,
    ) -> None:
        """Open or make the folder; a torn or damaged tail is cut, and what is damaged is left out.

        Raises:
            StorageError: the folder cannot be written.
        """
        self.folder = folder
        self.dimensions = dimensions
        self._seal_records = seal_records
        self._max_segment_records = max_segment_records
        self._retry_at = 0.0
        self._rewriting: _Rewriting | None = None
        self._checked: set[str] = set()
        self._damaged: set[str] = set()
        self._next_check = 0.0
        self._stop = threading.Event()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="vectors")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(folder, error) from error
        found = load_manifest(folder)
        if found is None or found.dimensions != dimensions or not found.entries:
            lost = (folder / NAME).exists()
            found = Manifest(dimensions, (Entry("000001.log"),), made=1, lost=lost)
            self._clean(Manifest(dimensions, ()))
            self._active = self._open_log("000001.log")
            save_manifest(folder, found)
        else:
            self._clean(found)
            for entry in found.entries[:-1]:
                if entry.is_log:
                    log = self._open_log(entry.name)
                    found = replace(found, lost=found.lost or log.count < entry.records)
                    log.close()
            self._active = self._open_log(found.entries[-1].name)
        self._manifest = found
        self._directory = Directory(folder)
        self._refresh()
        usable = [e for e in found.entries if e.name not in self._directory.unusable]
        lost = found.lost or len(usable) < len(found.entries)
        if lost:
            self._save(replace(found, entries=tuple(usable), lost=True))
            self._clean(self._manifest)

    def _open_log(self, name: str) -> VectorLog:
        capacity = self._seal_records + _LARGEST_POST
        try:
            return VectorLog(self.folder / name, self.dimensions, capacity)
        except StorageError:
            if not (self.folder / name).is_file():
                raise
            _log.warning("a log of vectors is damaged and is made again", name=name)
            (self.folder / name).unlink()
            return VectorLog(self.folder / name, self.dimensions, capacity)

    def _clean(self, manifest: Manifest) -> None:
        """Delete what the manifest does not name."""
        named = {NAME, *(entry.name for entry in manifest.entries)}
        for path in self.folder.iterdir():
            if path.name not in named:
                with suppress(OSError):
                    path.unlink()

    @property
    def appended(self) -> int:
        """Records written since the beginning; fewer than there were: some were lost."""
        return self._manifest.sealed + self._active.count

    @property
    def lost(self) -> bool:
        """Whether vectors that were there once turned out to be damaged, and are to be made again:
        ``run`` does not know of them any more."""
        return self._manifest.lost

    def forget_loss(self) -> None:
        """Whoever makes vectors knows that some are missing."""
        self._save(replace(self._manifest, lost=False))

    def has_dead(self, since: float) -> bool:
        """Whether a vector that died up to this time (seconds since 1970) is still in a file."""
        return any(
            entry.dead_since is not None and entry.dead_since <= since
            for entry in self._manifest.entries
        )

    @property
    def posts(self) -> int:
        """Posts with at least one vector."""
        return self._directory.posts

    @property
    def is_rewriting(self) -> bool:
        """Whether work that ``maintain`` began is not at its end."""
        return self._rewriting is not None

    def run(self, post: int) -> Array | None:
        """The latest run of a post, one of RUN; None for a post that has not been seen to."""
        return self._directory.run(post)

    def append(self, posts: Sequence[PostVectors]) -> None:
        """Write the posts' vectors, make them durable, then let readers see them.

        Raises:
            StorageError: the disk is full; what had no room is not visible then.
        """
        waiting: list[PostVectors] = []
        records = 0
        for post in posts:
            size = max(1, len(post.kinds))
            if self._active.count + records >= self._seal_records:
                self._active.append(waiting)
                self._rotate()
                waiting, records = [], 0
            waiting.append(post)
            records += size
        self._active.append(waiting)
        self._refresh()

    def _rotate(self) -> None:
        """Go on in a new log. The old one is sealed later."""
        made = self._manifest.made + 1
        name = f"{made:06}.log"
        log = self._open_log(name)
        *before, last = self._manifest.entries
        full = replace(last, records=self._active.count)
        try:
            self._save(
                replace(
                    self._manifest,
                    entries=(*before, full, Entry(name)),
                    made=made,
                    sealed=self._manifest.sealed + self._active.count,
                )
            )
        except StorageError:
            log.close()
            raise
        self._active.close()
        self._active = log
        self._refresh()

    def _save(self, manifest: Manifest) -> None:
        save_manifest(self.folder, manifest)
        self._manifest = manifest

    def _refresh(self) -> None:
        try:
            self._directory.refresh()
        except OSError as error:
            raise unwritable(self.folder, error) from error

    def maintain(self, *, purge_seconds: float, now: float | None = None) -> bool:
        """Begin, or bring to its end, one piece of work that is due; whether there was any.
        Call it from time to time: vectors of deleted posts are gone from the disk within
        ``purge_seconds``.

        Raises:
            StorageError: the manifest cannot be written.
        """
        now = time.time() if now is None else now
        if self._rewriting is not None:
            return self._rewriting.done.done() and self._install(self._rewriting)
        self.note_deaths(now)
        if time.monotonic() < self._retry_at:
            return False
        if self._last_is_due(now, purge_seconds):
            self._rotate()
        names = self._due(now, purge_seconds)
        if names:
            self._begin(names)
        elif time.monotonic() >= self._next_check:
            self._check([entry.name for entry in self._manifest.entries if not entry.is_log])
        return bool(names)

    def compact(self, *, dead_for_seconds: float = 0.0) -> int:
        """Rewrite all files with a vector that died longer ago, and wait for it; how many files
        were rewritten.

        Raises:
            StorageError: the disk is full; the old files serve on.
        """
        rewritten = 0
        self._retry_at = 0.0
        while self.maintain(purge_seconds=2 * dead_for_seconds) or self._rewriting is not None:
            if (going := self._rewriting) is not None:
                if (error := going.done.exception()) is not None:
                    self._rewriting = None
                    raise error
                rewritten += len(going.names)
        return rewritten

    def note_deaths(self, now: float) -> None:
        """Write down when a file's first vector died, so that the time goes on after a restart."""
        entries = tuple(
            replace(entry, dead_since=now)
            if entry.dead_since is None and self._directory.dead(entry.name)
            else entry
            for entry in self._manifest.entries
        )
        if entries != self._manifest.entries:
            self._save(replace(self._manifest, entries=entries))

    def _last_is_due(self, now: float, purge_seconds: float) -> bool:
        since = self._manifest.entries[-1].dead_since
        return since is not None and now - since >= purge_seconds / 2

    def _due(self, now: float, purge_seconds: float) -> tuple[str, ...]:
        """Names of the neighbouring files that should be rewritten first; none: nothing is due."""
        sealed = self._manifest.entries[:-1]
        for entry in sealed:
            if entry.is_log or self._is_worn(entry, now, purge_seconds):
                return (entry.name,)
        names = [entry.name for entry in sealed]
        sizes = [len(self._directory.part(name).vectors) for name in names]
        for at in range(len(names) - MERGED + 1):
            group = sizes[at : at + MERGED]
            if len({self._level(size) for size in group}) == 1 and (
                sum(group) <= self._max_segment_records
            ):
                return tuple(names[at : at + MERGED])
        return ()

    def _level(self, records: int) -> int:
        """How often a segment of about this size has been merged."""
        level, limit = 0, self._seal_records * 1.25
        while records > limit:
            level, limit = level + 1, limit * MERGED
        return level

    def _is_worn(self, entry: Entry, now: float, purge_seconds: float) -> bool:
        part = self._directory.part(entry.name)
        if part.sketch is None or entry.name in self._damaged:
            return True
        if self._directory.dead(entry.name) > DEAD_SHARE * len(part.vectors):
            return True
        return entry.dead_since is not None and now - entry.dead_since >= purge_seconds / 2

    def _begin(self, names: tuple[str, ...]) -> None:
        made = self._manifest.made + 1
        self._manifest = replace(self._manifest, made=made)
        target = f"{made:06}.seg"
        kept = [Kept(self._directory.part(name), self._directory.latest(name)) for name in names]
        path = self.folder / target

        def work() -> _Written:
            whole = [self._without_damage(one) for one in kept]
            runs = sum(len(one.runs) for one in whole)
            damaged = runs < sum(len(one.runs) for one in kept)
            if not runs:
                return _Written(True, damaged, empty=True)
            written = write_segment(
                path, whole, self.dimensions, going_on=lambda: not self._stop.is_set()
            )
            return _Written(written, damaged, empty=False)

        self._rewriting = _Rewriting(names, target, self._worker.submit(work))

    def _without_damage(self, kept: Kept) -> Kept:
        """What is still as it was written."""
        if kept.part.name.endswith(".log"):
            return kept  # checked when the log was opened
        bad = open_segment(self.folder / kept.part.name, self.dimensions).damaged_runs()
        return replace(kept, runs=np.setdiff1d(kept.runs, bad)) if len(bad) else kept

    def _install(self, going: _Rewriting) -> bool:
        self._rewriting = None
        try:
            written = going.done.result()
        except StorageError as error:
            self._retry_at = time.monotonic() + _RETRY_SECONDS
            _log.warning("vectors are not sealed yet", reason=str(error))
            return False
        if not written.whole:
            return False
        entries = list(self._manifest.entries)
        at = [entry.name for entry in entries].index(going.names[0])
        entries[at : at + len(going.names)] = [] if written.empty else [Entry(going.target)]
        lost = self._manifest.lost or written.damaged
        self._save(replace(self._manifest, entries=tuple(entries), lost=lost))
        self._damaged -= set(going.names)
        for name in going.names:
            with suppress(OSError):
                (self.folder / name).unlink()
        self._refresh()
        return True

    def _check(self, names: Sequence[str]) -> None:
        """Read one more segment that has not been read as a whole since the start."""
        self._next_check = time.monotonic() + _CHECK_SECONDS
        unread = [name for name in names if name not in self._checked]
        if not unread:
            return
        name = unread[0]
        self._checked.add(name)

        def work() -> None:
            if len(open_segment(self.folder / name, self.dimensions).damaged_runs()):
                self._damaged.add(name)

        self._worker.submit(work)

    def close(self) -> None:
        """Let go of the files; everything appended is already durable."""
        self._stop.set()
        self._worker.shutdown()
        self._active.close()
