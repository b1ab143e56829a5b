"""Timelines of an instance that is a fake (fake_instance): nothing is lost between two connections,
nothing comes that is not public."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from myna.db.aliases import list_reviewed, uris_of
from myna.db.engine import Database
from myna.db.posts import counts, find_post, load_cursor, read_changes
from myna.db.sources import list_gaps
from myna.errors import SourceError
from myna.feeds import ingest
from myna.feeds.ingest import run_live
from myna.feeds.mastodon import stream as streams
from myna.feeds.mastodon.place import Place, at
from myna.feeds.mastodon.review import Review
from myna.feeds.mastodon.server import Server
from myna.feeds.mastodon.stream import Stream
from myna.feeds.mastodon.timeline import timelines_of
from myna.feeds.source import Record
from myna.post import State
from tests.feeds.mastodon.fake_instance import TOKEN, FakeInstance, running


@pytest.fixture
def fake() -> Iterator[FakeInstance]:
    with running(FakeInstance()) as made:
        yield made


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "FIRST_WAIT_SECONDS", 0.02)
    monkeypatch.setattr(ingest, "LONGEST_WAIT_SECONDS", 0.05)
    monkeypatch.setattr(streams, "SECOND_LOOK_SECONDS", 0.3)


def stream_of(
    fake: FakeInstance,
    word: str = "local",
    *,
    db: Database | None = None,
    token: str = TOKEN,
    begin: datetime | None = None,
) -> Stream:
    def known(ids: Sequence[str]) -> Mapping[str, str]:
        if db is None:
            return {}
        with db.begin() as conn:
            return uris_of(conn, "fake", ids)

    (timeline,) = timelines_of(word)
    return Stream(
        Server(fake.base, token),
        timeline,
        network="mastodon",
        connection="fake",
        streaming=f"ws://{fake.host}",
        known=known,
        begin=begin,
    )


def place_of(status: dict[str, Any]) -> str:
    return Place(status["id"], datetime.fromisoformat(status["created_at"])).cursor


def texts(records: list[Record]) -> list[str]:
    return [one.event.post.text for one in records if one.event and one.event.post]


def take(
    stream: Stream | Review,
    cursor: str,
    enough: Callable[[list[Record]], Any],
    *,
    then: Callable[[], Any] | None = None,
) -> list[Record]:
    """Read until there is enough; ``then`` happens when all is read and something new is waited
    for."""
    taken: list[Record] = []
    limit = time.monotonic() + 40
    reading = stream.read(cursor)
    try:
        for record in reading:
            if record is not None:
                taken.append(record)
            elif then:
                then()
                then = None
            if enough(taken):
                return taken
            assert time.monotonic() < limit, f"only {len(taken)} records came"
    finally:
        reading.close()  # type: ignore[attr-defined]
    raise AssertionError("the stream ended")


def until(seen: Callable[[], Any]) -> None:
    limit = time.monotonic() + 40
    while not seen():
        assert time.monotonic() < limit
        time.sleep(0.02)


@contextmanager
def followed(db: Database, *sources: Stream | Review) -> Iterator[list[str | None]]:
    stop = threading.Event()
    told: list[str | None] = []
    for source in sources:
        source._stop = stop  # as the worker that makes it gives it
    threads = [
        threading.Thread(target=run_live, args=(db, one, stop, told.append)) for one in sources
    ]
    for thread in threads:
        thread.start()
    try:
        yield told
    finally:
        stop.set()
        for thread in threads:
            thread.join(15)
            assert not thread.is_alive()


def live(db: Database) -> dict[str, str]:
    with db.begin() as conn:
        changes = read_changes(conn, 0, 1000)
    return {one.post.uri: one.post.text for one in changes if one.state is State.LIVE}


def test_an_unread_timeline_begins_at_its_end(fake: FakeInstance) -> None:
    fake.say(fake.status("old"), fake.status("older"))
    stream = stream_of(fake)
    taken = take(stream, "", texts, then=lambda: fake.say(fake.status("new")))
    assert texts(taken) == ["new"]
    assert fake.opened == ["stream=public%3Alocal"]


def test_or_so_many_hours_back(fake: FakeInstance) -> None:
    now = datetime.now(UTC)
    for hours in (5, 3, 1):
        fake.say(fake.status(f"{hours} hours ago", at=now - timedelta(hours=hours)))
    taken = take(
        stream_of(fake, begin=now - timedelta(hours=4)), "", lambda taken: len(texts(taken)) == 2
    )
    assert texts(taken) == ["3 hours ago", "1 hours ago"]


def test_what_was_said_during_a_break_comes_in_order(fake: FakeInstance) -> None:
    statuses = [fake.status(f"post {number}") for number in range(100)]
    fake.say(*statuses)
    taken = take(stream_of(fake), place_of(statuses[9]), lambda taken: "post 99" in texts(taken))
    assert texts(taken)[-90:] == [f"post {number}" for number in range(10, 100)]
    assert taken[-1].cursor <= place_of(statuses[99])
    pages = [one for one in fake.asked if "min_id" in one]
    assert len(pages) <= 5


def test_a_post_of_another_instance_that_came_late_is_seen(fake: FakeInstance) -> None:
    """Its number is that of the time when it was written: before the place."""
    read = fake.status("read", at=datetime.now(UTC) - timedelta(minutes=5))
    late = fake.status("late", at=datetime.now(UTC) - timedelta(minutes=12))
    fake.say(late, read, stream="public")
    taken = take(stream_of(fake, "federated"), place_of(read), lambda taken: len(texts(taken)) == 2)
    assert texts(taken) == ["late", "read"]
    assert {one.cursor for one in taken} == {place_of(read)}, "the place does not go back"


def test_what_the_stream_swallows_is_found_by_a_second_look(fake: FakeInstance) -> None:
    first = fake.status("first")
    fake.say(first)
    stream = stream_of(fake)
    fake.deaf = True
    taken: list[Record] = []
    for record in stream.read(place_of(first)):
        if record is not None:
            taken.append(record)
        if len(fake.timelines["public:local"]) == 1 and fake.listeners:
            fake.say(fake.status("swallowed"))
        if "swallowed" in texts(taken):
            break


def test_also_of_a_timeline_that_was_empty(fake: FakeInstance) -> None:
    fake.deaf = True
    stream = stream_of(fake)
    taken = take(stream, "", texts, then=lambda: fake.say(fake.status("swallowed")))
    assert texts(taken) == ["swallowed"]


@pytest.mark.parametrize("visibility", ["unlisted", "private", "direct"])
def test_only_public_statuses_come(fake: FakeInstance, visibility: str) -> None:
    fake.say(fake.status("read"), stream="user")
    stream = stream_of(fake, "home")

    def speak() -> None:
        fake.say(fake.status("secret", visibility=visibility), stream="user")
        fake.tell("user", "notification", {"status": fake.status("secret")})
        fake.say(fake.status("open"), stream="user")

    taken = take(stream, "", texts, then=speak)
    assert texts(taken) == ["open"]
    assert "secret" not in repr(taken)


def test_a_boost_brings_what_is_boosted_with_its_counts(fake: FakeInstance) -> None:
    original = fake.status("original", by="bo@other.example", reblogs_count=4, favourites_count=9)
    hidden = fake.status("hidden", by="cy", visibility="private")
    fake.say(fake.status("read"), stream="user")

    def speak() -> None:
        fake.say(fake.status("", reblog=hidden), stream="user")
        fake.say(fake.status("", reblog=original), stream="user")

    taken = take(stream_of(fake, "home"), "", texts, then=speak)
    (event,) = [one.event for one in taken if one.event and one.event.post]
    assert event.post
    assert event.post.author.handle == "bo@other.example"
    assert (event.post.reposts, event.post.likes) == (4, 9)


def test_replies_name_their_parents(fake: FakeInstance) -> None:
    parent = fake.status("parent")
    reply = fake.status("reply", in_reply_to_id=parent["id"])
    orphan = fake.status("orphan", in_reply_to_id="999")
    fake.say(fake.status("read"))
    taken = take(
        stream_of(fake),
        "",
        lambda taken: len(texts(taken)) == 2,
        then=lambda: fake.say(reply, orphan),
    )
    posts = [one.event.post for one in taken if one.event and one.event.post]
    assert [post.reply_to for post in posts] == [parent["uri"], None]
    assert "parent" not in texts(taken), "it is not of the timeline"


def test_what_the_author_allows_comes_before_the_post_and_once(fake: FakeInstance) -> None:
    fake.say(fake.status("read"))
    shy = {"indexable": False}
    statuses = [fake.status("one", account=shy), fake.status("two", account=shy)]
    taken = take(
        stream_of(fake),
        "",
        lambda taken: len(texts(taken)) == 3,
        then=lambda: fake.say(*statuses, fake.status("three")),
    )
    kinds = [one.event.kind.value for one in taken if one.event]
    assert kinds == ["signal", "create", "create", "signal", "create"]


def test_bad_messages_are_told_and_passed(fake: FakeInstance) -> None:
    fake.say(fake.status("read"))

    def speak() -> None:
        fake.tell("public:local", "update", "{ not JSON")
        fake.tell("public:local", "update", {"id": "7", "visibility": "public"})
        fake.tell("public:local", "announcement", {"id": "1"})
        fake.say(fake.status("good"))

    taken = take(stream_of(fake), "", texts, then=speak)
    assert [one.rejection.reason for one in taken if one.rejection] == [
        "is not a message of a stream",
        "has no content",
    ]


def test_a_home_that_keeps_no_more_leaves_a_gap(fake: FakeInstance) -> None:
    for number in range(3):
        fake.say(fake.status(f"post {number}"), stream="user")
    old = at(datetime.now(UTC) - timedelta(hours=20))
    taken = take(stream_of(fake, "home"), old.cursor, lambda taken: len(texts(taken)) == 3)
    (gap,) = [one.gap for one in taken if one.gap]
    assert gap.since == old.time
    assert gap.reason == "the instance keeps no more of the past"


def test_a_break_that_was_too_long_leaves_a_gap(fake: FakeInstance) -> None:
    old = at(datetime.now(UTC) - timedelta(days=9))
    fake.say(fake.status("lost", at=old.time + timedelta(days=1)), fake.status("kept"))
    taken = take(stream_of(fake), old.cursor, texts)
    assert texts(taken) == ["kept"]
    assert [one.gap.reason for one in taken if one.gap] == ["the break was too long to catch up"]


def test_limits_are_kept_to(fake: FakeInstance) -> None:
    statuses = [fake.status(f"post {number}") for number in range(3)]
    fake.say(*statuses)
    fake.refuse.append((429, {"Retry-After": "1"}))
    began = time.monotonic()
    take(stream_of(fake), place_of(statuses[0]), lambda taken: len(texts(taken)) >= 2)
    assert time.monotonic() - began > 0.9
    reset = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    fake.headers = {
        "X-RateLimit-Limit": "300",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": reset,
    }
    server = Server(fake.base, TOKEN)
    server.get("/api/v2/instance")
    assert 0 < server.wait_s() <= 1
    fake.headers["X-RateLimit-Remaining"] = "200"
    server.get("/api/v2/instance")
    assert server.wait_s() == 0
    assert server.wait_s(spare=0.9) > 0


def test_a_token_that_is_not_taken_is_told_in_one_sentence(fake: FakeInstance) -> None:
    with pytest.raises(SourceError, match="myna connect mastodon") as caught:
        next(iter(stream_of(fake, token="wrong-secret").read("")))
    assert "wrong-secret" not in str(caught.value)


def test_an_instance_that_is_away_is_told_in_one_sentence() -> None:
    with running(FakeInstance()) as fake:
        pass
    with pytest.raises(SourceError, match=f"The streams of {fake.host} cannot be reached"):
        next(iter(stream_of(fake).read("")))


def test_through_broken_connections_nothing_is_lost_or_doubled(
    fake: FakeInstance, db: Database
) -> None:
    fake.say(fake.status("read"))
    with followed(db, stream_of(fake, db=db)) as told:
        until(lambda: fake.listeners)
        for number in range(60):
            fake.say(fake.status(f"post {number}"))
            if number % 9 == 8:
                fake.hang_up()
                time.sleep(0.02)
        until(lambda: len(live(db)) == 61)  # what was there before is within the rewind
        changed = list(fake.statuses.values())
        until(lambda: fake.listeners)
        fake.edit(changed[5], "edited")
        fake.delete(changed[6])
        until(lambda: len(live(db)) == 60 and "edited" in live(db).values())
    assert any(one and "closed the stream" in one for one in told)
    assert told[-1] is None
    with db.begin() as conn:
        assert counts(conn).posts == 60
        assert list_gaps(conn, 9) == []
        edited = find_post(conn, "mastodon", changed[5]["uri"])
        state = load_cursor(conn, "fake:local")
    assert edited
    assert edited.edited_at
    assert state


def test_two_timelines_give_a_post_once(fake: FakeInstance, db: Database) -> None:
    with followed(db, stream_of(fake, db=db), stream_of(fake, "#birds", db=db)):
        until(lambda: fake.listeners == 2)
        status = fake.status("one #birds")
        fake.say(status)
        fake.say(status, stream="hashtag birds")
        until(lambda: live(db))
        until(lambda: load_both(db))
    with db.begin() as conn:
        assert counts(conn).posts == 1


def load_both(db: Database) -> bool:
    with db.begin() as conn:
        return all(load_cursor(conn, f"fake:{word}") for word in ("local", "#birds"))


def review_of(fake: FakeInstance, db: Database, ages: Sequence[timedelta]) -> Review:
    def known(ids: Sequence[str]) -> Mapping[str, str]:
        with db.begin() as conn:
            return uris_of(conn, "fake", ids)

    def due(after: int, before: datetime, limit: int) -> Any:
        with db.begin() as conn:
            return list_reviewed(conn, "fake", after=after, before=before, limit=limit)

    return Review(
        Server(fake.base, TOKEN),
        network="mastodon",
        connection="fake",
        known=known,
        due=due,
        ages=ages,
    )


@pytest.mark.parametrize("gives_many", [True, False])
def test_what_was_missed_is_found_by_a_second_look(
    fake: FakeInstance, db: Database, gives_many: bool
) -> None:
    """Also where the instance is older than 4.3 and gives one status at a time."""
    fake.gives_many = gives_many
    statuses = [fake.status(f"post {number}", by=f"a{number}") for number in range(30)]
    with followed(
        db, stream_of(fake, db=db, begin=at(datetime.now(UTC) - timedelta(hours=2)).time)
    ):
        until(lambda: fake.listeners)
        fake.say(*statuses)
        until(lambda: len(live(db)) == 30)
    fake.delete(statuses[3])
    fake.edit(statuses[4], "edited")
    statuses[5]["favourites_count"] = 7
    statuses[6]["account"]["indexable"] = False
    soon, late = timedelta(0), timedelta(hours=1)
    with followed(db, review_of(fake, db, [soon, late])):
        until(lambda: len(live(db)) == 29 and "edited" in live(db).values())
        until(lambda: seen(db, "fake:review").endswith("3600:0"))
    with db.begin() as conn:
        liked = find_post(conn, "mastodon", statuses[5]["uri"])
        assert liked
        assert liked.post.likes == 7
        assert liked.edited_at is None
        assert find_post(conn, "mastodon", statuses[6]["uri"]) is None, "not to be searched"
    before = len(fake.asked)
    with followed(db, review_of(fake, db, [soon, late])):
        time.sleep(0.3)
    assert len(fake.asked) == before, "each age has its look once"


def seen(db: Database, name: str) -> str:
    with db.begin() as conn:
        state = load_cursor(conn, name)
    return state.cursor if state else ""
