"""Likes and reposts told one by one: counted once each, whatever is told twice or taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from myna.db.accounts import purge_posts
from myna.db.engine import Database
from myna.db.posts import Applied, apply_events, find_post, last_seq
from myna.post import Author, Engaged, Engagement, Event, Kind, Post

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def post(uri: str, words: str = "words", likes: int = 0) -> Post:
    return Post("net", uri, Author("net", "ann", "ann"), words, NOW, likes=likes)


def create(uri: str, likes: int = 0) -> Event:
    return Event(Kind.CREATE, "net", uri, post(uri, likes=likes))


def like(number: int, subject: str = "1", how: Engaged = Engaged.LIKE) -> Event:
    return Event(Kind.ENGAGE, "net", f"{how}{number}", told=Engagement(subject, how))


def unlike(number: int, how: Engaged = Engaged.LIKE) -> Event:
    return Event(Kind.WITHDRAW, "net", f"{how}{number}")


def apply(db: Database, *events: Event, now: datetime = NOW) -> Applied:
    with db.begin() as conn:
        return apply_events(conn, events, now=now)


def counted(db: Database, uri: str = "1") -> tuple[int, int]:
    with db.begin() as conn:
        found = find_post(conn, "net", uri)
    assert found
    return found.post.likes, found.post.reposts


def kept(db: Database) -> int:
    with db.begin() as conn:
        return conn.execute(text("select count(*) from engagements")).scalar_one()


def seq(db: Database) -> int:
    with db.begin() as conn:
        return last_seq(conn)


def test_each_is_counted_once(db: Database) -> None:
    events = [create("1"), like(1), like(2), like(1, how=Engaged.REPOST)]
    assert apply(db, *events) == Applied(created=1, engagements=3)
    assert counted(db) == (2, 1)
    assert apply(db, *events) == Applied(unchanged=4)
    assert counted(db) == (2, 1)


def test_one_that_comes_before_its_post_in_a_batch_counts(db: Database) -> None:
    apply(db, like(1), create("1"))
    assert counted(db) == (1, 0)


def test_what_is_taken_back_counts_no_more(db: Database) -> None:
    apply(db, create("1"), like(1), like(2), like(3))
    assert apply(db, unlike(2), unlike(9)) == Applied(engagements=1, unchanged=1)
    assert counted(db) == (2, 0)
    assert apply(db, unlike(2)) == Applied(unchanged=1)
    assert counted(db) == (2, 0)


def test_the_last_word_of_a_batch_counts(db: Database) -> None:
    apply(db, create("1"), like(1), unlike(1), unlike(2), like(2))
    assert counted(db) == (1, 0)


def test_of_a_post_that_is_not_there_nothing_is_kept(db: Database) -> None:
    assert apply(db, like(1, "elsewhere")) == Applied(unchanged=1)
    assert kept(db) == 0


def test_an_edit_keeps_what_was_counted(db: Database) -> None:
    apply(db, create("1", likes=5), like(1), like(2, how=Engaged.REPOST))
    assert counted(db) == (6, 1)
    edited = post("1", "other words", likes=7)
    apply(db, Event(Kind.EDIT, "net", "1", edited), now=NOW + timedelta(1))
    assert counted(db) == (8, 1)


def test_a_deleted_post_keeps_nothing(db: Database) -> None:
    apply(db, create("1"), create("2"), like(1), like(2, "2"))
    apply(db, Event(Kind.DELETE, "net", "1"))
    assert kept(db) == 1
    apply(db, Event(Kind.PURGE, "net", "ann"))
    with db.begin() as conn:
        purge_posts(conn, 10)
    assert kept(db) == 0
    assert apply(db, like(3)) == Applied(unchanged=1)


def test_followers_hear_of_it_when_it_has_doubled(db: Database) -> None:
    apply(db, create("1"))
    began = seq(db)
    for number in range(1, 9):
        apply(db, like(number))
    assert seq(db) == began + 4  # at 1, 2, 4 and 8
    apply(db, unlike(1))
    assert seq(db) == began + 5
    with db.begin() as conn:
        found = find_post(conn, "net", "1")
    assert found
    assert found.seq == began + 5
