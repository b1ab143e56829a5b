"""Accounts: what happens to one happens to all its posts at once, wherever posts are read."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, text

from myna.db.accounts import accounts_version, hidden_accounts, is_purging, purge_posts
from myna.db.engine import Database
from myna.db.posts import (
    Applied,
    apply_events,
    counts,
    find_post,
    get_parents,
    get_posts,
    get_replies,
    get_thread,
    last_seq,
    read_changes,
)
from myna.post import Author, Event, Kind, Post, State

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def create(uri: str, by: str, reply_to: str | None = None) -> Event:
    post = Post("net", uri, Author("net", by, by), f"says {uri}", NOW, reply_to=reply_to)
    return Event(Kind.CREATE, "net", uri, post)


def apply(db: Database, *events: Event) -> Applied:
    with db.begin() as conn:
        return apply_events(conn, events, now=NOW)


def shown(conn: Connection) -> set[str]:
    """URIs that any read gives, which must be the same in all of them."""
    ids = [row[0] for row in conn.execute(text("select id from posts"))]
    found = {post.post.uri for post in get_posts(conn, ids).values()}
    assert {uri for uri in ("1", "2", "3", "4") if find_post(conn, "net", uri)} == found
    assert {p.post.uri for p in get_thread(conn, "net", "1", 9) if p.state is State.LIVE} == found
    root = next(post for post in read_changes(conn, 0, 9) if post.post.uri == "1")
    assert {post.post.uri for post in get_replies(conn, [root], 9)[root.id]} == found - {"1"}
    replies = [post for post in read_changes(conn, 0, 9) if post.post.uri != "1" and post.post.text]
    assert bool(get_parents(conn, replies)) == ("1" in found)
    assert counts(conn).posts == len(found)
    return found


@pytest.fixture
def store(db: Database) -> Database:
    """A thread: 1 of ann ← 2 of bob, 3 of ann."""
    apply(db, create("1", "ann"), create("2", "bob", "1"), create("3", "ann", "1"))
    return db


def test_hidden_and_back(store: Database) -> None:
    with store.begin() as conn:
        version, seq = accounts_version(conn), last_seq(conn)
    assert apply(store, Event(Kind.HIDE, "net", "ann")) == Applied(accounts=1)
    with store.begin() as conn:
        assert shown(conn) == {"2"}
        assert accounts_version(conn) > version
        assert len(hidden_accounts(conn, 9)) == 1
        assert last_seq(conn) == seq
    apply(store, create("4", "ann", "1"))
    with store.begin() as conn:
        assert shown(conn) == {"2"}
        # The index keeps it, so that it can be found as soon as the account is back.
        assert [(p.post.uri, p.state) for p in read_changes(conn, seq, 9)] == [("4", State.LIVE)]
    assert apply(store, Event(Kind.RETURN, "net", "ann")) == Applied(accounts=1)
    with store.begin() as conn:
        assert shown(conn) == {"1", "2", "3", "4"}
        assert hidden_accounts(conn, 9) == []


def test_the_same_again_changes_nothing(store: Database) -> None:
    hide = Event(Kind.HIDE, "net", "ann")
    apply(store, hide)
    assert apply(store, hide) == Applied(unchanged=1)
    assert apply(store, Event(Kind.RETURN, "net", "bob")) == Applied(unchanged=1)


def test_an_account_that_is_hidden_before_its_first_post(db: Database) -> None:
    apply(db, Event(Kind.HIDE, "net", "ann"), create("1", "ann"))
    with db.begin() as conn:
        assert find_post(conn, "net", "1") is None
    apply(db, Event(Kind.RETURN, "net", "ann"))
    with db.begin() as conn:
        assert find_post(conn, "net", "1") is not None


def test_purged(store: Database) -> None:
    with store.begin() as conn:
        seq = last_seq(conn)
    apply(store, Event(Kind.PURGE, "net", "ann"), create("4", "ann", "1"))
    with store.begin() as conn:
        assert shown(conn) == {"2"}
        assert is_purging(conn)
        assert len(hidden_accounts(conn, 9)) == 1
    with store.begin() as conn:
        assert [purge_posts(conn, 1), purge_posts(conn, 1), purge_posts(conn, 1)] == [1, 1, 0]
    with store.begin() as conn:
        assert purge_posts(conn, 1) == 0
        assert not is_purging(conn)
        assert hidden_accounts(conn, 9) == []
        assert shown(conn) == {"2"}
        left = conn.execute(
            text("select count(*) from posts where text like '%1' or text like '%3'")
        )
        assert left.scalar_one() == 0
        changes = read_changes(conn, seq, 9)
        assert [(post.seq - seq, post.state) for post in changes] == [
            (1, State.DELETED),
            (2, State.DELETED),
        ]
        assert last_seq(conn) == seq + 2


def test_what_was_purged_stays_away_also_when_the_account_is_back(store: Database) -> None:
    apply(store, Event(Kind.PURGE, "net", "ann"), Event(Kind.HIDE, "net", "ann"))
    apply(store, Event(Kind.RETURN, "net", "ann"), create("1", "ann"), create("4", "ann", "1"))
    with store.begin() as conn:
        assert shown(conn) == {"2", "4"}
    for _ in range(3):
        with store.begin() as conn:
            purge_posts(conn, 10)
    apply(store, create("3", "ann", "1"))
    with store.begin() as conn:
        assert shown(conn) == {"2", "4"}
        assert not is_purging(conn)
