"""A text index built anew beside the one that serves, which then takes its place.

The new one is made in ``index/beside`` by this process, in the store's order, up to the latest
change. Then ``text.next.json`` names it to whoever writes the serving index: the running ``index``
role takes it over in its loop, writes what has come since, and moves the readers with that commit;
where none runs, this process does it. Until then the old index serves and is what a killed process
comes back to, so a kill at any point costs no more than the work done beside.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from myna.db.engine import Database
from myna.db.posts import last_seq
from myna.errors import Conflict, StorageError
from myna.index.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from myna.index.embedding import ANEW
from myna.index.follow import Follower
from myna.index.locks import is_locked, only_one, rows_stay
from myna.index.mend import open_vectors
from myna.index.writer import BESIDE, NEXT
from myna.settings import Settings

MOVE_SECONDS = 600.0
"""Longest wait for the running index to take over; under load it has a backlog to write first."""
_POLL_SECONDS = 0.05

Progress = Callable[[int, int], None]
"""Told changes read so far, and changes in all."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild came to."""

    seq: int
    """All changes up to this one are in the new index."""
    seconds: float
    by_running: bool
    """Whether a running index process took it over."""


def rebuild_text(db: Database, folder: Path, on_progress: Progress | None = None) -> Rebuilt:
    """Build the text index of ``folder`` anew and put it in place.

    Raises:
        Conflict: another rebuild is at work.
        DatabaseError, StorageError: it could not be built; the old one serves on.
    """
    began = time.monotonic()
    with only_one(folder, "rebuild", "rebuilds the index"):
        with rows_stay(folder):
            made = _build(db, folder, on_progress or (lambda done, total: None))
            by_running = _put_in_place(db, folder, made)
        shutil.rmtree(folder / BESIDE, ignore_errors=True)
    serving = load_checkpoint(folder / "text.json")
    return Rebuilt((serving or made).seq, time.monotonic() - began, by_running)


def rebuild_vectors(db: Database, settings: Settings) -> bool:
    """Have all vectors made anew beside those that serve. Where the embed role runs, it does so in
    the background, from now on and after a restart; else they are made here. Whether they are."""
    request = settings.index_dir / ANEW
    settings.index_dir.mkdir(parents=True, exist_ok=True)
    request.touch()
    if is_locked(settings.index_dir, "vectors"):
        return False
    with open_vectors(db, settings) as follower:
        follower.catch_up()
    return not request.exists()


def _build(db: Database, folder: Path, on_progress: Progress) -> Checkpoint:
    """Fill an index in ``index/beside`` with all that is committed by now."""
    beside = folder / BESIDE
    (folder / NEXT).unlink(missing_ok=True)
    shutil.rmtree(beside, ignore_errors=True)
    follower = Follower(db, beside)
    try:
        while True:
            news = follower.step()
            with db.begin() as conn:
                last = last_seq(conn)
            on_progress(min(follower.read, last), last)
            if not news:
                break
        follower.catch_up()
    finally:
        follower.close()
    made = load_checkpoint(beside / "text.json")
    if made is None or not made.seq:
        raise Conflict("The store is empty: there is nothing to build an index from.")
    return made


def _put_in_place(db: Database, folder: Path, made: Checkpoint) -> bool:
    """Hand the new index to the writer of the folder, or be it; whether another process was."""
    save_checkpoint(folder / NEXT, made)
    limit = time.monotonic() + MOVE_SECONDS
    by_running = True
    while not _serves(folder, made):
        if not (folder / NEXT).exists() and not _serves(folder, made):
            raise StorageError(
                f"The new index in {folder} could not be taken over; the old one serves on. "
                "See the log of the index process and try again."
            )
        if not is_locked(folder, "text"):
            by_running = False
            follower = Follower(db, folder)
            try:
                follower.catch_up()
            finally:
                follower.close()
        elif time.monotonic() > limit:
            (folder / NEXT).unlink(missing_ok=True)
            raise StorageError(
                "The running index process does not take over the new index. Stop Myna and "
                "rebuild again."
            )
        else:
            time.sleep(_POLL_SECONDS)
    return by_running


def _serves(folder: Path, made: Checkpoint) -> bool:
    serving = load_checkpoint(folder / "text.json")
    return serving is not None and serving.generation == made.generation
