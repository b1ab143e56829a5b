"""Events in the store: every partition into batches gives the same, and the sequence is whole."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from myna.db.engine import Database
from myna.db.posts import (
    Applied,
    apply_events,
    find_post,
    get_thread,
    last_seq,
    read_changes,
)
from myna.post import Author, Event, Kind, Post, State, StoredPost

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ANN = Author("net", "ann", "ann")


def post(uri: str, words: str = "hello", **fields: Any) -> Post:
    return Post("net", uri, ANN, words, NOW - timedelta(days=1), **fields)


def create(uri: str, words: str = "hello", **fields: Any) -> Event:
    return Event(Kind.CREATE, "net", uri, post(uri, words, **fields))


def edit(uri: str, words: str, **fields: Any) -> Event:
    return Event(Kind.EDIT, "net", uri, post(uri, words, **fields))


def delete(uri: str) -> Event:
    return Event(Kind.DELETE, "net", uri)


def apply(db: Database, *events: Event, now: datetime = NOW) -> Applied:
    with db.begin() as conn:
        return apply_events(conn, events, now=now)


def changes(db: Database, after: int = 0) -> list[StoredPost]:
    with db.begin() as conn:
        return read_changes(conn, after, 10_000)


def test_what_goes_in_comes_out(db: Database) -> None:
    given_post = post(
        "at://1",
        "Grüße 😀",
        reply_to="at://0",
        lang="de",
        channel="#c",
        url="https://example.org/1",
        likes=3,
        reposts=2,
        revision="r1",
        raw={"label": "x", "deep": {"list": [1, 2.5, None]}},
    )
    assert apply(db, Event(Kind.CREATE, "net", "at://1", given_post)) == Applied(created=1)
    [stored] = changes(db)
    assert stored.post == given_post
    assert (stored.seq, stored.state, stored.thread) == (1, State.LIVE, "at://0")
    assert stored.indexed_at == NOW
    assert stored.edited_at is None


def test_a_replay_changes_nothing(db: Database) -> None:
    events = [create("1"), create("2", reply_to="1"), edit("1", "other"), delete("2")]
    assert apply(db, *events) == Applied(created=2, edited=1, deleted=1)
    with db.begin() as conn:
        before = last_seq(conn)
    assert apply(db, *events) == Applied(unchanged=4)
    for event in (events[2], events[3]):
        assert apply(db, event) == Applied(unchanged=1)
    with db.begin() as conn:
        assert last_seq(conn) == before


def test_an_edit_is_seen_and_dated(db: Database) -> None:
    apply(db, create("1", "one"))
    later = NOW + timedelta(hours=1)
    assert apply(db, edit("1", "two", likes=4), now=later) == Applied(edited=1)
    [stored] = changes(db)
    assert (stored.post.text, stored.post.likes, stored.seq) == ("two", 4, 2)
    assert (stored.indexed_at, stored.edited_at) == (NOW, later)
    assert apply(db, edit("1", "two", likes=5), now=later + timedelta(hours=1)).edited == 1
    assert changes(db)[0].edited_at == later, "a new count is no edit of the text"


def test_a_deleted_post_leaves_nothing_personal(db: Database) -> None:
    apply(db, create("1", "secret", lang="en", url="https://x.org", raw={"a": "secret"}, likes=9))
    apply(db, delete("1"))
    [gone] = changes(db)
    assert (gone.state, gone.post.text, gone.post.raw, gone.seq) == (State.DELETED, "", {}, 2)
    with db.begin() as conn:
        row = conn.execute(text("select * from posts")).mappings().one()
        assert find_post(conn, "net", "1") is None
    assert "secret" not in str(dict(row))
    assert (row["author_id"], row["url"], row["likes"]) == (None, None, 0)


@pytest.mark.parametrize("together", [True, False])
def test_a_create_behind_its_delete_does_not_bring_the_post_back(
    db: Database, together: bool
) -> None:
    events = [delete("1"), create("1", "late"), edit("1", "later")]
    for batch in [events] if together else [[event] for event in events]:
        apply(db, *batch)
    [gone] = changes(db)
    assert (gone.state, gone.post.text, gone.seq) == (State.DELETED, "", 1)


def test_characters_that_postgresql_refuses_do_not_cost_the_batch(db: Database) -> None:
    bad = replace(
        post("bad\x00", "a\x00b\ud800c", raw={"k\x00": ["\udfff", float("nan")]}),
        author=Author("net", "x\x00", "h\ud800", "n\x00"),
    )
    assert apply(db, create("1"), Event(Kind.CREATE, "net", bad.uri, bad)).created == 2
    stored = changes(db)[1].post
    assert stored.text == "a\ufffdb\ufffdc"
    assert stored.raw == {"k\ufffd": ["\ufffd", None]}
    assert apply(db, Event(Kind.CREATE, "net", bad.uri, bad)) == Applied(unchanged=1)


def test_an_authors_new_handle_moves_their_posts(db: Database) -> None:
    apply(db, create("1"), create("2"))
    renamed = replace(post("3"), author=replace(ANN, handle="ann2", name="Ann"))
    apply(db, Event(Kind.CREATE, "net", "3", renamed))
    assert [(item.post.uri, item.post.author.handle) for item in changes(db, after=2)] == [
        ("1", "ann2"),
        ("2", "ann2"),
        ("3", "ann2"),
    ]
    apply(db, create("1"))  # a replay does not bring the old handle back
    assert {item.post.author.handle for item in changes(db)} == {"ann2"}


def test_a_parent_that_comes_late_takes_the_thread_along(db: Database) -> None:
    apply(db, create("c", reply_to="b"), create("d", reply_to="c"))
    assert {item.thread for item in changes(db)} == {"b"}
    apply(db, create("b", reply_to="a"))
    assert {item.thread for item in changes(db)} == {"a"}
    assert sorted(item.seq for item in changes(db)) == [3, 4, 5]
    apply(db, create("a"))
    with db.begin() as conn:
        assert {item.post.uri for item in get_thread(conn, "net", "a", 10)} == set("abcd")


@pytest.mark.parametrize("order", list(itertools.permutations(["a", "b", "c"])))
@pytest.mark.parametrize("together", [True, False])
def test_a_ring_of_replies_is_one_thread(
    db: Database, order: tuple[str, ...], together: bool
) -> None:
    parents = {"a": "b", "b": "c", "c": "a"}
    events = [create(uri, reply_to=parents[uri]) for uri in order]
    for batch in [events] if together else [[event] for event in events]:
        apply(db, *batch)
    assert len({item.thread for item in changes(db)}) == 1


def test_networks_do_not_mix(db: Database) -> None:
    other = Post("other", "1", Author("other", "ann", "zed"), "elsewhere", NOW, reply_to="2")
    apply(db, create("1"), Event(Kind.CREATE, "other", "1", other), create("2"))
    assert [(item.post.network, item.thread) for item in changes(db)] == [
        ("net", "1"),
        ("other", "2"),
        ("net", "2"),
    ]


uris = st.integers(0, 5)
words = st.sampled_from(["a", "b", "c"])
kinds = st.sampled_from([Kind.CREATE, Kind.EDIT, Kind.EDIT, Kind.DELETE])
steps = st.lists(st.tuples(kinds, uris, words, st.integers(0, 3)), max_size=14)
numbers = itertools.count()


def expected(events: Sequence[Event]) -> dict[str, tuple[State, str, str | None]]:
    """URI → state, text and parent, by the plainest reading of the rules."""
    store: dict[str, tuple[State, str, str | None, str]] = {}
    for event in events:
        old = store.get(event.uri)
        if old and old[0] is State.DELETED:
            continue
        if event.post is None:
            store[event.uri] = (State.DELETED, "", old[2] if old else None, "")
        elif old is None:
            new = event.post
            store[event.uri] = (State.LIVE, new.text, new.reply_to, new.revision)
        elif event.post.revision >= old[3]:
            store[event.uri] = (State.LIVE, event.post.text, old[2], event.post.revision)
    return {uri: entry[:3] for uri, entry in store.items()}


def root(uri: str, store: dict[str, tuple[State, str, str | None]]) -> str:
    while uri in store and (parent := store[uri][2]) is not None:
        uri = parent
    return uri


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps, st.booleans(), st.data())
def test_any_events_in_any_batches(
    db: Database,
    steps: list[tuple[Kind, int, str, int]],
    revised: bool,
    data: st.DataObject,
) -> None:
    network = f"n{next(numbers)}"
    events = [
        Event(kind, network, str(uri))
        if kind is Kind.DELETE
        else Event(
            kind,
            network,
            str(uri),
            Post(
                network,
                str(uri),
                Author(network, "ann", "ann"),
                said,
                NOW,
                reply_to=str(uri // 2) if uri else None,
                revision=f"r{revision}" if revised else "",
            ),
        )
        for kind, uri, said, revision in steps
    ]
    rest = events
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        applied = apply(db, *rest[:size])
        assert sum((applied.created, applied.edited, applied.deleted, applied.unchanged)) == len(
            rest[:size]
        )
        rest = rest[size:]
    store = {item.post.uri: item for item in changes(db) if item.post.network == network}
    wanted = expected(events)
    assert {
        uri: (item.state, item.post.text, item.post.reply_to) for uri, item in store.items()
    } == wanted
    assert {uri: item.thread for uri, item in store.items()} == {
        uri: root(uri, wanted) for uri in wanted
    }
    with db.begin() as conn:
        newest = last_seq(conn)
        seqs = conn.execute(text("select seq from posts")).scalars().all()
    assert len(set(seqs)) == len(seqs)
    assert max(seqs, default=0) <= newest
    assert apply(db, *events) == Applied(unchanged=len(events))
    with db.begin() as conn:
        assert last_seq(conn) == newest


def test_many_writers_leave_no_gap_and_nothing_appears_behind_a_reader(db: Database) -> None:
    writers, batches, size = 4, 12, 25
    failures: list[BaseException] = []
    done = threading.Event()

    def write(writer: int) -> None:
        try:
            for batch in range(batches):
                apply(db, *(create(f"{writer}-{batch}-{n}") for n in range(size)))
        except BaseException as error:
            failures.append(error)

    seen: list[int] = []

    def follow() -> None:
        try:
            while True:
                over = done.is_set()
                new = changes(db, after=seen[-1] if seen else 0)
                seen.extend(item.seq for item in new)
                if over and not new:
                    return
        except BaseException as error:
            failures.append(error)

    follower = threading.Thread(target=follow)
    threads = [threading.Thread(target=write, args=(n,)) for n in range(writers)]
    for thread in (follower, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    follower.join()
    assert not failures
    assert seen == list(range(1, writers * batches * size + 1))


def test_a_batch_that_is_rolled_back_gives_its_numbers_back(db: Database) -> None:
    with pytest.raises(RuntimeError), db.begin() as conn:
        apply_events(conn, [create("1")], now=NOW)
        raise RuntimeError
    assert apply(db, create("2")).created == 1
    assert [item.seq for item in changes(db)] == [1]


WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from pydantic import SecretStr
from myna.db.engine import open_database
from myna.db.posts import apply_events
from myna.post import Author, Event, Kind, Post
from myna.settings import Settings

now = datetime.now(UTC)
name, url = sys.argv[1:]
db = open_database(Settings(home=Path("/nowhere"), database_url=SecretStr(url)), migrate=False)
for batch in range(30):
    events = [
        Event(Kind.CREATE, "net", uri, Post("net", uri, Author("net", uri[-1], uri[-1]), "hi", now))
        for uri in (f"{name}-{batch}-{n}" for n in range(10))
    ]
    events.append(Event(Kind.DELETE, "net", f"{name}-{batch}-0"))
    with db.begin() as conn:
        apply_events(conn, events, now=now)
"""


def test_several_processes_leave_no_gap_that_closes_later(db: Database, database_url: str) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(number), database_url])
        for number in range(3)
    ]
    seen: list[int] = []
    while True:
        ended = all(writer.poll() is not None for writer in writers)
        with db.begin() as conn:
            last, changes = last_seq(conn), read_changes(conn, len(seen), 10_000)
        assert last >= len(seen)
        seen += [change.seq for change in changes]
        assert seen == list(range(1, len(seen) + 1))
        if ended and not changes:
            break
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert len(seen) == 3 * 30 * 10
