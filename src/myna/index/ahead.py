"""Reading ahead: in a backlog the store is read by a thread of its own while the batch before is
analysed. (Waiting for PostgreSQL leaves the interpreter to the analysis.)"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from sqlalchemy import Connection

from myna.db.counter import Counter, read_counter
from myna.db.engine import Database
from myna.db.posts import get_stale_replies, read_changes
from myna.post import StoredPost

BATCH_CHANGES = 2_000
_REPLIES = 200
"""Replies that are indexed anew with an edited or deleted parent, whose text they carry."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What the store has behind a change."""

    after: int
    counter: Counter
    """As it was before the changes were read."""
    changes: Sequence[StoredPost]
    stale: Sequence[StoredPost]
    """Replies to be written again with them."""

    @property
    def to(self) -> int:
        """With these changes, all up to this one are read."""
        if len(self.changes) == BATCH_CHANGES:
            return self.changes[-1].seq
        last = self.changes[-1].seq if self.changes else self.after
        return max(last, self.counter.last_seq)  # the last numbers may be of rows that are gone


class ReadAhead:
    """The store's changes in batches. One thread asks for them."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._thread = ThreadPoolExecutor(1, "read-ahead")
        self._next: Future[Batch] | None = None

    def read(self, after: int) -> Batch:
        """The changes behind number ``after``; after a full batch the next is read meanwhile.

        Raises:
            DatabaseError: the store is away.
        """
        ahead, self._next = self._next, None
        batch = ahead.result() if ahead else None
        if batch is None or batch.after != after:
            batch = self._read(after)
        if len(batch.changes) == BATCH_CHANGES:
            self._next = self._thread.submit(self._read, batch.to)
        return batch

    def _read(self, after: int) -> Batch:
        with self._db.begin() as conn:
            counter = read_counter(conn)
            if counter.last_seq <= after:
                return Batch(after, counter, (), ())
            changes = read_changes(conn, after, BATCH_CHANGES)
            return Batch(after, counter, changes, stale_replies(conn, changes))

    def close(self) -> None:
        """Wait for what is under way."""
        self._thread.shutdown(cancel_futures=True)


def stale_replies(conn: Connection, changes: Sequence[StoredPost]) -> list[StoredPost]:
    """Replies that were there before these changes of what they reply to: what is kept with them
    of its text is out of date (a deletion must reach it too)."""
    changed = {post.id for post in changes}
    stale = {post.id: post for post in get_stale_replies(conn, changes, _REPLIES)}
    return [post for post in stale.values() if post.id not in changed]
