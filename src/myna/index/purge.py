"""Making deleted posts go from the disk for good: from the text index, the vectors, the database.

tantivy takes a deletion out of a file only when a merge writes that file anew, and nothing of it
can be told to merge a certain one. So a text index with deletions in it is built anew beside and
put in place: 74 s for 200,000 posts on a busy core.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from myna.db.engine import Database
from myna.db.posts import last_seq
from myna.db.purge import StorePurge, has_deleted, purge_store
from myna.index.checkpoint import load_checkpoint
from myna.index.mend import wait_for_text
from myna.index.purge_vectors import purge_vectors
from myna.index.rebuild import rebuild_text

PURGED = "purged.json"
"""In the index folder: up to which change deletions are gone from the disk, and since when."""
PURGE_SHARE = 0.8
"""Of the hours that a deletion may take: so long after one purge comes the next."""


@dataclass(frozen=True, slots=True)
class Purged:
    """What a purge did, and how long each part took."""

    deletions: int
    """Deleted or replaced documents that the text index still had."""
    text_s: float
    vectors_s: float
    store_s: float
    store: StorePurge


def kept_deletions(folder: Path) -> int:
    """Documents in the files of the text index that are deleted or were replaced."""
    checkpoint = load_checkpoint(folder / "text.json")
    if checkpoint is None:
        return 0
    try:
        meta = json.loads((folder / checkpoint.generation / "meta.json").read_text())
        return sum(
            segment["deletes"]["num_deleted_docs"]
            for segment in meta["segments"]
            if segment["deletes"]
        )
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def purge(db: Database, folder: Path, say: Callable[[str], None] = lambda what: None) -> Purged:
    """Purge everything now. Works while Myna runs; see ``purge_store`` for who waits meanwhile.

    Raises:
        Conflict: a rebuild is at work. DatabaseError, StorageError: try again later.
    """
    with db.begin() as conn:
        seq = last_seq(conn)
    at = time.time()
    wait_for_text(db, folder, seq)
    began = time.monotonic()
    deletions = kept_deletions(folder)
    if deletions:
        say("Building the text index anew, without what was deleted")
        rebuild_text(db, folder)
    text_s = time.monotonic() - began
    began = time.monotonic()
    say("Writing the vectors anew, without those of deleted posts")
    purge_vectors(db, folder)
    vectors_s = time.monotonic() - began
    began = time.monotonic()
    say("Writing the tables anew")
    store = purge_store(db)
    _note(folder, seq, at)
    return Purged(deletions, text_s, vectors_s, time.monotonic() - began, store)


def is_due(db: Database, folder: Path, hours: float, now: float) -> bool:
    """Whether anything was deleted or edited since the last purge and that is long enough ago
    (``now`` in seconds since 1970). Where there was none yet, the hours begin now; 0 hours: never.
    """
    if not hours:
        return False
    with db.begin() as conn:
        last = last_seq(conn)
    try:
        told = json.loads((folder / PURGED).read_text())
        seq, at = int(told["seq"]), float(told["at"])
    except (OSError, ValueError, KeyError, TypeError):
        _note(folder, 0, now)
        return False
    if last == seq or now - at < PURGE_SHARE * hours * 3600:
        return False
    with db.begin() as conn:
        due = has_deleted(conn, seq, datetime.fromtimestamp(at, UTC))
    if not due:
        _note(folder, last, now)
    return due


def _note(folder: Path, seq: int, at: float) -> None:
    with suppress(OSError):  # then the next purge comes sooner
        folder.mkdir(parents=True, exist_ok=True)
        (folder / PURGED).write_text(json.dumps({"seq": seq, "at": at}))
