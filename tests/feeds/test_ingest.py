"""From a source into the store: batches, places, stops and breaks."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import pytest

from myna.db.engine import Database
from myna.db.posts import Applied, counts, load_cursor
from myna.db.sources import Gap, list_gaps
from myna.errors import DatabaseError, SourceError
from myna.feeds import ingest
from myna.feeds.ingest import BATCH_RECORDS, Summary, gather, run_live, run_source
from myna.feeds.source import Record, Rejection
from myna.post import Author, Event, Kind, Post


def record(number: int) -> Record:
    post = Post("net", str(number), Author("net", "a", "a"), "words", datetime.now(UTC))
    return Record(str(number), Event(Kind.CREATE, "net", post.uri, post))


class Numbers:
    """A source of the posts 1…end; a bad record stands for ``bad``, and it breaks at ``broken``."""

    name = "numbers"

    def __init__(self, end: int, *, bad: int = 0, broken: int = 0) -> None:
        self.end, self.bad, self.broken = end, bad, broken

    def read(self, cursor: str) -> Iterator[Record | None]:
        for number in range(int(cursor or 0) + 1, self.end + 1):
            if number == self.broken:
                raise SourceError("it broke")
            if number == self.bad:
                yield Record(str(number), rejection=Rejection(number, "is bad"))
            else:
                yield record(number)


def stored(db: Database) -> tuple[int, str]:
    with db.begin() as conn:
        state = load_cursor(conn, "numbers")
        return counts(conn).posts, state.cursor if state else ""


def test_a_source_is_read_to_its_end_and_goes_on_from_there(db: Database) -> None:
    summary = run_source(db, Numbers(2500))
    assert summary.applied == Applied(created=2500)
    assert not summary.stopped
    assert stored(db) == (2500, "2500")
    assert run_source(db, Numbers(2600)).applied == Applied(created=100)


def test_bad_records_are_told_and_passed(db: Database) -> None:
    told: list[Rejection] = []
    summary = run_source(db, Numbers(3, bad=2), on_rejection=told.append)
    assert (summary.accepted, summary.rejected) == (2, 1)
    assert told == [Rejection(2, "is bad")]
    with db.begin() as conn:
        state = load_cursor(conn, "numbers")
    assert state
    assert (state.accepted, state.rejected) == (2, 1)


def test_what_came_before_a_break_is_stored(db: Database) -> None:
    with pytest.raises(SourceError):
        run_source(db, Numbers(2000, broken=1501))
    assert stored(db) == (1500, "1500")


def test_a_stop_is_heard_between_batches_and_loses_nothing(db: Database) -> None:
    stop = threading.Event()

    def after(summary: Summary) -> None:
        if summary.accepted >= 2000:
            stop.set()

    summary = run_source(db, Numbers(9000), stop=stop, on_batch=after)
    assert summary.stopped
    assert stored(db)[0] == int(stored(db)[1]) == summary.accepted < 9000
    assert run_source(db, Numbers(9000)).accepted == 9000 - summary.accepted


def sizes(records: Iterable[Record | None]) -> list[int]:
    return [len(batch) for batch in gather(records, threading.Event())]


def test_batches_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("myna.feeds.ingest.BATCH_SECONDS", 60.0)  # also on a busy machine
    assert sizes(record(n) for n in range(BATCH_RECORDS * 2 + 5)) == [BATCH_RECORDS] * 2 + [5]


def test_a_quiet_source_has_its_posts_written() -> None:
    assert sizes([record(1), record(2), None, None, record(3), None]) == [2, 1]


def test_a_slow_source_does_not_keep_its_posts_waiting() -> None:
    def slowly() -> Iterator[Record]:
        for number in range(4):
            yield record(number)
            time.sleep(0.15)

    assert max(sizes(slowly())) < 4


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "FIRST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(ingest, "LONGEST_WAIT_SECONDS", 0.02)


class Away:
    """A store that refuses every transaction while it is ``away``."""

    def __init__(self, db: Database) -> None:
        self.db, self.away, self.refused = db, False, 0

    def begin(self) -> object:
        if self.away:
            self.refused += 1
            raise DatabaseError("away")
        return self.db.begin()


@pytest.mark.usefixtures("quick")
def test_a_source_waits_for_the_store_and_goes_on(db: Database) -> None:
    store, given = Away(db), []

    class Watched(Numbers):
        def read(self, cursor: str) -> Iterator[Record | None]:
            for item in super().read(cursor):
                given.append(item)
                store.away = store.away or len(given) == BATCH_RECORDS + 1
                yield item

    def run() -> None:
        run_source(store, Watched(3 * BATCH_RECORDS), patient=True)  # type: ignore[arg-type]

    thread = threading.Thread(target=run)
    thread.start()
    while store.refused < 3:
        time.sleep(0.01)
    assert len(given) == 2 * BATCH_RECORDS  # no more than the batch that waits is held
    given.clear()  # so that it does not go away again
    given.extend([None] * (BATCH_RECORDS + 1))
    store.away = False
    thread.join(30)
    assert stored(db) == (3 * BATCH_RECORDS, str(3 * BATCH_RECORDS))


@pytest.mark.usefixtures("quick")
def test_a_waiting_source_can_be_stopped(db: Database) -> None:
    store, stop = Away(db), threading.Event()
    store.away = True
    thread = threading.Thread(target=run_live, args=(store, Numbers(10), stop))
    thread.start()
    while store.refused < 2:
        time.sleep(0.01)
    stop.set()
    thread.join(5)
    assert not thread.is_alive()


@pytest.mark.usefixtures("quick")
def test_a_live_source_that_breaks_is_opened_again_where_it_was(db: Database) -> None:
    class Flaky(Numbers):
        def read(self, cursor: str) -> Iterator[Record | None]:
            self.broken = int(cursor or 0) + 4 if int(cursor or 0) < 9 else 0
            return super().read(cursor)

    told: list[str | None] = []
    run_live(db, Flaky(12), threading.Event(), told.append)
    assert stored(db) == (12, "12")
    assert told == ["it broke", None] * 3


def test_a_gap_is_kept_with_the_place_behind_it(db: Database) -> None:
    gap = Gap(None, datetime(2026, 1, 2, tzinfo=UTC), "it was too long ago")

    class Gapped(Numbers):
        def read(self, cursor: str) -> Iterator[Record | None]:
            yield Record(cursor, gap=gap)
            yield from super().read(cursor)

    run_source(db, Gapped(2))
    with db.begin() as conn:
        assert [kept.gap for kept in list_gaps(conn, 9)] == [gap]
    assert stored(db) == (2, "2")
