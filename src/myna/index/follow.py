"""Following the store: whatever was committed there is soon in the text index.

Text and vectors (``embedding.py``) are two roles with the same shape: read the changes that are
not in yet, write them, note how far one came. After a crash, a full disk or an absent database
each goes on from its checkpoint.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from myna.db.accounts import hidden_accounts, purge_posts
from myna.db.consents import mark_posts
from myna.db.engine import Database, open_database
from myna.db.posts import get_parents, last_seq, read_before, store_id
from myna.errors import DatabaseError, StorageError
from myna.index.ahead import BATCH_CHANGES, ReadAhead
from myna.index.analysis import analyse
from myna.index.memory import release_memory, spare_collector
from myna.index.parents import Parents
from myna.index.writer import TextWriter
from myna.post import StoredPost
from myna.safety.consent.ledger import adopt_policy
from myna.settings import Settings
from myna.telemetry import get_logger

POLL_SECONDS = 0.05
"""How long a follower sleeps when there is no news."""
_COMMIT_CHANGES = 20_000
_COMMIT_SECONDS = 0.25
"""The newest post is committed at least this often."""
_BACKLOG_LEAST_SECONDS = 1.0
_BACKLOG_SECONDS = 2.0
"""A backlog as often as this at most and at least: with a thousand posts a commit, tantivy takes twice
the time for a post that it takes with five thousand."""
_COMMIT_SHARE = 1 / 8
"""Of the time, for the commits of a backlog: a short one is hardly seen."""
_QUIET_SHARE = 1 / 4
"""Of the time, for commits while nothing waits: each costs some ten milliseconds, however little is new."""
_BACKLOG_STEPS = 10
"""More steps than this without a pause were a backlog."""
_RELEASE_SECONDS = 10.0
"""How often memory is given back while a backlog goes on."""
_PURGED_POSTS = 500
"""Of purged accounts that are emptied between two batches, or that are told to the index anew with
their authors' consent: writers wait about 20 ms for it."""
_HIDDEN_ACCOUNTS = 10_000
"""The latest, whose texts no reply takes up."""
_log = get_logger("index")


class Follower:
    """Store → text index. One thread owns it."""

    def __init__(self, db: Database, folder: Path) -> None:
        self._db = db
        self._folder = folder
        with db.begin() as conn:
            self._writer = TextWriter(folder, str(store_id(conn)))
            last = last_seq(conn)
        if self._writer.seq > last:
            self._writer.start_over("the database is older than the index")
        self._read = self._writer.seq
        self._accounts: int | None = None
        self._ahead = ReadAhead(db)
        self._parents = Parents()

    @property
    def read(self) -> int:
        """All changes up to this one are written; those up to the last commit can be found."""
        return self._read

    def step(self) -> bool:
        """Take in the next changes; whether there were any.

        Raises:
            DatabaseError, StorageError: nothing is lost; make a new follower and go on.
        """
        if self._writer.take_over():
            self._read = self._writer.seq
        batch = self._ahead.read(self._read)
        counter = batch.counter
        if counter.purging:
            with self._db.begin() as conn:
                purge_posts(conn, _PURGED_POSTS)
        if counter.marking:
            with self._db.begin() as conn:
                mark_posts(conn, _PURGED_POSTS)
        if batch.changes:
            self._follow_accounts(counter.accounts_version)
            posts = [*batch.changes, *batch.stale]
            self._writer.write(analyse(posts, self._parents, self._ask_parents))
        self._read = batch.to
        if self._has_news() and self._due(self._read >= counter.last_seq):
            self._writer.begin_commit(self._read)
        if batch.changes or counter.purging or counter.marking:
            return True
        return self._refill()

    def _refill(self) -> bool:
        """In pauses, fill in a table of origins that was lost; whether there was anything to do."""
        below = self._writer.refill_to
        if not below:
            return False
        with self._db.begin() as conn:
            posts = read_before(conn, below, BATCH_CHANGES)
        self._writer.refill(posts)
        return True

    def _follow_accounts(self, version: int) -> None:
        if version != self._accounts:
            with self._db.begin() as conn:
                hidden = hidden_accounts(conn, _HIDDEN_ACCOUNTS)
            self._parents.hide(hidden)
            self._accounts = version

    def _ask_parents(self, replies: Sequence[StoredPost]) -> dict[int, StoredPost]:
        with self._db.begin() as conn:
            return get_parents(conn, replies)

    def catch_up(self) -> int:
        """Take in everything that is committed by now; the number of the latest change."""
        while self.step():
            pass
        if self._has_news():
            self._writer.begin_commit(self._read)
        self._writer.finish_commit()
        return self._writer.seq

    def _has_news(self) -> bool:
        return self._read > self._writer.begun or self._writer.owed is not None

    def _due(self, caught_up: bool) -> bool:
        if self._read < (self._writer.owed or 0) or self._writer.is_committing:
            return False
        seconds, ended_at = self._writer.last_commit
        waited = time.monotonic() - ended_at
        if caught_up:  # the newest post should be seen at once, but commits must not be all we do
            return waited >= min(seconds / _QUIET_SHARE, _COMMIT_SECONDS)
        pause = max(_BACKLOG_LEAST_SECONDS, seconds / _COMMIT_SHARE)
        many = self._read - self._writer.begun >= _COMMIT_CHANGES
        return many or waited >= min(pause, _BACKLOG_SECONDS)

    def release(self) -> None:
        """Give back what a backlog needed."""
        self._db.release()
        release_memory(self._folder)

    def close(self) -> None:
        """Let go of the index; another process may then write it."""
        self._ahead.close()
        self._writer.close()


class _Steps(Protocol):
    def step(self) -> bool: ...

    def release(self) -> None: ...

    def close(self) -> None: ...


def follow(open_follower: Callable[[], _Steps], stop: threading.Event, name: str) -> None:
    """Step until told to stop. Where the store or the disk is away, say so once and try again."""
    wait = 0.5
    while not stop.is_set():
        follower = None
        try:
            follower = open_follower()
            steps, released = 0, time.monotonic()
            while not stop.is_set():
                if follower.step():
                    wait, steps = 0.5, steps + 1
                    if time.monotonic() - released > _RELEASE_SECONDS:
                        follower.release()
                        released = time.monotonic()
                    continue
                if steps > _BACKLOG_STEPS:
                    follower.release()
                steps = 0
                stop.wait(POLL_SECONDS)
        except (DatabaseError, StorageError) as error:
            _log.warning("follower waits", follower=name, reason=str(error), seconds=wait)
            stop.wait(wait)
            wait = min(wait * 2, 10.0)
        finally:
            if follower is not None:
                follower.close()


def run_follower(settings: Settings, stop: threading.Event) -> None:
    """The role that keeps the text index: runs until ``stop`` is set."""
    spare_collector()
    db = open_database(settings)
    try:
        adopt_policy(db, settings)
        follow(lambda: Follower(db, settings.index_dir), stop, "text")
    finally:
        db.dispose()
