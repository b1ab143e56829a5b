"""The filtered stream, mentions and compliance jobs, against a fake of X (fake_x_server)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from myna.db.accounts import purge_posts
from myna.db.engine import Database
from myna.db.held import list_held_authors, list_held_posts
from myna.db.posts import load_cursor, read_changes
from myna.db.sources import list_gaps, save_cursor
from myna.errors import SourceError
from myna.feeds import ingest
from myna.feeds.ingest import run_live
from myna.feeds.source import Record, Source
from myna.feeds.x import reading
from myna.feeds.x.compliance import Compliance
from myna.feeds.x.post import id_at
from myna.feeds.x.server import Server
from myna.feeds.x.stream import Mentions, Stream
from myna.post import Kind, State
from tests.feeds.x.fake_x_server import BEARER, FakeX, running


@pytest.fixture
def fake() -> Iterator[FakeX]:
    with running(FakeX()) as made:
        yield made


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "FIRST_WAIT_SECONDS", 0.02)
    monkeypatch.setattr(ingest, "LONGEST_WAIT_SECONDS", 0.05)


def stream_of(fake: FakeX, *rules: str, bearer: str = BEARER) -> Stream:
    server = Server(fake.base, bearer)
    return Stream(server, rules or ("birds",), network="x", connection="x")


def compliance_of(fake: FakeX, db: Database) -> Compliance:
    def posts(after: int) -> Any:
        with db.begin() as conn:
            return list_held_posts(conn, "x", after=after, limit=2)

    def authors(after: int) -> Any:
        with db.begin() as conn:
            return list_held_authors(conn, "x", after=after, limit=2)

    server = Server(fake.base, BEARER)
    return Compliance(server, posts, authors, network="x", connection="x", poll_s=0.01)


def texts(records: list[Record]) -> list[str]:
    return [one.event.post.text for one in records if one.event and one.event.post]


def take(
    source: Source,
    cursor: str,
    enough: Callable[[list[Record]], Any],
    *,
    then: Callable[[], Any] | None = None,
) -> list[Record]:
    """Read until there is enough; ``then`` happens when something new is waited for."""
    taken: list[Record] = []
    limit = time.monotonic() + 40
    for record in source.read(cursor):
        if record is not None:
            taken.append(record)
        elif then:
            then()
            then = None
        if enough(taken):
            return taken
        assert time.monotonic() < limit, f"only {len(taken)} records came"
    raise AssertionError("the source ended")


@contextmanager
def followed(db: Database, source: Any) -> Iterator[list[str | None]]:
    told: list[str | None] = []
    source._stop = stop = threading.Event()
    thread = threading.Thread(target=run_live, args=(db, source, stop, told.append))
    thread.start()
    try:
        yield told
    finally:
        stop.set()
        thread.join(15)
        assert not thread.is_alive()


def until(seen: Callable[[], Any]) -> None:
    limit = time.monotonic() + 40
    while not seen():
        assert time.monotonic() < limit
        time.sleep(0.02)


def live(db: Database) -> list[str]:
    with db.begin() as conn:
        while purge_posts(conn, 100):
            pass
        changes = read_changes(conn, 0, 1000)
    return sorted(one.post.text for one in changes if one.state is State.LIVE)


def test_what_matches_is_streamed_under_rules_of_its_own(fake: FakeX) -> None:
    fake.rules = {
        "a": {"id": "a", "value": "cats", "tag": "somebody's"},
        "b": {"id": "b", "value": "old", "tag": "myna"},
    }
    stream = stream_of(fake, "birds", "#owl")
    taken = take(stream, "", texts, then=lambda: fake.say(fake.post("birds!")))
    assert texts(taken) == ["birds!"]
    assert sorted(rule["value"] for rule in fake.rules.values()) == ["#owl", "birds", "cats"]
    assert next(one.event.kind for one in taken if one.event) is Kind.SIGNAL


def test_through_broken_connections_nothing_is_lost_or_doubled(fake: FakeX, db: Database) -> None:
    with followed(db, stream_of(fake)) as told:
        until(lambda: fake.listeners)
        fake.say(fake.post("birds 0"))
        until(lambda: live(db))
        for number in range(1, 40):
            fake.say(fake.post(f"birds {number}"))
            if number % 13 == 0:
                fake.hang_up()
                until(lambda: fake.listeners == 0)
        until(lambda: len(live(db)) == 40)
    assert any(one and "closed the stream" in one for one in told)
    with db.begin() as conn:
        assert list_gaps(conn, 9) == []
        state = load_cursor(conn, "x:stream")
    assert state
    assert state.cursor == max(fake.posts, key=int)


def test_what_cannot_be_had_again_is_a_gap(fake: FakeX, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_PAGES", 2)
    fake.page = 3
    now = datetime.now(UTC)
    for number in range(9):
        fake.post(f"birds {number}", at=now - timedelta(minutes=9 - number))
    old = id_at(now - timedelta(hours=1))
    taken = take(stream_of(fake), old, lambda taken: any(one.gap for one in taken))
    assert len(texts(taken)) == 6
    assert taken[-1].gap
    assert taken[-1].gap.reason == "more posts matched than are read after a break"
    before = id_at(now - timedelta(days=30))
    gaps = take(stream_of(fake), before, lambda taken: any(one.gap for one in taken))
    assert gaps[-1].gap
    assert gaps[-1].gap.reason == "X's search goes back seven days"


def test_the_place_does_not_move_before_all_pages_are_read(fake: FakeX) -> None:
    fake.page = 2
    now = datetime.now(UTC)
    old = id_at(now - timedelta(hours=1))
    for number in range(5):
        fake.post(f"birds {number}", at=now - timedelta(minutes=9 - number))
    taken = take(stream_of(fake), old, lambda taken: taken and taken[-1].cursor != old)
    assert len(texts(taken)) == 5
    assert taken[-1].cursor == max(fake.posts, key=int)


def test_limits_are_kept_to(fake: FakeX) -> None:
    """X counts in whole seconds."""
    fake.post("birds")
    fake.refuse["/2/tweets/search/recent"] = (
        429,
        {"x-rate-limit-reset": str(int(time.time()) + 2)},
    )
    old = id_at(datetime.now(UTC) - timedelta(minutes=5))
    began = time.monotonic()
    assert texts(take(stream_of(fake), old, texts)) == ["birds"]
    assert time.monotonic() - began > 0.9


def test_also_before_a_stream_is_opened_anew(fake: FakeX) -> None:
    fake.refuse["/2/tweets/search/stream"] = (429, {"Retry-After": "1"})
    began = time.monotonic()
    with pytest.raises(SourceError, match="enough requests"):
        take(stream_of(fake), "", texts)
    assert time.monotonic() - began > 0.9


def test_bad_lines_are_told_and_passed(fake: FakeX) -> None:
    def speak() -> None:
        fake.tell("{ not JSON")
        fake.tell({"data": {"id": "1", "text": "x", "author_id": "1"}})
        fake.say(fake.post("good"))

    taken = take(stream_of(fake), "", texts, then=speak)
    assert [one.rejection.reason for one in taken if one.rejection] == [
        "is not a line of a stream",
        "has no author",
    ]


def test_a_fault_of_x_ends_the_reading(fake: FakeX) -> None:
    told = {"errors": [{"title": "operational-disconnect"}]}
    with pytest.raises(SourceError, match="ended the stream"):
        take(stream_of(fake), "", texts, then=lambda: fake.tell(told))


def test_a_token_that_is_not_taken_is_told_in_one_sentence(fake: FakeX) -> None:
    with pytest.raises(SourceError, match="myna connect x") as caught:
        next(iter(stream_of(fake, bearer="wrong-secret").read("")))
    assert "wrong-secret" not in str(caught.value)


def test_mentions_are_asked_for_behind_the_last(fake: FakeX, db: Database) -> None:
    fake.post("hello @myna")
    mentions = Mentions(Server(fake.base, BEARER), "999", network="x", connection="x", every_s=0.05)
    with followed(db, mentions):
        until(lambda: live(db) == ["hello @myna"])
        fake.post("and @myna again")
        fake.post("nobody")
        until(lambda: len(live(db)) == 2)
    asked = [one for one in fake.asked if "mentions" in one]
    assert "since_id" not in asked[0]
    assert "since_id" in asked[-1]


def test_what_is_deleted_on_x_is_deleted_here(fake: FakeX, db: Database) -> None:
    bo, cy, di = (fake.user(name) for name in ("bo", "cy", "di"))
    posts = [fake.post(f"birds {number}") for number in range(5)]
    others = [fake.post(f"birds of {one['username']}", by=one) for one in (bo, cy, di)]
    with followed(db, stream_of(fake)):
        until(lambda: fake.listeners)
        fake.say(*posts, *others)
        until(lambda: len(live(db)) == 8)
    fake.gone = {
        posts[1]["id"]: "deleted",
        posts[2]["id"]: "scrub_geo",
        others[0]["id"]: "suspended",
        bo["id"]: "suspended",
        cy["id"]: "deleted",
    }
    fake.fail_jobs = 1
    with followed(db, compliance_of(fake, db)) as told:
        until(lambda: cursor(db))
    assert told[0]
    assert "compliance job failed" in told[0]
    assert live(db) == ["birds 0", "birds 2", "birds 3", "birds 4", "birds of di"]
    with db.begin() as conn:
        states = {one.author: one.state for one in list_held_authors(conn, "x", after=0, limit=9)}
    assert states[bo["id"]] == "hidden"
    assert states[cy["id"]] == "purged"
    jobs = len(fake.jobs)
    with followed(db, compliance_of(fake, db)):
        time.sleep(0.3)
    assert len(fake.jobs) == jobs, "twice a day is enough"

    fake.gone.pop(bo["id"])
    with db.begin() as conn:
        old = datetime.now(UTC) - timedelta(hours=13)
        save_cursor(
            conn, "x:compliance", old.isoformat(), accepted=0, rejected=0, now=datetime.now(UTC)
        )
    with followed(db, compliance_of(fake, db)):
        until(lambda: cursor(db) > old.isoformat())
    with db.begin() as conn:
        states = {one.author: one.state for one in list_held_authors(conn, "x", after=0, limit=9)}
    assert states[bo["id"]] == "live"
    assert states[cy["id"]] == "purged"


def cursor(db: Database) -> str:
    with db.begin() as conn:
        state = load_cursor(conn, "x:compliance")
    return state.cursor if state else ""


def test_after_a_day_without_a_comparison_it_says_so(fake: FakeX, db: Database) -> None:
    fake.fail_jobs = 99
    with followed(db, stream_of(fake)):
        until(lambda: fake.listeners)
        fake.say(fake.post("birds"))
        until(lambda: live(db))
    old = (datetime.now(UTC) - timedelta(hours=25)).isoformat()
    with pytest.raises(SourceError, match="not been compared for 24 hours"):
        take(compliance_of(fake, db), old, lambda _: False)
