"""Following the store: whatever was committed there is soon in the text index and the vectors.

Two roles, each a process of its own with the same shape: read the changes that are not in yet,
write them, note how far one came. Text goes in order and is quick; vectors take time, so the
newest posts get theirs first and the past is filled in behind them. After a crash, a full disk or
an absent database each goes on from its checkpoint.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection

from myna.db.engine import Database, open_database
from myna.db.posts import get_parents, get_replies, last_seq, read_changes, store_id
from myna.errors import DatabaseError, StorageError
from myna.index.checkpoint import (
    Checkpoint,
    add_span,
    load_checkpoint,
    newest_gap,
    save_checkpoint,
)
from myna.index.embed import Embedder, OnnxEmbedder, vectors_version
from myna.index.passages import pieces
from myna.index.text import TextWriter, lock_folder
from myna.index.vectors import PostVectors, VectorLog
from myna.post import State, StoredPost
from myna.settings import Settings
from myna.telemetry import get_logger

POLL_SECONDS = 0.05
"""How long a follower sleeps when there is no news."""
_BATCH_CHANGES = 2_000
_COMMIT_CHANGES = 20_000
_COMMIT_SECONDS = 2.0
"""A backlog is committed this often: many small commits would take longer than the writing."""
_EMBED_CHANGES = 64
_BACKLOG_STEPS = 10
"""More steps than this without a pause were a backlog."""
_REPLIES = 200
"""Replies that are indexed anew with an edited or deleted parent, whose text they carry."""
_log = get_logger("index")


class Follower:
    """Store → text index. One thread owns it."""

    def __init__(self, db: Database, folder: Path) -> None:
        self._db = db
        with db.begin() as conn:
            self._writer = TextWriter(folder, str(store_id(conn)))
            last = last_seq(conn)
        if self._writer.seq > last:
            self._writer.start_over("the database is older than the index")
        self._read = self._writer.seq
        self._committed_at = time.monotonic()
        self._commit_seconds = 0.0

    def step(self) -> bool:
        """Take in the next changes; whether there were any.

        Raises:
            DatabaseError, StorageError: nothing is lost; make a new follower and go on.
        """
        with self._db.begin() as conn:
            last = last_seq(conn)
            if last <= self._read:
                changes: list[StoredPost] = []
                stale: list[StoredPost] = []
                parents: dict[int, StoredPost] = {}
            else:
                changes = read_changes(conn, self._read, _BATCH_CHANGES)
                stale = stale_replies(conn, changes)
                parents = get_parents(conn, [*changes, *stale])
        if changes:
            self._writer.write([*changes, *stale], parents)
            self._read = changes[-1].seq
        if self._read > self._writer.seq and self._due(self._read >= last):
            self._commit()
        return bool(changes)

    def catch_up(self) -> int:
        """Take in everything that is committed by now; the number of the latest change."""
        while self.step():
            pass
        if self._read > self._writer.seq:
            self._commit()
        return self._writer.seq

    def _due(self, caught_up: bool) -> bool:
        waited = time.monotonic() - self._committed_at
        if caught_up:  # the newest post should be seen at once, but commits must not be all we do
            return waited >= min(2 * self._commit_seconds, 0.25)
        return waited >= _COMMIT_SECONDS or self._read - self._writer.seq >= _COMMIT_CHANGES

    def _commit(self) -> None:
        start = time.monotonic()
        self._writer.commit(self._read)
        self._committed_at = time.monotonic()
        self._commit_seconds = self._committed_at - start

    def close(self) -> None:
        """Let go of the index; another process may then write it."""
        self._writer.close()


def stale_replies(conn: Connection, changes: Sequence[StoredPost]) -> list[StoredPost]:
    """Replies that were there before these changes of what they reply to: what is kept with them
    of its text is out of date (a deletion must reach it too)."""
    changed = {post.id for post in changes}
    stale: dict[int, StoredPost] = {}
    replies = get_replies(conn, changes, _REPLIES)
    for parent in changes:
        for reply in replies[parent.id]:
            if reply.seq < parent.seq and reply.id not in changed:
                stale[reply.id] = reply
    return list(stale.values())


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


class _Steps(Protocol):
    def step(self) -> bool: ...

    def close(self) -> None: ...


def follow(open_follower: Callable[[], _Steps], stop: threading.Event, name: str) -> None:
    """Step until told to stop. Where the store or the disk is away, say so once and try again."""
    wait = 0.5
    while not stop.is_set():
        follower = None
        try:
            follower = open_follower()
            steps = 0
            while not stop.is_set():
                if follower.step():
                    wait, steps = 0.5, steps + 1
                    continue
                if steps > _BACKLOG_STEPS:
                    release_memory()
                steps = 0
                stop.wait(POLL_SECONDS)
        except (DatabaseError, StorageError) as error:
            _log.warning("follower waits", follower=name, reason=str(error), seconds=wait)
            stop.wait(wait)
            wait = min(wait * 2, 10.0)
        finally:
            if follower is not None:
                follower.close()


def release_memory() -> None:
    """Give the system back what a backlog needed: a third of the process. (glibc keeps it.)"""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def run_follower(settings: Settings, stop: threading.Event) -> None:
    """The role that keeps the text index: runs until ``stop`` is set."""
    db = open_database(settings)
    try:
        follow(lambda: Follower(db, settings.index_dir), stop, "text")
    finally:
        db.dispose()


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
