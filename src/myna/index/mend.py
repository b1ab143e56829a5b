"""Mending what a check found: the posts that differ are followed once more, text and vectors."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from myna.db.engine import Database
from myna.db.mending import bury_posts, touch_posts
from myna.db.posts import last_seq
from myna.errors import StorageError
from myna.index.checkpoint import load_checkpoint
from myna.index.embed import open_embedder
from myna.index.embedding import EmbedFollower
from myna.index.follow import Follower
from myna.index.locks import is_locked
from myna.index.meaning import SERVING
from myna.settings import Settings

MENDED_AT_ONCE = 2_000
"""Posts that one transaction touches: writers wait no longer than this takes."""
_WAIT_SECONDS = 600.0
_POLL_SECONDS = 0.05


def mend_posts(db: Database, ids: Sequence[int]) -> int:
    """Give the posts new change numbers, and tombstones to those that the store does not know;
    the number of the last change then."""
    for start in range(0, len(ids), MENDED_AT_ONCE):
        batch = ids[start : start + MENDED_AT_ONCE]
        with db.begin() as conn:
            touch_posts(conn, batch)
            bury_posts(conn, batch)
    with db.begin() as conn:
        return last_seq(conn)


def wait_for_text(db: Database, folder: Path, seq: int) -> None:
    """Until the text index has all changes up to ``seq``: the running index process takes them
    in, or this one where none runs.

    Raises:
        StorageError: the running process does not come on.
    """
    limit = time.monotonic() + _WAIT_SECONDS
    while _text_seq(folder) < seq:
        if not is_locked(folder, "text"):
            follower = Follower(db, folder)
            try:
                follower.catch_up()
            finally:
                follower.close()
        elif time.monotonic() > limit:
            raise StorageError(
                "The running index process does not come on. See its log, or stop Myna and try "
                "again."
            )
        else:
            time.sleep(_POLL_SECONDS)


def wait_for_vectors(db: Database, settings: Settings, after: int, to: int) -> None:
    """Until the vectors have the changes ``(after, to]``, which are the newest and come first.

    Raises:
        StorageError: the running process does not come on.
    """
    limit = time.monotonic() + _WAIT_SECONDS
    folder = settings.index_dir
    while not _have_vectors(folder, after, to):
        if not is_locked(folder, "vectors"):
            with open_vectors(db, settings) as follower:
                follower.catch_up()
        elif time.monotonic() > limit:
            raise StorageError(
                "The running embed process does not come on. See its log, or stop Myna and try "
                "again."
            )
        else:
            time.sleep(_POLL_SECONDS)


@contextmanager
def open_vectors(db: Database, settings: Settings) -> Iterator[EmbedFollower]:
    """The vectors' follower in this process, while no other runs."""
    follower = EmbedFollower(
        db,
        settings.index_dir,
        open_embedder(settings.embedder),
        setting=settings.embedder,
        purge_hours=settings.purge_hours,
    )
    try:
        yield follower
    finally:
        follower.close()


def _have_vectors(folder: Path, after: int, to: int) -> bool:
    found = load_checkpoint(folder / SERVING)
    if found is None:
        return after >= to
    return after >= to or any(start <= after and to <= end for start, end in found.done)


def _text_seq(folder: Path) -> int:
    found = load_checkpoint(folder / "text.json")
    return found.seq if found else -1
