"""Vectors for the store's posts, by a process that never delays the words.

Vectors take time, so the newest posts get theirs first and the past is filled in behind them.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import replace
from pathlib import Path

from myna.db.engine import Database, open_database
from myna.db.posts import get_parents, last_seq, read_changes, store_id
from myna.errors import StorageError
from myna.index.checkpoint import (
    Checkpoint,
    add_span,
    load_checkpoint,
    newest_gap,
    save_checkpoint,
)
from myna.index.embed import Embedder, OnnxEmbedder, vectors_version
from myna.index.follow import follow, stale_replies
from myna.index.locks import lock_folder
from myna.index.passages import pieces
from myna.index.vectors import PostVectors, VectorLog
from myna.post import State, StoredPost
from myna.settings import Settings
from myna.telemetry import get_logger

_EMBED_CHANGES = 64
_log = get_logger("index")


class EmbedFollower:
    """Store → vector log, newest first. One thread owns it."""

    def __init__(self, db: Database, folder: Path, embedder: Embedder) -> None:
        self._db = db
        self._folder = folder
        self._embedder = embedder
        self._file = folder / "vectors.json"
        self._lock = lock_folder(folder, "vectors")
        with db.begin() as conn:
            store, last = str(store_id(conn)), last_seq(conn)
        version = vectors_version(embedder)
        found = load_checkpoint(self._file)
        usable = (
            found is not None
            and (found.store_id, found.version) == (store, version)
            and (not found.done or found.done[-1][1] <= last)
        )
        if found is not None and usable:
            self._checkpoint = found
            try:
                self._log = VectorLog(folder / found.generation)
            except StorageError as error:
                _log.warning("vectors are made anew", reason=str(error))
                usable = False
        self._made: dict[int, int] = {}
        if not usable:
            self._start_over(store, version)
        elif self._log.count < self._checkpoint.records:
            _log.warning("the end of the vectors was damaged and is made again")
            self._made = self._log.made_from()
            self._checkpoint = replace(self._checkpoint, done=(), records=self._log.count)

    def _start_over(self, store: str, version: str) -> None:
        for old in self._folder.glob("vectors-*.log"):
            old.unlink(missing_ok=True)
        self._checkpoint = Checkpoint(f"vectors-{time.time_ns():x}.log", store, version)
        self._log = VectorLog(self._folder / self._checkpoint.generation)
        save_checkpoint(self._file, self._checkpoint)

    def step(self) -> bool:
        """Embed the newest changes that have no vectors yet; whether there were any.

        Raises:
            DatabaseError, StorageError, ModelFileError.
        """
        with self._db.begin() as conn:
            gap = newest_gap(self._checkpoint.done, last_seq(conn), _EMBED_CHANGES)
            if gap is None:
                self._made.clear()
                return False
            after, to = gap
            changes = [post for post in read_changes(conn, after, to - after) if post.seq <= to]
            stale = [post for post in stale_replies(conn, changes) if self._has(post.seq)]
            parents = get_parents(conn, [*changes, *stale])
        missing = [post for post in changes if self._made.get(post.id) != post.seq]
        self._log.append([self._vectors(post, parents.get(post.id)) for post in [*missing, *stale]])
        done = add_span(self._checkpoint.done, after, to)
        self._checkpoint = replace(self._checkpoint, done=done, records=self._log.count)
        save_checkpoint(self._file, self._checkpoint)
        return True

    def catch_up(self) -> None:
        """Embed everything that is committed by now."""
        while self.step():
            pass

    def _has(self, seq: int) -> bool:
        return any(after < seq <= to for after, to in self._checkpoint.done)

    def _vectors(self, post: StoredPost, parent: StoredPost | None) -> PostVectors:
        wanted = pieces(post, parent) if post.state is State.LIVE else ()
        if not wanted:
            return PostVectors(post.id, post.seq)
        vectors = self._embedder.embed([text for _, text in wanted])
        return PostVectors(post.id, post.seq, tuple(kind for kind, _ in wanted), vectors)

    def close(self) -> None:
        """Let go of the log; another process may then write it."""
        self._log.close()
        os.close(self._lock)


def run_embedder(settings: Settings, stop: threading.Event) -> None:
    """The role that makes vectors, with what processor time others leave: until ``stop``."""
    yield_processor()
    db = open_database(settings)
    embedder = OnnxEmbedder()
    try:
        follow(lambda: EmbedFollower(db, settings.index_dir, embedder), stop, "vectors")
    finally:
        db.dispose()


def yield_processor() -> None:
    """Give way to every other process of the machine."""
    os.nice(19)
    if hasattr(os, "SCHED_IDLE"):
        try:
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        except OSError:
            _log.debug("the system does not allow the idle class")
