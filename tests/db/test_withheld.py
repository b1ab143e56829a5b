"""A post that is withheld is gone, and comes back when nothing withholds it; a deletion stays."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from myna.db.engine import Database
from myna.db.posts import apply_events, counts, find_post, read_changes
from myna.post import Author, Event, Kind, Post, State, Withheld

NOW = datetime(2026, 11, 25, tzinfo=UTC)
SAID = datetime(2026, 11, 24, tzinfo=UTC)


def create(words: str = "hello", kind: Kind = Kind.CREATE) -> Event:
    post = Post("net", "a", Author("net", "ann", "ann"), words, SAID, reply_to="root")
    return Event(kind, "net", "a", post, told=Withheld("self") if kind is Kind.RESTORE else None)


def withhold(by: str = "self") -> Event:
    return Event(Kind.WITHHOLD, "net", "a", told=Withheld(by))


def restore(by: str = "self", words: str = "hello") -> Event:
    return Event(Kind.RESTORE, "net", "a", create(words).post, told=Withheld(by))


DELETE = Event(Kind.DELETE, "net", "a")


def words_after(db: Database, *batches: list[Event]) -> str | None:
    for batch in batches:
        with db.begin() as conn:
            applied = apply_events(conn, batch, now=NOW)
        told = applied.created + applied.edited + applied.deleted + applied.unchanged
        assert told == len(batch)
    with db.begin() as conn:
        found = find_post(conn, "net", "a")
        assert counts(conn).posts == (found is not None)
        left = conn.execute(text("select count(*) from posts where text <> ''")).scalar_one()
        assert left == (found is not None)
    return found.post.text if found else None


def test_it_comes_back_as_a_new_post(db: Database) -> None:
    with db.begin() as conn:
        apply_events(conn, [create()], now=NOW)
        first = find_post(conn, "net", "a")
    assert words_after(db, [withhold()]) is None
    assert words_after(db, [restore(words="hello again")]) == "hello again"
    with db.begin() as conn:
        again = find_post(conn, "net", "a")
        changes = read_changes(conn, 0, 10)
    assert first and again
    assert again.id != first.id
    assert (again.thread, again.post.reply_to) == (first.thread, "root")
    assert again.post.created_at == SAID
    assert [(one.id, one.state) for one in changes] == [
        (first.id, State.DELETED),
        (again.id, State.LIVE),
    ]


@pytest.mark.parametrize(
    "batches",
    [
        [[create()], [DELETE], [withhold()], [restore()]],
        [[create()], [withhold()], [DELETE], [restore()]],
        [[create()], [withhold(), DELETE], [restore()]],
        [[create(), withhold()], [DELETE, restore()]],
        [[DELETE], [restore()]],
        [[create()], [withhold(), withhold("mod/!hide")], [restore()]],
        [[create()], [withhold()], [create("again"), create("edited", Kind.EDIT)]],
        [[withhold()], [create()]],
    ],
)
def test_what_stays_away(db: Database, batches: list[list[Event]]) -> None:
    assert words_after(db, *batches) is None


@pytest.mark.parametrize(
    "batches",
    [
        [[create()], [withhold()], [withhold()], [restore()]],
        [[create()], [withhold(), restore()]],
        [[create(), withhold(), restore()]],
        [[create()], [withhold(), withhold("mod/!hide")], [restore()], [restore("mod/!hide")]],
        [[create()], [withhold()], [restore()], [withhold()], [restore()]],
        [[create()], [withhold()], [restore()], [restore()]],
        [[withhold()], [restore()]],
        [[create()], [restore()]],
    ],
)
def test_what_comes_back(db: Database, batches: list[list[Event]]) -> None:
    assert words_after(db, *batches) == "hello"


def test_it_can_be_deleted_afterwards(db: Database) -> None:
    assert words_after(db, [create()], [withhold()], [restore()], [DELETE]) is None
    assert words_after(db, [restore()]) is None
