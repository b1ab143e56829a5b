"""From a source into the store: small batches, each in one transaction with the source's cursor.

What is committed is acknowledged. After a crash the source goes on behind the last committed
cursor; what it gives twice changes nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from myna.db.engine import Database
from myna.db.posts import Applied, apply_events, load_cursor, save_cursor
from myna.feeds.source import Record, Rejection, Source
from myna.telemetry import get_logger

log = get_logger("feeds")

BATCH_RECORDS = 1000
"""Most records in a transaction: other writers wait no longer than these take (about 30 ms)."""

BATCH_SECONDS = 0.25
"""Longest time that a record waits for its batch to fill."""


@dataclass(slots=True)
class Summary:
    """What a run has done so far."""

    applied: Applied = field(default_factory=Applied)
    rejected: int = 0
    stopped: bool = False
    """Whether it was stopped before the source's end."""

    @property
    def accepted(self) -> int:
        """Events that were applied, replays among them."""
        applied = self.applied
        posts = applied.created + applied.edited + applied.deleted
        return posts + applied.accounts + applied.unchanged


def run_source(
    db: Database,
    source: Source,
    *,
    stop: threading.Event | None = None,
    on_batch: Callable[[Summary], None] | None = None,
    on_rejection: Callable[[Rejection], None] | None = None,
) -> Summary:
    """Read ``source`` from its stored cursor to its end, or until ``stop`` is set.

    A batch that was begun is still written when ``stop`` is set. ``on_batch`` is called after
    each commit.

    Raises:
        SourceError: the source broke; what came before is stored.
        DatabaseError, StorageError: the store refused; the last batch is not stored.
    """
    summary = Summary()
    with db.begin() as conn:
        state = load_cursor(conn, source.name)
    records = source.read(state.cursor if state else "")
    for batch in gather(records, stop or threading.Event()):
        _write(db, source.name, batch, summary)
        for record in batch:
            if record.rejection and on_rejection:
                on_rejection(record.rejection)
        if on_batch:
            on_batch(summary)
    summary.stopped = stop is not None and stop.is_set()
    return summary


def gather(records: Iterable[Record | None], stop: threading.Event) -> Iterator[list[Record]]:
    """Cut the stream into batches of at most ``BATCH_RECORDS`` and about ``BATCH_SECONDS``.

    When the source breaks, what came before is given out first.
    """
    batch: list[Record] = []
    began = 0.0
    try:
        for record in records:
            if record is not None:
                if not batch:
                    began = time.monotonic()
                batch.append(record)
            full = len(batch) >= BATCH_RECORDS
            if batch and (
                record is None or full or stop.is_set() or time.monotonic() - began >= BATCH_SECONDS
            ):
                yield batch
                batch = []
            if stop.is_set():
                return
    except GeneratorExit:
        raise
    except BaseException:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def _write(db: Database, name: str, batch: list[Record], summary: Summary) -> None:
    events = [record.event for record in batch if record.event]
    rejected = sum(1 for record in batch if record.rejection)
    now = datetime.now(UTC)
    with db.begin() as conn:
        applied = apply_events(conn, events, now=now)
        save_cursor(conn, name, batch[-1].cursor, accepted=len(events), rejected=rejected, now=now)
    summary.applied += applied
    summary.rejected += rejected
    log.debug("batch written", source=name, events=len(events), rejected=rejected)
