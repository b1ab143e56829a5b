"""Vectors for the store's posts, by a process that never delays the words.

Vectors take time, so the newest posts get theirs first, and among them those that somebody liked
or answered; the past is filled in behind them. With another embedder, the vectors are made anew
beside the old ones, which serve until the new ones have come as far.
"""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from myna.db.engine import Database, open_database
from myna.db.posts import (
    last_seq,
    store_id,
)
from myna.errors import ModelFileError
from myna.index.checkpoint import (
    Checkpoint,
    covered,
    load_checkpoint,
)
from myna.index.embed import Embedder, open_embedder, vectors_version
from myna.index.follow import follow
from myna.index.generation import Generation, bury
from myna.index.locks import lock_folder
from myna.index.meaning import NEXT, SERVING
from myna.index.memory import release_memory
from myna.index.purge_vectors import PURGE
from myna.settings import Settings
from myna.telemetry import get_logger

_MOST_BEHIND = 2_000
"""Changes that may wait for the text index before vectors wait for it: half a second of a rush."""
_MAINTAIN_SECONDS = 1.0
_HOUR_SECONDS = 3600.0
ANEW = "vectors.anew"
"""In the index folder: asks the follower to make all vectors anew; gone when the new ones serve."""
_log = get_logger("index")


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
        gives_way: bool = False,
        open_other: Callable[[str], Embedder] = open_embedder,
    ) -> None:
        """``setting`` is what ``embedder`` was opened from; ``open_other`` opens the one that the
        vectors were made with before. With ``purge_hours`` 0 nothing is purged of itself. One that
        ``gives_way`` waits while the words are far behind."""
        self._db = db
        self._folder = folder
        self._purge_seconds = purge_hours * _HOUR_SECONDS if purge_hours else math.inf
        self._gives_way = gives_way
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
            if self._gives_way and self._words_behind(last) > _MOST_BEHIND:
                return False
            if self._next is None:
                return self._serving.step(conn, last)
            if self._serving.step(conn, last, after=self._news):
                return True
            stepped = self._next.step(conn, last)
        self._swap_when_ready()
        return stepped

    def _words_behind(self, last: int) -> int:
        text = load_checkpoint(self._folder / "text.json")
        return last - text.seq if text and text.store_id == self._fresh.store_id else 0

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
                gives_way=True,
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
