"""Reading posts: only live ones, threads and replies in order, and the feeds' places."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, text

from myna.db.counts import add_counts
from myna.db.engine import Database, driver_of
from myna.db.networks import Network, ensure_network, list_networks, save_network
from myna.db.posts import (
    Counts,
    apply_events,
    counts,
    find_post,
    get_parents,
    get_posts,
    get_replies,
    get_thread,
    list_sources,
    load_cursor,
    read_changes,
    save_cursor,
    store_id,
)
from myna.post import Author, Event, Kind, Post, State, StoredPost

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def create(uri: str, minute: int, reply_to: str | None = None) -> Event:
    created_at = NOW + timedelta(minutes=minute)
    author = Author("net", "ann", "ann")
    return Event(
        Kind.CREATE, "net", uri, Post("net", uri, author, uri, created_at, reply_to=reply_to)
    )


@pytest.fixture
def conn(db: Database) -> Iterator[Connection]:
    """A store with a thread: root ← late, early, gone, hidden; early ← deep; alone."""
    with db.begin() as connection:
        apply_events(
            connection,
            [
                create("root", 0),
                create("late", 9, "root"),
                create("early", 1, "root"),
                create("gone", 2, "root"),
                create("hidden", 3, "root"),
                create("deep", 4, "early"),
                create("alone", 5),
                Event(Kind.DELETE, "net", "gone"),
            ],
            now=NOW + timedelta(hours=1),
        )
        connection.execute(text("update posts set state = 'hidden' where uri = 'hidden'"))
        add_counts(driver_of(connection), {"net": -1})
        yield connection


def stored(conn: Connection) -> dict[str, StoredPost]:
    return {item.post.uri: item for item in read_changes(conn, 0, 100)}


def test_only_live_posts_are_given(conn: Connection) -> None:
    all_posts = stored(conn)
    live = get_posts(conn, [item.id for item in all_posts.values()])
    assert {item.post.uri for item in live.values()} == {"root", "late", "early", "deep", "alone"}
    assert find_post(conn, "net", "gone") is None
    assert find_post(conn, "net", "hidden") is None
    assert find_post(conn, "net", "no\x00such") is None
    assert find_post(conn, "net", "root") == all_posts["root"]
    assert get_posts(conn, []) == {}


def test_changes_of_hidden_posts_carry_no_text(conn: Connection) -> None:
    assert stored(conn)["hidden"].post.text == ""


def test_parents_and_replies(conn: Connection) -> None:
    posts = stored(conn)
    everything = list(posts.values())
    parents = get_parents(conn, everything)
    assert {posts_uri(posts, id): parent.post.uri for id, parent in parents.items()} == {
        "late": "root",
        "early": "root",
        "hidden": "root",
        "gone": "root",
        "deep": "early",
    }
    replies = get_replies(conn, [posts["root"], posts["alone"]], 1)
    assert [item.post.uri for item in replies[posts["root"].id]] == ["early"]
    assert replies[posts["alone"].id] == []
    replies = get_replies(conn, [posts["root"]], 5)
    assert [item.post.uri for item in replies[posts["root"].id]] == ["early", "late"]


def posts_uri(posts: dict[str, StoredPost], id: int) -> str:
    return next(uri for uri, item in posts.items() if item.id == id)


def test_a_thread_shows_where_something_was_deleted(conn: Connection) -> None:
    thread = get_thread(conn, "net", "root", 100)
    assert [(item.post.uri, item.state) for item in thread] == [
        ("root", State.LIVE),
        ("early", State.LIVE),
        ("gone", State.DELETED),
        ("deep", State.LIVE),
        ("late", State.LIVE),
    ]
    assert thread[2].post.text == ""
    assert [item.post.uri for item in get_thread(conn, "net", "root", 2)] == ["root", "early"]


def test_a_post_that_replies_to_itself_is_not_its_own_parent(conn: Connection) -> None:
    apply_events(conn, [create("self", 0, "self")], now=NOW)
    post = find_post(conn, "net", "self")
    assert post
    assert post.thread == "self"
    assert get_parents(conn, [post]) == {}
    assert get_replies(conn, [post], 5) == {post.id: []}


def test_counts_are_of_live_posts(conn: Connection) -> None:
    assert counts(conn) == Counts(posts=5, authors=1, networks={"net": 5})
    assert store_id(conn) == store_id(conn)


def test_a_feed_adds_up_and_moves_on(conn: Connection) -> None:
    assert load_cursor(conn, "feed") is None
    save_cursor(conn, "feed", "a", accepted=3, rejected=1, now=NOW)
    save_cursor(conn, "feed", "b", accepted=2, rejected=0, now=NOW)
    state = load_cursor(conn, "feed")
    assert state
    assert (state.cursor, state.accepted, state.rejected) == ("b", 5, 1)
    assert list_sources(conn) == [state]


def test_networks_keep_their_words(conn: Connection) -> None:
    network = Network("net", "The Net", "thanks to all", "https://l.org", "https://n.org")
    ensure_network(conn, "net")
    assert list_networks(conn) == [Network("net", "net")]
    save_network(conn, network)
    ensure_network(conn, "net")
    assert list_networks(conn) == [network]
