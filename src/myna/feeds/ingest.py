"""From a source into the store: small batches, each in one transaction with the source's cursor.

What is committed is acknowledged. After a crash the source goes on behind the last committed
cursor; what it gives twice changes nothing. While PostgreSQL is away a batch waits, and with it the
source, which is read no further than the batch: memory stays what one batch takes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection

from myna.db.aliases import save_aliases
from myna.db.engine import Database
from myna.db.posts import Applied, SourceState, apply_events, load_cursor, save_cursor
from myna.db.sources import save_gap
from myna.errors import DatabaseError, SourceError, StorageError
from myna.feeds.source import Record, Rejection, Source
from myna.post import Event, Kind
from myna.safety.consent.claims import take_proofs
from myna.safety.consent.ledger import take_signals
from myna.telemetry import get_logger

log = get_logger("feeds")

BATCH_RECORDS = 1000
"""Most records in a transaction: other writers wait no longer than these take (about 30 ms)."""

BATCH_SECONDS = 0.1
"""Longest time that a record waits for its batch to fill."""


FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 10.0
"""Between two tries; each is twice as long as the one before."""

STEADY_SECONDS = 60.0
"""A source that ran so long begins with the first pause again."""

T = TypeVar("T")


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
        return posts + applied.accounts + applied.engagements + applied.unchanged


def run_source(
    db: Database,
    source: Source,
    *,
    stop: threading.Event | None = None,
    patient: bool = False,
    on_batch: Callable[[Summary], None] | None = None,
    on_rejection: Callable[[Rejection], None] | None = None,
) -> Summary:
    """Read ``source`` from its stored cursor to its end, or until ``stop`` is set.

    A batch that was begun is still written when ``stop`` is set. ``on_batch`` is called after
    each commit. ``patient`` waits for a store that is away or full, until ``stop`` is set.

    Raises:
        SourceError: the source broke; what came before is stored.
        DatabaseError, StorageError: the store refused; the last batch is not stored.
    """
    summary = Summary()
    stop = stop or threading.Event()
    patience = _Patience(source.name, stop if patient else None)
    state = patience.over(lambda: _place(db, source.name))
    records = source.read(state.cursor if state else "")
    for batch in gather(records, stop):
        patience.over(partial(_write, db, source.name, batch, summary))
        for record in batch:
            if record.rejection and on_rejection:
                on_rejection(record.rejection)
        if on_batch:
            on_batch(summary)
    summary.stopped = stop.is_set()
    return summary


def run_live(
    db: Database,
    source: Source,
    stop: threading.Event,
    on_state: Callable[[str | None], None] = lambda _error: None,
) -> None:
    """Follow a live source until ``stop`` is set, or its end. One that breaks is opened again at
    its stored cursor, after growing pauses, and says so once. ``on_state`` is told why nothing
    comes in, and None when something came in again.
    """
    wait, broken, failing = FIRST_WAIT_SECONDS, False, False

    def came_in(_summary: Summary) -> None:
        nonlocal failing
        if failing:
            failing = False
            on_state(None)

    while not stop.is_set():
        began = time.monotonic()
        try:
            run_source(db, source, stop=stop, patient=True, on_batch=came_in)
            return
        except SourceError as error:
            if time.monotonic() - began > STEADY_SECONDS:
                wait, broken = FIRST_WAIT_SECONDS, False
            if not broken:
                log.warning(
                    "source broke and is opened again", source=source.name, reason=str(error)
                )
            if not failing:
                on_state(str(error))
            broken = failing = True
            stop.wait(wait)
            wait = min(2 * wait, LONGEST_WAIT_SECONDS)
        except (DatabaseError, StorageError):
            return  # it was stopped while it waited


@dataclass(slots=True)
class _Patience:
    """Tries again what the store refuses because it is away or full, until ``stop`` is set; with
    None it has none. What failed half-way did nothing, or will change nothing a second time."""

    source: str
    stop: threading.Event | None

    def over(self, work: Callable[[], T]) -> T:
        """What ``work`` gives, as soon as the store lets it."""
        wait, waited = FIRST_WAIT_SECONDS, False
        while True:
            try:
                result = work()
            except (DatabaseError, StorageError) as error:
                if self.stop is None or self.stop.is_set():
                    raise
                if not waited:
                    log.warning("source waits for the store", source=self.source, reason=str(error))
                waited = True
                self.stop.wait(wait)
                wait = min(2 * wait, LONGEST_WAIT_SECONDS)
                continue
            if waited:
                log.info("source goes on", source=self.source)
            return result


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


def _place(db: Database, name: str) -> SourceState | None:
    with db.begin() as conn:
        return load_cursor(conn, name)


def apply_all(conn: Connection, events: Sequence[Event], *, now: datetime) -> Applied:
    """Write events of every kind. Signals go first, so that posts come in under what holds for
    them. A post may hold a code by which a member proves its account."""
    told = [event for event in events if event.kind is Kind.SIGNAL]
    if told:
        take_signals(conn, told, now=now)
        events = [event for event in events if event.kind is not Kind.SIGNAL]
    applied = apply_events(conn, events, now=now)
    take_proofs(conn, events, now=now)
    return applied


def _write(db: Database, name: str, batch: list[Record], summary: Summary) -> None:
    events = [record.event for record in batch if record.event]
    rejected = sum(1 for record in batch if record.rejection)
    now = datetime.now(UTC)
    with db.begin() as conn:
        applied = apply_all(conn, events, now=now)
        named = [(one.alias, one.event) for one in batch if one.alias and one.event]
        save_aliases(conn, [(alias, event.network, event.uri) for alias, event in named])
        save_cursor(conn, name, batch[-1].cursor, accepted=len(events), rejected=rejected, now=now)
        for gap in [record.gap for record in batch if record.gap]:
            save_gap(conn, name, gap, now=now)
    summary.applied += applied
    summary.rejected += rejected
    log.debug("batch written", source=name, events=len(events), rejected=rejected)
