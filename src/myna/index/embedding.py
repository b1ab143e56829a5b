"""Vectors for the store's posts, by a process that never delays the words.

Vectors take time, so the newest posts get theirs first, and among them those that somebody liked
or answered; the past is filled in behind them. With another embedder, the vectors are made anew
beside the old ones, which serve until the new ones have come as far.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Connection

from myna.db.engine import Database, open_database
from myna.db.posts import (
    get_parents,
    last_seq,
    read_changes,
    read_engaged,
    read_gone,
    store_id,
)
from myna.errors import ModelFileError, StorageError
from myna.index.ahead import stale_replies
from myna.index.checkpoint import (
    Checkpoint,
    Spans,
    add_span,
    covered,
    gaps,
    load_checkpoint,
    newest_gap,
    save_checkpoint,
)
from myna.index.embed import Embedder, open_embedder, vectors_version
from myna.index.follow import follow
from myna.index.locks import is_locked, lock_folder
from myna.index.meaning import NEXT, SERVING
from myna.index.memory import release_memory
from myna.index.passages import pieces
from myna.index.vectors import Kind, PostVectors, VectorStore
from myna.index.vectors.manifest import load_manifest
from myna.post import State, StoredPost, Use
from myna.settings import Settings
from myna.telemetry import get_logger

PURGE = "purge-vectors"
"""While this file is there, the embed process rewrites what has anything deleted in it."""
UNSEEN = Use.RETRIEVE | Use.EMBED
"""An author who refuses one of these has no vectors."""
_EMBED_CHANGES = 64
_ENGAGED_AHEAD = 2_048
"""So many of the newest changes that wait are looked through for posts that people took note of."""
_MAINTAIN_SECONDS = 1.0
_HOUR_SECONDS = 3600.0
_PURGE_WAIT_SECONDS = 600.0
_PURGE_POLL_SECONDS = 0.1
ANEW = "vectors.anew"
"""In the index folder: asks the follower to make all vectors anew; gone when the new ones serve."""
_log = get_logger("index")


class Generation:
    """The vectors of one embedder, and how far they have come. One thread owns it."""

    def __init__(self, file: Path, checkpoint: Checkpoint, embedder: Embedder) -> None:
        self._file = file
        self._embedder = embedder
        self.checkpoint = checkpoint
        self.store = VectorStore(file.parent / checkpoint.generation, embedder.dimensions)
        self._engaged: Spans = ()
        if self.store.lost or self.store.appended < checkpoint.records:
            self._begin_again()
        save_checkpoint(file, self.checkpoint)

    def step(self, conn: Connection, last: int, *, after: int = 0) -> bool:
        """Embed changes behind number ``after`` that have no vectors yet, the newest first; whether
        there were any.

        Raises:
            DatabaseError, StorageError, ModelFileError.
        """
        if self.store.lost:
            self._begin_again()
        done = self.checkpoint.done
        gap = newest_gap(done, last, _EMBED_CHANGES)
        if gap is None or gap[1] <= after:
            return False
        if self._step_engaged(conn, last, after, gap):
            return True
        start, end = max(gap[0], after), gap[1]
        changes = [post for post in read_changes(conn, start, end - start) if post.seq <= end]
        stale = [post for post in stale_replies(conn, changes) if self._has(post.seq)]
        self._embed(conn, [*changes, *stale])
        self._save(add_span(done, start, end))
        return True

    def _step_engaged(
        self, conn: Connection, last: int, after: int, newest: tuple[int, int]
    ) -> bool:
        """Where much waits, first those of the newest that people took note of."""
        looked = self._engaged
        for start, end in self.checkpoint.done:
            looked = add_span(looked, start, end)
        gap = newest_gap(looked, last, _ENGAGED_AHEAD)
        if gap is None:
            return False
        start, end = max(gap[0], after, newest[1] - _ENGAGED_AHEAD), gap[1]
        if end - start <= _EMBED_CHANGES:
            return False
        posts = read_engaged(conn, start, end, _EMBED_CHANGES)
        if len(posts) == _EMBED_CHANGES:
            start = posts[-1].seq - 1
        self._engaged = add_span(self._engaged, start, end)
        self._embed(conn, posts)
        return bool(posts)

    def _embed(self, conn: Connection, posts: Sequence[StoredPost]) -> None:
        parents = get_parents(conn, posts)
        made = (self._vectors(post, parents.get(post.id)) for post in posts)
        self.store.append([vectors for vectors in made if vectors is not None])

    def _vectors(self, post: StoredPost, parent: StoredPost | None) -> PostVectors | None:
        """None where the latest vectors are of the same text: a like changes nothing here."""
        if parent is not None and parent.refused & UNSEEN:
            parent = None
        live = post.state is State.LIVE and not post.refused & UNSEEN
        wanted = pieces(post, parent) if live else ()
        digest = digest_of(wanted)
        latest = self.store.run(post.id)
        if latest is not None and (latest["digest"], latest["count"]) == (digest, len(wanted)):
            return None
        posted = int(post.posted_at.timestamp())
        if not wanted:
            return PostVectors(post.id, post.seq, posted=posted)
        kinds = tuple(kind for kind, _ in wanted)
        vectors = self._embedder.embed([text for _, text in wanted])
        return PostVectors(post.id, post.seq, kinds, vectors, posted, digest)

    def _has(self, seq: int) -> bool:
        return any(after < seq <= to for after, to in self.checkpoint.done)

    def _begin_again(self) -> None:
        """Go through all changes once more: what has its vectors is passed over."""
        _log.warning("some vectors were damaged and are made again")
        self._engaged = ()
        self._save(())
        self.store.forget_loss()

    def _save(self, done: Spans) -> None:
        self.checkpoint = replace(self.checkpoint, done=done, records=self.store.appended)
        save_checkpoint(self._file, self.checkpoint)

    def move(self, file: Path) -> None:
        """Keep the checkpoint under another name from now on; what it named before is let go."""
        save_checkpoint(file, self.checkpoint)
        self._file.unlink(missing_ok=True)
        self._file = file

    def close(self) -> None:
        """Let go of the files."""
        self.store.close()


class EmbedFollower:
    """Store → vectors. One thread owns it."""

    def __init__(
        self,
        db: Database,
        folder: Path,
        embedder: Embedder,
        *,
        setting: str = "",
        purge_hours: float = 24.0,
        open_other: Callable[[str], Embedder] = open_embedder,
    ) -> None:
        """``setting`` is what ``embedder`` was opened from; ``open_other`` opens the one that the
        vectors were made with before. With ``purge_hours`` 0 nothing is purged of itself."""
        self._db = db
        self._folder = folder
        self._purge_seconds = purge_hours * _HOUR_SECONDS if purge_hours else math.inf
        self._maintain_at = 0.0
        self._purged_up_to: float | None = None
        """Since when a purge is asked for: what died before goes at once."""
        self._lock = lock_folder(folder, "vectors")
        with db.begin() as conn:
            store, last = str(store_id(conn)), last_seq(conn)
        fresh = Checkpoint("", store, vectors_version(embedder), embedder=setting)
        self._fresh, self._embedder = fresh, embedder
        self._next: Generation | None = None
        self._news = last
        """With two generations, the old one takes in only what comes after this change."""
        found = self._usable(SERVING, store, last)
        if found is not None and found.version != fresh.version:
            old = self._open_old(found, open_other)
            if old is not None:
                _log.info("vectors are made anew by another embedder", name=embedder.name)
                self._serving = self._open(SERVING, found, old)
                self._next = self._open(NEXT, self._usable(NEXT, store, last) or fresh, embedder)
                if self._next.checkpoint.version != fresh.version:
                    self._next.close()
                    self._next = self._open(NEXT, fresh, embedder)
                self._clean()
                return
            found = None
        self._serving = self._open(SERVING, found or fresh, embedder)
        if (folder / ANEW).exists():
            half = self._usable(NEXT, store, last)
            half = half if half and half.version == fresh.version else fresh
            self._next = self._open(NEXT, half, embedder)
        else:
            (folder / NEXT).unlink(missing_ok=True)
        self._clean()

    def _usable(self, name: str, store: str, last: int) -> Checkpoint | None:
        found = load_checkpoint(self._folder / name)
        if found is None or found.store_id != store or (found.done and found.done[-1][1] > last):
            return None
        return found

    def _open_old(
        self, found: Checkpoint, open_other: Callable[[str], Embedder]
    ) -> Embedder | None:
        try:
            old = open_other(found.embedder)
            return old if vectors_version(old) == found.version else None
        except ModelFileError:
            return None

    def _open(self, name: str, checkpoint: Checkpoint, embedder: Embedder) -> Generation:
        if not checkpoint.generation:
            checkpoint = replace(checkpoint, generation=f"vectors-{time.time_ns():x}")
        return Generation(self._folder / name, checkpoint, embedder)

    def _clean(self) -> None:
        """Delete the vectors that no checkpoint names."""
        named = {one.checkpoint.generation for one in self._generations()} | {SERVING, NEXT}
        for path in self._folder.glob("vectors-*"):
            if path.name not in named:
                with suppress(OSError):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _generations(self) -> Iterable[Generation]:
        return [self._serving] if self._next is None else [self._serving, self._next]

    def step(self) -> bool:
        """Embed the newest changes that have no vectors yet; whether there were any.

        Raises:
            DatabaseError, StorageError, ModelFileError.
        """
        if time.monotonic() >= self._maintain_at:
            self._maintain_at = time.monotonic() + _MAINTAIN_SECONDS
            self._maintain()
        with self._db.begin() as conn:
            last = last_seq(conn)
            if self._next is None:
                return self._serving.step(conn, last)
            if self._serving.step(conn, last, after=self._news):
                return True
            stepped = self._next.step(conn, last)
        self._swap_when_ready()
        return stepped

    def _swap_when_ready(self) -> None:
        new = self._next
        if new is None or covered(new.checkpoint.done) < covered(self._serving.checkpoint.done):
            return
        new.move(self._folder / SERVING)
        self._serving.close()
        self._serving, self._next = new, None
        (self._folder / ANEW).unlink(missing_ok=True)
        self._clean()
        _log.info("the new vectors serve from now on")

    def _maintain(self) -> None:
        if self._next is None and (self._folder / ANEW).exists():
            _log.info("vectors are made anew")
            done = self._serving.checkpoint.done
            self._news = done[-1][1] if done else 0
            self._next = self._open(NEXT, self._fresh, self._embedder)
        now = time.time()
        if self._purged_up_to is None and (self._folder / PURGE).exists():
            with self._db.begin() as conn:
                for one in self._generations():
                    bury(conn, one.store, one.checkpoint)
                    one.store.note_deaths(now)
            self._purged_up_to = now
        purge_seconds = self._purge_seconds
        if self._purged_up_to is not None:  # what dies from now on may wait
            purge_seconds = min(purge_seconds, 2 * (now - self._purged_up_to))
        for one in self._generations():
            one.store.maintain(purge_seconds=purge_seconds, now=now)
        if self._purged_up_to is not None and not any(
            one.store.has_dead(self._purged_up_to) for one in self._generations()
        ):
            (self._folder / PURGE).unlink(missing_ok=True)
            self._purged_up_to = None

    def catch_up(self) -> None:
        """Embed everything that is committed by now."""
        while self.step() or self._next is not None:
            pass

    def release(self) -> None:
        """Give back what a backlog needed."""
        self._db.release()
        release_memory(self._folder)

    def close(self) -> None:
        """Let go of the vectors; another process may then write them."""
        for generation in self._generations():
            generation.close()
        os.close(self._lock)


def digest_of(wanted: Sequence[tuple[Kind, str]]) -> int:
    """Tells texts apart; 0 for none."""
    if not wanted:
        return 0
    digest = hashlib.blake2b(digest_size=8)
    for kind, text in wanted:
        digest.update(b"%d" % kind)
        digest.update(text.encode("utf-8", "surrogatepass"))
        digest.update(b"\0")
    return int.from_bytes(digest.digest(), "little") or 1


def bury(conn: Connection, store: VectorStore, checkpoint: Checkpoint) -> None:
    """Take out the posts whose deletion is among the changes that have not been followed yet."""
    gone = [
        PostVectors(post, seq)
        for after, to in gaps(checkpoint.done, last_seq(conn))
        for post, seq in read_gone(conn, after, to)
        if (run := store.run(post)) is not None and run["count"]
    ]
    store.append(gone)


def purge_vectors(db: Database, folder: Path) -> None:
    """Rewrite all files with vectors of deleted or edited posts, and wait for it: after that they
    are nowhere on the disk. The running embed process does so where there is one.

    Raises:
        StorageError: the disk is full, or the embed process does not come on.
    """
    if not (folder / SERVING).exists():
        return
    limit = time.monotonic() + _PURGE_WAIT_SECONDS
    wanted = folder / PURGE
    wanted.touch()
    while wanted.exists():
        if not is_locked(folder, "vectors"):
            _purge_here(db, folder)
            wanted.unlink(missing_ok=True)
        elif time.monotonic() > limit:
            raise StorageError(
                "The embed process does not come on. See its log, or stop Myna and try again."
            )
        time.sleep(_PURGE_POLL_SECONDS)


def _purge_here(db: Database, folder: Path) -> None:
    lock = lock_folder(folder, "vectors")
    try:
        for name in (SERVING, NEXT):
            checkpoint = load_checkpoint(folder / name)
            manifest = load_manifest(folder / checkpoint.generation) if checkpoint else None
            if checkpoint is None or manifest is None:
                continue
            store = VectorStore(folder / checkpoint.generation, manifest.dimensions)
            try:
                with db.begin() as conn:
                    bury(conn, store, checkpoint)
                store.compact()
            finally:
                store.close()
    finally:
        os.close(lock)


def run_embedder(settings: Settings, stop: threading.Event) -> None:
    """The role that makes vectors, with what processor time others leave: until ``stop``."""
    yield_processor()
    db = open_database(settings)
    embedder = open_embedder(settings.embedder)
    try:
        follow(
            lambda: EmbedFollower(
                db,
                settings.index_dir,
                embedder,
                setting=settings.embedder,
                purge_hours=settings.purge_hours,
            ),
            stop,
            "vectors",
        )
    finally:
        db.dispose()


def yield_processor() -> None:
    """Give way to every other process of the machine."""
    os.nice(19)
    # Linux shares the processor among sessions first, and each role is started in one of its own:
    # without this the embedder took as much as the index did. At 19 it could not even stop in time.
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text("10")
    if hasattr(os, "SCHED_IDLE"):
        try:
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        except OSError:
            _log.debug("the system does not allow the idle class")
